/** What it means when a host does not answer, or not with what was asked for. */
import { type ErrorCode, MusterError, RetryLaterError, SourceError } from '../../domain/errors.ts'
import { AddressRefusedError } from './connector.ts'
import { UnknownEncodingError } from './encoding.ts'
import { TooSlowError } from './passage.ts'
import { shown } from './target.ts'

/** A host that says "too many" without saying for how long: as long as GitHub advises for the same case. */
const UNTOLD_WAIT_MS = 60_000
/** A host cannot put a walk off for longer than a day; it is asked again then. */
const MAX_WAIT_MS = 24 * 60 * 60 * 1000

interface Meaning {
  readonly code: ErrorCode
  readonly text: string
  readonly retryable?: boolean
}

const MEANINGS: Readonly<Record<number, Meaning>> = {
  401: { code: 'FORBIDDEN', text: 'the host wants credentials; send them as a header' },
  403: { code: 'FORBIDDEN', text: 'the host does not let this request in; check what it wants' },
  404: { code: 'NOT_FOUND', text: 'the host knows no such address; check the spelling' },
  410: { code: 'GONE', text: 'gone for good; take it off the list' },
  451: { code: 'DMCA', text: 'blocked for legal reasons; take it off the list' },
}

/** RFC 9110 and RFC 8470: the same request may be answered later. */
const TRANSIENT: ReadonlySet<number> = new Set([408, 425])

function meaningOf(status: number): Meaning {
  if (status >= 500 || TRANSIENT.has(status)) {
    const text = 'the host failed; trying again may help'
    return { code: 'SOURCE_UNAVAILABLE', text, retryable: true }
  }
  const text = 'an answer that was not expected; check the address in a browser'
  return MEANINGS[status] ?? { code: 'SOURCE_MALFORMED', text }
}

/** RFC 9110, 10.2.3: seconds or a date. Undefined for what is neither, or has passed. */
function retryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  const at = /^\d+$/.test(text.trim()) ? now + Number(text) * 1000 : Date.parse(text)
  return at > now ? Math.min(at, now + MAX_WAIT_MS) : undefined
}

interface Refusal {
  readonly url: URL
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/** The error for an answer that nobody asked for. */
export function statusFailure({ url, status, headers }: Refusal, now: number): MusterError {
  const told = retryAfter(headers['retry-after'], now)
  if (status === 429 || (status === 503 && told !== undefined)) {
    const at = told ?? now + UNTOLD_WAIT_MS
    const until = `until ${new Date(at).toISOString()}${told === undefined ? ' at least' : ''}`
    return new RetryLaterError(
      `${shown(url)}: the host asks to be left alone ${until} [${status}]`,
      at,
    )
  }
  const { code, text, retryable = false } = meaningOf(status)
  return new SourceError(code, `${shown(url)}: ${text} [${status}]`, { retryable })
}

/** The code of the innermost error that has one; messages could hold a header. */
function systemCode(error: unknown): string {
  let code = ''
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if ('code' in inner && typeof inner.code === 'string') code = inner.code
  }
  return code
}

/** Codes of OpenSSL and of Node for a certificate that is not trusted: https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE/

/** What zlib calls a stream that ends too early, and how it calls what is wrong with one. */
const CUT = 'Z_BUF_ERROR'
const DAMAGED = /^(?:Z_|ERR_BROTLI|ERR_ZSTD|ZSTD_|ERR__ERROR_|BROTLI_)/

function faultOf(code: string): Meaning {
  const unavailable = (text: string, retryable = true): Meaning => ({
    code: 'SOURCE_UNAVAILABLE',
    text,
    retryable,
  })
  if (code === 'ENOTFOUND' || code === 'ENODATA') {
    return { code: 'NOT_FOUND', text: 'no host has this name; check the spelling' }
  }
  if (code === 'UND_ERR_INVALID_ARG') {
    return { code: 'SOURCE_MALFORMED', text: 'the request cannot be sent; check its headers' }
  }
  if (CERTIFICATE.test(code)) {
    const text =
      "the host's certificate is not trusted; where it is one of your own, name its authority in NODE_EXTRA_CA_CERTS"
    return unavailable(text, false)
  }
  if (code === CUT || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') {
    return unavailable('the body was cut short; trying again may help')
  }
  if (DAMAGED.test(code)) {
    return { code: 'SOURCE_MALFORMED', text: 'the body is not packed as its headers say' }
  }
  return unavailable('the connection failed; trying again may help')
}

/** The error for anything that went wrong below; none of it is passed on, since it may hold what was sent. */
export function failureOf(error: unknown, url: URL): MusterError {
  if (error instanceof MusterError) return error
  const what = shown(url)
  if (error instanceof AddressRefusedError) {
    const { host } = error
    return new SourceError(
      'FORBIDDEN',
      `${what}: refused to go there, since ${error.message}; if that is meant, allow ${host} by name`,
    )
  }
  if (error instanceof UnknownEncodingError) {
    return new SourceError(
      'SOURCE_MALFORMED',
      `${what}: the body has a content-encoding that cannot be undone (${JSON.stringify(error.message)}); expected gzip, deflate, br or zstd`,
    )
  }
  if (error instanceof TooSlowError) {
    const text = 'the host took too long; trying again, or a larger timeoutMs, may help'
    return new SourceError('SOURCE_UNAVAILABLE', `${what}: ${text}`, { retryable: true })
  }
  const reason = systemCode(error)
  if (reason === 'UND_ERR_DESTROYED') return closedError()
  const { code, text, retryable = false } = faultOf(reason)
  const suffix = reason === '' ? '' : ` [${reason}]`
  return new SourceError(code, `${what}: ${text}${suffix}`, { retryable })
}

/** The error for a client that was disposed of. */
export const closedError = (): MusterError =>
  new MusterError('CLOSED', 'the web client was closed; make a new one')
