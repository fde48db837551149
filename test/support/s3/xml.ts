/** The text of S3's answers: escapes of XML, and the encoding of keys. */

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#13;',
}

const NEEDS_ESCAPE = /[&<>"\r]/

/** Control characters stay as they are, though no XML 1.0 parser has to read them: that is what encoding-type is for. */
export const escapeXml = (text: string): string =>
  NEEDS_ESCAPE.test(text) ? text.replace(/[&<>"\r]/g, (found) => ESCAPES[found] ?? found) : text

export const element = (name: string, value: string | number | boolean): string =>
  `<${name}>${typeof value === 'string' ? escapeXml(value) : value}</${name}>`

/** An element for what may not be there. */
export const optional = (name: string, value: string | undefined): string =>
  value === undefined ? '' : element(name, value)

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** @param parts XML as it is */
export const xmlDocument = (root: string, parts: readonly string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${parts.join('')}</${root}>`

const percent = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`

/** RFC 3986: all but unreserved characters, in UTF-8; as signatures want it. */
export const encodeRfc3986 = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, percent)

const NEEDS_NO_ENCODING = /^[A-Za-z0-9\-._~/]*$/

/** How a server writes the two characters on which servers differ. */
export interface KeyEncoding {
  readonly space: '+' | '%20'
  readonly slash: '/' | '%2F'
}

const slashed = (encoded: string, slash: string): string =>
  slash === '/' ? encoded : encoded.replaceAll('/', slash)

/** `encoding-type=url`: as {@link encodeRfc3986}, but on Amazon "/" stays, and a space becomes "+". */
export const encodeKey = (key: string, { space, slash }: KeyEncoding): string =>
  NEEDS_NO_ENCODING.test(key)
    ? slashed(key, slash)
    : encodeRfc3986(key).replaceAll('%2F', slash).replaceAll('%20', space)
