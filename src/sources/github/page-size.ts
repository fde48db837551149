/**
 * How much is asked for at once. GitHub fails on pages that take it too long
 * and deducts points for each: a failed size halves, and it grows back slowly,
 * not to the size that failed last until many pages have gone well.
 *
 * Kept in memory, by listing; the cursor repeats it for the next process. It
 * changes how much is asked for, never what is listed.
 */

/** What a page that went well adds; slow, since each failure costs points of the next hour's limit. */
const STEP = 2
/** Pages that have to go well before the size may double again: a server in trouble recovers, a listing that is heavy does not. */
const PAGES_BEFORE_DARING = 15

/** What can fail again and again. */
const STRIKES = ['size', 'cursor'] as const

interface Size {
  readonly size: number
  /** The most to grow to for now. */
  readonly ceiling: number
  readonly good: number
}

export class PageSizes {
  readonly #sizes = new Map<string, Size>()
  readonly #failures = new Map<string, number>()

  /** @param remembered what the cursor says, for a process that knows nothing of its own yet */
  of(listing: string, wanted: number, remembered?: number): number {
    const known = this.#sizes.get(listing)
    if (known === undefined && remembered !== undefined && remembered < wanted) {
      this.#sizes.set(listing, { size: remembered, ceiling: wanted, good: 0 })
      return remembered
    }
    return Math.min(wanted, known?.size ?? wanted)
  }

  /** A page of this size was too much. */
  failed(listing: string, size: number): void {
    const smaller = Math.max(1, Math.floor(size / 2))
    this.#sizes.set(listing, { size: smaller, ceiling: Math.max(smaller, size - 1), good: 0 })
  }

  /** A page of the present size went well. */
  went(listing: string, wanted: number): void {
    for (const kind of STRIKES) this.#failures.delete(`${kind} ${listing}`)
    const known = this.#sizes.get(listing)
    if (known === undefined) return
    const dares = known.good + 1 >= PAGES_BEFORE_DARING
    const ceiling = dares ? Math.min(wanted, known.ceiling * 2) : known.ceiling
    const size = Math.min(known.size + STEP, ceiling)
    if (size >= wanted) this.#sizes.delete(listing)
    else this.#sizes.set(listing, { size, ceiling, good: dares ? 0 : known.good + 1 })
  }

  /**
   * Counts failures of one kind between pages of a listing that went well: a
   * page that was too much says nothing of a cursor that stands still.
   *
   * @returns how many there are now
   */
  strike(listing: string, kind: (typeof STRIKES)[number]): number {
    const key = `${kind} ${listing}`
    const strikes = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, strikes)
    return strikes
  }
}
