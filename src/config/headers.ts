import { secretProblems, type SecretValue } from './auth.ts'
import { isPlainObject } from './plain-data.ts'
import type { Path, Problem } from './problem.ts'
import { headerReference } from './secrets.ts'

/** A source part whose header values have become references, and the values to keep in memory. */
export interface HeaderReplacement {
  readonly part: unknown
  readonly values: ReadonlyMap<string, SecretValue>
  readonly problems: readonly Problem[]
}

/**
 * Replaces the values of `headers` in a source part by references, so that no
 * value reaches the database. References stay as they are: a stored spec can
 * be parsed again.
 */
export function replaceHeaders(part: unknown, target: string, path: Path): HeaderReplacement {
  const values = new Map<string, SecretValue>()
  if (!isPlainObject(part) || !isPlainObject(part['headers'])) return { part, values, problems: [] }
  const problems: Problem[] = []
  const headers = new Map<string, unknown>()
  for (const [name, value] of Object.entries(part['headers'])) {
    const header = name.toLowerCase()
    const at = [...path, 'headers', name]
    if (headers.has(header)) {
      problems.push({ path: at, message: 'the header is given twice; header names ignore case' })
    }
    if (isReference(value)) headers.set(header, { $ref: value.$ref })
    else {
      const faults = value == null ? [missingValue(at)] : secretProblems(value, at)
      problems.push(...faults)
      const secret = (faults.length === 0 ? value : '') as SecretValue
      headers.set(header, headerReference(target, header, secret))
      values.set(header, secret)
    }
  }
  return { part: { ...part, headers: Object.fromEntries(headers) }, values, problems }
}

const missingValue = (path: Path): Problem => ({
  path,
  message: 'has no value; expected text or ${NAME}',
})

/** Forms that `headerReference` makes; anything else in a `$ref` could be a secret. */
const isReference = (value: unknown): value is { readonly $ref: string } =>
  isPlainObject(value) &&
  Object.keys(value).length === 1 &&
  typeof value['$ref'] === 'string' &&
  /^(?:env:[A-Za-z_]\w*|target:[^]*#[\w!#$%&'*+.^`|~-]+)$/.test(value['$ref'])
