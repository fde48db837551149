import type { Agent, Dispatcher } from 'undici'
import { systemClock } from '../../domain/clock.ts'
import { SourceError } from '../../domain/errors.ts'
import { printed } from '../wording.ts'
import { plainHost } from './allow-list.ts'
import { bodyOf, type Incoming } from './body.ts'
import { createAgent } from './connector.ts'
import { ACCEPTED_ENCODINGS } from './encoding.ts'
import { closedError, failureOf, statusFailure } from './failures.ts'
import { HostQueues } from './host-queues.ts'
import { isHeaderValue, type WebSettings } from './options.ts'
import { Passage } from './passage.ts'
import { Route } from './redirects.ts'
import { shown, targetOf } from './target.ts'
import type { Web, WebAnswer, WebRequest } from './web.ts'

/** RFC 9110, 5.6.2. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/

/** What belongs to the connection, or says whom the request is for: the URL does. */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The caller's headers, with names in small letters. */
function headersOf({ headers = {} }: WebRequest, url: URL): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).map(([name, value]) => {
    const refuse = (problem: string): SourceError =>
      new SourceError('SOURCE_MALFORMED', `${shown(url)}: the header ${printed(name)} ${problem}`)
    if (!HEADER_NAME.test(name)) throw refuse('has a name that no header can have')
    if (RESERVED_HEADERS.has(name.toLowerCase())) throw refuse('cannot be set; leave it out')
    // Its value may be a secret, and one with a line break would be another header.
    if (!isHeaderValue(value)) throw refuse('has a value that cannot be sent; expected one line')
    return [name.toLowerCase(), value] as const
  })
  return Object.fromEntries(entries)
}

function checkMaxBytes({ maxBytes }: WebRequest, url: URL): void {
  // A comparison with NaN is never true, so nothing would be too long.
  if (Number.isSafeInteger(maxBytes) && maxBytes >= 0) return
  throw new SourceError(
    'SOURCE_MALFORMED',
    `${shown(url)}: maxBytes: expected a whole number from 0; got ${printed(maxBytes)}`,
  )
}

/** A header that came several times is one list: RFC 9110, 5.3. */
const plainHeaders = (headers: Dispatcher.ResponseData['headers']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  )

/** Sends requests one hop at a time; what each hop may do is decided by the modules beside it. */
export class WebClient implements Web {
  readonly #settings: WebSettings
  readonly #queues: HostQueues
  #agent: Promise<Agent> | undefined
  #isClosed = false

  constructor(settings: WebSettings) {
    this.#settings = settings
    this.#queues = new HostQueues(settings)
  }

  async request(request: WebRequest): Promise<WebAnswer> {
    request.signal.throwIfAborted()
    const first = targetOf(request.url)
    checkMaxBytes(request, first)
    const route = new Route(first, headersOf(request, first), this.#settings.maxRedirects)
    for (;;) {
      const incoming = await this.#ask(route, request)
      try {
        if (!route.follow(incoming.status, incoming.headers['location'])) {
          return this.#answer(incoming, route, request)
        }
      } catch (error) {
        incoming.passage.end()
        throw error
      }
      incoming.passage.end()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#queues.clear()
    await (await this.#agent)?.destroy()
  }

  /** One request, in its turn, without what its answer means. */
  async #ask({ url, headers }: Route, request: WebRequest): Promise<Incoming> {
    const passage = await this.#enter(url, request.signal)
    const timer = passage.startTimer(this.#settings.timeoutMs)
    try {
      const sent = this.#send(url, headers, request.method ?? 'GET', passage.signal)
      const { statusCode, headers: received, body } = await passage.race(sent)
      return { url, status: statusCode, headers: plainHeaders(received), raw: body, passage }
    } catch (error) {
      passage.end()
      request.signal.throwIfAborted()
      throw failureOf(error, url)
    } finally {
      timer.stop()
    }
  }

  async #enter(url: URL, signal: AbortSignal): Promise<Passage> {
    if (this.#isClosed) throw closedError()
    try {
      return new Passage(signal, await this.#queues.enter(plainHost(url.hostname), signal))
    } catch (error) {
      signal.throwIfAborted()
      throw this.#isClosed ? closedError() : error
    }
  }

  async #send(
    url: URL,
    headers: Readonly<Record<string, string>>,
    method: 'GET' | 'HEAD',
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    this.#agent ??= createAgent(this.#settings)
    const agent = await this.#agent
    if (this.#isClosed) throw closedError()
    return agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method,
      headers: {
        'user-agent': this.#settings.userAgent,
        'accept-encoding': ACCEPTED_ENCODINGS,
        ...headers,
      },
      signal,
    })
  }

  #answer(incoming: Incoming, route: Route, request: WebRequest): WebAnswer {
    const { status, headers, passage, url } = incoming
    const isGood = (status >= 200 && status < 300) || request.accept?.(status) === true
    if (!isGood) throw statusFailure(incoming, systemClock.now())
    const { maxBytes, signal } = request
    const { timeoutMs } = this.#settings
    return {
      url: url.href,
      status,
      headers,
      redirects: route.passed,
      body: bodyOf(incoming, { maxBytes, signal, timeoutMs }),
      close: () => Promise.resolve(passage.end()),
    }
  }
}
