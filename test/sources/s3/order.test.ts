import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareKeys, isWithin, middleOf } from '../../../src/sources/s3/order.ts'

const key = fc.string({ unit: 'grapheme', maxLength: 12 })
const printable = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 })

describe('the order of keys', () => {
  test('is that of their bytes in UTF-8', () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        const bytes = Buffer.compare(Buffer.from(one), Buffer.from(other))
        expect(Math.sign(compareKeys(one, other))).toBe(bytes)
      }),
      { numRuns: 2_000 },
    )
  })

  test('is not that of JavaScript beyond U+FFFF', () => {
    const [early, late] = ['\u{FFFD}', '\u{1F600}']
    expect(early < late).toBe(false)
    expect(compareKeys(early, late)).toBeLessThan(0)
    expect(compareKeys(late, '\u{E000}')).toBeGreaterThan(0)
    expect(compareKeys('\u{D7FF}', late)).toBeLessThan(0)
  })
})

describe('the middle of a range of keys', () => {
  test('lies within it, and leaves both halves something', () => {
    fc.assert(
      fc.property(key, key, fc.boolean(), (one, other, open) => {
        const [after, until] = [one, other].toSorted(compareKeys) as [string, string]
        fc.pre(after !== until)
        const range = { after, until: open ? null : until }
        const middle = middleOf(range, '')
        if (middle === undefined) return
        expect(isWithin(range, middle)).toBe(true)
        expect(middle).not.toBe(range.until)
        expect(middle.isWellFormed()).toBe(true)
      }),
      { numRuns: 5_000 },
    )
  })

  test('is found wherever two keys of printable ASCII have room between them', () => {
    fc.assert(
      fc.property(printable, (after) => {
        expect(middleOf({ after, until: `${after}~~` }, '')).toBeDefined()
        expect(middleOf({ after, until: null }, '')).toBeDefined()
      }),
    )
  })

  test('stays within the prefix', () => {
    for (const after of ['', 'logs/', 'logs/2026/11/23', 'logs/zzz', 'logs/\u{1F600}']) {
      const middle = middleOf({ after, until: null }, 'logs/')
      expect(middle?.startsWith('logs/')).toBe(true)
    }
  })

  test.each([
    ['a', 'a!', 'a '],
    ['a', 'a ', undefined],
    ['a', 'c', 'b'],
    ['01', '12', '0X'],
    ['data/1', 'data/3', 'data/2'],
  ])('of %s and %s is %s', (after, until, middle) => {
    expect(middleOf({ after, until }, '')).toBe(middle)
  })
})
