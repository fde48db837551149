import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { JsonRecord, JsonValue } from '../domain/json.ts'
import { carriesCredentials, maskCredentials } from '../sources/redact.ts'
import type { AnySource } from '../sources/source.ts'
import { printed, suggest } from '../sources/wording.ts'
import type { SecretValue } from './auth.ts'
import { replaceHeaders } from './headers.ts'
import { resolveListFiles } from './list-files.ts'
import { isPlainObject, plainDataProblems } from './plain-data.ts'
import type { Path, Problem } from './problem.ts'
import { knownKeys } from './schema-keys.ts'

/** A source's own part of a target spec, parsed; without a spec, the problems say why. */
export interface SourcePart {
  readonly spec?: JsonRecord
  /** Header values, to be kept in memory. */
  readonly headers: ReadonlyMap<string, SecretValue>
  readonly problems: readonly Problem[]
}

/** Parses a source's part with the source's schema, and makes sure that what comes out may be stored. */
export function readSourcePart(
  input: unknown,
  context: {
    readonly source: AnySource
    /** The target's name, which references to headers carry. */
    readonly target: string
    readonly folder?: string | undefined
  },
): SourcePart {
  const { source, target, folder = process.cwd() } = context
  const path = [source.type]
  if (!isPlainObject(input)) {
    const message = `expected a mapping that says what to enumerate; got ${printed(input)}`
    return { headers: new Map(), problems: [{ path, message }] }
  }
  const { part, values, problems } = replaceHeaders(input, target, path)
  const result = source.spec['~standard'].validate(part)
  if (result instanceof Promise) {
    // A schema that throws while it parses may try again like this; nobody waits for what comes of it.
    result.catch(() => undefined)
    const message = `the spec schema of source "${source.type}" is asynchronous, which is not supported; make it synchronous`
    return { headers: values, problems: [...problems, { path, message }] }
  }
  if (result.issues) {
    const faults = result.issues.flatMap((issue) => issueProblems(issue, part, source))
    return { headers: values, problems: [...problems, ...faults] }
  }
  const output = storable(result.value, path)
  if (!output.spec) return { headers: values, problems: [...problems, ...output.problems] }
  const listed = resolveListFiles(output.spec, folder, path)
  return { spec: listed.spec, headers: values, problems: [...problems, ...listed.problems] }
}

/** A schema's issue as problems in our words; a key that nobody knows is one problem each. */
function issueProblems(issue: StandardSchemaV1.Issue, part: unknown, source: AnySource): Problem[] {
  const inner = (issue.path ?? []).map((step) => {
    const key = typeof step === 'object' ? step.key : step
    return typeof key === 'number' ? key : String(key)
  })
  const path = [source.type, ...inner]
  const { code, keys } = issue as { code?: unknown; keys?: unknown }
  if (code === 'unrecognized_keys' && Array.isArray(keys)) {
    const known = knownKeys(source, inner) ?? []
    return keys.map((key) => ({
      path: [...path, String(key)],
      message: `unknown key${suggest(String(key), known)}`,
    }))
  }
  const value = inner.reduce<unknown>(
    (at, key) => (at as Readonly<Record<string, unknown>> | undefined)?.[key],
    part,
  )
  return [{ path, message: reworded(issue.message, value, inner) }]
}

const SECRET_NAME = /token|secret|passw|key$|auth|credential|cookie|header/i

function reworded(message: string, value: unknown, path: Path): string {
  const expected = /^Invalid input: (expected .+?)(?:, received .*)?$/s.exec(message)?.[1]
  if (value === undefined && expected) return `is missing; ${expected}`
  const text = expected ?? message
  const leaf = typeof value !== 'object' || value === null
  const secret = path.some((part) => SECRET_NAME.test(String(part)))
  const shown = printed(value)
  if (path.length === 0 || !leaf || secret || text.includes(shown)) return text
  const quotes = expected === 'expected string' ? '; write it in quotes' : ''
  return `${text}; got ${shown}${quotes}`
}

/** A schema's output as the JSON that will be stored, or why it may not be. */
function storable(output: unknown, path: Path): { spec?: JsonRecord; problems: Problem[] } {
  if (!isPlainObject(output)) {
    const message = `the spec schema has to give a plain object; it gave ${printed(output)}`
    return { problems: [{ path, message }] }
  }
  const { repoList } = output
  const spec = Array.isArray(repoList)
    ? // A repository is the same one whoever clones it, so its address can do without them.
      { ...output, repoList: repoList.map((entry) => maskCredentials(String(entry))) }
    : output
  const problems = [...plainDataProblems(spec, path), ...credentialProblems(spec, path)]
  if (problems.length > 0) return { problems }
  // Drops keys that are undefined, which JSON does not have.
  return { spec: JSON.parse(JSON.stringify(spec)) as JsonRecord, problems: [] }
}

function credentialProblems(value: unknown, path: Path): Problem[] {
  if (typeof value === 'string' && carriesCredentials(value) && !path.includes('repoList')) {
    const message =
      'carries credentials, which may not be stored; take them out, and use auth or headers by reference'
    return [{ path, message }]
  }
  if (Array.isArray(value)) {
    return (value as JsonValue[]).flatMap((item, index) =>
      credentialProblems(item, [...path, index]),
    )
  }
  if (!isPlainObject(value)) return []
  return Object.keys(value).flatMap((key) => credentialProblems(value[key], [...path, key]))
}
