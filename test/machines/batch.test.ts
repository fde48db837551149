import fc from 'fast-check'
import { createActor, transition, type Snapshot } from 'xstate'
import { describe, expect, test } from 'vitest'
import {
  batchMachine,
  completionPercentage,
  restorable,
  type BatchContext,
  type BatchEvent,
  type BatchStatus,
} from '../../machines/index.ts'
import { Coverage } from './kit.ts'

type EventType = BatchEvent['type']
const coverage = new Coverage()

function after(events: readonly BatchEvent[]) {
  const actor = createActor(batchMachine, {
    input: { batchId: 'b1', sessionId: 's1', number: 3, expectedItems: 4, at: 10 },
    inspect: coverage.inspect,
  }).start()
  for (const event of events) actor.send(event)
  return actor
}

const settled = (processed: number, failed: number): BatchEvent => ({
  type: 'batch.settle',
  at: 20,
  processed,
  failed,
  firstReason: failed > 0 ? 'not a URL' : null,
})
const failed: BatchEvent = { type: 'batch.fail', at: 20, error: 'the page never came' }

const REACHING: Record<BatchStatus, readonly BatchEvent[]> = {
  IN_PROGRESS: [],
  SUCCEEDED: [settled(4, 0)],
  PARTIALLY_COMPLETED: [settled(3, 1)],
  FAILED: [settled(0, 4)],
}

const EVENTS: Record<EventType, BatchEvent> = {
  'batch.settle': settled(4, 0),
  'batch.fail': failed,
}

type Expected = 'refused' | { readonly to: BatchStatus; readonly changes: Partial<BatchContext> }

const timeline = { startedAt: 10, lastUpdate: 20, completedAt: 20 }
const metrics = { expectedItems: 4, itemsProcessed: 0, itemsFailed: 0, errorDetails: null }
const over: Record<EventType, Expected> = { 'batch.settle': 'refused', 'batch.fail': 'refused' }

/** Every event in every state: a new one does not compile until it is decided here. */
const TABLE: Record<BatchStatus, Record<EventType, Expected>> = {
  IN_PROGRESS: {
    'batch.settle': {
      to: 'SUCCEEDED',
      changes: { timeline, metrics: { ...metrics, itemsProcessed: 4 } },
    },
    'batch.fail': {
      to: 'FAILED',
      changes: { timeline, metrics: { ...metrics, errorDetails: 'the page never came' } },
    },
  },
  SUCCEEDED: over,
  PARTIALLY_COMPLETED: over,
  FAILED: over,
}

const persisted = (actor: ReturnType<typeof after>) =>
  actor.getPersistedSnapshot() as Snapshot<unknown>

const cells = Object.entries(TABLE).flatMap(([state, row]) =>
  Object.entries(row).map(([type, expected]) => ({
    state: state as BatchStatus,
    type: type as EventType,
    expected,
    title: expected === 'refused' ? 'is refused' : `leads to ${expected.to}`,
  })),
)

describe('every event in every state', () => {
  test.each(cells)('$type in $state $title', ({ state, type, expected }) => {
    const actor = after(REACHING[state])
    const event = EVENTS[type]
    const before = actor.getSnapshot()
    expect(before.value).toBe(state)
    expect(before.status).toBe(state === 'IN_PROGRESS' ? 'active' : 'done')
    expect(before.can(event)).toBe(expected !== 'refused')
    const [next] = transition(batchMachine, before, event)
    if (expected === 'refused') {
      expect(batchMachine.getPersistedSnapshot(next)).toEqual(persisted(actor))
      return
    }
    actor.send(event)
    expect(actor.getSnapshot().value).toBe(expected.to)
    expect(actor.getSnapshot().context).toEqual({ ...before.context, ...expected.changes })
    expect(next.context).toEqual(actor.getSnapshot().context)
  })

  test('the table knows every state and event of the machine, and no other', () => {
    expect(Object.keys(TABLE).toSorted()).toEqual(Object.keys(batchMachine.states).toSorted())
    expect(Object.keys(EVENTS).toSorted()).toEqual([...batchMachine.events].toSorted())
  })
})

describe('a settled batch', () => {
  test.each<[number, number, BatchStatus]>([
    [4, 0, 'SUCCEEDED'],
    [0, 0, 'SUCCEEDED'],
    [3, 1, 'PARTIALLY_COMPLETED'],
    [1, 3, 'PARTIALLY_COMPLETED'],
    [0, 1, 'FAILED'],
    [0, 4, 'FAILED'],
  ])('of %i kept and %i failed items is %s', (processed, failedItems, status) => {
    const { value, context } = after([settled(processed, failedItems)]).getSnapshot()
    expect(value).toBe(status)
    expect(context.metrics).toMatchObject({ itemsProcessed: processed, itemsFailed: failedItems })
    expect(context.metrics.errorDetails).toBe(failedItems > 0 ? 'not a URL' : null)
  })

  test('knows how much of it was kept', () => {
    const of = (expectedItems: number, itemsProcessed: number) =>
      completionPercentage({ ...metrics, expectedItems, itemsProcessed })
    expect([of(4, 4), of(4, 1), of(4, 0), of(0, 0)]).toEqual([100, 25, 0, 100])
  })
})

test('whatever is sent in whatever order, the first outcome stays, and every snapshot survives JSON', () => {
  const count = fc.integer({ min: 0, max: 9 })
  const at = fc.integer({ min: 0, max: 1_000 })
  const event: fc.Arbitrary<BatchEvent> = fc.oneof(
    fc.record({
      type: fc.constant('batch.settle' as const),
      at,
      processed: count,
      failed: count,
      firstReason: fc.option(fc.string()),
    }),
    fc.record({ type: fc.constant('batch.fail' as const), at, error: fc.string() }),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 5 }), (events) => {
      const actor = after([])
      let outcome: unknown
      for (const next of events) {
        const [computed] = transition(batchMachine, actor.getSnapshot(), next)
        if (actor.getSnapshot().status === 'active') actor.send(next)
        const stored = JSON.parse(JSON.stringify(persisted(actor))) as Snapshot<unknown>
        outcome ??= stored
        expect(batchMachine.getPersistedSnapshot(computed)).toEqual(outcome)
        expect(stored).toEqual(outcome)
        const { timeline: ends } = actor.getSnapshot().context
        expect(ends.completedAt).toBe(ends.lastUpdate)
        expect(ends.lastUpdate).toBeGreaterThanOrEqual(ends.startedAt)
        const restored = createActor(restorable(batchMachine), { input: { snapshot: stored } })
        expect(restored.getPersistedSnapshot()).toEqual(stored)
      }
    }),
  )
})

test('the machine is taken through every one of its transitions by these tests', () => {
  expect(coverage.missing(batchMachine)).toEqual([])
})
