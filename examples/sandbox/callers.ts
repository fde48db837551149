/** Who a request comes from, by its token. */
import { type Answer, badCredentials } from './answers.ts'
import { type AppRegistry, looksLikeJwt } from './apps.ts'

/** Whose token it is and what it may do. */
export interface SandboxAccount {
  readonly login: string
  /** Default: `classic`. */
  readonly kind?: 'classic' | 'fine-grained'
  /** A classic token's scopes, told in `x-oauth-scopes`. Default: `ALL_SCOPES`. */
  readonly scopes?: readonly string[]
  /**
   * The organisations with single sign-on that the token was authorised for.
   * Default: none for a classic token; all for a fine-grained one, which
   * GitHub authorises when it is made.
   */
  readonly ssoAuthorised?: readonly string[]
  /** Requests (GraphQL: points) a window, enforced; the account's tokens share it. Default: as `rateLimit`. */
  readonly limit?: number
  readonly expired?: boolean
}

/** What a classic token may do unless told otherwise: read everything that its account may. */
export const ALL_SCOPES = ['gist', 'read:enterprise', 'read:org', 'repo'] as const

/** An app as installed on one account. */
export interface Installation {
  readonly id: number
  readonly appId: number
  /** The login of the account. */
  readonly account: string
  /** Ids of the repositories it was given; `undefined`: all of the account's. */
  readonly selected: ReadonlySet<number> | undefined
}

interface Named {
  /** `login`, `installation:ID`, `app:ID` or `anonymous`: whose allowance is spent. */
  readonly name: string
}

export type Caller = Named &
  (
    | { readonly kind: 'anonymous' }
    /** Of a sandbox that was told of no accounts: sees everything. */
    | { readonly kind: 'any'; readonly login: string }
    | {
        readonly kind: 'account'
        readonly login: string
        /** `undefined` for a fine-grained token, which has no scopes. */
        readonly scopes: readonly string[] | undefined
        /** `undefined`: for every organisation. */
        readonly ssoAuthorised: readonly string[] | undefined
      }
    | { readonly kind: 'installation'; readonly installation: Installation }
    /** With a signed statement in place of a token: may ask for installation tokens. */
    | { readonly kind: 'app'; readonly appId: number }
  )

export const ANONYMOUS: Caller = { kind: 'anonymous', name: 'anonymous' }

const ofAccount = (account: SandboxAccount): Caller => {
  const isClassic = account.kind !== 'fine-grained'
  return {
    kind: 'account',
    name: account.login,
    login: account.login,
    scopes: isClassic ? (account.scopes ?? ALL_SCOPES) : undefined,
    ssoAuthorised: account.ssoAuthorised ?? (isClassic ? [] : undefined),
  }
}

export interface CallersOptions {
  readonly tokens?: readonly string[]
  readonly accounts?: Readonly<Record<string, SandboxAccount>>
}

/** Every token of one sandbox. */
export class Callers {
  readonly #accounts: Map<string, SandboxAccount>
  readonly #accepted: Set<string>
  readonly #revoked = new Set<string>()
  readonly #apps: AppRegistry
  /** Whether a token that nobody spoke of is good. */
  readonly #isOpen: boolean
  readonly #strangers = new Map<string, Caller>()

  constructor(options: CallersOptions, apps: AppRegistry) {
    this.#accounts = new Map(Object.entries(options.accounts ?? {}))
    this.#accepted = new Set(options.tokens)
    this.#apps = apps
    this.#isOpen = !options.tokens && !options.accounts && apps.isEmpty
  }

  /** From now on refused. */
  revoke(token: string): void {
    this.#revoked.add(token)
  }

  /** From now on good, whatever was before. */
  accept(token: string, account?: SandboxAccount): void {
    this.#revoked.delete(token)
    const known = account ?? this.#accounts.get(token)
    if (known) this.#accounts.set(token, { ...known, expired: account?.expired ?? false })
    else this.#accepted.add(token)
  }

  /** @returns the refusal for a token that is not good. */
  resolve(token: string | undefined, now: number): Caller | Answer {
    if (token === undefined) return ANONYMOUS
    if (this.#revoked.has(token)) return badCredentials()
    const account = this.#accounts.get(token)
    if (account) return account.expired ? badCredentials() : ofAccount(account)
    const installation = this.#apps.installationOf(token, now)
    if (installation) {
      return { kind: 'installation', name: `installation:${installation.id}`, installation }
    }
    if (this.#isOpen || this.#accepted.has(token)) return this.#stranger(token)
    if (!this.#apps.isEmpty && looksLikeJwt(token)) return this.#apps.verify(token, now)
    return badCredentials()
  }

  /** Each token of which nothing is known is an account of its own. */
  #stranger(token: string): Caller {
    const name = `viewer-${this.#strangers.size + 1}`
    const caller = this.#strangers.get(token) ?? { kind: 'any', name, login: name }
    this.#strangers.set(token, caller)
    return caller
  }
}
