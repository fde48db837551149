/** The entries of one sitemap, page by page. */
import { createHash, type Hash } from 'node:crypto'
import type { Shortfall } from '../../../../machines/index.ts'
import { redactCredentials } from '../../redact.ts'
import type { Page } from '../../source.ts'
import { shownUrl } from '../bytes.ts'
import type { UrlItem } from '../item.ts'
import { after, type SitemapCursor, type Step } from './cursor.ts'
import type { Batch } from './document.ts'
import type { SitemapEntry } from './parser.ts'

/** What reads a sitemap; it was begun, and its first batch taken. */
export interface OpenSitemap {
  readonly first: Batch
  readonly rest: AsyncGenerator<Batch, Shortfall | undefined, undefined>
}

export interface SitemapPlace {
  readonly url: string
  readonly path: readonly Step[]
}

/** The sitemap is not the one that was read before. */
export const CHANGED = Symbol('changed')

/**
 * Yields the entries of a sitemap after those that are done. The last page
 * leads past the sitemap, and says what is missing of it; a page is held back
 * until it is known not to be the last.
 *
 * @returns CHANGED, before any page, when what is done is not what was done
 */
export async function* pagesOfSitemap(
  { first, rest }: OpenSitemap,
  { url, path }: SitemapPlace,
  options: { readonly pageSize: number; readonly from?: SitemapCursor | undefined },
): AsyncGenerator<Page<UrlItem>, typeof CHANGED | undefined, undefined> {
  const { pageSize, from } = options
  const shelf = new Shelf(url, from)
  let shortfall: Shortfall | undefined
  for (let batch: Batch | undefined = first; batch !== undefined;) {
    for (const entry of batch.entries) {
      if (shelf.length === pageSize) yield shelf.page(path)
      if (!shelf.add(entry)) return CHANGED
    }
    const next: IteratorResult<Batch, Shortfall | undefined> = await rest.next()
    if (next.done === true) shortfall = next.value
    batch = next.done === true ? undefined : next.value
  }
  if (shelf.isSkipping) return CHANGED
  yield shelf.lastPage(path, shortfall)
  return undefined
}

/** Entries on their way to a page, and the hash of all that went before. */
class Shelf {
  readonly #url: string
  readonly #skip: number
  readonly #wanted: string | undefined
  readonly #hash: Hash = createHash('sha256')
  #items: UrlItem[] = []
  #done = 0

  constructor(url: string, from: SitemapCursor | undefined) {
    this.#url = url
    this.#skip = from?.done ?? 0
    this.#wanted = from?.hash
  }

  get length(): number {
    return this.#items.length
  }

  /** Whether it has not come yet to where the walk stopped. */
  get isSkipping(): boolean {
    return this.#done < this.#skip
  }

  /** Takes an entry, or passes over it; false when those that were passed over are others than before. */
  add(entry: SitemapEntry): boolean {
    const wasSkipping = this.isSkipping
    this.#done += 1
    this.#hash.update(`${entry.loc ?? ''}\n`)
    if (!wasSkipping) this.#items.push(itemOf(entry, this.#done, this.#url))
    const isThere = wasSkipping && !this.isSkipping
    return !isThere || this.#wanted === undefined || this.#digest() === this.#wanted
  }

  page(path: readonly Step[]): Page<UrlItem> {
    return { items: this.#take(), cursor: { path, done: this.#done, hash: this.#digest() } }
  }

  lastPage(path: readonly Step[], shortfall: Shortfall | undefined): Page<UrlItem> {
    const page = { items: this.#take(), cursor: { path: after(path), done: 0 } }
    return shortfall === undefined ? page : { ...page, shortfalls: [shortfall] }
  }

  #take(): UrlItem[] {
    const items = this.#items
    this.#items = []
    return items
  }

  #digest(): string {
    return this.#hash.copy().digest('base64url')
  }
}

function itemOf({ loc, lastmod }: SitemapEntry, number: number, sitemap: string): UrlItem {
  if (loc === undefined) {
    const where = `entry ${number} of the sitemap ${shownUrl(sitemap)}`
    return { url: '', problem: `${where} has no <loc>, or one too long to be a URL` }
  }
  const url = redactCredentials(loc)
  return lastmod === undefined ? url : { url, lastmod }
}
