/** Sitemaps as they come from their hosts: XML or text, packed or not. */
import { type ErrorCode, SourceError } from '../../../domain/errors.ts'
import type { Shortfall, ShortfallCode } from '../../../../machines/index.ts'
import { isUtf16, LineCutter } from '../../line-cutter.ts'
import { ByteReader, isUnpackingError, shownUrl, unpacked } from '../bytes.ts'
import type { Reach } from '../reach.ts'
import { type SitemapEntry, type SitemapKind, SitemapParser } from './parser.ts'

/** Some entries of a sitemap; there may be none in a batch. */
export interface Batch {
  readonly kind: SitemapKind
  readonly entries: readonly SitemapEntry[]
}

export interface FetchOptions {
  readonly reach: Reach
  readonly maxBytes: number
}

/** What a refusal means for the verdict. */
const CODES: Readonly<Partial<Record<ErrorCode, ShortfallCode>>> = {
  NOT_FOUND: 'not_found',
  GONE: 'gone',
  FORBIDDEN: 'forbidden',
  DMCA: 'dmca',
}

/**
 * Reads a sitemap, a batch of entries at a time.
 *
 * @returns why it could not be had, or not to its end
 * @throws {SourceError} retryable, and `RetryLaterError`, for what may pass
 */
export async function* readSitemap(
  url: string,
  { reach, maxBytes }: FetchOptions,
): AsyncGenerator<Batch, Shortfall | undefined, undefined> {
  const what = `the sitemap ${shownUrl(url)}`
  try {
    const answer = await reach.request({ url, maxBytes })
    try {
      const { bytes } = await unpacked(answer.body, maxBytes, what)
      await using reader = new ByteReader(bytes)
      const problem = yield* isXml(await reader.peek(64)) ? readXml(reader) : readText(reader)
      return problem === undefined ? undefined : { code: 'failed', detail: `${what} ${problem}` }
    } finally {
      await answer.close()
    }
  } catch (error) {
    return shortfallOf(error, what)
  }
}

/** Why a part of the listing could not be had; what may pass, or concerns the whole walk, is thrown on. */
export function shortfallOf(error: unknown, what: string): Shortfall {
  if (isUnpackingError(error)) {
    return { code: 'failed', detail: `${what} is a gzip that is damaged or cut short` }
  }
  if (!(error instanceof SourceError) || error.retryable) throw error
  const { code, message } = error
  return { code: CODES[code] ?? 'failed', detail: `${what} could not be had: ${message}` }
}

/** Whether a text begins as XML does; HTML too, which says so when it is parsed. */
const isXml = (head: Uint8Array): boolean =>
  isUtf16(head) ||
  /^\s*</.test(
    Buffer.from(head)
      .toString('utf8')
      .replace(/^\u{FEFF}/u, ''),
  )

/** A site that is no longer what it was answers anything with its front page. */
const HTML = /^<(?:!doctype\s+html|html)\b/i

type Reading = AsyncGenerator<Batch, string | undefined, undefined>

async function* readXml(bytes: ByteReader): Reading {
  const parser = new SitemapParser()
  const text = new TextDecoder(await encodingOf(bytes))
  let isTold = false
  const batch = function* (entries: readonly SitemapEntry[]): Generator<Batch, void, undefined> {
    const { kind } = parser
    // What is listed is told as soon as it is known, be the list empty or not.
    if (kind !== undefined && (!isTold || entries.length > 0)) yield { kind, entries }
    isTold ||= kind !== undefined
  }
  let hasBegun = false
  for await (const chunk of bytes) {
    const decoded = text.decode(chunk, { stream: true })
    // Blank lines before the declaration are a fault of XML, a common one, and do no harm.
    const piece: string = hasBegun ? decoded : decoded.trimStart()
    if (!hasBegun && HTML.test(piece)) return 'is no sitemap: it is a web page'
    hasBegun ||= piece !== ''
    yield* batch(parser.write(piece))
    if (parser.problem !== undefined) return parser.problem
  }
  yield* batch(parser.write(text.decode()))
  yield* batch(parser.end())
  return parser.problem
}

async function encodingOf(bytes: ByteReader): Promise<string> {
  const mark = await bytes.peek(2)
  if (!isUtf16(mark)) return 'utf-8'
  return mark[0] === 0xfe ? 'utf-16be' : 'utf-16le'
}

/** A URL a line: https://www.sitemaps.org/protocol.html#otherformats */
async function* readText(bytes: ByteReader): Reading {
  const cutter = new LineCutter({ offset: 0, line: 0 })
  let isTold = false
  for (let end = false; !end;) {
    end = !cutter.add(await bytes.read())
    const lines: string[] = []
    cutter.take(lines, Number.POSITIVE_INFINITY, end)
    // A page that says what went wrong is answered with status 200 by many a host.
    if (!isTold && lines[0] !== undefined && !/^https?:\/\//i.test(lines[0])) {
      return 'is neither XML nor a list of URLs'
    }
    if (lines.length === 0) continue
    isTold = true
    yield { kind: 'urls', entries: lines.map((loc) => ({ loc })) }
  }
  return isTold ? undefined : 'is no sitemap: it is empty'
}
