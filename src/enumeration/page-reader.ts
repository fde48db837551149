import type { Position } from '../../machines/index.ts'
import { SourceError } from '../domain/errors.ts'
import type { JsonValue } from '../domain/json.ts'
import type { AnySource, EnumerateContext, Page } from '../sources/source.ts'
import type { FailedItemRepository } from '../store/store.ts'
import { checkPage } from './check-page.ts'

/** Failed items tried again in one page. */
const RETRY_PAGE = 500

/** A page with what has to be remembered of it. */
export interface FetchedPage {
  readonly items: readonly JsonValue[]
  /** Where the walk stands once the page is committed. */
  readonly position: Position
  readonly total: number | null
  readonly shortfalls: NonNullable<Page['shortfalls']>
  /** Whether some of it may have been on an earlier page. */
  readonly again: boolean
  /** The rows of failed items that this page tries again. */
  readonly retriedItems: readonly number[]
}

/** A listing that is being read, and how to abort it. */
interface Listing {
  readonly pages: AsyncIterator<Page>
  readonly abort: AbortController
}

export interface PageReaderOptions {
  readonly sessionId: string
  readonly source: AnySource
  readonly spec: unknown
  readonly context: Omit<EnumerateContext, 'signal'>
  readonly failedItems: FailedItemRepository
}

/**
 * Reads a session's next page from wherever its position says: the source's
 * listing, or the failed items that are tried again.
 *
 * The source's iterator lives from page to page. After an error or an abort it
 * is thrown away, and the next one begins at the cursor of the last commit.
 */
export class PageReader {
  readonly #options: PageReaderOptions
  #listing: Listing | undefined

  constructor(options: PageReaderOptions) {
    this.#options = options
  }

  /** @returns null when there is nothing more there. */
  async next(position: Position, signal: AbortSignal): Promise<FetchedPage | null> {
    if (position.at === 'retrying') return this.#failedItems(position, signal)
    if (position.at === 'end') return null
    signal.throwIfAborted()
    // Held here: a request that is slow to notice its abort must not drop its successor's listing.
    const listing = (this.#listing ??= this.#open(position))
    const onAbort = () => this.#drop(listing, signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const { done, value } = await listing.pages.next()
      if (done !== true) return fetched(value, position)
      if (this.#listing === listing) this.#listing = undefined
      return null
    } catch (thrown) {
      this.#drop(listing, thrown)
      throw thrown
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Drops the listing, and with it any page that was read and not committed. */
  discard(reason?: unknown): void {
    if (this.#listing !== undefined) this.#drop(this.#listing, reason)
  }

  #drop(listing: Listing, reason?: unknown): void {
    if (this.#listing === listing) this.#listing = undefined
    listing.abort.abort(reason)
    // A generator that hangs in a request would hold up its own return.
    letGo(listing.pages).catch(() => undefined)
  }

  #open(position: Exclude<Position, { at: 'retrying' }>): Listing {
    const { source, spec, context } = this.#options
    const cursor =
      position.at === 'after' ? structuredClone(position.cursor as JsonValue) : undefined
    const abort = new AbortController()
    const pages = source.enumerate(spec as never, cursor, { ...context, signal: abort.signal })
    return { abort, pages: pages[Symbol.asyncIterator]() }
  }

  async #reloaded(items: readonly JsonValue[], signal: AbortSignal): Promise<readonly JsonValue[]> {
    const { source, spec, context } = this.#options
    if (source.reload === undefined) return items
    const reloaded = await source.reload(items, spec as never, { ...context, signal })
    checkReload(items, reloaded)
    return reloaded
  }

  async #failedItems(
    position: Extract<Position, { at: 'retrying' }>,
    signal: AbortSignal,
  ): Promise<FetchedPage | null> {
    const found = await this.#options.failedItems.find({
      sessionId: this.#options.sessionId,
      after: position.after,
      until: position.until,
      limit: RETRY_PAGE,
    })
    const last = found.at(-1)
    if (last === undefined) return null
    return {
      items: await this.#reloaded(
        found.map((failed) => JSON.parse(failed.item) as JsonValue),
        signal,
      ),
      position: { ...position, after: last.id },
      total: null,
      shortfalls: [],
      again: false,
      retriedItems: found.map((failed) => failed.id),
    }
  }
}

/** A source that answers for fewer items than it was asked about would lose the rest. */
function checkReload(given: readonly JsonValue[], reloaded: readonly JsonValue[]): void {
  if (Array.isArray(reloaded) && reloaded.length === given.length) return
  throw new SourceError(
    'SOURCE_MALFORMED',
    `the source was given ${given.length} items to reload and did not give back as many`,
    { retryable: true },
  )
}

/** What `return` throws becomes a rejection, though it was not written with `async`. */
async function letGo(iterator: AsyncIterator<Page>): Promise<void> {
  await iterator.return?.()
}

/** What is remembered of a page, once it is known to be one. */
function fetched(page: Page, position: Position): FetchedPage {
  checkPage(page, position)
  return {
    items: page.items,
    // Copies: what a source goes on writing to, for its next page, must not change what is committed.
    position: { at: 'after', cursor: structuredClone(page.cursor) },
    total: page.total ?? null,
    shortfalls: (page.shortfalls ?? []).map(({ code, detail }) => ({ code, detail })),
    again: page.again === true,
    retriedItems: [],
  }
}
