/**
 * Config files spell keys in snake_case, specs in camelCase. Only keys that a
 * schema knows are respelled: what stands in `metadata` and `headers` is the
 * user's own.
 */
import type { AnySource } from '../sources/source.ts'
import { CONFIG_KEYS, CONFIG_PARTS } from './auth.ts'
import { toCamel, toSnake } from './names.ts'
import { isPlainObject } from './plain-data.ts'
import type { Path, Problem } from './problem.ts'
import { knownKeys } from './schema-keys.ts'
import { TARGET_KEYS } from '../domain/session-state.ts'

/** Something from a file in camelCase, and the keys that were in camelCase already. */
export interface Respelled {
  readonly value: unknown
  readonly problems: readonly Problem[]
}

/** A target of a file as a target spec. */
export function respellTarget(
  target: unknown,
  sources: ReadonlyMap<string, AnySource>,
  path: Path,
): Respelled {
  const outer = respellKeys(target, TARGET_KEYS, path)
  if (!isPlainObject(outer.value)) return outer
  const problems = [...outer.problems]
  const entries = Object.entries(outer.value).map(([key, value]) => {
    const source = sources.get(key)
    if (!source) return [key, value]
    const part = respellPart(value, source, { path: [...path, key], inner: [] })
    problems.push(...part.problems)
    return [key, part.value]
  })
  return { value: Object.fromEntries(entries), problems }
}

/** The `auth` of a file as auth configs. */
export function respellAuth(auth: unknown): Respelled {
  if (!isPlainObject(auth)) return { value: auth, problems: [] }
  const problems: Problem[] = []
  const entries = Object.entries(auth).map(([name, entry]) => {
    if (!isPlainObject(entry)) return [name, entry]
    const config = respellConfig(entry['config'], ['auth', name, 'config'])
    problems.push(...config.problems)
    return [name, 'config' in entry ? { ...entry, config: config.value } : entry]
  })
  return { value: Object.fromEntries(entries), problems }
}

/** Respells a credential's config, and the mappings within it, such as a GitHub App. */
function respellConfig(config: unknown, path: Path): Respelled {
  const outer = respellKeys(config, CONFIG_KEYS, path)
  if (!isPlainObject(outer.value)) return outer
  const problems = [...outer.problems]
  const entries = Object.entries(outer.value).map(([key, value]) => {
    if (!CONFIG_PARTS.includes(key)) return [key, value]
    const inner = respellKeys(value, CONFIG_KEYS, [...path, key])
    problems.push(...inner.problems)
    return [key, inner.value]
  })
  return { value: Object.fromEntries(entries), problems }
}

/** Respells a source's part and the mappings within it, as deep as the schema tells of keys. */
function respellPart(
  part: unknown,
  source: AnySource,
  at: { readonly path: Path; readonly inner: Path },
): Respelled {
  const known = knownKeys(source, at.inner)
  if (known === undefined) {
    // A schema that does not tell: its own keys are taken to be camelCase, one level deep.
    return at.inner.length === 0
      ? { value: respellAll(part), problems: [] }
      : { value: part, problems: [] }
  }
  const outer = respellKeys(part, known, at.path)
  if (!isPlainObject(outer.value)) return outer
  const problems = [...outer.problems]
  const entries = Object.entries(outer.value).map(([key, value]) => {
    if (!known.includes(key) || !isPlainObject(value)) return [key, value]
    const within = { path: [...at.path, key], inner: [...at.inner, key] }
    const respelled = respellPart(value, source, within)
    problems.push(...respelled.problems)
    return [key, respelled.value]
  })
  return { value: Object.fromEntries(entries), problems }
}

function respellKeys(value: unknown, known: readonly string[], path: Path): Respelled {
  if (!isPlainObject(value)) return { value, problems: [] }
  const problems: Problem[] = []
  const entries: [string, unknown][] = []
  for (const [key, inner] of Object.entries(value)) {
    if (known.includes(key) && toSnake(key) !== key) {
      // One spelling only: with two, the same key could be given twice.
      const message = `unknown key; did you mean "${toSnake(key)}"?`
      problems.push({ path: [...path, key], message })
    }
    entries.push([known.includes(toCamel(key)) ? toCamel(key) : key, inner])
  }
  return { value: Object.fromEntries(entries), problems }
}

const respellAll = (value: unknown): unknown =>
  isPlainObject(value)
    ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [toCamel(key), inner]))
    : value
