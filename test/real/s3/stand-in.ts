/**
 * Holds a walk of a big bucket on the stand-in, on its bad days, against what
 * is in the bucket: `node test/real/s3/stand-in.ts [COUNT] [EVERY]`. Every so
 * many requests (50) something goes wrong, each thing in turn, and the walk is
 * killed three times.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FaultKind, oddKeys, type S3StandIn, startS3 } from '../../support/s3/index.ts'
import { report, type Row } from './table.ts'
import { compare, uriOf, walk } from './walking.ts'

const COUNT = 1_000_000
const EVERY = 50
const BUCKET = 'odd'

const FAULTS: readonly FaultKind[] = [
  'slowDown',
  'internalError',
  'reset',
  'cutBody',
  'cutXml',
  'errorIn200',
  'html200',
  'expiredToken',
  'repeatToken',
  'emptyTruncated',
  'truncatedWithoutToken',
]

/** What goes wrong comes in turn; one that cannot happen to a request waits for the next. */
function sprinkle(server: S3StandIn, every: number): void {
  let done = 0
  for (const kind of FAULTS) {
    const when = () => {
      const isDue = Math.floor(server.requests.length / every) > done
      if (!isDue || FAULTS[done % FAULTS.length] !== kind) return false
      done += 1
      return true
    }
    server.fault({ kind, when, times: Infinity })
  }
}

interface Case {
  readonly what: string
  readonly concurrency: number
  readonly keys: readonly string[]
  readonly every: number
  readonly killAt?: readonly number[]
}

async function walked({ what, concurrency, keys, every, killAt = [] }: Case): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-stand-in-s3-'))
  await using standIn = await startS3({
    buckets: { [BUCKET]: { objects: keys } },
    accessKeys: { AKIDEXAMPLE: 'secret' },
  })
  sprinkle(standIn, every)
  const { endpoint } = standIn
  const server = { endpoint, accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }
  try {
    const database = join(folder, 'muster.db')
    const s3 = { bucket: BUCKET, endpoint, concurrency }
    const came = await walk({ server, database, s3, killAt })
    const faults = standIn.requests.filter(({ fault }) => fault !== null)
    console.log(`${what}: ${countsOf(faults.map(({ fault }) => String(fault)))}`)
    const expected = new Map(keys.map((key) => [uriOf(BUCKET, key), 1]))
    const compared = await compare(database, expected)
    // The stand-in knows better than a process that was killed how often it was asked.
    return { what, ...came, requests: standIn.requests.length, ...compared }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const countsOf = (kinds: readonly string[]): string =>
  [...Map.groupBy(kinds, (kind) => kind)]
    .map(([kind, those]) => `${kind} ${those.length}`)
    .join(', ') || 'no faults'

async function main(): Promise<number> {
  const [count = COUNT, every = EVERY] = process.argv.slice(2).map(Number)
  const keys = [...oddKeys(count)]
  const few = keys.slice(0, 10_000)
  const killAt = [0.02, 0.1, 0.2].map((share) => share * count)
  const rows = [
    await walked({ what: 'few, no faults', concurrency: 8, keys: few, every: Infinity }),
    await walked({ what: 'few, faults', concurrency: 8, keys: few, every: Math.min(every, 3) }),
    await walked({ what: 'all, no faults', concurrency: 8, keys, every: Infinity }),
    await walked({ what: 'all, faults, killed', concurrency: 8, keys, every, killAt }),
    await walked({ what: 'all, faults, one at once', concurrency: 1, keys, every }),
  ]
  return report(rows) ? 0 : 1
}

process.exitCode = await main()
