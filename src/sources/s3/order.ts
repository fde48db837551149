/**
 * The order of keys. S3 sorts them by their bytes in UTF-8, which is the order
 * of their code points. JavaScript compares units of UTF-16, where the
 * characters beyond U+FFFF come before those from U+E000 on.
 */

const SURROGATES_FROM = 0xd800
const BEYOND_SURROGATES = 0xe000

/** The place of a unit of UTF-16 among the others when characters are in order. */
const rank = (unit: number): number =>
  unit < SURROGATES_FROM ? unit : unit >= BEYOND_SURROGATES ? unit - 0x800 : unit + 0x2000

/** @returns less than 0 where `one` comes first, more than 0 where `other` does */
export function compareKeys(one: string, other: string): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at += 1) {
    const difference = one.charCodeAt(at) - other.charCodeAt(at)
    if (difference !== 0) return rank(one.charCodeAt(at)) - rank(other.charCodeAt(at))
  }
  return one.length - other.length
}

/** Keys from after the one to, and with, the other: `''` is before every key, null behind every key. */
export interface KeyRange {
  readonly after: string
  readonly until: string | null
}

export const isWithin = ({ after, until }: KeyRange, key: string): boolean =>
  compareKeys(key, after) > 0 && (until === null || compareKeys(key, until) <= 0)

/** Before the first printable character of ASCII, and behind the last: most keys have no others. */
const BEFORE_PRINTABLE = 0x1f
const BEHIND_PRINTABLE = 0x7f
const LAST_POINT = 0x10ffff

const pointsOf = (text: string): number[] => [...text].map((char) => char.codePointAt(0) as number)

/** Between two code points, where there is room; never half a character. */
function between(low: number, high: number): number | undefined {
  if (high - low < 2) return undefined
  const middle = low + Math.floor((high - low) / 2)
  if (middle < SURROGATES_FROM || middle >= BEYOND_SURROGATES) return middle
  if (high > BEYOND_SURROGATES) return BEYOND_SURROGATES
  return low < SURROGATES_FROM - 1 ? SURROGATES_FROM - 1 : undefined
}

/**
 * A text in the middle of a range of keys, as far as that can be told without
 * knowing them, for listing its two halves at once; undefined where there is
 * no room. It need not be a key.
 *
 * @param prefix what all keys begin with
 */
export function middleOf({ after, until }: KeyRange, prefix: string): string | undefined {
  const low = pointsOf(compareKeys(after, prefix) > 0 ? after : prefix)
  const high = until === null ? endOf(prefix, low) : pointsOf(until)
  const shared: number[] = []
  for (let at = 0; ; at += 1) {
    const lowest = low[at] ?? BEFORE_PRINTABLE
    const highest = high[at]
    if (highest === undefined) return undefined
    const middle = between(lowest, highest)
    if (middle !== undefined) return String.fromCodePoint(...shared, middle)
    if (low[at] === undefined) return undefined
    shared.push(low[at] as number)
    // Two neighbours: what lies between them begins with the first, and goes on from there to any end.
    if (lowest !== highest) return beyond(low, at + 1, shared)
  }
}

/** What comes behind the keys with a prefix: the printable ones, where the place reached is one of those. */
function endOf(prefix: string, low: readonly number[]): readonly number[] {
  const points = pointsOf(prefix)
  const isPrintable = (low[points.length] ?? 0) < BEHIND_PRINTABLE - 1
  return [...points, isPrintable ? BEHIND_PRINTABLE : LAST_POINT]
}

/** Between a text and the last one that begins like it. */
function beyond(low: readonly number[], from: number, shared: number[]): string | undefined {
  for (let at = from; at <= low.length; at += 1) {
    const lowest = low[at] ?? BEFORE_PRINTABLE
    const middle = between(lowest, lowest < BEHIND_PRINTABLE ? BEHIND_PRINTABLE : LAST_POINT)
    if (middle !== undefined) return String.fromCodePoint(...shared, middle)
    shared.push(lowest)
  }
  return undefined
}
