import type { JsonValue } from '../../domain/json.ts'
import type { Page } from '../../sources/source.ts'
import { ContractError } from '../contract-case.ts'
import { within } from './patience.ts'
import { isPlain } from './plain.ts'
import { isWait, newRow, type Waits } from './waits.ts'

export interface ListingOptions {
  readonly patienceMs: number
  readonly waits: Waits
  readonly signal: AbortSignal
  readonly cursor: JsonValue | undefined
  /** Asks the source for its pages from a cursor on. */
  readonly enumerate: (cursor: JsonValue | undefined) => AsyncIterable<Page>
}

/** A page as it is now: a source may go on counting in the same cursor, of which Muster has a copy too. */
function copied(page: Page): Page {
  if (typeof page !== 'object' || page === null) {
    throw new ContractError(`the source yielded ${String(page)} instead of a page`)
  }
  return isPlain(page.cursor) ? { ...page, cursor: structuredClone(page.cursor) } : page
}

/** One listing under way: every step is waited for in patience, and limits are waited out. */
export class Listing {
  readonly #options: ListingOptions
  #pages: Promise<AsyncIterator<Page>>
  #cursor: JsonValue | undefined
  #row = newRow()

  constructor(options: ListingOptions) {
    this.#options = options
    this.#cursor = options.cursor
    this.#pages = this.#open()
  }

  /** The next page; null at the end. */
  async next(): Promise<Page | null> {
    for (;;) {
      try {
        return await this.#ask()
      } catch (thrown) {
        const { signal, waits } = this.#options
        if (!isWait(thrown) || signal.aborted) throw thrown
        await waits.out(thrown, this.#row)
        this.#pages = this.#open()
      }
    }
  }

  /** Leaves the listing, as a loop does that is broken off. @returns whether it has a way to do so */
  async leave(): Promise<boolean> {
    const leave = async () => {
      const pages = await this.#pages
      await pages.return?.()
      return pages.return !== undefined
    }
    return within(this.#options.patienceMs, 'leaving a listing', leave())
  }

  async #ask(): Promise<Page | null> {
    const next = async () => (await this.#pages).next()
    const { done, value } = await within(this.#options.patienceMs, 'asking for a page', next())
    if (done === true) return null
    const page = copied(value)
    this.#cursor = page.cursor
    this.#row = newRow()
    return page
  }

  #open(): Promise<AsyncIterator<Page>> {
    const open = async () => {
      const pages: Partial<AsyncIterable<Page>> = this.#options.enumerate(this.#cursor)
      const iterator = pages[Symbol.asyncIterator]?.()
      if (iterator !== undefined) return { pages: iterator }
      throw new ContractError(
        'enumerate gave nothing to iterate over: write it as async *enumerate',
      )
    }
    // Wrapped: an iterator that had a method `then` would be taken for a promise.
    const pages = open().then((opened) => opened.pages)
    // Whoever asks for a page is told.
    pages.catch(() => undefined)
    return pages
  }
}
