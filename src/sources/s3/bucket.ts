import { isDeepStrictEqual } from 'node:util'
import { findBoundaries } from './boundaries.ts'
import type { Place, PlaceOf } from './cursor.ts'
import type { S3Item } from './item.ts'
import { type Lister, type ListerDeps, objectLister, versionLister, whereOf } from './listing.ts'
import type { KeyRange } from './order.ts'
import type { Pace } from './pace.ts'
import { IgnoresStartAfter, type RangePage, RangeWalk, Unordered } from './ranges.ts'
import { isDirectoryBucket } from './spec.ts'
import { sweep } from './sweep.ts'
import { END, listByTokens } from './tokens.ts'

export interface BucketPage {
  readonly items: readonly S3Item[]
  readonly place: Place
  readonly again: boolean
}

export interface BucketDeps extends ListerDeps {
  readonly pace: Pace
}

/** First pieces of a listing for each request that may be out: some are small, and others take over from those. */
const PIECES_A_REQUEST = 4

/** Whatever is in a bucket. */
const ALL: KeyRange = { after: '', until: null }

/**
 * Lists a bucket from where it stood: in ranges of keys, several at once, as
 * long as the server keeps to the order of keys; else by its tokens.
 */
export async function* listBucket(
  deps: BucketDeps,
  from: Place | undefined,
): AsyncGenerator<BucketPage, void, undefined> {
  const lister = deps.spec.versions ? versionLister(deps) : objectLister(deps)
  if (from?.kind === 'tokens' || isDirectoryBucket(deps.bucket)) {
    yield* byTokens(deps, lister, from?.kind === 'tokens' ? from : undefined)
    return
  }
  try {
    let place = from
    for await (const { items, ranges, again } of inRanges(deps, lister, from)) {
      place = placeAt(ranges, place)
      yield { items, place, again }
    }
  } catch (thrown) {
    if (!(thrown instanceof Unordered)) throw thrown
    yield* byTokens(deps, lister, { kind: 'tokens', token: null, again: true })
  }
}

/** A place is another than the one before, though it be within the versions of one key. */
function placeAt(
  ranges: readonly KeyRange[],
  before: PlaceOf<'ranges'> | undefined,
): PlaceOf<'ranges'> {
  const pairs = ranges.map(({ after, until }): [string, string | null] => [after, until])
  if (!isDeepStrictEqual(pairs, before?.ranges)) return { kind: 'ranges', ranges: pairs }
  return { kind: 'ranges', ranges: pairs, step: (before?.step ?? 0) + 1 }
}

async function* inRanges(
  deps: BucketDeps,
  lister: Lister,
  from: PlaceOf<'ranges'> | undefined,
): AsyncGenerator<RangePage, void, undefined> {
  const { spec, pace } = deps
  const where = whereOf(deps)
  const resumed = from !== undefined
  const ranges = from?.ranges.map(([after, until]) => ({ after, until })) ?? [ALL]
  const walk = new RangeWalk({
    lister,
    where,
    prefix: spec.prefix ?? '',
    ranges,
    resumed,
    limit: () => pace.limit,
    boundaries: () => findBoundaries(deps, spec.concurrency * PIECES_A_REQUEST),
  })
  try {
    yield* walk.pages()
  } catch (thrown) {
    if (!(thrown instanceof IgnoresStartAfter)) throw thrown
    yield* sweep({ lister, where, ranges: walk.ranges, resumed })
  }
}

async function* byTokens(
  deps: BucketDeps,
  lister: Lister,
  from: PlaceOf<'tokens'> | undefined,
): AsyncGenerator<BucketPage, void, undefined> {
  if (from?.token === END) return
  const start = from ?? { kind: 'tokens', token: null, again: false }
  yield* listByTokens(lister, whereOf(deps), start)
}
