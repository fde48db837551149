/**
 * Requests to GitHub through Octokit, each answer whole or an error.
 *
 * Octokit's own `paginate` is not used, nor its reading of bodies: when a
 * connection breaks in the middle of a body, `@octokit/request` goes on with
 * what it has, and the pages behind it are lost without an error.
 */
import { Octokit } from '@octokit/rest'
import { MusterError, RetryLaterError, SourceError } from '../../domain/errors.ts'
import type { EnumerateContext } from '../source.ts'
import {
  type Answer,
  exhaustedUntil,
  httpFailure,
  malformed,
  type Subject,
  unreachable,
} from './classify.ts'
import { VERSION } from '../../version.ts'
import type { Gate } from './gate.ts'
import { queryLimit } from './query-errors.ts'

/** docs.github.com, api-versions: requests without one get whatever is the default then. */
const API_VERSION = '2022-11-28'

export interface ClientOptions {
  readonly baseUrl: string
  readonly token: string | undefined
  readonly subject: Subject
  readonly gate: Gate
  readonly context: Pick<EnumerateContext, 'signal' | 'clock'>
}

/** One credential's access to one GitHub. */
export interface GithubClient {
  readonly baseUrl: string
  readonly subject: Subject
  /** Gets a URL of this GitHub; any other is refused. */
  get(url: string): Promise<Answer>
  query(text: string, variables: Readonly<Record<string, unknown>>): Promise<Answer>
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }

const originOf = (url: string): string | undefined => URL.parse(url)?.origin

/** A token must reach neither another host nor, as its answer, be taken for this one's. */
const checkOrigin = (url: string, { baseUrl, subject }: ClientOptions): void => {
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

/** Fetches and reads to the end, so that nobody further up can see half an answer. */
const wholeFetch = (options: ClientOptions): typeof fetch => {
  const { subject, token } = options
  return async (input, init) => {
    const response = await fetch(input, init)
    checkOrigin(response.url, options)
    const text = await response.text().catch((error: unknown) => {
      throw malformed(subject, `the answer broke off in the middle (${reasonOf(error)})`)
    })
    // A server or proxy may repeat the request in its answer.
    const safe = maskable(token) ? text.replaceAll(token, '[token]') : text
    const { status, statusText, headers } = response
    return new Response(safe === '' ? null : safe, { status, statusText, headers })
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

const readAnswer = async (response: {
  readonly status: number
  readonly headers: Answer['headers']
  readonly data: unknown
}): Promise<Answer> => {
  const { status, headers, data } = response
  const text = data instanceof ReadableStream ? await new Response(data).text() : ''
  return { status, headers, body: parseBody(text) }
}

interface Thrown {
  readonly cause?: unknown
  readonly response?: { status: number; headers: Answer['headers']; data: unknown }
}

/** Octokit's error holds the request with its headers: none of it is passed on, not as a cause either. */
const translate = (thrown: unknown, { subject, context, gate }: ClientOptions): MusterError => {
  const { cause, response } = (thrown ?? {}) as Thrown
  if (cause instanceof MusterError) return cause
  if (response === undefined) return unreachable(subject, reasonOf(thrown))
  const answer = { status: response.status, headers: response.headers, body: response.data }
  return httpFailure(answer, subject, { now: context.clock.now(), strikes: gate.strikes })
}

interface Request {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly data?: unknown
}

const exchange = async (
  octokit: Octokit,
  request: Request & { readonly headers: Record<string, string> },
  options: ClientOptions,
): Promise<Answer> => {
  const { context, gate, subject } = options
  let answer: Answer
  try {
    checkOrigin(request.url, options)
    answer = await readAnswer(await octokit.request({ ...request }))
  } catch (thrown) {
    context.signal.throwIfAborted()
    const error = thrown instanceof MusterError ? thrown : translate(thrown, options)
    if (error instanceof RetryLaterError) gate.limited(error.retryAt)
    throw error
  }
  const limit = queryLimit(answer, subject, { now: context.clock.now(), strikes: gate.strikes })
  if (limit) {
    gate.limited(limit.retryAt)
    throw limit
  }
  gate.went(exhaustedUntil(answer))
  return answer
}

/** An Enterprise Server's GraphQL is beside `/api/v3`, not below it: docs.github.com, enterprise-server, forming-calls-with-graphql. */
export const graphqlUrl = (baseUrl: string): string =>
  baseUrl.endsWith('/api/v3') ? baseUrl.replace(/v3$/, 'graphql') : `${baseUrl}/graphql`

/** A client for as long as the credential is good: make one for each page. */
export function createClient(options: ClientOptions): GithubClient {
  const { baseUrl, token, subject, gate, context } = options
  const octokit = new Octokit({
    auth: token,
    baseUrl,
    // GitHub turns requests without one away.
    userAgent: `muster/${VERSION}`,
    log: silent,
    request: {
      fetch: wholeFetch(options),
      signal: context.signal,
      log: silent,
      parseSuccessResponseBody: false,
    },
  })
  const headers = { 'x-github-api-version': API_VERSION }
  const passOptions = { signal: context.signal, now: () => context.clock.now(), what: subject.what }
  const send = (request: Request): Promise<Answer> =>
    gate.pass(() => exchange(octokit, { ...request, headers }, options), passOptions)
  return {
    baseUrl,
    subject,
    get: (url) => send({ method: 'GET', url }),
    query: (query, variables) =>
      send({ method: 'POST', url: graphqlUrl(baseUrl), data: { query, variables } }),
  }
}
