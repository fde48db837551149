import { printed } from '../sources/wording.ts'
import { isPlainObject } from './plain-data.ts'
import { formatPath, problemAt, type Path, type Problem } from './problem.ts'
import { misplacedReferences, unsetReferences } from './references.ts'
import type { Environment } from './secrets.ts'
import { respellTarget } from './snake-case.ts'
import { readTargetSpec, type ParsedTarget, type TargetSpecDeps } from './target-spec.ts'

interface ConfigTargetDeps extends TargetSpecDeps {
  /** Where `${NAME}` in a header has to be set. */
  readonly env: Environment
}

/** Reads the `targets` of a config file; paths in the problems are those of the file, in camelCase. */
export function readTargets(
  input: unknown,
  deps: ConfigTargetDeps,
): { readonly targets: readonly ParsedTarget[]; readonly problems: readonly Problem[] } {
  const path = ['targets']
  if (input === undefined || input === null) {
    return { targets: [], problems: problemAt(path, 'is missing; list at least one target') }
  }
  if (!Array.isArray(input)) {
    const message = `expected a list of targets; got ${printed(input)}`
    return { targets: [], problems: problemAt(path, message) }
  }
  if (input.length === 0) {
    return { targets: [], problems: problemAt(path, 'the list is empty; list at least one target') }
  }
  const outcomes = input.map((target: unknown, index) =>
    readTarget(target, ['targets', index], deps),
  )
  return {
    targets: outcomes.flatMap(({ target }) => target ?? []),
    problems: [...outcomes.flatMap(({ problems }) => problems), ...sameNames(input)],
  }
}

function readTarget(
  input: unknown,
  path: Path,
  deps: ConfigTargetDeps,
): { readonly target?: ParsedTarget | undefined; readonly problems: readonly Problem[] } {
  const { value, problems } = respellTarget(input, deps.sources, path)
  const misplaced = misplacedReferences(value, path)
  const unset = unsetReferences(headersOf(value), path, deps.env)
  const outcome = readTargetSpec(value, deps)
  const faults = outcome.problems.map((fault) => ({ ...fault, path: [...path, ...fault.path] }))
  const elsewhere = new Set([...misplaced, ...problems].map((fault) => formatPath(fault.path)))
  // One fault a place: a reference in an organisation's name is also no organisation's name.
  const others = faults.filter((fault) => !elsewhere.has(formatPath(fault.path)))
  return { target: outcome.target, problems: [...problems, ...misplaced, ...unset, ...others] }
}

/** A target with nothing but the headers of its parts. */
function headersOf(target: unknown): unknown {
  if (!isPlainObject(target)) return undefined
  const parts = Object.entries(target).map(([key, part]) => [
    key,
    isPlainObject(part) ? { headers: part['headers'] } : undefined,
  ])
  return Object.fromEntries(parts)
}

function sameNames(targets: readonly unknown[]): Problem[] {
  const names = targets.map((target) => (isPlainObject(target) ? target['name'] : undefined))
  return names.flatMap((name, index) => {
    const first = names.indexOf(name)
    if (typeof name !== 'string' || first === index) return []
    const message = `the name ${printed(name)} is taken by targets[${first}]; names have to differ`
    return problemAt(['targets', index, 'name'], message)
  })
}
