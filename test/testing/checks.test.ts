import { describe, expect, test } from 'vitest'
import { ANY_NUMBER, containing, equal, matches, thrownBy } from '../../src/testing/checks.ts'

const moment = new Date(5)

describe('what is equal', () => {
  test.each<[unknown, unknown]>([
    [{ a: 1, b: undefined }, { a: 1 }],
    [{ a: [{ b: moment }] }, { a: [{ b: new Date(5) }] }],
    [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    [{ id: 7 }, { id: ANY_NUMBER }],
    [['the message'], [containing('message')]],
    [{ text: 'abc' }, { text: /b/ }],
    [Number.NaN, Number.NaN],
  ])('%o and %o', (actual, expected) => {
    expect(() => equal(actual, expected)).not.toThrow()
  })

  test.each<[unknown, unknown]>([
    [{ a: 1, b: 2 }, { a: 1 }],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: 1, b: null }, { a: 1 }],
    [[1, 2], [1]],
    [[1], [1, 2]],
    [[undefined], []],
    [{ a: '1' }, { a: 1 }],
    [moment, new Date(6)],
    [moment.toISOString(), moment],
    [new Map([['a', 1]]), {}],
    [new Map([['a', 1]]), new Map([['a', 2]])],
    [Buffer.from('a'), Buffer.from('b')],
    [{ id: '7' }, { id: ANY_NUMBER }],
    [{}, { id: ANY_NUMBER }],
    ['the message', containing('massage')],
    [{ text: 'abc' }, { text: /d/ }],
    [null, undefined],
    [0, -0],
  ])('is not %o and %o', (actual, expected) => {
    expect(() => equal(actual, expected)).toThrow()
  })
})

describe('what matches', () => {
  test.each<[unknown, unknown]>([
    [{ a: 1, b: 2 }, { a: 1 }],
    [{ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 1 } }],
    [[{ a: 1, b: 2 }], [{ a: 1 }]],
    [new TypeError('the message'), { message: containing('message') }],
  ])('%o to %o', (actual, expected) => {
    expect(() => matches(actual, expected)).not.toThrow()
  })

  test.each<[unknown, unknown]>([
    [{ a: 2 }, { a: 1 }],
    [{ b: 2 }, { a: 1 }],
    [{ a: null }, { a: {} }],
    [[{ a: 1 }, { a: 1 }], [{ a: 1 }]],
    [{ at: moment }, { at: new Date(6) }],
    [new TypeError('the message'), { message: 'message' }],
    [undefined, { a: 1 }],
    [null, {}],
  ])('is not %o to %o', (actual, expected) => {
    expect(() => matches(actual, expected)).toThrow()
  })
})

test('an error that does not come is an error', async () => {
  await expect(thrownBy(Promise.resolve())).rejects.toThrow('expected an error')
  expect(await thrownBy(Promise.reject(new Error('this')))).toEqual(new Error('this'))
})
