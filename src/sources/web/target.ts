import { SourceError } from '../../domain/errors.ts'
import { maskTokens } from '../redact.ts'

/** Longer addresses are cut in messages. */
const SHOWN_LENGTH = 200

/** A URL as a message shows it: origin and path, since a query may hold a secret. */
export function shown({ origin, pathname }: Pick<URL, 'origin' | 'pathname'>): string {
  const text = maskTokens(`${origin}${pathname}`)
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text
}

/** The port that is asked, with the scheme's own where the URL names none. */
export const portOf = ({ port, protocol }: Pick<URL, 'port' | 'protocol'>): string =>
  port === '' ? (protocol === 'https:' ? '443' : '80') : port

/**
 * Reads an address that is about to be asked, without its fragment.
 *
 * `new URL` brings `http://0x7f.1`, `http://2130706433` and full-width digits
 * into the one form that is checked later, and refuses zone ids.
 *
 * @param from what redirects there; it is asked for by nobody else
 * @throws {SourceError} not retryable; the message holds neither user nor password
 */
export function targetOf(text: string, from?: URL): URL {
  const url = URL.parse(text, from?.href)
  const what = from === undefined ? 'the address' : `${shown(from)}: the address it redirects to`
  if (url === null) {
    // Unreadable text may hold a password anywhere, so none of it is shown.
    const message = `${what} cannot be read as a URL; write it as https://host/path`
    throw new SourceError('SOURCE_MALFORMED', message)
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new SourceError(
      from === undefined ? 'SOURCE_MALFORMED' : 'FORBIDDEN',
      `${what} has a scheme that is not supported; expected http:// or https://`,
    )
  }
  if (url.username !== '' || url.password !== '') {
    const remedy =
      from === undefined
        ? 'take them out of the URL and send them as a header'
        : 'such a redirect is not followed'
    throw new SourceError(
      from === undefined ? 'SOURCE_MALFORMED' : 'FORBIDDEN',
      `${what} (${shown(url)}) carries a user or password; ${remedy}`,
    )
  }
  url.hash = ''
  return url
}
