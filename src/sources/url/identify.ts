import { ItemRejectedError } from '../../domain/errors.ts'
import type { JsonRecord } from '../../domain/json.ts'
import { overlongLine } from '../lines.ts'
import { carriesCredentials, maskCredentials } from '../redact.ts'
import type { Identity } from '../source.ts'
import { printed } from '../wording.ts'
import { canonicalUrl } from './canonical.ts'
import { type ProbeFacts, type UrlEntry, urlEntry, type UrlItem } from './item.ts'
import type { UrlSpec } from './spec.ts'

/**
 * What one entry stands for: its URL in canonical form, which all spellings of
 * it share. A query stays, since it can be what tells two resources apart.
 *
 * @throws {ItemRejectedError} for anything but a http or https URL without
 *   credentials, and for what a probe found not to be there
 */
export function identifyUrl(item: UrlItem, spec: UrlSpec): Identity {
  const entry = readEntry(item)
  const tooLong = overlongLine(entry.url)
  if (tooLong !== undefined) throw new ItemRejectedError(tooLong)
  if (entry.problem !== undefined) throw new ItemRejectedError(entry.problem || 'it was refused')
  const url = parseUrl(entry.url)
  if (entry.probe !== undefined && carriesCredentials(entry.probe.finalUrl)) {
    throw new ItemRejectedError('the URL redirects to an address that carries credentials')
  }
  const uri = canonicalUrl(url)
  const version = versionOf(entry)
  return {
    key: uri,
    uri,
    name: nameOf(url),
    metadata: metadataOf(entry, uri, spec),
    ...(version && { version }),
  }
}

/** An item as an entry. A retried one comes from the database, where any JSON may stand. */
function readEntry(item: unknown): UrlEntry {
  if (typeof item === 'string') return { url: item }
  const parsed = urlEntry.safeParse(item)
  if (parsed.success) return parsed.data
  throw new ItemRejectedError(`expected a URL as text; got ${printed(item)}`)
}

/**
 * Reads a URL that somebody wrote.
 *
 * @throws {ItemRejectedError} for anything but a http or https URL without credentials
 */
export function parseUrl(written: string): URL {
  const text = written.trim()
  if (text === '') throw new ItemRejectedError('the entry is empty; write a http or https URL')
  if (/\s[a-z]+:\/\//i.test(text)) {
    throw new ItemRejectedError('the entry holds more than one URL; write one a line')
  }
  // Blanks become %20, and whatever stands behind one a part of the path, a password too.
  if (/\s/.test(text) && maskCredentials(text) !== text) {
    throw new ItemRejectedError('the entry carries credentials; put them in headers by reference')
  }
  const url = URL.parse(text)
  if (!url) {
    const scheme = /^[a-z][a-z\d+.-]*:/i.test(text)
    const fault = scheme ? 'cannot be read as a URL' : 'has no scheme'
    throw new ItemRejectedError(`the entry ${fault}; write it as https://host/path`)
  }
  checkUrl(url, text)
  return url
}

function checkUrl(url: URL, text: string): void {
  if (url.username !== '' || url.password !== '') {
    throw new ItemRejectedError('the URL carries credentials; put them in headers by reference')
  }
  if (url.protocol === 'http:' || url.protocol === 'https:') return
  // Of `user:password` the scheme is the user, so only a scheme's usual shape is shown.
  const scheme = /^[a-z\d+]{1,10}:\/\//i.test(text) ? ` ${url.protocol}//` : ''
  throw new ItemRejectedError(
    `the entry's scheme${scheme} is not supported; expected http:// or https://`,
  )
}

/** The last part of the path, or the host where the path has none. */
function nameOf(url: URL): string {
  const last = url.pathname.split('/').findLast((part) => part !== '')
  if (last === undefined) return url.host
  try {
    return decodeURIComponent(last)
  } catch {
    return last
  }
}

/** What a host says tells more than a sitemap; the size helps where times are told in seconds. */
function versionOf({ probe, lastmod }: UrlEntry): string | undefined {
  if (probe?.etag) return probe.etag
  if (probe?.lastModified) return `${probe.lastModified} ${probe.size ?? ''}`.trim()
  return lastmod
}

function metadataOf(entry: UrlEntry, uri: string, spec: UrlSpec): JsonRecord {
  const { headers, rateLimit, retry, metadata } = spec
  const { probe, lastmod } = entry
  const archiveFormat = probe?.archiveFormat ?? spec.archiveFormat
  const written = entry.url.trim()
  const original = written === uri ? undefined : written
  const facts = probe && factsOf(probe)
  const given = { archiveFormat, headers, rateLimit, retry, metadata, original, lastmod }
  return withoutUndefined({ ...given, probe: facts })
}

const factsOf = ({ archiveFormat: _, ...facts }: ProbeFacts): JsonRecord => withoutUndefined(facts)

/** What is not set is left out: `undefined` does not survive JSON. */
const withoutUndefined = (record: object): JsonRecord =>
  Object.fromEntries(
    Object.entries(record).filter(([, value]) => value !== undefined),
  ) as JsonRecord
