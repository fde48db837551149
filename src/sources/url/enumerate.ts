import type { Readable } from 'node:stream'
import type { JsonValue } from '../../domain/json.ts'
import { enumerateList, LIST_PAGE_SIZE } from '../list.ts'
import type { EnumerateContext, Page } from '../source.ts'
import type { UrlItem } from './item.ts'
import { enumerateListUrl } from './list-url.ts'
import { probedPages, probePageSize, PROBE_TIMEOUT_MS } from './probe.ts'
import { createReach, type Reach } from './reach.ts'
import { enumerateSitemaps } from './sitemap/walk.ts'
import { DEFAULT_MAX_BYTES, type UrlSpec } from './spec.ts'
import { enumerateStdin } from './stdin.ts'

interface Listing {
  readonly spec: UrlSpec
  readonly reach: Reach
  readonly pageSize: number
  readonly context: EnumerateContext
  /** The input of the process; not touched unless the spec says so. */
  readonly stdin: () => Readable
}

/**
 * Yields the URLs that a spec leads to, probed where it says so. Each kind of
 * list has its own cursor.
 *
 * @throws {SourceError} when the list cannot be had, or is not the one that the cursor is from
 */
export async function* enumerateUrls(
  spec: UrlSpec,
  cursor: JsonValue | undefined,
  context: EnumerateContext,
  stdin: () => Readable,
): AsyncGenerator<Page<UrlItem>, void, undefined> {
  const timeout = spec.probe === true ? { timeoutMs: PROBE_TIMEOUT_MS } : {}
  await using reach = createReach(spec, context, timeout)
  const pageSize = spec.probe === true ? probePageSize(spec) : LIST_PAGE_SIZE
  const pages = listedPages({ spec, reach, pageSize, context, stdin }, cursor)
  yield* spec.probe === true ? probedPages(pages, { spec, reach, context }) : pages
}

function listedPages(
  { spec, reach, pageSize, context, stdin }: Listing,
  cursor: JsonValue | undefined,
): AsyncIterable<Page<UrlItem>> {
  const { urls, urlsFile, listUrl, sitemaps, robots, maxBytes = DEFAULT_MAX_BYTES } = spec
  if (spec.stdin === true) return enumerateStdin({ stdin: stdin(), pageSize, context }, cursor)
  if (listUrl !== undefined) {
    return enumerateListUrl({ listUrl, maxBytes, pageSize, reach, context }, cursor)
  }
  if (sitemaps !== undefined || robots !== undefined) {
    return enumerateSitemaps({ sitemaps, robots, maxBytes, pageSize, reach, context }, cursor)
  }
  return enumerateList({ values: urls, file: urlsFile, pageSize }, cursor, context)
}
