/**
 * Where secrets are kept: in memory, by name, until something uses them.
 *
 * One mutable store for a whole process would be shorter, and is what made two
 * targets overwrite each other's credentials; a store is one scope instead, and
 * `with` makes another.
 */
import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { systemClock } from '../domain/clock.ts'
import { s3Credentials, unauthenticated } from '../domain/credentials.ts'
import type { TaskCredentials } from '../domain/credentials.ts'
import { InvalidInputError, PauseError } from '../domain/errors.ts'
import type { JsonValue } from '../domain/json.ts'
import {
  type AppConfig,
  authProblems,
  readReserve,
  REFERENCE,
  type AuthConfig,
  type AuthConfigs,
  type GithubAuth,
  type SecretValue,
} from './auth.ts'
import { AwsKeys } from './aws-keys.ts'
import { AppTokens } from './github-app.ts'
import { formatProblem } from './problem.ts'
import type { Reading, ResolveOptions } from './secret-value.ts'

export type { ResolveOptions } from './secret-value.ts'

/** Environment variables, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Headers of a target as its spec stores them. */
export type HeaderReferences = Readonly<Record<string, { readonly $ref: string }>>

/** What is stored in place of a header's value: the variable's name, or a place in memory. */
export function headerReference(
  target: string,
  header: string,
  value: SecretValue,
): { readonly $ref: string } {
  const variable = typeof value === 'string' ? /^\$\{([A-Za-z_]\w*)\}$/.exec(value)?.[1] : undefined
  return { $ref: variable ? `env:${variable}` : `target:${target}#${header.toLowerCase()}` }
}

/** The credentials of one scope: a Muster instance, or one target of it. */
export interface CredentialStore {
  /** The names that a target's `authRef` can have. */
  readonly names: readonly string[]
  /** The type of a credential, or undefined where the name is not known. */
  typeOf(name: string): AuthConfig['type'] | undefined
  /**
   * The credentials at this moment; call it for each use, since tokens expire.
   * `null` is a target without credentials; its headers travel in `values.headers`.
   * For GitHub, `values.token` is what a scanner uses; of a pool the tokens take
   * turns there, and all are in `values.tokens`. The rest is for the source:
   * what is to be left to others, when a token was made and ends, and `identity`,
   * which stays the same when a token is renewed.
   *
   * @throws {PauseError} CREDENTIAL_UNAVAILABLE, naming the credential and the variable;
   *   AUTHENTICATION_FAILED when GitHub refuses an App
   */
  resolve(
    authRef: string | null,
    headers?: HeaderReferences,
    options?: ResolveOptions,
  ): Promise<TaskCredentials>
  /**
   * The values behind a target's headers.
   *
   * @throws {PauseError} CREDENTIAL_UNAVAILABLE, naming the header and the variable
   */
  resolveHeaders(headers: HeaderReferences): Promise<Record<string, string>>
  /** Keeps a header's value, and returns the reference that may be stored in its place. */
  registerHeader(target: string, header: string, value: SecretValue): { readonly $ref: string }
  /** Whether it has what a target names, so that it can be resolved; a variable may still be unset. */
  has(authRef: string | null, headers?: HeaderReferences): boolean
  /** A new store with more credentials; a name given twice means the new one. This store stays as it is. */
  with(auth: AuthConfigs | undefined): CredentialStore
}

/**
 * Makes a store of credentials.
 *
 * @param env where `${NAME}` is looked up when a credential is used; `process.env` unless told
 * @throws {InvalidInputError} INVALID_OPTIONS for an entry that is not a credential
 */
export function createCredentialStore(
  auth: AuthConfigs = {},
  options: { readonly env?: Environment | undefined } = {},
): CredentialStore {
  const problems = authProblems(auth)
  if (problems.length > 0)
    throw new InvalidInputError('INVALID_OPTIONS', problems.map(formatProblem))
  return new MemoryStore({
    auth: new Map(Object.entries(auth)),
    headers: new Map(),
    env: options.env ?? process.env,
    appTokens: new AppTokens(),
    awsKeys: new AwsKeys(),
  })
}

interface Contents {
  readonly auth: ReadonlyMap<string, AuthConfig>
  readonly headers: Map<string, SecretValue>
  readonly env: Environment
  readonly appTokens: AppTokens
  readonly awsKeys: AwsKeys
}

/** GitHub's own API: docs.github.com, getting-started-with-the-rest-api. */
const GITHUB_API = 'https://api.github.com'

/** Functions that give secrets, numbered: they have no other name. */
const providers = new WeakMap<object, number>()
let providerCount = 0

/** What a secret value is known by whatever it gives; it tells nothing of a secret that is written out. */
function identityOf(name: string, value: SecretValue): string {
  if (typeof value === 'string') {
    const hash = createHash('sha256')
      .update(JSON.stringify([name, value]))
      .digest('hex')
    return `text:${hash.slice(0, 16)}`
  }
  const number = providers.get(value) ?? (providerCount += 1)
  providers.set(value, number)
  return `provider:${number}`
}

/** Private fields keep the secrets out of `JSON.stringify` and `util.inspect`. */
class MemoryStore implements CredentialStore {
  readonly #auth: ReadonlyMap<string, AuthConfig>
  readonly #headers: Map<string, SecretValue>
  readonly #env: Environment
  readonly #appTokens: AppTokens
  readonly #awsKeys: AwsKeys
  /** How often each pool was resolved, for its tokens to take turns. */
  readonly #turns = new Map<string, number>()

  constructor({ auth, headers, env, appTokens, awsKeys }: Contents) {
    this.#auth = auth
    this.#headers = headers
    this.#env = env
    this.#appTokens = appTokens
    this.#awsKeys = awsKeys
  }

  get names(): readonly string[] {
    return [...this.#auth.keys()]
  }

  typeOf(name: string): AuthConfig['type'] | undefined {
    return this.#auth.get(name)?.type
  }

  async resolve(
    authRef: string | null,
    headers?: HeaderReferences,
    options: ResolveOptions = {},
  ): Promise<TaskCredentials> {
    const credentials =
      authRef === null ? unauthenticated() : await this.#resolveAuth(authRef, options)
    if (headers === undefined) return credentials
    const values = { ...credentials.values, headers: await this.resolveHeaders(headers) }
    return { type: credentials.type, values }
  }

  async #resolveAuth(name: string, options: ResolveOptions): Promise<TaskCredentials> {
    const auth = this.#auth.get(name)
    if (!auth) {
      const known =
        this.names.length === 0 ? 'no credential is' : `defined: ${this.names.join(', ')}`
      throw unavailable(`credential "${name}" is not defined here (${known}); add it to auth`)
    }
    const read = (key: string, value: SecretValue): Promise<string> =>
      this.#read(`${key} of credential "${name}"`, value, options)
    if (auth.type === 'github') {
      const { reserve } = auth.config
      const values = await this.#githubValues(name, auth.config, { read, options })
      if (reserve !== undefined) values['reserve'] = readReserve(reserve)
      return { type: 'GITHUB', values }
    }
    if (auth.type !== 's3') return unauthenticated()
    return s3Credentials(await this.#awsKeys.resolve(name, auth.config, { read, options }))
  }

  async #githubValues(
    name: string,
    { token, tokens, app }: GithubAuth,
    { read, options }: Reading,
  ): Promise<Record<string, JsonValue>> {
    if (app !== undefined) return this.#appValues(name, app, { read, options })
    if (tokens !== undefined) return this.#poolValues(name, tokens, read)
    if (token === undefined) return {}
    const value = await read('token', token)
    // A text gives the same token for as long as the process runs, and needs no other name.
    if (typeof token === 'string') return { token: value }
    return { token: value, identity: identityOf(name, token) }
  }

  /** A token that cannot be read is left out, as long as there is another. */
  async #poolValues(
    name: string,
    values: readonly SecretValue[],
    read: Reading['read'],
  ): Promise<Record<string, JsonValue>> {
    const results = await Promise.allSettled(
      values.map(async (value, at) => ({
        token: await read(`tokens[${at}]`, value),
        identity: identityOf(name, value),
      })),
    )
    const found = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const turn = this.#turns.get(name) ?? 0
    this.#turns.set(name, turn + 1)
    const next = found[turn % found.length]
    if (next === undefined) throw results.find((one) => one.status === 'rejected')?.reason
    return {
      token: next.token,
      tokens: found.map(({ token }) => token),
      identities: found.map(({ identity }) => identity),
    }
  }

  async #appValues(
    name: string,
    app: AppConfig,
    { read, options }: Reading,
  ): Promise<Record<string, JsonValue>> {
    const { baseUrl = GITHUB_API, clock = systemClock, renew = false } = options
    const appId = await this.#readId(`appId of credential "${name}"`, app.appId, APP_ID)
    const where = `installationId of credential "${name}"`
    const installationId = await this.#readId(where, app.installationId, INSTALLATION_ID)
    const privateKey = await read('privateKey', app.privateKey)
    options.remember?.(privateKey.replaceAll('\\n', '\n'))
    const installation = { appId, installationId, privateKey, name }
    const minted = await this.#appTokens.get(installation, { baseUrl, clock, renew })
    options.remember?.(minted.token)
    return { ...minted, identity: `app:${appId}:${installationId}` }
  }

  async #readId(what: string, value: number | string, form: RegExp): Promise<string> {
    const id = await this.#read(what, String(value), {})
    if (form.test(id)) return id
    throw unavailable(`the ${what} is not an id (not shown); give the number that GitHub shows`)
  }

  async resolveHeaders(headers: HeaderReferences): Promise<Record<string, string>> {
    const entries: [string, string][] = []
    for (const [header, { $ref }] of Object.entries(headers)) {
      const value = await this.#read(`header "${header}"`, this.#headerValue(header, $ref))
      if (/[\r\n\0]/.test(value)) {
        throw unavailable(`header "${header}" has a line break in its value; take it out`)
      }
      entries.push([header, value])
    }
    return Object.fromEntries(entries)
  }

  #headerValue(header: string, ref: string): SecretValue {
    const variable = /^env:(.+)$/s.exec(ref)?.[1]
    if (variable !== undefined) return `\${${variable}}`
    const value = this.#headers.get(ref)
    if (value !== undefined) return value
    throw unavailable(
      `the value of header "${header}" (${ref}) is not in memory: it was written out in a config ` +
        'that this process has not loaded; load that config, or write the value as ${NAME}',
    )
  }

  has(authRef: string | null, headers: HeaderReferences = {}): boolean {
    const known = authRef === null || this.#auth.has(authRef)
    return (
      known &&
      Object.values(headers).every(({ $ref }) => $ref.startsWith('env:') || this.#headers.has($ref))
    )
  }

  registerHeader(target: string, header: string, value: SecretValue): { readonly $ref: string } {
    const reference = headerReference(target, header, value)
    this.#headers.set(reference.$ref, value)
    return reference
  }

  with(auth: AuthConfigs | undefined): CredentialStore {
    const added = createCredentialStore(auth) as MemoryStore
    return new MemoryStore({
      auth: new Map([...this.#auth, ...added.#auth]),
      headers: new Map(this.#headers),
      env: this.#env,
      appTokens: this.#appTokens,
      awsKeys: this.#awsKeys,
    })
  }

  /** Reads a value; `what` says in a message whose it is. */
  async #read(what: string, value: SecretValue, options: ResolveOptions = {}): Promise<string> {
    const text =
      typeof value === 'function'
        ? await call(what, value, options.renew === true)
        : this.#expand(what, value)
    if (typeof text !== 'string' || text === '') {
      throw unavailable(`the ${what} came out empty or not as text; make its function return text`)
    }
    options.remember?.(text)
    return text
  }

  #expand(what: string, value: string): string {
    return value.replaceAll(REFERENCE, (_match, name: string) => {
      const found = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined
      if (found) return found
      const state = found === '' ? 'empty' : 'not set'
      throw unavailable(
        `the ${what} needs the environment variable ${name}, which is ${state}; export it and start again`,
      )
    })
  }

  toString(): string {
    return `CredentialStore(${this.names.join(', ')})`
  }

  toJSON(): { readonly names: readonly string[] } {
    return { names: this.names }
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

/** A number, or a client id such as `Iv23liABC`, which GitHub takes as well. */
const APP_ID = /^(?:\d{1,15}|Iv[\w.]{4,40})$/
const INSTALLATION_ID = /^\d{1,15}$/

async function call(
  what: string,
  value: Exclude<SecretValue, string>,
  renew: boolean,
): Promise<string> {
  try {
    return await value({ renew })
  } catch (error) {
    // Its message is kept out of ours: it may quote what the vault said.
    const message = `the ${what} could not be read: its function failed`
    throw new PauseError('CREDENTIAL_UNAVAILABLE', message, { cause: error })
  }
}

const unavailable = (message: string): PauseError =>
  new PauseError('CREDENTIAL_UNAVAILABLE', message)
