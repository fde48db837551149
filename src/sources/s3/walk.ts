import type { Shortfall } from '../../../machines/index.ts'
import { SourceError } from '../../domain/errors.ts'
import type { JsonValue } from '../../domain/json.ts'
import type { EnumerateContext, Page } from '../source.ts'
import { type BucketPage, listBucket } from './bucket.ts'
import { bucketNames } from './buckets.ts'
import { Connection, loadSdk, type Regions, type Sdk } from './connection.ts'
import { cursorAt, type Place, readCursor } from './cursor.ts'
import type { S3Item } from './item.ts'
import { compareKeys } from './order.ts'
import { Pace } from './pace.ts'
import { Requests } from './requests.ts'
import type { S3Spec } from './spec.ts'

type S3Page = Page<S3Item>

interface Deps {
  readonly sdk: Sdk
  readonly spec: S3Spec
  readonly regions: Regions
  readonly pace: Pace
  readonly requests: Requests
}

/** Lists what a target names: one bucket, or all of them one after the other. */
export async function* enumerateObjects(
  spec: S3Spec,
  cursor: JsonValue | undefined,
  { context, regions }: { readonly context: EnumerateContext; readonly regions: Regions },
): AsyncGenerator<S3Page, void, undefined> {
  const sdk = await loadSdk()
  const connection = new Connection(sdk, spec, context)
  const abort = new AbortController()
  const onAbort = () => abort.abort(context.signal.reason)
  context.signal.addEventListener('abort', onAbort, { once: true })
  if (context.signal.aborted) onAbort()
  const pace = new Pace(spec.concurrency)
  const { signal } = abort
  const requests = new Requests({ sdk, spec, connection, regions, pace, signal })
  try {
    const deps = { sdk, spec, regions, pace, requests }
    if (spec.bucket !== undefined) yield* oneBucket(deps, spec.bucket, cursor)
    else yield* everyBucket(deps, cursor)
  } finally {
    // Whoever leaves takes the requests that are out along.
    abort.abort()
    context.signal.removeEventListener('abort', onAbort)
    connection.close()
  }
}

async function* oneBucket(
  deps: Deps,
  bucket: string,
  stored: JsonValue | undefined,
): AsyncGenerator<S3Page, void, undefined> {
  const cursor = readCursor(stored)
  const from = cursor?.bucket === bucket ? cursor.place : undefined
  yield* pagesOf(deps, bucket, from)
}

async function* everyBucket(
  deps: Deps,
  stored: JsonValue | undefined,
): AsyncGenerator<S3Page, void, undefined> {
  const cursor = readCursor(stored)
  for (const bucket of await bucketNames(deps)) {
    if (cursor !== undefined && compareKeys(bucket, cursor.bucket) < 0) continue
    const from = cursor?.bucket === bucket ? cursor.place : undefined
    try {
      yield* pagesOf(deps, bucket, from)
    } catch (thrown) {
      const shortfall = closedOrGone(bucket, thrown)
      if (shortfall === undefined) throw thrown
      yield { items: [], cursor: cursorAt(bucket, DONE), shortfalls: [shortfall] }
    }
  }
}

/** Nothing is left of a bucket. */
const DONE: Place = { kind: 'ranges', ranges: [] }

async function* pagesOf(
  deps: Deps,
  bucket: string,
  from: Place | undefined,
): AsyncGenerator<S3Page, void, undefined> {
  for await (const page of listBucket({ ...deps, bucket }, from)) yield pageOf(bucket, page)
}

const pageOf = (bucket: string, { items, place, again }: BucketPage): S3Page => ({
  items,
  cursor: cursorAt(bucket, place),
  ...(again && { again }),
})

/** One bucket of many that may not be read, or is gone meanwhile, is no reason to leave the others. */
function closedOrGone(bucket: string, thrown: unknown): Shortfall | undefined {
  if (!(thrown instanceof SourceError)) return undefined
  if (thrown.code === 'FORBIDDEN') {
    return { code: 'forbidden', detail: `bucket ${bucket} may not be listed with this credential` }
  }
  if (thrown.code === 'NOT_FOUND') {
    return { code: 'not_found', detail: `bucket ${bucket} is gone, or in a place of its own` }
  }
  return undefined
}
