/** The way to GitHub for all walks of a source: the credential of the moment, within its limits. */
import type { EnumerateContext } from '../source.ts'
import { createClient, type GithubClient } from './client.ts'
import { type Access, type Credential, readCredential } from './credential.ts'

export type { GithubClient } from './client.ts'
export { type Access, createAccess } from './credential.ts'

/** What connecting takes of a context. */
export type ConnectContext = Omit<EnumerateContext, 'answers'>

/** What a client is for. */
export interface Destination {
  readonly baseUrl: string
  /** What is enumerated, for messages: `organisation "acme" at https://api.github.com`. */
  readonly what: string
}

/**
 * A client for the next requests: the credential is resolved now, since tokens
 * expire, and each request goes with the token that has the most left. Cheap:
 * make one for each page.
 *
 * @throws {PauseError} CREDENTIAL_UNAVAILABLE when the credential cannot be had or used.
 *   The client's requests throw it as AUTHENTICATION_FAILED when every token is refused,
 *   and RetryLaterError, with nothing sent, when every token has to wait
 */
export async function connect(
  { baseUrl, what }: Destination,
  context: ConnectContext,
  access: Access,
): Promise<GithubClient> {
  context.signal.throwIfAborted()
  const resolve = async (options?: { readonly renew: boolean }): Promise<Credential> =>
    readCredential(await context.credentials(options), { baseUrl, what, context, access })
  const credential = await resolve()
  const subject = { what, authRef: context.authRef, authenticated: credential.authenticated }
  return createClient({ baseUrl, subject, context, credential, resolve })
}
