import { isDeepStrictEqual } from 'node:util'
import type { Position } from '../../machines/index.ts'
import { SourceError } from '../domain/errors.ts'
import type { JsonValue } from '../domain/json.ts'
import type { AnySource, EnumerateContext, Page } from '../sources/source.ts'
import type { FailedItemRepository } from '../store/store.ts'

/** Failed items tried again in one page. */
const RETRY_PAGE = 500

/** A page that leads back to where it came from would be walked for ever. */
function checkPage(page: Page, position: Position): void {
  if (!Array.isArray(page.items) || page.cursor === undefined) {
    throw new SourceError('SOURCE_MALFORMED', 'the source yielded a page without items or cursor', {
      retryable: true,
    })
  }
  if (position.at === 'after' && isDeepStrictEqual(page.cursor, position.cursor)) {
    throw new SourceError(
      'SOURCE_MALFORMED',
      `the source gave the same cursor twice: ${JSON.stringify(page.cursor)}`,
      { retryable: true },
    )
  }
}

/** A page with what has to be remembered of it. */
export interface FetchedPage {
  readonly items: readonly JsonValue[]
  /** Where the walk stands once the page is committed. */
  readonly position: Position
  readonly total: number | null
  readonly shortfalls: NonNullable<Page['shortfalls']>
  /** The rows of failed items that this page tries again. */
  readonly retriedItems: readonly number[]
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
  #iterator: AsyncIterator<Page> | undefined
  #abort = new AbortController()

  constructor(options: PageReaderOptions) {
    this.#options = options
  }

  /** @returns null when there is nothing more there. */
  async next(position: Position, signal: AbortSignal): Promise<FetchedPage | null> {
    if (position.at === 'retrying') return this.#failedItems(position)
    if (position.at === 'end') return null
    const onAbort = () => this.discard(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      signal.throwIfAborted()
      return await this.#listing(position)
    } catch (thrown) {
      this.discard(thrown)
      throw thrown
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Drops the iterator, and with it any page that was read and not committed. */
  discard(reason?: unknown): void {
    const iterator = this.#iterator
    this.#iterator = undefined
    this.#abort.abort(reason)
    this.#abort = new AbortController()
    // A generator that hangs in a request would hold up its own return.
    iterator?.return?.().catch(() => undefined)
  }

  async #listing(position: Exclude<Position, { at: 'retrying' }>): Promise<FetchedPage | null> {
    this.#iterator ??= this.#open(position)
    const { done, value } = await this.#iterator.next()
    if (done === true) {
      this.#iterator = undefined
      return null
    }
    checkPage(value, position)
    return {
      items: value.items,
      position: { at: 'after', cursor: value.cursor },
      total: value.total ?? null,
      shortfalls: value.shortfalls ?? [],
      retriedItems: [],
    }
  }

  #open(position: Exclude<Position, { at: 'retrying' }>): AsyncIterator<Page> {
    const { source, spec, context } = this.#options
    const cursor = position.at === 'after' ? (position.cursor as JsonValue) : undefined
    const pages = source.enumerate(spec as never, cursor, {
      ...context,
      signal: this.#abort.signal,
    })
    return pages[Symbol.asyncIterator]()
  }

  async #failedItems(position: Extract<Position, { at: 'retrying' }>): Promise<FetchedPage | null> {
    const found = await this.#options.failedItems.find({
      sessionId: this.#options.sessionId,
      after: position.after,
      until: position.until,
      limit: RETRY_PAGE,
    })
    const last = found.at(-1)
    if (last === undefined) return null
    return {
      items: found.map((failed) => JSON.parse(failed.item) as JsonValue),
      position: { ...position, after: last.id },
      total: null,
      shortfalls: [],
      retriedItems: found.map((failed) => failed.id),
    }
  }
}
