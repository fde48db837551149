/**
 * What a refusal from GitHub means. The order matters: a rate limit is told
 * apart before a missing permission, since both may be a 403, and a limit that
 * is read as "no access" looks like repositories that are gone.
 *
 * https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
 */
import type { ShortfallCode } from '../../../machines/index.ts'
import { type ErrorCode, PauseError, RetryLaterError, SourceError } from '../../domain/errors.ts'

/** A response as far as its meaning goes. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number | undefined>>
  /** The JSON of the body, or its text where it is none. */
  readonly body: unknown
  /** Where it came from, which is another address than was asked for after a redirect. */
  readonly url?: string
  /** Whether it was redirected for good: the address that was asked for is an old one. */
  readonly redirected?: boolean
}

/** Who asked for what; all of it may appear in messages. */
export interface Subject {
  /** `organisation "octokit" at https://api.github.com` */
  readonly what: string
  /** The name of the credential, never its value. */
  readonly authRef: string | null
  readonly authenticated: boolean
}

export interface Moment {
  readonly now: number
  /** How many requests in a row were limited before this one. */
  readonly strikes: number
}

/** "At least one minute, then exponentially more": rate-limits-for-the-rest-api, "Exceeding the rate limit". */
const UNTOLD_WAIT_MS = 60_000
const MAX_UNTOLD_DOUBLINGS = 6
/** The reset is told in whole seconds; the second itself is still limited. */
export const RESET_MARGIN_MS = 1_000

/** The last is what GitHub says, to all that comes, after several refused tokens. */
export const LIMIT_MESSAGE = /rate limit|abuse detection|login attempts exceeded/i

export const headerOf = (answer: Answer, name: string): string | undefined => {
  const value = answer.headers[name]
  return value === undefined ? undefined : String(value)
}

export const field = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined

/** GitHub's own words, cut where they would flood a log. */
export const messageOf = (body: unknown): string => {
  const message = field(body, 'message')
  return typeof message === 'string' ? message.slice(0, 300) : ''
}

/** When the allowance is renewed, where the answer says that it is spent. */
export function exhaustedUntil(answer: Answer): number | undefined {
  const reset = Number(headerOf(answer, 'x-ratelimit-reset') ?? Number.NaN)
  const spent = headerOf(answer, 'x-ratelimit-remaining') === '0' && Number.isFinite(reset)
  return spent ? reset * 1000 + RESET_MARGIN_MS : queryExhaustedUntil(answer.body)
}

/** The same from a query's `rateLimit`: some Enterprise Servers send no such headers. */
const queryExhaustedUntil = (body: unknown): number | undefined => {
  const limit = field(field(body, 'data'), 'rateLimit')
  if (field(limit, 'remaining') !== 0) return undefined
  const reset = Date.parse(String(field(limit, 'resetAt')))
  return Number.isFinite(reset) ? reset + RESET_MARGIN_MS : undefined
}

/** `Retry-After` comes in seconds from GitHub, as a date from some proxies. */
const retryAfter = (answer: Answer, now: number): number | undefined => {
  const text = headerOf(answer, 'retry-after')
  if (text === undefined) return undefined
  const at = /^\d+$/.test(text.trim()) ? now + Number(text) * 1000 : Date.parse(text)
  return Number.isFinite(at) ? at : undefined
}

interface LimitEnd {
  readonly at: number
  readonly told: boolean
}

const limitEnd = (answer: Answer, { now, strikes }: Moment): LimitEnd => {
  const untold = now + UNTOLD_WAIT_MS * 2 ** Math.min(strikes, MAX_UNTOLD_DOUBLINGS)
  const told = retryAfter(answer, now) ?? exhaustedUntil(answer)
  // A time that has passed by our clock, though the limit holds, tells nothing.
  return told !== undefined && told > now ? { at: told, told: true } : { at: untold, told: false }
}

/** GitHub turned a request away for having had too many. */
export class LimitError extends RetryLaterError {
  /** Whether only the allowance of one resource is spent; a secondary limit is for all of them. */
  readonly ofResource: boolean

  constructor(message: string, retryAt: number, ofResource: boolean) {
    super(message, retryAt)
    this.ofResource = ofResource
  }
}

export const limitedError = (answer: Answer, subject: Subject, moment: Moment): LimitError => {
  const { at, told } = limitEnd(answer, moment)
  const remedy = subject.authenticated ? '' : '; a token raises the limit from 60 an hour to 5,000'
  const ofResource =
    headerOf(answer, 'retry-after') === undefined && exhaustedUntil(answer) !== undefined
  return new LimitError(
    `${subject.what}: rate limited by GitHub (${answer.status}) until ${new Date(at).toISOString()}${told ? '' : ' at least'}${remedy}`,
    at,
    ofResource,
  )
}

const isHttpLimit = (answer: Answer): boolean => {
  if (answer.status === 429) return true
  if (answer.status !== 403) return false
  return (
    headerOf(answer, 'retry-after') !== undefined ||
    exhaustedUntil(answer) !== undefined ||
    LIMIT_MESSAGE.test(messageOf(answer.body))
  )
}

/** What a message calls the credential. */
export const credentialName = ({ authRef }: Pick<Subject, 'authRef'>): string =>
  authRef === null ? 'the credential' : `the credential "${authRef}"`

/** The page to visit; what follows "?" is a key to it and stays out of messages. */
export const ssoPage = (header: string): string => {
  const url = URL.parse(/url=([^;\s]+)/.exec(header)?.[1] ?? '')
  return url ? `${url.origin}${url.pathname}` : 'https://github.com/settings/tokens'
}

/** The page was too much for the server: a smaller one may not be. */
export class PageTooLargeError extends SourceError {}

export interface Meaning {
  readonly code: ErrorCode
  readonly text: string
  readonly retryable?: boolean
}

export const ssoRequired = (subject: Subject, page: string): Meaning => ({
  code: 'SSO_REQUIRED',
  text: `${credentialName(subject)} is not authorised for the organisation's single sign-on; authorise it at ${page}`,
})

export const notFound = (subject: Subject): Meaning => ({
  code: 'NOT_FOUND',
  text: `unknown, renamed, or not visible ${subject.authenticated ? `to ${credentialName(subject)}` : 'without a credential'}; check the spelling, whether it is an org or a user, and what the token may read`,
})

/** about-ip-allow-lists: the organisation lets in listed addresses only, whatever the token may do. */
const ALLOW_LIST_MESSAGE = /\bIP allow list\b/i

export const forbidden = (subject: Subject, message: string, needs = ''): Meaning => {
  if (ALLOW_LIST_MESSAGE.test(message)) {
    const text = `the organisation does not let this machine's address in (${message}); have the address added to its IP allow list`
    return { code: 'FORBIDDEN', text }
  }
  return {
    code: 'FORBIDDEN',
    text: `${credentialName(subject)} lacks a permission (${message || 'no reason given'})${needs && `; needed is ${needs}`}; grant the token read access to the repositories' metadata`,
  }
}

/** A token that is refused; nothing is wrong with the place, so that the session can go on once it is replaced. */
export const refused = (answer: Answer, subject: Subject): PauseError => {
  const reason = messageOf(answer.body) || 'no reason given'
  const text = subject.authenticated
    ? `${credentialName(subject)} was refused (${reason}); check that the token is whole, not expired and not revoked`
    : `GitHub wants a credential (${reason}); name one with auth_ref`
  return new PauseError('AUTHENTICATION_FAILED', `${subject.what}: ${text} [${answer.status}]`)
}

const httpMeaning = (answer: Answer, subject: Subject): Meaning => {
  const { status } = answer
  const message = messageOf(answer.body)
  const sso = headerOf(answer, 'x-github-sso') ?? ''
  if (status === 403 && sso.startsWith('required')) return ssoRequired(subject, ssoPage(sso))
  if (status === 403) {
    return forbidden(subject, message, headerOf(answer, 'x-accepted-github-permissions'))
  }
  if (status === 404) return notFound(subject)
  if (status === 410) {
    return { code: 'GONE', text: `gone for good (${message}); remove it from the job` }
  }
  if (status === 451) {
    return { code: 'DMCA', text: `blocked for legal reasons (${message}); remove it from the job` }
  }
  if (status === 422) {
    const text = `GitHub no longer takes this position in the listing (${message}); start a new session`
    return { code: 'SOURCE_CHANGED', text }
  }
  if (status >= 500 || status === 408) {
    return {
      code: 'SOURCE_UNAVAILABLE',
      text: 'GitHub failed; trying again may help',
      retryable: true,
    }
  }
  return { code: 'SOURCE_MALFORMED', text: `unexpected answer ${message}`, retryable: true }
}

export const toError = (meaning: Meaning, subject: Subject, status: number | string): SourceError =>
  new SourceError(meaning.code, `${subject.what}: ${meaning.text} [${status}]`, {
    retryable: meaning.retryable ?? false,
  })

/** GitHub ends a query that takes longer than 10 s with one of these: rate-limits-and-query-limits-for-the-graphql-api. */
const tooLarge = (subject: Subject, status: number): PageTooLargeError =>
  new PageTooLargeError(
    'SOURCE_UNAVAILABLE',
    `${subject.what}: GitHub failed or took too long; trying again, or a smaller per_page, may help [${status}]`,
    { retryable: true },
  )

const SHORTFALLS: Partial<Record<ErrorCode, ShortfallCode>> = {
  SSO_REQUIRED: 'sso',
  FORBIDDEN: 'forbidden',
  NOT_FOUND: 'not_found',
  GONE: 'gone',
  DMCA: 'dmca',
}

/** The shortfall that it is when a part of the place, though not the whole of it, fails with this error; undefined for an error that is none. */
export function shortfallCodeOf(error: unknown): ShortfallCode | undefined {
  return error instanceof SourceError ? SHORTFALLS[error.code] : undefined
}

/** The error for an answer whose status is not a success. */
export function httpFailure(
  answer: Answer,
  subject: Subject,
  moment: Moment,
): LimitError | PauseError | SourceError {
  if (isHttpLimit(answer)) return limitedError(answer, subject, moment)
  if (answer.status === 401) return refused(answer, subject)
  if (answer.status === 502 || answer.status === 504) return tooLarge(subject, answer.status)
  return toError(httpMeaning(answer, subject), subject, answer.status)
}

/** The error for an answer that cannot be a page, whatever its status says. */
export function malformed(subject: Subject, problem: string): SourceError {
  return new SourceError('SOURCE_MALFORMED', `${subject.what}: ${problem}; trying again may help`, {
    retryable: true,
  })
}

/** The error for a request that got no answer at all. */
export function unreachable(subject: Subject, reason: string): SourceError {
  const text = `no answer from GitHub (${reason}); check base_url and the network, or try again`
  return new SourceError('SOURCE_UNAVAILABLE', `${subject.what}: ${text}`, { retryable: true })
}
