/**
 * One request to GitHub through Octokit, its answer whole or an error.
 *
 * Octokit's own `paginate` is not used, nor its reading of bodies: when a
 * connection breaks in the middle of a body, `@octokit/request` goes on with
 * what it has, and the pages behind it are lost without an error.
 */
import { MusterError, SourceError } from '../../domain/errors.ts'
import { VERSION } from '../../version.ts'
import type { EnumerateContext } from '../source.ts'
import { resourceOf } from './allowance.ts'
import {
  type Answer,
  httpFailure,
  LimitError,
  malformed,
  refused,
  type Subject,
  unreachable,
} from './classify.ts'
import type { Member } from './credential.ts'
import { queryLimit } from './query-errors.ts'

/** docs.github.com, api-versions: requests without one get whatever is the default then. */
const API_VERSION = '2022-11-28'
/** More redirects than this go round in a circle. */
const MAX_REDIRECTS = 5

export interface Request {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly data?: unknown
  /** With it, an answer of 304 says that nothing has changed. */
  readonly ifNoneMatch?: string | undefined
}

export interface ExchangeOptions {
  readonly baseUrl: string
  readonly subject: Subject
  readonly context: Pick<EnumerateContext, 'signal' | 'clock'>
}

/** GitHub does not take the token. What it says is kept, for whoever finds that no other can be had. */
export class TokenRefusedError extends Error {
  readonly answer: Answer

  constructor(answer: Answer) {
    super('the token was refused')
    this.answer = answer
  }
}

/** Where an answer came from in the end, and what it said: Octokit is handed no body, so that none is copied for it. */
interface Trail {
  url: string
  permanent: boolean
  text: string
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }

const originOf = (url: string): string | undefined => URL.parse(url)?.origin

/** A token must reach neither another host nor, as its answer, be taken for this one's. */
const checkOrigin = (url: string, { baseUrl, subject }: ExchangeOptions): void => {
  if (originOf(url) === originOf(baseUrl)) return
  throw new SourceError(
    'SOURCE_MALFORMED',
    `${subject.what}: refused to go to ${originOf(url) ?? 'a URL that is none'}, which is another host than base_url names; if it is the same server, set base_url to that name`,
  )
}

/** GitHub's tokens have 40 characters and more; a short one, made up for a test server, is part of many a name. */
const SHORTEST_TOKEN = 16

const maskable = (token: string | undefined): token is string =>
  token !== undefined && token.length >= SHORTEST_TOKEN

const REDIRECTS = new Set([301, 302, 307, 308])

/** Where an answer sends its reader, on the same server; a redirect without a place, or of a query, is none to follow. */
const redirectOf = (
  response: Response,
  from: string,
  method: string | undefined,
  options: ExchangeOptions,
): string | undefined => {
  if (!REDIRECTS.has(response.status)) return undefined
  const location = response.headers.get('location')
  const url = location === null ? undefined : URL.parse(location, from)?.href
  if (url === undefined) throw malformed(options.subject, 'a redirect says not where to')
  checkOrigin(url, options)
  if (method === 'GET') return url
  throw malformed(
    options.subject,
    `GitHub redirects queries to ${originOf(url)}; check the path of base_url`,
  )
}

/** Fetches and reads to the end, so that nobody further up can see half an answer. */
const wholeFetch = (member: Member, trail: Trail, options: ExchangeOptions): typeof fetch => {
  const { subject, context } = options
  const { token, governor } = member
  const follow = async (url: string, init: RequestInit | undefined, left: number) => {
    governor.spend(resourceOf(url), context.clock.now())
    // By hand: a redirect to another host must not even be asked for.
    const response = await fetch(url, { ...init, redirect: 'manual' })
    const next = redirectOf(response, url, init?.method, options)
    trail.url = url
    if (next === undefined) return response
    await response.body?.cancel()
    if (left === 0) throw malformed(subject, 'GitHub redirects in a circle')
    // Only a way that is for good from its beginning to its end makes the address an old one.
    trail.permanent &&= response.status === 301 || response.status === 308
    return follow(next, init, left - 1)
  }
  return async (input, init) => {
    const asked = String(input)
    const response = await follow(asked, init, MAX_REDIRECTS)
    trail.permanent &&= trail.url !== asked
    const text = await response.text().catch((error: unknown) => {
      throw malformed(subject, `the answer broke off in the middle (${reasonOf(error)})`)
    })
    // A server or proxy may repeat the request in its answer.
    trail.text = maskable(token) ? text.replaceAll(token, '[token]') : text
    const { status, statusText, headers } = response
    return new Response(null, { status, statusText, headers })
  }
}

/** The system's word for a network failure; the message could hold a header. */
const reasonOf = (error: unknown): string => {
  let inner: unknown = error
  while (inner instanceof Error) {
    if ('code' in inner && typeof inner.code === 'string') return inner.code
    inner = inner.cause
  }
  return 'the connection failed'
}

const parseBody = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

type Received = Pick<Answer, 'status' | 'headers'>

interface Thrown {
  readonly cause?: unknown
  readonly response?: Received
}

/** The answer that Octokit throws an error for. The error holds the request with its headers: none of it is passed on, not as a cause either. */
const answerIn = (thrown: unknown, { subject, context }: ExchangeOptions): Received => {
  context.signal.throwIfAborted()
  if (thrown instanceof MusterError) throw thrown
  const { cause, response } = (thrown ?? {}) as Thrown
  if (cause instanceof MusterError) throw cause
  if (response === undefined) throw unreachable(subject, reasonOf(thrown))
  return response
}

/** Sends a request with a member's token; nothing is judged yet but that there is an answer. */
const send = async (
  request: Request,
  member: Member,
  options: ExchangeOptions,
): Promise<Answer> => {
  const { baseUrl, context } = options
  const { method, url, data, ifNoneMatch } = request
  const trail: Trail = { url, permanent: true, text: '' }
  // Loaded when it is first needed: many hosts never ask GitHub, and it takes a third of a start.
  const { Octokit } = await import('@octokit/rest')
  const octokit = new Octokit({
    auth: member.token,
    baseUrl,
    // GitHub turns requests without one away.
    userAgent: `muster/${VERSION}`,
    log: silent,
    request: {
      fetch: wholeFetch(member, trail, options),
      signal: context.signal,
      log: silent,
      parseSuccessResponseBody: false,
    },
  })
  const headers = {
    'x-github-api-version': API_VERSION,
    ...(ifNoneMatch === undefined ? {} : { 'if-none-match': ifNoneMatch }),
  }
  const asked = { method, url, headers, ...(data === undefined ? {} : { data }) }
  const received: Received = await octokit
    .request(asked)
    .catch((thrown: unknown) => answerIn(thrown, options))
  return {
    status: received.status,
    headers: received.headers,
    body: parseBody(trail.text),
    url: trail.url,
    redirected: trail.permanent,
  }
}

const isGood = ({ status }: Answer, { ifNoneMatch }: Request): boolean =>
  (status >= 200 && status < 300) || (status === 304 && ifNoneMatch !== undefined)

/** What an answer means; an error for all but those that its asker can use. */
const judge = (
  answer: Answer,
  request: Request,
  { subject, context }: ExchangeOptions,
  strikes: number,
): Answer => {
  const moment = { now: context.clock.now(), strikes }
  if (answer.status === 401) {
    throw subject.authenticated ? new TokenRefusedError(answer) : refused(answer, subject)
  }
  if (!isGood(answer, request)) throw httpFailure(answer, subject, moment)
  const limit = queryLimit(answer, subject, moment)
  if (limit) throw limit
  return answer
}

/**
 * Sends a request and tells the token's governor what came of it.
 *
 * @throws {TokenRefusedError} for a 401 to a token
 */
export async function exchange(
  request: Request,
  member: Member,
  options: ExchangeOptions,
): Promise<Answer> {
  checkOrigin(request.url, options)
  const { governor } = member
  const resource = resourceOf(request.url)
  const answer = await send(request, member, options)
  governor.learn(answer, resource)
  try {
    const good = judge(answer, request, options, governor.strikes)
    governor.went()
    return good
  } catch (error) {
    if (error instanceof LimitError) {
      governor.limited(error.retryAt, error.ofResource ? resource : undefined)
    }
    throw error
  }
}
