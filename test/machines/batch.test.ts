import fc from 'fast-check'
import { createActor, transition, type Snapshot } from 'xstate'
import { describe, expect, test } from 'vitest'
import {
  batchMachine,
  completionPercentage,
  restorable,
  type BatchEvent,
  type BatchStatus,
} from '../../machines/index.ts'
import { effort, seed } from '../support/effort.ts'
import {
  BOGUS,
  CELLS,
  EVENTS,
  FORGED,
  GUARDED,
  INPUT,
  metrics,
  REACHING,
  settled,
  TABLE,
} from './batch-table.ts'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'

const coverage = new MachineCoverage(batchMachine)

function after(events: readonly BatchEvent[]) {
  const actor = createActor(batchMachine, {
    input: { ...INPUT, batchId: 'b1', sessionId: 's1', number: 3 },
    inspect: coverage.inspect,
  }).start()
  for (const event of events) actor.send(event)
  return actor
}

const persisted = (actor: ReturnType<typeof after>) =>
  actor.getPersistedSnapshot() as Snapshot<unknown>

/** The event is not possible, and sent all the same it changes nothing, computed or live. */
function expectRefused(actor: ReturnType<typeof after>, event: BatchEvent) {
  const before = persisted(actor)
  const snapshot = actor.getSnapshot()
  expect(snapshot.can(event)).toBe(false)
  const [next] = transition(batchMachine, snapshot, event)
  expect(batchMachine.getPersistedSnapshot(next)).toEqual(before)
  // XState drops what is sent to an actor at its end, and says so on the console.
  if (snapshot.status === 'active') actor.send(event)
  expect(persisted(actor)).toEqual(before)
}

describe('every event in every state', () => {
  test.each([...CELLS, ...GUARDED])('$type in $state $title', (cell) => {
    const { state, reaching, event, expected } = cell
    const actor = after(reaching)
    const before = actor.getSnapshot()
    expect(before.value).toBe(state)
    expect(before.status).toBe(state === 'IN_PROGRESS' ? 'active' : 'done')
    if (expected === 'refused') return expectRefused(actor, event)
    expect(before.can(event)).toBe(true)
    const [next] = transition(batchMachine, before, event)
    actor.send(event)
    expect(actor.getSnapshot().value).toBe(expected.to)
    expect(actor.getSnapshot().context).toEqual({ ...before.context, ...expected.changes })
    expect(next.value).toBe(expected.to)
    expect(next.context).toEqual(actor.getSnapshot().context)
  })

  test.each(Object.keys(TABLE) as BatchStatus[])('what is no event is refused in %s', (state) => {
    for (const type of BOGUS) expectRefused(after(REACHING[state]), { type, at: 50 } as never)
    const snapshot = after(REACHING[state]).getSnapshot()
    for (const type of FORGED) expect(snapshot.can({ type } as never)).toBe(false)
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
    expect(context.metrics).toMatchObject({
      itemsProcessed: processed,
      itemsSkipped: 0,
      itemsFailed: failedItems,
    })
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
      skipped: count,
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
    { numRuns: effort(100, 5_000), seed },
  )
})

test('the machine is taken through every one of its transitions by these tests', () => {
  expect(coverage.table.transitions.missing).toEqual([])
})
