/**
 * Sitemaps, and the indices and robots.txt files that name them, depth first.
 *
 * No index is held open or in memory while its sitemaps are read, which may
 * take hours: some of its entries are taken at a time, and it is asked for
 * again when they are done.
 */
import type { Shortfall } from '../../../../machines/index.ts'
import type { JsonValue } from '../../../domain/json.ts'
import { carriesCredentials } from '../../redact.ts'
import type { EnumerateContext, Page } from '../../source.ts'
import { shownUrl } from '../bytes.ts'
import type { UrlItem } from '../item.ts'
import { after, type SitemapCursor, sitemapCursor, type Step } from './cursor.ts'
import { type FetchOptions, readSitemap } from './document.ts'
import { indexList, type Listing, robotsList, spokenList } from './listing.ts'
import { CHANGED, type OpenSitemap, pagesOfSitemap, type SitemapPlace } from './pages.ts'

/** Indices within each other; sitemaps.org wants one, and some hosts have two. */
const MAX_INDICES = 3

export interface WalkOptions extends FetchOptions {
  /** The sitemaps to begin with, or the sites whose robots.txt names them. */
  readonly sitemaps?: readonly string[] | undefined
  readonly robots?: readonly string[] | undefined
  readonly pageSize: number
  readonly context: Pick<EnumerateContext, 'signal'>
}

type Pages = AsyncGenerator<Page<UrlItem>, void, undefined>

/**
 * Yields the entries of all sitemaps. One that cannot be had is told as a
 * shortfall, and the others are read.
 *
 * @throws {SourceError} retryable, and `RetryLaterError`, for what may pass
 */
export async function* enumerateSitemaps(
  options: WalkOptions,
  cursor: JsonValue | undefined,
): Pages {
  const from = sitemapCursor(cursor)
  const { sitemaps = [], robots } = options
  const walk = new SitemapWalk(options)
  if (robots === undefined) yield* walk.listed(spokenList(sitemaps), [], from)
  else yield* walk.sites(robots, from)
}

/** The part of a position that lies within an entry of a list. */
const within = ({ path, ...rest }: SitemapCursor): SitemapCursor | undefined =>
  path.length > 1 || path[0]?.url !== undefined ? { path: path.slice(1), ...rest } : undefined

class SitemapWalk {
  readonly #options: WalkOptions
  /** How many steps of a path lead to the first sitemap: 1, or 2 by a robots.txt. */
  #roots = 1

  constructor(options: WalkOptions) {
    this.#options = options
  }

  async *sites(robots: readonly string[], from: SitemapCursor | undefined): Pages {
    this.#roots = 2
    let inside = from && within(from)
    for (let at = from?.path[0]?.at ?? 0; at < robots.length; at += 1) {
      const url = robots[at] ?? ''
      const path = [{ at, url }]
      yield* this.listed(robotsList(url, this.#options), path, inside)
      inside = undefined
    }
  }

  /** What a list names, from a position on; what the list lacks is told at its end. */
  async *listed(list: Listing, above: readonly Step[], from: SitemapCursor | undefined): Pages {
    let at = from?.path[0]?.at ?? 0
    let inside = from && within(from)
    const was = from?.path[0]?.url
    let window = await list(at)
    if (was !== undefined && window.urls[0] !== was) {
      const found = await find(list, was)
      if (found === undefined) inside = undefined
      at = found ?? at
      yield driftPage([...above, { at }], was)
      window = await list(at)
    }
    for (;;) {
      for (const url of window.urls) {
        this.#options.context.signal.throwIfAborted()
        yield* this.#visit({ url, path: [...above, { at, url }] }, inside)
        inside = undefined
        at += 1
      }
      const { shortfall, isLast } = window
      if (shortfall !== undefined) yield { items: [], ...shortfallPage(above, shortfall) }
      if (isLast) return
      window = await list(at)
    }
  }

  async *#visit(place: SitemapPlace, from: SitemapCursor | undefined): Pages {
    const { url, path } = place
    const refusal = this.#refusal(place)
    // It is being read already, further up.
    if (refusal === 'circle') return
    if (refusal !== undefined) {
      yield { items: [], ...shortfallPage(path, refusal) }
      return
    }
    const rest = readSitemap(url, this.#options)
    try {
      const opened = await rest.next()
      if (opened.done === true) {
        const shortfall = opened.value ?? { code: 'failed', detail: `${shownUrl(url)} is empty` }
        yield { items: [], ...shortfallPage(path, shortfall) }
      } else if (opened.value.kind === 'sitemaps') {
        yield* this.#visitIndex({ first: opened.value, rest }, place, from)
      } else {
        // A position with a path within was made when this was an index.
        const inside = from?.path.length === 0 ? from : undefined
        yield* this.#visitUrls({ first: opened.value, rest }, place, inside)
      }
    } finally {
      await rest.return(undefined)
    }
  }

  async *#visitIndex(
    open: OpenSitemap,
    { url, path }: SitemapPlace,
    from: SitemapCursor | undefined,
  ): Pages {
    if (path.length < this.#roots + MAX_INDICES) {
      // A position without a path within was made when this was no index.
      const inside = from !== undefined && from.path.length > 0 ? from : undefined
      yield* this.listed(indexList(url, open, this.#options), path, inside)
      return
    }
    const detail = `the sitemap index ${shownUrl(url)} is nested more than ${MAX_INDICES} deep; name it in sitemaps`
    yield { items: [], ...shortfallPage(path, { code: 'truncated', detail }) }
  }

  async *#visitUrls(
    open: OpenSitemap,
    place: SitemapPlace,
    from: SitemapCursor | undefined,
  ): Pages {
    const { pageSize } = this.#options
    const end = yield* pagesOfSitemap(open, place, { pageSize, from })
    // Nothing tells which entries are new, so all of them are read: what is known is known by its URL.
    if (end !== CHANGED) return
    await open.rest.return(undefined)
    yield* this.#visit(place, undefined)
  }

  #refusal({ url, path }: SitemapPlace): Shortfall | 'circle' | undefined {
    if (path.slice(0, -1).some((step) => step.url === url)) return 'circle'
    if (carriesCredentials(url)) {
      return { code: 'failed', detail: 'the address of a sitemap carries credentials' }
    }
    if (/^https?:/i.test(url) && URL.canParse(url)) return undefined
    return { code: 'failed', detail: `the address of a sitemap is no URL: ${shownUrl(url)}` }
  }
}

/** Where an entry of a list that changed is now. */
async function find(list: Listing, url: string): Promise<number | undefined> {
  for (let at = 0; ;) {
    const { urls, isLast } = await list(at)
    const found = urls.indexOf(url)
    if (found >= 0) return at + found
    if (isLast) return undefined
    at += urls.length
  }
}

/** Leads past what a path leads to, and says what is missing of it. */
const shortfallPage = (path: readonly Step[], shortfall: Shortfall) => ({
  cursor: { path: after(path), done: 0 },
  shortfalls: [shortfall],
})

const driftPage = (path: readonly Step[], url: string): Page<UrlItem> => ({
  items: [],
  cursor: { path, done: 0 },
  shortfalls: [
    {
      code: 'drift',
      detail: `the list that names the sitemap ${shownUrl(url)} changed while it was read; enumerate the target again`,
    },
  ],
})
