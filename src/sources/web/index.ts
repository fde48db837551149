/**
 * The one way in which requests go to addresses that come from outside: lists
 * of URLs, sitemaps, redirects. Whoever writes those would otherwise have
 * Muster's host ask its own network, and the cloud that it runs in, for them.
 */
import { WebClient } from './client.ts'
import { settingsOf, type WebOptions } from './options.ts'
import type { Web } from './web.ts'

export type { WebOptions } from './options.ts'
export { hostRefusal } from './refusal.ts'
export type { Web, WebAnswer, WebRequest } from './web.ts'

/**
 * Makes a client. It is cheap until it is first used; dispose of it to close
 * its connections.
 *
 * @throws {InvalidInputError} INVALID_OPTIONS, with one line for each fault
 *
 * @example
 * await using web = createWeb({ maxRequestsPerSecondPerHost: 2 })
 * const answer = await web.request({ url, signal, maxBytes: 50_000_000 })
 * for await (const chunk of answer.body) hash.update(chunk)
 */
export function createWeb(options?: WebOptions): Web {
  return new WebClient(settingsOf(options))
}
