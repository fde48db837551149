/** Assertions that the contracts share: what `node:assert` does not have, or has in later versions of Node only. */
import assert from 'node:assert/strict'
import { ContractError } from './contract-case.ts'

/** Stands in an expected value for whatever it fits. */
type Pattern = RegExp | ((actual: unknown) => boolean)

/** Fits any number. */
export const ANY_NUMBER: Pattern = (actual) => typeof actual === 'number'

/** Fits any text in which the given one occurs. */
export const containing =
  (text: string): Pattern =>
  (actual) =>
    typeof actual === 'string' && actual.includes(text)

const isPattern = (value: unknown): value is Pattern =>
  value instanceof RegExp || typeof value === 'function'

/** What is known by its members; dates, maps and the like are compared as what they are. */
const isRecord = (value: unknown): value is Record<string, unknown> =>
  ['[object Object]', '[object Error]'].includes(Object.prototype.toString.call(value))

/** A copy in which a member that is undefined is one that is absent. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined)
  if (!isRecord(value) || isPattern(value)) return value
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return Object.fromEntries(members.map(([key, member]) => [key, withoutUndefined(member)]))
}

const fits = (actual: unknown, pattern: Pattern): boolean =>
  pattern instanceof RegExp ? typeof actual === 'string' && pattern.test(actual) : pattern(actual)

/** The actual value with each pattern in the place of what fits it, so that a difference reads well. */
function recognised(actual: unknown, expected: unknown, isWhole: boolean): unknown {
  if (isPattern(expected)) return fits(actual, expected) ? expected : actual
  if (Array.isArray(actual) && Array.isArray(expected)) {
    return actual.map((entry, i) => recognised(entry, expected[i], isWhole))
  }
  if (Array.isArray(actual) || !isRecord(actual) || !isRecord(expected)) return actual
  const keys = Object.keys(isWhole ? actual : expected)
  return Object.fromEntries(
    keys.map((key) => [key, recognised(actual[key], expected[key], isWhole)]),
  )
}

/** Deep equality of plain data; expected values may hold patterns. */
export function equal(actual: unknown, expected: unknown, message?: string): void {
  const found = withoutUndefined(recognised(actual, expected, true))
  assert.deepStrictEqual(found, withoutUndefined(expected), message)
}

/** The same for the members that the expected value names, at any depth; arrays are as long as expected. */
export function matches(actual: unknown, expected: unknown): void {
  const found = withoutUndefined(recognised(actual, expected, false))
  assert.deepStrictEqual(found, withoutUndefined(expected))
}

/** The very same value. */
export function same(actual: unknown, expected: unknown): void {
  assert.strictEqual(actual, expected)
}

export function hasLength(actual: { readonly length: number } | undefined, length: number): void {
  assert.strictEqual(actual?.length, length)
}

export function isA(actual: unknown, kind: abstract new (...args: never[]) => unknown): void {
  assert.ok(actual instanceof kind, `expected ${kind.name}; got ${String(actual)}`)
}

export function isAbove(actual: number | undefined, bound: number): void {
  assert.ok(actual !== undefined && actual > bound, `expected more than ${bound}; got ${actual}`)
}

/** What was thrown. @throws AssertionError when nothing was */
export async function thrownBy(doing: Promise<unknown>): Promise<unknown> {
  try {
    await doing
  } catch (thrown) {
    return thrown
  }
  throw new ContractError('expected an error')
}

/** Everything that an async iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}
