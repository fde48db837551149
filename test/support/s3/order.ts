/** The orders that keys can be listed in. */

export interface KeyOrder {
  /** Whether keys that begin the same are neighbours, and a common prefix stands where its keys do. */
  readonly isByBytes: boolean
  compare(a: string, b: string): number
  sorted(keys: readonly string[]): string[]
}

// The order of UTF-8 bytes is that of code points. UTF-16 has the code points
// beyond U+FFFF (two surrogates, U+D800…U+DFFF) before U+E000…U+FFFF.
const rank = (unit: number): number => {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** Compares as the UTF-8 bytes compare, without making them. */
export const compareBytes = (a: string, b: string): number => {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i += 1) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

const SURROGATE = /[\ud800-\udfff]/

/** As a general purpose bucket lists. */
export const byBytes: KeyOrder = {
  isByBytes: true,
  compare: compareBytes,
  // Without surrogates both orders are one, and the built-in comparison is many times faster.
  sorted: (keys) =>
    keys.some((key) => SURROGATE.test(key)) ? keys.toSorted(compareBytes) : keys.toSorted(),
}

const collator = new Intl.Collator('en')
const compareLocale = (a: string, b: string): number => collator.compare(a, b) || compareBytes(a, b)

/** As a server that asks its language for the order. */
export const byLocale: KeyOrder = {
  isByBytes: false,
  compare: compareLocale,
  sorted: (keys) => keys.toSorted(compareLocale),
}

/** FNV-1a over the UTF-16 units. @param seed another seed gives another hash */
export const hash32 = (text: string, seed = 0x811c9dc5): number => {
  let hash = seed
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  // FNV alone leaves texts that differ in their last character close together.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}

const compareHash = (a: string, b: string): number => hash32(a) - hash32(b) || compareBytes(a, b)

/** As a directory bucket lists: in no order that means anything, always the same. */
export const byHash: KeyOrder = {
  isByBytes: false,
  compare: compareHash,
  sorted: (keys) => keys.toSorted(compareHash),
}
