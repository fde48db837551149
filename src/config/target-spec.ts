/**
 * Target specs, from whoever wrote them to plain JSON that may be stored.
 *
 * A source's schema alone would not do: it cannot know the names in `auth`,
 * tells a mistyped key without what was meant, and would let through whatever
 * secret stands in a header.
 */
import { InvalidInputError } from '../domain/errors.ts'
import type { JsonRecord } from '../domain/json.ts'
import type { AnySource } from '../sources/source.ts'
import { nearestOf, printed, suggest } from '../sources/wording.ts'
import { isPlainObject, plainDataProblems } from './plain-data.ts'
import { formatProblem, problemAt, type Path, type Problem } from './problem.ts'
import type { CredentialStore } from './secrets.ts'
import { readSourcePart } from './source-part.ts'
import { TARGET_KEYS } from '../domain/session-state.ts'

/** A target as it is stored: plain JSON, without a secret. */
export interface ParsedTarget {
  readonly name: string
  readonly sourceType: string
  /** The name of a credential; null for none. */
  readonly authRef: string | null
  /** The source's own part, parsed by its schema. */
  readonly spec: JsonRecord
  /** Whether a resource that has not changed since the last session gets no task. */
  readonly onlyChanged?: boolean
  /** Complete sessions in a row that do not see a resource before it is deactivated. */
  readonly deactivateAfter?: number
}

/** What a target spec is checked against. */
export interface TargetSpecDeps {
  readonly sources: ReadonlyMap<string, AnySource>
  /** Tells which names `authRef` can have, and keeps the values of headers. */
  readonly credentials: CredentialStore
  /** Where relative list files are looked for; the working directory unless told. */
  readonly folder?: string | undefined
}

/** What came of a spec: a target, or all that is wrong with it. */
export type TargetOutcome =
  | { readonly target: ParsedTarget; readonly problems: readonly [] }
  | { readonly target?: undefined; readonly problems: readonly Problem[] }

/** The longest name of a target, in characters. */
export const MAX_NAME_LENGTH = 200

/** The type that a credential has to have for the sources that cannot use another. */
const AUTH_TYPES: Readonly<Record<string, string>> = { github: 'github', s3: 's3' }

/**
 * Parses a target spec, such as
 * `{ name: 'acme', sourceType: 'github', authRef: 'gh', github: { org: 'acme' } }`.
 * Values of headers are kept in `credentials`, and references take their place.
 *
 * @throws {InvalidInputError} INVALID_SPEC with one line for each fault
 */
export function parseTargetSpec(input: unknown, deps: TargetSpecDeps): ParsedTarget {
  const { target, problems } = readTargetSpec(input, deps)
  if (target) return target
  throw new InvalidInputError('INVALID_SPEC', problems.map(formatProblem))
}

/** The same as `parseTargetSpec`, with the faults as values. */
export function readTargetSpec(input: unknown, deps: TargetSpecDeps): TargetOutcome {
  if (!isPlainObject(input)) {
    const message = `a target spec is a plain object with name, sourceType and a source's part; got ${printed(input)}`
    return { problems: [{ path: [], message }] }
  }
  const unsafe = plainDataProblems(input, [], (path, value) => isHeader(path) && isFunction(value))
  if (unsafe.length > 0) return { problems: unsafe }
  const source = deps.sources.get(String(input['sourceType']))
  const problems = [
    ...nameProblems(input['name']),
    ...sourceTypeProblems(input['sourceType'], deps),
    ...authRefProblems(input['authRef'], source?.type, deps),
    ...comparisonProblems(input, source),
    ...keyProblems(input, source?.type, deps),
  ]
  if (!source || input[source.type] === undefined) return { problems }
  const name = String(input['name'])
  const part = readSourcePart(input[source.type], { source, target: name, folder: deps.folder })
  problems.push(...part.problems)
  if (problems.length > 0 || !part.spec) return { problems }
  for (const [header, value] of part.headers) deps.credentials.registerHeader(name, header, value)
  const authRef = (input['authRef'] as string | null | undefined) ?? null
  const target = { name, sourceType: source.type, authRef, spec: part.spec }
  return { target: { ...target, ...comparisonOf(input) }, problems: [] }
}

const isHeader = (path: Path): boolean => path.length === 3 && path[1] === 'headers'
const isFunction = (value: unknown): boolean => typeof value === 'function'

function nameProblems(name: unknown): Problem[] {
  if (name === undefined) return problemAt(['name'], 'is missing; give the target a name')
  if (typeof name !== 'string') {
    return problemAt(['name'], `expected text, got ${printed(name)}; write it in quotes`)
  }
  if (name.trim() === '')
    return problemAt(['name'], `is empty, got ${printed(name)}; give the target a name`)
  if (name.length > MAX_NAME_LENGTH) {
    return problemAt(
      ['name'],
      `has ${name.length} characters, ${MAX_NAME_LENGTH} are allowed; shorten ${printed(name)}`,
    )
  }
  if (/\p{Cc}/u.test(name)) {
    return problemAt(
      ['name'],
      `holds a line break or another control character: ${printed(name)}; take it out`,
    )
  }
  return []
}

function sourceTypeProblems(type: unknown, { sources }: TargetSpecDeps): Problem[] {
  const known = [...sources.keys()]
  const path = ['sourceType']
  if (type === undefined) {
    return [{ path, message: `is missing; expected one of ${known.join(', ')}` }]
  }
  if (typeof type === 'string' && sources.has(type)) return []
  const nearest = typeof type === 'string' ? nearestOf(type, known) : undefined
  const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`
  return [{ path, message: `${printed(type)} is none of ${known.join(', ')}${hint}` }]
}

function authRefProblems(
  authRef: unknown,
  sourceType: string | undefined,
  { credentials }: TargetSpecDeps,
): Problem[] {
  const { names } = credentials
  const defined = names.length === 0 ? 'auth defines none' : `auth defines ${names.join(', ')}`
  if (authRef === undefined || authRef === null) {
    if (sourceType !== 's3') return []
    return problemAt(['authRef'], `is missing; name the credential of type s3 (${defined})`)
  }
  if (typeof authRef !== 'string') {
    return problemAt(
      ['authRef'],
      `expected the name of a credential, got ${printed(authRef)}; ${defined}`,
    )
  }
  const type = credentials.typeOf(authRef)
  if (type === undefined) {
    const nearest = nearestOf(authRef, names)
    const hint = nearest === undefined ? 'define it there' : `did you mean "${nearest}"?`
    return problemAt(
      ['authRef'],
      `${printed(authRef)} is not defined in auth (${defined}); ${hint}`,
    )
  }
  const wanted = AUTH_TYPES[sourceType ?? '']
  if (wanted === undefined || type === wanted || type === 'none' || type === 'unauthenticated') {
    return []
  }
  return problemAt(
    ['authRef'],
    `${printed(authRef)} is a credential of type ${type}; sourceType ${sourceType} needs type ${wanted}`,
  )
}

/** The most complete sessions that a deactivation can wait for. */
const MAX_DEACTIVATE_AFTER = 1_000

const comparisonOf = ({ onlyChanged, deactivateAfter }: Readonly<Record<string, unknown>>) => ({
  ...(onlyChanged !== undefined && { onlyChanged: onlyChanged as boolean }),
  ...(deactivateAfter !== undefined && { deactivateAfter: deactivateAfter as number }),
})

/** Faults of what is said about comparing one session with the next. */
function comparisonProblems(
  { onlyChanged, deactivateAfter }: Readonly<Record<string, unknown>>,
  source: AnySource | undefined,
): Problem[] {
  const problems: Problem[] = []
  if (onlyChanged !== undefined && typeof onlyChanged !== 'boolean') {
    const message = `expected true or false, got ${printed(onlyChanged)}`
    problems.push({ path: ['onlyChanged'], message })
  }
  const isCount =
    Number.isInteger(deactivateAfter) &&
    Number(deactivateAfter) >= 1 &&
    Number(deactivateAfter) <= MAX_DEACTIVATE_AFTER
  if (deactivateAfter !== undefined && !isCount) {
    const message = `expected a whole number of sessions from 1 to ${MAX_DEACTIVATE_AFTER}, got ${printed(deactivateAfter)}`
    problems.push({ path: ['deactivateAfter'], message })
  }
  if (source === undefined || source.comparable === true) return problems
  for (const [key, value] of Object.entries({ onlyChanged, deactivateAfter })) {
    if (value === undefined) continue
    const message = `sourceType ${source.type} does not compare one session with the next; take it out`
    problems.push({ path: [key], message })
  }
  return problems
}

function keyProblems(
  input: Readonly<Record<string, unknown>>,
  sourceType: string | undefined,
  { sources }: TargetSpecDeps,
): Problem[] {
  const problems: Problem[] = []
  for (const key of Object.keys(input)) {
    if ([...TARGET_KEYS, sourceType].includes(key)) continue
    if (!sources.has(key)) {
      const known = [...TARGET_KEYS, ...(sourceType ? [sourceType] : sources.keys())]
      problems.push({ path: [key], message: `unknown key${suggest(key, known)}` })
    } else if (sourceType !== undefined && input[key] !== undefined) {
      const message = `belongs to another source, and sourceType is ${sourceType}; take one of them out`
      problems.push({ path: [key], message })
    }
  }
  if (sourceType !== undefined && input[sourceType] === undefined) {
    const message = `is missing; a target with sourceType ${sourceType} needs a ${sourceType} part that says what to enumerate`
    problems.push({ path: [sourceType], message })
  }
  return problems
}
