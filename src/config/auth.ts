import { suggest } from '../sources/wording.ts'
import { isPlainObject } from './plain-data.ts'
import type { Path, Problem } from './problem.ts'

/**
 * A secret, or how to get it: the value itself, a text with `${NAME}` in it,
 * which is read from the environment when used, or a function.
 */
export type SecretValue = string | (() => string | Promise<string>)

/** One entry of `auth`: how to get the credentials that targets name by `authRef`. */
export type AuthConfig =
  | { readonly type: 'github'; readonly config: { readonly token: SecretValue } }
  | {
      readonly type: 's3'
      readonly config: {
        readonly accessKeyId: SecretValue
        readonly secretAccessKey: SecretValue
        readonly sessionToken?: SecretValue
      }
    }
  | { readonly type: 'none' | 'unauthenticated'; readonly config?: Record<string, never> }

/** Entries of `auth` by name. */
export type AuthConfigs = Readonly<Record<string, AuthConfig>>

/** The keys of an auth entry's `config`, by type; true for one that has to be there. */
export const AUTH_KEYS: Readonly<Record<AuthConfig['type'], Readonly<Record<string, boolean>>>> = {
  github: { token: true },
  s3: { accessKeyId: true, secretAccessKey: true, sessionToken: false },
  none: {},
  unauthenticated: {},
}

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
  const required = Object.keys(keys).filter((key) => keys[key])
  if (config === undefined && required.length === 0) return []
  if (!isPlainObject(config)) {
    const example = required.length === 0 ? 'nothing' : required.join(' and ')
    return [{ path, message: `expected a mapping with ${example}, for type ${type}` }]
  }
  const missing = required.filter((key) => config[key] === undefined)
  return [
    ...unknownKeys(config, Object.keys(keys), path),
    ...missing.map((key) => ({
      path: [...path, key],
      message: `is missing; give it as a reference to the environment, such as \${${key.replace(/[A-Z]/g, '_$&').toUpperCase()}}`,
    })),
    ...Object.keys(keys).flatMap((key) => secretProblems(config[key], [...path, key])),
  ]
}

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
