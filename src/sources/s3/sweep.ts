import { SourceError } from '../../domain/errors.ts'
import type { Lister } from './listing.ts'
import { compareKeys, isWithin, type KeyRange } from './order.ts'
import { MOST_EMPTY, type RangePage, Unordered } from './ranges.ts'

export interface SweepOptions {
  readonly lister: Lister
  /** For messages. */
  readonly where: string
  readonly ranges: readonly KeyRange[]
  readonly resumed: boolean
}

/**
 * Lists ranges of keys on a server that cannot begin anywhere but at the
 * beginning: all is read once more, from end to end, and what lies in the
 * ranges is taken.
 *
 * @throws Unordered
 */
export async function* sweep(options: SweepOptions): AsyncGenerator<RangePage, void, undefined> {
  const { lister, where } = options
  const again = options.resumed && lister.repeats
  let { ranges } = options
  let next: string | undefined
  let last = ''
  let empty = 0
  while (ranges.length > 0) {
    const listed = await lister.list({ after: '', next })
    for (const { key } of listed.items) {
      const order = compareKeys(key, last)
      if (order < 0 || (order === 0 && !lister.repeats)) throw new Unordered()
      last = key
    }
    const items = listed.items.filter(({ key }) => ranges.some((range) => isWithin(range, key)))
    ranges = rangesBehind(ranges, listed.completeUpTo ?? '')
    if (!listed.truncated) ranges = []
    else if (listed.next === undefined || listed.next === next) throw stuck(where)
    next = listed.next
    empty = listed.items.length === 0 ? empty + 1 : 0
    if (empty > MOST_EMPTY) throw stuck(where)
    if (items.length > 0) yield { items, ranges, again }
  }
}

/** What is left of the ranges behind a key. */
const rangesBehind = (ranges: readonly KeyRange[], key: string): readonly KeyRange[] =>
  ranges
    .filter(({ until }) => until === null || compareKeys(until, key) > 0)
    .map(({ after, until }) => ({ after: compareKeys(after, key) < 0 ? key : after, until }))

export const stuck = (where: string): SourceError =>
  new SourceError(
    'SOURCE_MALFORMED',
    `${where}: S3 gives no way to go on, though there is more: the same token twice, none, or ${MOST_EMPTY} pages without a key`,
    {
      retryable: true,
    },
  )
