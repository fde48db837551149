/** What several requests at once gain where each page of a bucket takes its time to come. */
import { join } from 'node:path'
import { createMuster } from '../../../src/index.ts'
import type { Bench, Figure, Row } from '../figure.ts'
import { takeWindows } from '../made/host.ts'
import { against, interleave } from '../rounds.ts'
import { BENCH_BUCKET, startS3Server } from '../servers/started.ts'
import { removeDatabase } from '../temp.ts'

const LATENCY_MS = 50
const KEYS = 100_000
const QUICK_KEYS = 5_000
/** The default of a target. */
const AT_ONCE = 8
const MOST_ROUNDS = 5

interface Walk {
  readonly endpoint: string
  readonly database: string
  readonly keys: number
  readonly concurrency: number
}

/** Walks the bucket and takes its tasks. @returns milliseconds */
async function walkBucket({ endpoint, database, keys, concurrency }: Walk): Promise<number> {
  const config = { accessKeyId: 'AKIABENCH', secretAccessKey: 'bench' }
  await using muster = await createMuster({ database, auth: { aws: { type: 's3', config } } })
  const from = performance.now()
  const run = muster.coordinator.enumerateTarget({
    name: 'bench',
    sourceType: 's3',
    authRef: 'aws',
    s3: { bucket: BENCH_BUCKET, endpoint, concurrency },
  })
  const [{ status }, taken] = await Promise.all([run.done, takeWindows(run)])
  if (status !== 'COMPLETED' || taken !== keys) {
    throw new Error(`the walk of ${keys} keys ended as ${status} with ${taken} tasks taken`)
  }
  return performance.now() - from
}

async function measureS3(bench: Bench): Promise<readonly Row[]> {
  const keys = bench.items(KEYS, QUICK_KEYS)
  await using server = await startS3Server({ keys, latencyMs: LATENCY_MS })
  const folder = bench.folder()
  const walk = (concurrency: number) => async () => {
    const database = join(folder, `${concurrency}.db`)
    const ms = await walkBucket({ endpoint: server.url, database, keys, concurrency })
    removeDatabase(database)
    return ms
  }
  const rounds = await interleave(
    { sharded: walk(AT_ONCE), sequential: walk(1) },
    { bench, name: 's3', rounds: bench.roundsAtMost(MOST_ROUNDS) },
  )
  bench.discard(folder)
  return [
    {
      what: `walk of a bucket of ${keys.toLocaleString('en')} keys at ${LATENCY_MS} ms a page, ${AT_ONCE} requests at once`,
      against: 'one request after the other',
      unit: 'ms',
      measure: 'ratio',
      samples: against(rounds, 'sharded', 'sequential'),
    },
  ]
}

export const s3: Figure = { name: 's3', measure: measureS3 }
