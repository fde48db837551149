import { describe, expect, test } from 'vitest'
import {
  errorRecord,
  IncompatibleCheckpointError,
  InvalidInputError,
  ItemRejectedError,
  LeaseError,
  MusterError,
  RetryLaterError,
  SourceError,
  StoreError,
} from '../../src/domain/errors.ts'

describe('an error', () => {
  const cause = new Error('socket hang up')

  test.each([
    [new MusterError('CLOSED', 'm'), 'MusterError', 'CLOSED', false],
    [new InvalidInputError('INVALID_SPEC', ['m']), 'InvalidInputError', 'INVALID_SPEC', false],
    [new SourceError('GONE', 'm'), 'SourceError', 'GONE', false],
    [new RetryLaterError('m', 5), 'RetryLaterError', 'RATE_LIMITED', true],
    [new ItemRejectedError('m'), 'ItemRejectedError', 'ITEM_REJECTED', false],
    [new LeaseError('LEASE_LOST', 'm'), 'LeaseError', 'LEASE_LOST', true],
    [
      new IncompatibleCheckpointError('m'),
      'IncompatibleCheckpointError',
      'CHECKPOINT_INCOMPATIBLE',
      false,
    ],
    [
      new StoreError('STORE_BUSY', 'm', { retryable: true, cause }),
      'StoreError',
      'STORE_BUSY',
      true,
    ],
  ])(
    'of %o has a name, a code and whether it can be tried again',
    (error, name, code, retryable) => {
      expect(error).toBeInstanceOf(MusterError)
      expect(error).toMatchObject({ name, code, retryable, message: 'm' })
      expect(errorRecord(error)).toEqual({ code, message: 'm', retryable })
    },
  )

  test('keeps its cause, where it has one', () => {
    expect(new SourceError('SOURCE_UNAVAILABLE', 'm', { cause }).cause).toBe(cause)
    expect('cause' in new SourceError('SOURCE_UNAVAILABLE', 'm')).toBe(false)
  })

  test('about input names every problem', () => {
    const error = new InvalidInputError('INVALID_CONFIG', ['a is missing', 'b is too long'])
    expect(error.problems).toEqual(['a is missing', 'b is too long'])
    expect(error.message).toBe('a is missing\nb is too long')
  })

  test('that asks to wait says until when', () => {
    expect(new RetryLaterError('limit', 1_234).retryAt).toBe(1_234)
  })
})

describe('an error as plain data', () => {
  test('survives JSON', () => {
    const record = errorRecord(new StoreError('STORE_FULL', 'no room', { retryable: true }))
    expect(JSON.parse(JSON.stringify(record))).toEqual({
      code: 'STORE_FULL',
      message: 'no room',
      retryable: true,
    })
  })

  test.each<[string, unknown, string]>([
    ['an error of somebody else', new TypeError('not a function'), 'not a function'],
    ['an error without words', new Error(''), 'unknown error'],
    ['a text', 'oops', 'oops'],
    ['an empty text', '', 'unknown error'],
    ['null', null, 'null'],
    ['undefined', undefined, 'undefined'],
    ['a number', 404, '404'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
  ])('made of %s can be tried again', (_, thrown, message) => {
    expect(errorRecord(thrown)).toEqual({ code: 'SOURCE_FAILED', message, retryable: true })
  })
})
