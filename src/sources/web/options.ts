import { lookup as dnsLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { InvalidInputError } from '../../domain/errors.ts'
import { VERSION } from '../../version.ts'
import { printed } from '../wording.ts'
import { type AllowList, parseAllowList } from './allow-list.ts'

/** How the web client behaves; all of it may be left out. */
export interface WebOptions {
  /**
   * Hosts that may be reached though they are private: a name (`intranet.example`),
   * a name with a port (`127.0.0.1:8080`), or a CIDR (`10.1.0.0/16`). A name is
   * the one in the URL, without wildcards, and may then lead to any address:
   * name only hosts whose DNS you trust. A CIDR is for the addresses that any
   * name leads to. Default: none.
   */
  readonly allow?: readonly string[]
  /** Default: `muster/` and the version. */
  readonly userAgent?: string
  /** Redirects that are followed before a request fails. Default: 10. */
  readonly maxRedirects?: number
  /** Milliseconds for the headers, from the look-up of the name on, and again between two chunks of a body. Default: 30,000. */
  readonly timeoutMs?: number
  /** Requests to one host at the same time, until their bodies are read. Default: 4. */
  readonly maxConcurrencyPerHost?: number
  /** Requests a second to one host, redirects included, evenly spaced; fractions are allowed (0.5 is one in two seconds). Default: no limit. */
  readonly maxRequestsPerSecondPerHost?: number
  /** Resolves names. Default: `dns.lookup` of Node. What it answers is checked, whatever it is. */
  readonly lookup?: LookupFunction
}

/** The options with their defaults, checked. */
export interface WebSettings {
  readonly allow: AllowList
  readonly userAgent: string
  readonly maxRedirects: number
  readonly timeoutMs: number
  readonly maxConcurrencyPerHost: number
  readonly maxRequestsPerSecondPerHost: number | undefined
  readonly lookup: LookupFunction
}

/** What fits into a timer of Node, about 24.8 days; a longer one fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1

/** RFC 9110, 5.5: visible characters and blanks. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

export const isHeaderValue = (value: unknown): value is string =>
  typeof value === 'string' && HEADER_VALUE.test(value)

/** @throws {InvalidInputError} INVALID_OPTIONS, with one line for each fault */
export function settingsOf(options: WebOptions = {}): WebSettings {
  const problems = problemsOf(options)
  if (problems.length > 0) throw new InvalidInputError('INVALID_OPTIONS', problems)
  return {
    allow: parseAllowList(options.allow ?? []),
    userAgent: options.userAgent ?? `muster/${VERSION}`,
    maxRedirects: options.maxRedirects ?? 10,
    timeoutMs: options.timeoutMs ?? 30_000,
    maxConcurrencyPerHost: options.maxConcurrencyPerHost ?? 4,
    maxRequestsPerSecondPerHost: options.maxRequestsPerSecondPerHost,
    lookup: options.lookup ?? dnsLookup,
  }
}

function problemsOf(options: WebOptions): string[] {
  const { userAgent, maxRedirects, timeoutMs, lookup } = options
  const { maxConcurrencyPerHost, maxRequestsPerSecondPerHost: rate } = options
  const problems: string[] = []
  const expect = (name: string, value: unknown, isGood: boolean, expected: string): void => {
    if (value === undefined || isGood) return
    problems.push(`${name}: expected ${expected}; got ${printed(value)}`)
  }
  const isWhole = (value: unknown, min: number, max = MAX_TIMER_MS): boolean =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max
  const isUserAgent = isHeaderValue(userAgent) && userAgent.trim() !== ''
  expect('userAgent', userAgent, isUserAgent, 'a text on one line, such as "my-scanner/1.0"')
  expect('maxRedirects', maxRedirects, isWhole(maxRedirects, 0), 'a whole number from 0')
  expect('timeoutMs', timeoutMs, isWhole(timeoutMs, 1), 'whole milliseconds from 1')
  const isConcurrency = isWhole(maxConcurrencyPerHost, 1)
  expect('maxConcurrencyPerHost', maxConcurrencyPerHost, isConcurrency, 'a whole number from 1')
  const isRate = typeof rate === 'number' && rate > 0 && Number.isFinite(rate)
  expect('maxRequestsPerSecondPerHost', rate, isRate, 'a number above 0, such as 0.5')
  expect('lookup', lookup, typeof lookup === 'function', 'a function like dns.lookup')
  return problems
}
