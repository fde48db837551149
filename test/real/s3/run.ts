/**
 * Holds walks of a real S3-compatible server against what was put there:
 *
 *   ENDPOINT=http://127.0.0.1:18080 ACCESS_KEY=… SECRET_KEY=… node test/real/s3/run.ts [COUNT] [SECONDS]
 *
 * COUNT keys are put, or as many as the server takes in SECONDS; see README.md.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { oddKeys } from '../../support/s3/index.ts'
import { clientOf, createBucket, fill, fillVersions, keepVersions, type Server } from './filling.ts'
import { report, type Row } from './table.ts'
import { compare, uriOf, walk } from './walking.ts'

const COUNT = 100_000
const SECONDS = 600
/** Keys of the small buckets. */
const SMALL = 3_000

/** How many tasks there should be, by URI. */
type Expected = ReadonlyMap<string, number>

interface Case {
  readonly what: string
  readonly s3: object
  readonly expected: Expected
  /** Shares of what is expected after which the process is killed. */
  readonly killAt?: readonly number[]
}

/** A bucket and the keys that are in it. */
interface Bucket {
  readonly bucket: string
  readonly keys: readonly string[]
}

function serverFromEnvironment(): Server {
  const { ENDPOINT, ACCESS_KEY, SECRET_KEY } = process.env
  if (!ENDPOINT || !ACCESS_KEY || !SECRET_KEY) {
    throw new Error('set ENDPOINT, ACCESS_KEY and SECRET_KEY to those of an S3-compatible server')
  }
  return { endpoint: ENDPOINT, accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY }
}

/** Makes a bucket and puts odd keys into it. */
async function putOdd(
  server: Server,
  bucket: string,
  { count, seconds }: { readonly count: number; readonly seconds: number },
): Promise<Bucket> {
  const client = clientOf(server)
  await createBucket(client, bucket)
  client.destroy()
  const { keys, refused, ...took } = await fill(server, bucket, { keys: oddKeys(count), seconds })
  const others = JSON.stringify(refused)
  console.log(`${bucket}: ${keys.length} keys in ${took.seconds.toFixed(0)} s, refused ${others}`)
  return { bucket, keys }
}

/** The big bucket: of an earlier run where the environment's KEPT names the file of one, which else is written. */
async function bigBucket(
  server: Server,
  bucket: string,
  limits: { readonly count: number; readonly seconds: number },
): Promise<Bucket> {
  const { KEPT } = process.env
  if (KEPT && existsSync(KEPT)) return JSON.parse(readFileSync(KEPT, 'utf8')) as Bucket
  const made = await putOdd(server, bucket, limits)
  if (KEPT) writeFileSync(KEPT, JSON.stringify(made))
  return made
}

const once = ({ bucket, keys }: Bucket, prefix = ''): Expected =>
  new Map(keys.filter((key) => key.startsWith(prefix)).map((key) => [uriOf(bucket, key), 1]))

function bigCases(endpoint: string, big: Bucket): readonly Case[] {
  const { bucket } = big
  const expected = once(big)
  const whole = [1, 8, 64].map((concurrency) => ({
    what: `${concurrency} at once`,
    s3: { bucket, endpoint, concurrency },
    expected,
  }))
  const killed = whole.slice(0, 2).map((of) => ({
    ...of,
    what: `${of.what}, killed`,
    killAt: [0.02, 0.2, 0.4, 0.6, 0.8],
  }))
  const prefixes = ['dirs/', 'odd/', 'flat/00'].map((prefix) => ({
    what: `prefix ${prefix}`,
    s3: { bucket, endpoint, prefix },
    expected: once(big, prefix),
  }))
  return [...whole, ...killed, ...prefixes]
}

async function smallCases(server: Server, run: string): Promise<readonly Case[]> {
  const { endpoint } = server
  const small = await putOdd(server, `small-${run}`, { count: SMALL, seconds: SECONDS })
  const bucket = `versions-${run}`
  const { byKey, deleted } = await fillVersions(server, bucket, [...oddKeys(SMALL)])
  const current = [...byKey.keys()].filter((key) => !deleted.has(key))
  const all = new Map([...byKey].map(([key, count]) => [uriOf(bucket, key), count]))
  const versions = [1, 8].map((concurrency) => ({
    what: `versions, ${concurrency} at once, killed`,
    s3: { bucket, endpoint, versions: true, concurrency },
    expected: all,
    killAt: [0.2, 0.4, 0.7],
  }))
  const allBuckets = {
    what: 'all_buckets, killed',
    s3: { allBuckets: true, buckets: [`*-${run}`], excludeBuckets: ['big-*'], endpoint },
    expected: new Map([...once(small), ...once({ bucket, keys: current })]),
    killAt: [0.3],
  }
  const trap = await encodedAtTheEnd(server, `big-trap-${run}`)
  return [...versions, allBuckets, trap, ...tinyCases(small, { bucket, all })]
}

/**
 * The key at the end of the first page reads as if it were URL-encoded: whoever
 * decodes it goes on from "mz", and loses what is before that.
 */
async function encodedAtTheEnd(server: Server, bucket: string): Promise<Case> {
  const client = clientOf(server)
  await createBucket(client, bucket)
  await keepVersions(client, bucket)
  client.destroy()
  const before = Array.from({ length: 999 }, (_, at) => `a${String(at).padStart(3, '0')}`)
  const keys = [...before, 'm%7A', ...Array.from('abcdefghij', (char) => `m${char}`), 'n']
  await fill(server, bucket, { keys })
  const { endpoint } = server
  return {
    what: 'versions, "%7A" ends a page',
    s3: { bucket, endpoint, versions: true },
    expected: once({ bucket, keys }),
  }
}

/** With TINY_ENDPOINT, a gateway to the same buckets that lists one key a page: each key is a place to go on from. */
function tinyCases(
  small: Bucket,
  versioned: { readonly bucket: string; readonly all: Expected },
): readonly Case[] {
  const endpoint = process.env['TINY_ENDPOINT']
  if (!endpoint) return []
  const prefix = 'odd/'
  const killAt = [0.1, 0.3, 0.6]
  return [1, 8].flatMap((concurrency) => [
    {
      what: `a key a page, ${concurrency} at once, killed`,
      s3: { bucket: small.bucket, endpoint, prefix, concurrency },
      expected: once(small, prefix),
      killAt,
    },
    {
      what: `a version a page, ${concurrency} at once, killed`,
      s3: { bucket: versioned.bucket, endpoint, prefix, versions: true, concurrency },
      expected: under(versioned.all, uriOf(versioned.bucket, prefix)),
      killAt,
    },
  ])
}

const under = (all: Expected, start: string): Expected =>
  new Map([...all].filter(([uri]) => uri.startsWith(start)))

async function walked({ what, s3, expected, killAt = [] }: Case, server: Server): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'muster-real-s3-'))
  try {
    const database = join(folder, 'muster.db')
    const kills = killAt.map((share) => share * expected.size)
    const came = await walk({ server, database, s3, killAt: kills })
    const compared = await compare(database, expected)
    console.error(JSON.stringify({ what, ...came, ...compared }))
    return { what, ...came, ...compared }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function main(): Promise<number> {
  const server = serverFromEnvironment()
  const [count = COUNT, seconds = SECONDS] = process.argv.slice(2).map(Number)
  // Names that no other run has had: the buckets are left where they are.
  const run = Date.now().toString(36)
  const big = await bigBucket(server, `big-${run}`, { count, seconds })
  const rows: Row[] = []
  for (const one of bigCases(server.endpoint, big)) rows.push(await walked(one, server))
  for (const one of await smallCases(server, run)) rows.push(await walked(one, server))
  return report(rows) ? 0 : 1
}

process.exitCode = await main()
