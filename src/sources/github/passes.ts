/**
 * When a listing by page numbers can be believed.
 *
 * Page numbers shift: what is deleted, or moved to another owner, in front of
 * the reader pulls the rows behind it forward, and one slips through at the
 * page's edge. So a listing of several pages is believed where nothing of that
 * kind can have happened while it was read:
 *
 *   counted at its start + created since = counted at its end = rows read
 *
 * - Created alone: they are at the end, oldest first, and are read; if one comes
 *   after the last page, the counts disagree and the listing is read again.
 * - Deleted alone: the counts disagree.
 * - Created and deleted, one for one: the created one is told by its date, so
 *   the counts disagree; unless it came after the last page, and then the rows
 *   are one short for each that slipped through.
 * - Moved here from another owner, alone: an old date, so the counts disagree.
 * - Renamed: nothing moves. Deleted and created under the same name: as any two.
 * - Deleted (or moved away) behind the reader and moved here ahead of it, one
 *   for one: the counts agree, for the row that came stands in for the one that
 *   slipped through. No count can tell this from rest. It takes two changes of
 *   opposite kinds within one pass, in this order of places; GraphQL, which is
 *   used wherever it serves, has no such pages.
 *
 * Without a count, or where the count is not to be trusted, two passes in a row
 * with the very same rows will do: a row that slipped through the first is on
 * the second, or the one that went is not.
 */
import { hash } from 'node:crypto'

/** Passes over one listing before it is given up as never at rest. */
export const MAX_PASSES = 3

/** What one pass came to. */
export interface Tally {
  /** What the service counted at its start and at its end; null where it does not tell. */
  readonly totalAtStart: number | null
  readonly totalAtEnd: number | null
  /** Different rows, and those among them that were created since the start. */
  readonly rows: number
  readonly born: number
  readonly digest: number
  readonly pages: number
  readonly pass: number
  readonly before: { readonly rows: number; readonly digest: number } | null
}

export type Judgement = 'clean' | 'again' | 'count_mismatch' | 'drift'

export function judge(tally: Tally): Judgement {
  const { totalAtStart, totalAtEnd, rows, born, before } = tally
  const isShort = totalAtEnd !== null && rows < totalAtEnd
  const isSame = before?.rows === rows && before.digest === tally.digest
  // One page is one moment: there is no edge to slip through.
  if (!isShort && (tally.pages === 1 || isSame)) return 'clean'
  const isStable = totalAtStart !== null && totalAtStart + born === totalAtEnd
  if (isStable && rows === totalAtEnd) return 'clean'
  if (isShort && isStable && isSame) return 'count_mismatch'
  if (tally.pass < MAX_PASSES) return 'again'
  return isShort && isStable ? 'count_mismatch' : 'drift'
}

/** Sums stay exact and fit a JSON number. */
const MODULUS = 2 ** 48

/** Of a hash: as many hexadecimal digits as make the 48 bits of the modulus. */
const DIGITS = 12

/** A digest of rows that does not depend on their order, with one row more. */
export function addToDigest(digest: number, id: string): number {
  const row = Number.parseInt(hash('sha256', id).slice(0, DIGITS), 16)
  return (digest + row) % MODULUS
}
