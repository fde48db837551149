import parser from 'robots-parser'
import type { Shortfall } from '../../../../machines/index.ts'
import { firstBytes, shownUrl } from '../bytes.ts'
import { type FetchOptions, shortfallOf } from './document.ts'

/** RFC 9309, 2.5: as much of a file has to be read. */
const MAX_ROBOTS_BYTES = 500 * 1024

// Its types are those of an ES module, which it is not.
const parseRobots = parser as unknown as (url: string, text: string) => { getSitemaps(): string[] }

/** The sitemaps that a site declares, or why there are none. */
export interface Declared {
  readonly urls: readonly string[]
  readonly shortfall?: Shortfall
}

/**
 * Asks a site's robots.txt which sitemaps it has. What it allows to robots is
 * not looked at: nothing but the sitemaps is read there.
 *
 * @param site its origin, or any URL of it
 * @throws {SourceError} retryable, and `RetryLaterError`, for what may pass
 */
export async function declaredSitemaps(
  site: string,
  { reach }: Pick<FetchOptions, 'reach'>,
): Promise<Declared> {
  const url = new URL('/robots.txt', site).href
  const what = shownUrl(url)
  try {
    const answer = await reach.request({ url, maxBytes: Number.MAX_SAFE_INTEGER })
    const text = await beginning(answer.body)
    const declared = parseRobots(url, text).getSitemaps()
    const urls = [...new Set(declared.map((place) => URL.parse(place, url)?.href ?? place))]
    if (urls.length > 0) return { urls }
    return { urls, shortfall: { code: 'not_found', detail: `${what} declares no sitemap` } }
  } catch (error) {
    return { urls: [], shortfall: shortfallOf(error, what) }
  }
}

/** What stands behind the limit is left, as robots do. */
async function beginning(body: AsyncIterable<Uint8Array>): Promise<string> {
  const text = (await firstBytes(body, MAX_ROBOTS_BYTES)).toString('utf8')
  return text.replace(/^\u{FEFF}/u, '')
}
