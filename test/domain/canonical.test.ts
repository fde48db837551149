import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalHash } from '../../src/domain/canonical.ts'

describe('the hash of a value', () => {
  // Databases hold these: targets are found again by them.
  test('never changes', () => {
    expect(canonicalHash({ b: { c: 1.5, d: '' }, a: [1, null, true, 'ü'] })).toBe(
      'd619f9b3554953e2f1fb8d2a30bc0a2d29ed31e62dbb4fccef3ee75357a467cc',
    )
    expect(canonicalHash(['acme', 'github', { org: 'acme' }])).toBe(
      'bb6edaffd6e1ac4409335af9321f2c38a526209bebe1cde3960b850a4e44ad0a',
    )
  })

  test('does not depend on the order of keys, at any depth', () => {
    const a = { x: 1, y: { p: [{ m: 1, n: 2 }], q: 2 } }
    const b = { y: { q: 2, p: [{ n: 2, m: 1 }] }, x: 1 }
    expect(canonicalHash(a)).toBe(canonicalHash(b))
  })

  test('depends on everything else', () => {
    const values = [{}, [], '', '{}', 0, '0', false, null, [null], [[]], { a: 1 }, { a: [1] }]
    expect(new Set(values.map(canonicalHash)).size).toBe(values.length)
    expect(canonicalHash([1, 2])).not.toBe(canonicalHash([2, 1]))
  })

  test('is the same after a round trip through JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalHash(JSON.parse(JSON.stringify(value)))).toBe(canonicalHash(value))
      }),
    )
  })

  const endless: Record<string, unknown> = {}
  endless['self'] = endless

  test.each<[string, unknown]>([
    ['a function', () => 1],
    ['a function inside', { run: () => 1 }],
    ['a symbol', Symbol('s')],
    ['a bigint', 1n],
    ['NaN', Number.NaN],
    ['Infinity', [Number.POSITIVE_INFINITY]],
    ['a value that holds itself', endless],
  ])('is refused for %s, which JSON cannot hold', (_, value) => {
    expect(() => canonicalHash(value)).toThrow()
  })
})
