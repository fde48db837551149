/** What names sitemaps: a spec, a robots.txt or an index; read some at a time. */
import type { Shortfall } from '../../../../machines/index.ts'
import { shownUrl } from '../bytes.ts'
import { type Batch, type FetchOptions, readSitemap } from './document.ts'
import type { OpenSitemap } from './pages.ts'
import { declaredSitemaps } from './robots.ts'

/** Entries of an index that are taken at a time: some 100 KB, and fifty requests for the largest index. */
export const LISTING_WINDOW = 1000

/** Some addresses from a place in the list on. */
export interface Window {
  readonly urls: readonly string[]
  /** Whether nothing comes after them. */
  readonly isLast: boolean
  /** What the list is known to lack; what it has comes before it. */
  readonly shortfall?: Shortfall | undefined
}

/** Reads a list from a place on. */
export type Listing = (at: number) => Promise<Window>

/** A list that is at hand. */
export const spokenList =
  (all: readonly string[]): Listing =>
  async (at) => ({ urls: all.slice(at), isLast: true })

/** The sitemaps that a site's robots.txt declares; they are few. */
export function robotsList(site: string, options: FetchOptions): Listing {
  let declared: ReturnType<typeof declaredSitemaps> | undefined
  return async (at) => {
    declared ??= declaredSitemaps(site, options)
    const { urls, shortfall } = await declared
    return { urls: urls.slice(at), isLast: true, shortfall }
  }
}

/** The sitemaps of an index, which was opened to see what it is. */
export function indexList(url: string, open: OpenSitemap, options: FetchOptions): Listing {
  let opened: OpenSitemap | undefined = open
  return async (at) => {
    const { first, rest } = opened ?? { first: undefined, rest: readSitemap(url, options) }
    opened = undefined
    return windowOf({ first, rest }, at, url)
  }
}

async function windowOf(
  { first, rest }: Omit<OpenSitemap, 'first'> & { readonly first: Batch | undefined },
  at: number,
  base: string,
): Promise<Window> {
  const urls: string[] = []
  let index = 0
  try {
    for (let batch = first; ;) {
      for (const { loc } of batch?.entries ?? []) {
        // One without a place is an address that cannot be read.
        if (index >= at) urls.push(loc === undefined ? '' : (URL.parse(loc, base)?.href ?? loc))
        index += 1
        if (urls.length === LISTING_WINDOW) return { urls, isLast: false }
      }
      const next = await rest.next()
      if (next.done === true) return { urls, isLast: true, shortfall: next.value }
      if (next.value.kind !== 'sitemaps') return { urls, isLast: true, shortfall: noIndex(base) }
      batch = next.value
    }
  } finally {
    await rest.return(undefined)
  }
}

const noIndex = (url: string): Shortfall => ({
  code: 'drift',
  detail: `the sitemap index ${shownUrl(url)} is none any more; enumerate the target again`,
})
