import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { ContractError } from '../contract-case.ts'

/**
 * Whether a value comes back as it was from JSON, which is how it is stored,
 * and from a structured clone, which is how it is handed on. A member that is
 * undefined is one that is absent.
 */
export function assertPlain(value: unknown, what: string): void {
  const shown = what + ' is not plain JSON'
  let back: unknown
  try {
    back = JSON.parse(JSON.stringify(value))
    structuredClone(value)
  } catch (thrown) {
    throw new ContractError(`${shown}: ${String(thrown)}`)
  }
  assert.ok(isDeepStrictEqual(back, withoutUndefined(value)), `${shown}: it comes back otherwise`)
}

/** The same as a question. */
export function isPlain(value: unknown): boolean {
  try {
    assertPlain(value, 'it')
    return true
  } catch {
    return false
  }
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  // Objects of a class stay what they are: they do not come back as that.
  if (typeof value !== 'object' || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members.map(([key, member]) => [key, withoutUndefined(member)]))
}
