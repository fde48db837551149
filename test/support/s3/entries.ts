/** A page of a bucket: keys, and the common prefixes that others are rolled up into. */
import { type Bucket, partition } from './bucket.ts'

export interface EntriesQuery {
  readonly prefix: string
  readonly delimiter: string
  /** What the page goes on after: a key, a common prefix or any text; `''` is the beginning. */
  readonly after: string
  /** Whether a common prefix that `after` lies in is left behind with it. */
  readonly skipsPrefix: boolean
  readonly limit: number
}

export interface EntriesPage {
  readonly keys: readonly string[]
  readonly commonPrefixes: readonly string[]
  /** The last key or common prefix; `''` on an empty page. */
  readonly last: string
  readonly isTruncated: boolean
}

/** @returns the common prefix that a key is rolled up into, or null */
export const commonPrefixOf = (key: string, prefix: string, delimiter: string): string | null => {
  const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
  return at === -1 ? null : key.slice(0, at + delimiter.length)
}

/**
 * The first key of a listing. A key that follows `after` counts even if it is
 * rolled up into a prefix that comes before it, so that a prefix which `after`
 * lies in is listed once more; after the prefix itself it is not.
 */
const firstIndex = (bucket: Bucket, query: EntriesQuery): number => {
  const { prefix, delimiter, after, skipsPrefix } = query
  const { keys, order } = bucket
  const start = partition(keys, 0, (key) => order.compare(key, prefix) < 0)
  if (after === '') return start
  const next = partition(keys, start, (key) => order.compare(key, after) <= 0)
  const common = after.startsWith(prefix) ? commonPrefixOf(after, prefix, delimiter) : null
  return common !== null && (skipsPrefix || common === after)
    ? partition(keys, next, (key) => key.startsWith(common))
    : next
}

/** Keys with the same prefix are neighbours, so that rolled up ones are stepped over without a look. */
const pageInByteOrder = (bucket: Bucket, query: EntriesQuery): EntriesPage => {
  const { prefix, delimiter, limit } = query
  const all = bucket.keys
  const keys: string[] = []
  const commonPrefixes: string[] = []
  let last = ''
  let index = firstIndex(bucket, query)
  while (index < all.length && keys.length + commonPrefixes.length < limit) {
    const key = all[index] as string
    if (!key.startsWith(prefix)) break
    const common = commonPrefixOf(key, prefix, delimiter)
    if (common === null) {
      keys.push(key)
      index += 1
    } else {
      commonPrefixes.push(common)
      index = partition(all, index, (other) => other.startsWith(common))
    }
    last = common ?? key
  }
  const isTruncated = limit > 0 && all[index]?.startsWith(prefix) === true
  return { keys, commonPrefixes, last, isTruncated }
}

interface Rolled {
  readonly changes: number
  readonly for: string
  readonly entries: readonly string[]
}
const rolledUp = new WeakMap<Bucket, Rolled>()

/** All keys and common prefixes in the bucket's order; kept until something else is asked or changed. */
const entriesOf = (bucket: Bucket, prefix: string, delimiter: string): readonly string[] => {
  const known = rolledUp.get(bucket)
  const what = JSON.stringify([prefix, delimiter])
  if (known?.for === what && known.changes === bucket.changes) return known.entries
  const names = bucket.keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => commonPrefixOf(key, prefix, delimiter) ?? key)
  const entries = bucket.order.sorted([...new Set(names)])
  rolledUp.set(bucket, { changes: bucket.changes, for: what, entries })
  return entries
}

const pageInOtherOrder = (bucket: Bucket, query: EntriesQuery): EntriesPage => {
  const { prefix, delimiter, after, limit } = query
  const entries = entriesOf(bucket, prefix, delimiter)
  const { compare } = bucket.order
  const start = after === '' ? 0 : partition(entries, 0, (entry) => compare(entry, after) <= 0)
  const page = entries.slice(start, start + limit)
  const isRolledUp = (entry: string) => commonPrefixOf(entry, prefix, delimiter) !== null
  return {
    keys: page.filter((entry) => !isRolledUp(entry)),
    commonPrefixes: page.filter(isRolledUp),
    last: page.at(-1) ?? '',
    isTruncated: limit > 0 && start + page.length < entries.length,
  }
}

/** At most `limit` keys and common prefixes together, in the bucket's order. */
export const pageOf = (bucket: Bucket, query: EntriesQuery): EntriesPage =>
  bucket.order.isByBytes ? pageInByteOrder(bucket, query) : pageInOtherOrder(bucket, query)
