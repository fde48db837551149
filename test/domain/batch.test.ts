import { createActor } from 'xstate'
import { describe, expect, test } from 'vitest'
import { batchMachine } from '../../machines/index.ts'
import {
  batchOf,
  markFailed,
  markSuccessful,
  type Batch,
  type BatchSnapshot,
} from '../../src/domain/batch.ts'
import { MusterError } from '../../src/domain/errors.ts'

const clock = { now: () => 2_000 }

/** A batch as the walk makes one: from the machine. */
function batch(expectedItems: number): Batch {
  const input = { batchId: 'b', sessionId: 's', number: 1, expectedItems, at: 1_000 }
  const snapshot = createActor(batchMachine, { input }).getSnapshot() as BatchSnapshot
  return batchOf(snapshot, { at: 'after', cursor: 7 })
}

describe('a batch', () => {
  test('begins IN_PROGRESS, and knows where the walk stands after it', () => {
    expect(batch(10)).toEqual({
      batchId: 'b',
      sessionId: 's',
      number: 1,
      status: 'IN_PROGRESS',
      position: { at: 'after', cursor: 7 },
      timeline: { startedAt: new Date(1_000), lastUpdate: new Date(1_000), completedAt: null },
      metrics: {
        expectedItems: 10,
        itemsProcessed: 0,
        itemsSkipped: 0,
        itemsFailed: 0,
        errorDetails: null,
      },
    })
  })

  test.each([
    [10, 10, 'SUCCEEDED'],
    [10, 9, 'PARTIALLY_COMPLETED'],
    [10, 1, 'PARTIALLY_COMPLETED'],
    [10, 0, 'FAILED'],
    [0, 0, 'SUCCEEDED'],
  ] as const)('of %i items of which %i were kept is %s', (expected, kept, status) => {
    const settled = markSuccessful(batch(expected), kept, clock)
    expect(settled.status).toBe(status)
    expect(settled.metrics).toEqual({
      expectedItems: expected,
      itemsProcessed: kept,
      itemsSkipped: 0,
      itemsFailed: expected - kept,
      errorDetails: null,
    })
    expect(settled.timeline.completedAt).toEqual(new Date(2_000))
    expect(settled.position).toEqual({ at: 'after', cursor: 7 })
  })

  test.each([-1, 11])('of 10 items cannot have kept %i', (kept) => {
    expect(() => markSuccessful(batch(10), kept, clock)).toThrow(
      `batch b: itemsProcessed is ${kept}, expected 0 to 10`,
    )
  })

  test('that failed as a whole says why', () => {
    const failed = markFailed(batch(10), new Error('connection reset'), clock)
    expect(failed.status).toBe('FAILED')
    expect(failed.metrics).toEqual({
      expectedItems: 10,
      itemsProcessed: 0,
      itemsSkipped: 0,
      itemsFailed: 0,
      errorDetails: 'connection reset',
    })
    expect(failed.timeline.completedAt).toEqual(new Date(2_000))
  })

  test('is settled once', () => {
    for (const settled of [
      markSuccessful(batch(2), 2, clock),
      markSuccessful(batch(2), 1, clock),
      markFailed(batch(2), new Error('gone'), clock),
    ]) {
      expect(() => markSuccessful(settled, 2, clock)).toThrow(MusterError)
      expect(() => markFailed(settled, new Error('again'), clock)).toThrow(
        `batch b is ${settled.status}: "batch.fail" is not possible there`,
      )
    }
  })

  test('is not changed by what is made of it', () => {
    const open = batch(2)
    markSuccessful(open, 1, clock)
    markFailed(open, new Error('gone'), clock)
    expect(open).toEqual(batch(2))
  })
})
