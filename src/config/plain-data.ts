import { problemAt, type Path, type Problem } from './problem.ts'

/** Nesting beyond which no spec makes sense; it also ends a structure that holds itself. */
const MAX_DEPTH = 64

/** Keys that reach an object's prototype where code copies them without care. */
const FORBIDDEN_KEYS = new Set(['__proto__', 'constructor', 'prototype'])

/** Whether a value is an object literal, and not a list, a date or an instance of a class. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // The prototype of another realm's `Object.prototype` is null too.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * What in a value would not survive JSON unchanged, or could do harm by its key.
 *
 * @param allowed asked of every leaf that is not JSON; true lets it pass
 */
export function plainDataProblems(
  value: unknown,
  path: Path = [],
  allowed: (path: Path, value: unknown) => boolean = () => false,
): Problem[] {
  if (path.length > MAX_DEPTH) return problemAt(path, `is nested deeper than ${MAX_DEPTH} levels`)
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return problemAt(path, `is ${value}; expected a number that JSON can hold`)
  }
  if (isJsonLeaf(value) || allowed(path, value)) return []
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => plainDataProblems(item, [...path, index], allowed))
  }
  if (isPlainObject(value)) {
    return Object.keys(value).flatMap((key) =>
      FORBIDDEN_KEYS.has(key)
        ? [{ path: [...path, key], message: 'the key is not allowed; use another name' }]
        : plainDataProblems(value[key], [...path, key], allowed),
    )
  }
  return problemAt(
    path,
    `is ${kindOf(value)}; expected plain data (text, numbers, lists, mappings)`,
  )
}

const isJsonLeaf = (value: unknown): boolean =>
  value === null || value === undefined || ['string', 'boolean', 'number'].includes(typeof value)

function kindOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`
  const { constructor } = value
  return `an instance of ${typeof constructor === 'function' ? constructor.name : 'a class'}`
}
