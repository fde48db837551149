import type { JsonRecord } from '../../domain/json.ts'
import { ItemRejectedError } from '../../domain/errors.ts'
import { overlongLine } from '../lines.ts'
import { enumerateList } from '../list.ts'
import { maskCredentials } from '../redact.ts'
import { defineSource, type Identity, type Source } from '../source.ts'
import { printed } from '../wording.ts'
import { urlSpec, type UrlSpec } from './spec.ts'

export { ARCHIVE_FORMATS } from './spec.ts'
export type { ArchiveFormat, HeaderReference, RetrySpec, UrlSpec } from './spec.ts'

/** A source of URLs that are listed one by one, in the spec or in a file; nothing is asked of their hosts. */
export function urlSource(): Source<UrlSpec, string> {
  return defineSource({
    type: 'url',
    spec: urlSpec,
    identify: identifyUrl,
    enumerate: (spec, cursor, context) =>
      enumerateList({ values: spec.urls, file: spec.urlsFile }, cursor, context),
  })
}

/**
 * What one entry stands for: its URL, normalised as a browser does and without
 * its fragment. A query stays, since it can be what tells two resources apart.
 *
 * @throws {ItemRejectedError} for anything but a http or https URL without credentials
 */
export function identifyUrl(item: string, spec: UrlSpec): Identity {
  // A retried item comes from the database, where any JSON may stand.
  if (typeof item !== 'string') {
    throw new ItemRejectedError(`expected a URL as text; got ${printed(item)}`)
  }
  const tooLong = overlongLine(item)
  if (tooLong !== undefined) throw new ItemRejectedError(tooLong)
  const url = parseUrl(item.trim())
  url.hash = ''
  return { key: url.href, uri: url.href, name: nameOf(url), metadata: metadataOf(spec) }
}

function parseUrl(text: string): URL {
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
  if (url.username !== '' || url.password !== '') {
    throw new ItemRejectedError('the URL carries credentials; put them in headers by reference')
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    // Of `user:password` the scheme is the user, so only a scheme's usual shape is shown.
    const scheme = /^[a-z\d+]{1,10}:\/\//i.test(text) ? ` ${url.protocol}//` : ''
    throw new ItemRejectedError(
      `the entry's scheme${scheme} is not supported; expected http:// or https://`,
    )
  }
  return url
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

function metadataOf(spec: UrlSpec): JsonRecord {
  const { archiveFormat, headers, rateLimit, retry, metadata } = spec
  const given = Object.entries({ archiveFormat, headers, rateLimit, retry, metadata })
  // What is not set is left out: `undefined` does not survive JSON.
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as JsonRecord
}
