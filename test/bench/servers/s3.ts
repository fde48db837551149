/**
 * A process of its own that serves a bucket of made-up keys as S3 does:
 * `node s3.ts '{"keys":100000,"latencyMs":50}'`. It prints its base URL.
 */
import { startS3 } from '../../support/s3/index.ts'
import { childInput } from '../child.ts'
import { BENCH_BUCKET, type S3ServerInput } from './started.ts'

/** Folders of days: some are large, most are small. */
const FOLDERS = 100

const keyAt = (at: number): string => {
  const day = Math.floor(FOLDERS * ((at * 0.618034) % 1) ** 2)
  return `logs/${String(day).padStart(3, '0')}/${String(at).padStart(9, '0')}.json.gz`
}

const { keys, latencyMs } = childInput<S3ServerInput>()
const s3 = await startS3({
  buckets: { [BENCH_BUCKET]: { objects: Array.from({ length: keys }, (_, at) => keyAt(at)) } },
  latencyMs,
})
console.log(s3.endpoint)
// Whoever started it has gone: a server that nobody asks must not stay behind.
process.stdin.resume().once('end', () => process.exit(0))
