/** A client against the sandbox, with the credentials of a real store. */
import { generateKeyPairSync } from 'node:crypto'
import type { AuthConfig, GithubAuth } from '../../../src/config/auth.ts'
import { createResolver, SecretMask } from '../../../src/config/resolver.ts'
import { createCredentialStore, type Environment } from '../../../src/config/secrets.ts'
import type { TimeProvider } from '../../../src/domain/clock.ts'
import { type Access, connect, createAccess } from '../../../src/sources/github/connect.ts'
import type { EnumerateContext } from '../../../src/sources/source.ts'

/** A clock that stands still until moved; sandbox and client share it. */
export const stoppedClock = (start = Date.parse('2025-01-01T00:00:00Z')) => {
  let now = start
  return {
    now: () => now,
    pass: (ms: number) => {
      now += ms
    },
    passTo: (at: number) => {
      now = Math.max(now, at)
    },
  }
}

/** Tokens as long as GitHub's, so that they are taken out of messages. */
export const tokenOf = (name: string): string => `ghp_${name.padEnd(36, '0')}`

/** A key pair as GitHub makes them: the private key in PKCS#1. */
export const keyPair = (type: 'pkcs1' | 'pkcs8' = 'pkcs1') =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type, format: 'pem' },
  })

export interface AccessOptions {
  readonly baseUrl: string
  readonly clock: TimeProvider
  readonly auth: AuthConfig | GithubAuth
  readonly env?: Environment
  readonly access?: Access
  /** The name of the credential. */
  readonly authRef?: string
  readonly signal?: AbortSignal
}

/** One target's way to a GitHub: what each page begins with. */
export const accessTo = (options: AccessOptions) => {
  const { baseUrl, clock, auth, env = {}, access = createAccess(), authRef = 'ci' } = options
  const entry: AuthConfig = 'type' in auth ? auth : { type: 'github', config: auth }
  const store = createCredentialStore({ [authRef]: entry }, { env })
  const mask = new SecretMask()
  const resolver = createResolver(() => store, mask, clock)
  const target = { name: 'acme', sourceType: 'github', authRef, spec: { baseUrl } }
  let renewals = 0
  const context = (signal = options.signal ?? new AbortController().signal): EnumerateContext => ({
    signal,
    clock,
    authRef,
    credentials: (asked) => {
      if (asked?.renew === true) renewals += 1
      return resolver.resolve(target, asked)
    },
    answers: { get: async () => undefined, set: async () => undefined },
  })
  const open = (signal?: AbortSignal) =>
    connect({ baseUrl, what: `organisation "octo" at ${baseUrl}` }, context(signal), access)
  return {
    mask,
    open,
    get renewals() {
      return renewals
    },
    /** One page's worth: a client of its own, one request. */
    get: async (path: string, signal?: AbortSignal) =>
      (await open(signal)).get(`${baseUrl}${path}`),
    query: async (text: string, signal?: AbortSignal) => (await open(signal)).query(text, {}),
  }
}

/** What a promise was rejected with. */
export const thrownBy = async (promise: Promise<unknown>): Promise<Error> => {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
