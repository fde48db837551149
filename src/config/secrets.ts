/**
 * Where secrets are kept: in memory, by name, until something uses them.
 *
 * One mutable store for a whole process would be shorter, and is what made two
 * targets overwrite each other's credentials; a store is one scope instead, and
 * `with` makes another.
 */
import { inspect } from 'node:util'
import { githubCredentials, s3Credentials, unauthenticated } from '../domain/credentials.ts'
import type { TaskCredentials } from '../domain/credentials.ts'
import { InvalidInputError, MusterError } from '../domain/errors.ts'
import {
  authProblems,
  REFERENCE,
  type AuthConfig,
  type AuthConfigs,
  type SecretValue,
} from './auth.ts'
import { formatProblem } from './problem.ts'

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
   *
   * @throws {MusterError} CREDENTIAL_UNAVAILABLE, naming the credential and the variable
   */
  resolve(authRef: string | null, headers?: HeaderReferences): Promise<TaskCredentials>
  /**
   * The values behind a target's headers.
   *
   * @throws {MusterError} CREDENTIAL_UNAVAILABLE, naming the header and the variable
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
  return new MemoryStore(new Map(Object.entries(auth)), new Map(), options.env ?? process.env)
}

/** Private fields keep the secrets out of `JSON.stringify` and `util.inspect`. */
class MemoryStore implements CredentialStore {
  readonly #auth: ReadonlyMap<string, AuthConfig>
  readonly #headers: Map<string, SecretValue>
  readonly #env: Environment

  constructor(
    auth: ReadonlyMap<string, AuthConfig>,
    headers: Map<string, SecretValue>,
    env: Environment,
  ) {
    this.#auth = auth
    this.#headers = headers
    this.#env = env
  }

  get names(): readonly string[] {
    return [...this.#auth.keys()]
  }

  typeOf(name: string): AuthConfig['type'] | undefined {
    return this.#auth.get(name)?.type
  }

  async resolve(authRef: string | null, headers?: HeaderReferences): Promise<TaskCredentials> {
    const credentials = authRef === null ? unauthenticated() : await this.#resolveAuth(authRef)
    if (headers === undefined) return credentials
    const values = { ...credentials.values, headers: await this.resolveHeaders(headers) }
    return { type: credentials.type, values }
  }

  async #resolveAuth(name: string): Promise<TaskCredentials> {
    const auth = this.#auth.get(name)
    if (!auth) {
      const known =
        this.names.length === 0 ? 'no credential is' : `defined: ${this.names.join(', ')}`
      throw unavailable(`credential "${name}" is not defined here (${known}); add it to auth`)
    }
    const read = (key: string, value: SecretValue): Promise<string> =>
      this.#read(`${key} of credential "${name}"`, value)
    if (auth.type === 'github') return githubCredentials(await read('token', auth.config.token))
    if (auth.type !== 's3') return unauthenticated()
    const { accessKeyId, secretAccessKey, sessionToken } = auth.config
    return s3Credentials({
      accessKeyId: await read('accessKeyId', accessKeyId),
      secretAccessKey: await read('secretAccessKey', secretAccessKey),
      ...(sessionToken && { sessionToken: await read('sessionToken', sessionToken) }),
    })
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
    return new MemoryStore(
      new Map([...this.#auth, ...added.#auth]),
      new Map(this.#headers),
      this.#env,
    )
  }

  /** Reads a value; `what` says in a message whose it is. */
  async #read(what: string, value: SecretValue): Promise<string> {
    const text = typeof value === 'function' ? await call(what, value) : this.#expand(what, value)
    if (typeof text === 'string' && text !== '') return text
    throw unavailable(`the ${what} came out empty or not as text; make its function return text`)
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

async function call(what: string, value: () => string | Promise<string>): Promise<string> {
  try {
    return await value()
  } catch (error) {
    // Its message is kept out of ours: it may quote what the vault said. A vault can be back soon.
    const message = `the ${what} could not be read: its function failed`
    throw new MusterError('CREDENTIAL_UNAVAILABLE', message, { retryable: true, cause: error })
  }
}

const unavailable = (message: string): MusterError =>
  new MusterError('CREDENTIAL_UNAVAILABLE', message)
