import { suggest } from '../sources/wording.ts'
import { AWS_PARTS, type S3Auth, s3Problems } from './aws-auth.ts'
import { isPlainObject } from './plain-data.ts'
import type { Path, Problem } from './problem.ts'
import type { SecretValue } from './secret-value.ts'

export type { SecretValue } from './secret-value.ts'

/** A GitHub App's installation. Its tokens are made when they are needed, and anew before they expire. */
export interface AppConfig {
  /** The App's id, or its client id: a number, or a text that may refer to the environment. */
  readonly appId: number | string
  /** In PEM, as GitHub gives it (PKCS#1) or converted (PKCS#8); `\n` may stand for a line break. */
  readonly privateKey: SecretValue
  /** The last part of the installation's address: a number, or a text that may refer to the environment. */
  readonly installationId: number | string
}

/** How to get GitHub's tokens: exactly one of `token`, `tokens` and `app`. */
export interface GithubAuth {
  readonly token?: SecretValue
  /** A pool: each request goes with the token that has the most left. They should see the same. */
  readonly tokens?: readonly SecretValue[]
  readonly app?: AppConfig
  /**
   * What of each of GitHub's limits is left to others who use the credential:
   * a number of points, or a share such as `'10%'`, which never becomes more
   * than half of a limit. Default: 5%, so 250 of a person's 5,000 points an
   * hour. Without a credential nothing is left.
   */
  readonly reserve?: number | string
}

/** One entry of `auth`: how to get the credentials that targets name by `authRef`. */
export type AuthConfig =
  | { readonly type: 'github'; readonly config: GithubAuth }
  | { readonly type: 's3'; readonly config: S3Auth }
  | { readonly type: 'none' | 'unauthenticated'; readonly config?: Record<string, never> }

/** Entries of `auth` by name. */
export type AuthConfigs = Readonly<Record<string, AuthConfig>>

/** The keys of an auth entry's `config`, by type; true for one that has to be there. */
const AUTH_KEYS: Readonly<Record<AuthConfig['type'], Readonly<Record<string, boolean>>>> = {
  github: { token: false, tokens: false, app: false, reserve: false },
  s3: {
    accessKeyId: false,
    secretAccessKey: false,
    sessionToken: false,
    profile: false,
    webIdentity: false,
    assumeRole: false,
  },
  none: {},
  unauthenticated: {},
}

/** The keys of a GitHub App's mapping. */
const APP_KEYS = ['appId', 'privateKey', 'installationId'] as const

/** The keys of a config that hold a mapping of their own. */
export const CONFIG_PARTS: readonly string[] = ['app', ...Object.keys(AWS_PARTS)]

/** Every key of a config, whatever its type: what config files spell in snake_case. */
export const CONFIG_KEYS: readonly string[] = [
  ...new Set([
    ...Object.values(AUTH_KEYS).flatMap(Object.keys),
    ...APP_KEYS,
    ...Object.values(AWS_PARTS).flatMap(Object.keys),
  ]),
]

const isAuthType = (type: unknown): type is AuthConfig['type'] =>
  typeof type === 'string' && Object.hasOwn(AUTH_KEYS, type)

/**
 * What is wrong with an `auth` mapping; nothing when it is one. Values are
 * never shown, since any of them may be a secret in the wrong place.
 */
export function authProblems(auth: unknown, path: Path = ['auth']): Problem[] {
  if (auth === undefined) return []
  if (!isPlainObject(auth)) {
    return [{ path, message: 'expected a mapping of names to credentials' }]
  }
  return Object.entries(auth).flatMap(([name, entry]) =>
    entryProblems(entry, name, [...path, name]),
  )
}

function entryProblems(entry: unknown, name: string, path: Path): Problem[] {
  if (name.trim() === '' || name.length > 200 || /[\p{Cc}]/u.test(name)) {
    return [{ path, message: 'the name of a credential has to have 1 to 200 printable characters' }]
  }
  if (['__proto__', 'constructor', 'prototype'].includes(name)) {
    return [{ path, message: 'the key is not allowed; use another name' }]
  }
  if (!isPlainObject(entry)) {
    return [{ path, message: 'expected a mapping with type and config' }]
  }
  const problems = unknownKeys(entry, ['type', 'config'], path)
  const { type, config } = entry
  if (!isAuthType(type)) {
    const known = ['github', 's3', 'none']
    const found =
      typeof type === 'string' && type.length < 30 ? `unknown type "${type}"` : 'no type'
    const remedy = typeof type === 'string' ? suggest(type, known) : `; known: ${known.join(', ')}`
    return [...problems, { path: [...path, 'type'], message: `${found}${remedy}` }]
  }
  return [...problems, ...configProblems(config, type, [...path, 'config'])]
}

function configProblems(config: unknown, type: AuthConfig['type'], path: Path): Problem[] {
  const keys = AUTH_KEYS[type]
  const needed = NEEDED[type]
  if (config === undefined && needed === undefined) return []
  if (!isPlainObject(config)) {
    return [{ path, message: `expected a mapping with ${needed ?? 'nothing'}, for type ${type}` }]
  }
  const unknown = unknownKeys(config, Object.keys(keys), path)
  if (type === 'github') return [...unknown, ...githubProblems(config, path)]
  if (type !== 's3') return unknown
  return [...unknown, ...s3Problems(config, path, { secretProblems, unknownKeys, missing })]
}

/** What a config of a type has to have, in words. */
const NEEDED: Readonly<Partial<Record<AuthConfig['type'], string>>> = {
  github: 'one of token, tokens and app',
  s3: 'accessKeyId and secretAccessKey, or one of profile and webIdentity',
}

const missing = (key: string, path: Path): Problem => ({
  path: [...path, key],
  message: `is missing; give it as a reference to the environment, such as \${${key.replace(/[A-Z]/g, '_$&').toUpperCase()}}`,
})

const GITHUB_WAYS = ['token', 'tokens', 'app'] as const

function githubProblems(config: Readonly<Record<string, unknown>>, path: Path): Problem[] {
  const found = GITHUB_WAYS.filter((key) => config[key] !== undefined)
  const ways =
    found.length === 0
      ? [missing('token', path)]
      : found.length === 1
        ? []
        : [
            {
              path,
              message: `give exactly one of token, tokens and app; found ${found.join(' and ')}`,
            },
          ]
  return [
    ...ways,
    ...secretProblems(config['token'], [...path, 'token']),
    ...poolProblems(config['tokens'], [...path, 'tokens']),
    ...appProblems(config['app'], [...path, 'app']),
    ...reserveProblems(config['reserve'], [...path, 'reserve']),
  ]
}

function poolProblems(tokens: unknown, path: Path): Problem[] {
  if (tokens === undefined) return []
  if (!Array.isArray(tokens)) return [{ path, message: 'expected a list of tokens (not shown)' }]
  if (tokens.length === 0) return [{ path, message: 'is an empty list; give at least one token' }]
  return tokens.flatMap((token: unknown, at) =>
    token === undefined || token === null
      ? [{ path: [...path, at], message: 'has no value; expected text or ${NAME}' }]
      : secretProblems(token, [...path, at]),
  )
}

function appProblems(app: unknown, path: Path): Problem[] {
  if (app === undefined) return []
  if (!isPlainObject(app)) {
    return [{ path, message: `expected a mapping with ${APP_KEYS.join(', ')}` }]
  }
  return [
    ...unknownKeys(app, APP_KEYS, path),
    ...APP_KEYS.filter((key) => app[key] === undefined).map((key) => missing(key, path)),
    ...idProblems(app['appId'], [...path, 'appId']),
    ...secretProblems(app['privateKey'], [...path, 'privateKey']),
    ...idProblems(app['installationId'], [...path, 'installationId']),
  ]
}

/** An id is no secret, but what stands in its place may be one. */
function idProblems(id: unknown, path: Path): Problem[] {
  if (id === undefined || (typeof id === 'number' && Number.isSafeInteger(id) && id > 0)) return []
  if (typeof id === 'string') return secretProblems(id, path)
  return [{ path, message: 'expected a whole number above 0, or text such as ${NAME} (not shown)' }]
}

/** The share of a limit that a text such as `10%` means, or undefined. */
const shareOf = (text: string): number | undefined => {
  const share = /^(\d{1,3}(?:\.\d+)?)\s*%$/.exec(text.trim())?.[1]
  return share === undefined || Number(share) > 50 ? undefined : Number(share)
}

function reserveProblems(reserve: unknown, path: Path): Problem[] {
  if (reserve === undefined) return []
  if (typeof reserve === 'number' && Number.isSafeInteger(reserve) && reserve >= 0) return []
  if (typeof reserve === 'string' && shareOf(reserve) !== undefined) return []
  const message =
    'expected a number of points from 0, or a share of the limit up to 50%, such as "10%"'
  return [{ path, message }]
}

/** A reserve that has been checked, as it is handed on. */
export const readReserve = (reserve: number | string): number | `${number}%` =>
  typeof reserve === 'number' ? reserve : `${shareOf(reserve) ?? 0}%`

/** What is wrong with the form of a secret value, without a word of it. */
export function secretProblems(value: unknown, path: Path): Problem[] {
  if (value === undefined || typeof value === 'function') return []
  if (typeof value !== 'string') {
    return [{ path, message: 'expected text (not shown: it may be secret); write it in quotes' }]
  }
  if (value.trim() === '') return [{ path, message: 'is empty; expected text or ${NAME}' }]
  if (value.replaceAll(REFERENCE, '').includes('${')) {
    const message =
      'holds a reference that cannot be read; expected ${NAME} of letters, digits and "_"'
    return [{ path, message }]
  }
  return []
}

/** A reference to an environment variable within a text. */
export const REFERENCE = /\$\{([A-Za-z_]\w*)\}/g

function unknownKeys(entry: object, known: readonly string[], path: Path): Problem[] {
  const unknown = Object.keys(entry).filter((key) => !known.includes(key))
  return unknown.map((key) => ({
    path: [...path, key],
    message: `unknown key${known.length === 0 ? '; this type takes none' : suggest(key, known)}`,
  }))
}
