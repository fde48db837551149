import fc from 'fast-check'
import { createActor, transition, type Snapshot } from 'xstate'
import { describe, expect, test } from 'vitest'
import {
  MAX_SHORTFALLS,
  restorable,
  sessionMachine,
  type BatchCommitted,
  type Position,
  type SessionEvent,
  type SessionStatus,
} from '../../machines/index.ts'
import { effort, seed } from '../support/effort.ts'
import { MachineCoverage } from '../../src/testing/machine-coverage.ts'
import {
  batch,
  BOGUS,
  CELLS,
  EVENTS,
  exhausted,
  exhaustedShort,
  fail,
  FORGED,
  GUARDED,
  REACHING,
  resume,
  retrying,
  SHRUNK,
  stall,
  start,
  TABLE,
  type SessionEventType,
} from './session-table.ts'

const coverage = new MachineCoverage(sessionMachine)

/** An actor that has lived through the events. */
function after(events: readonly SessionEvent[]) {
  const actor = createActor(sessionMachine, {
    input: { sessionId: 's1', sourceType: 'url', at: 1 },
    inspect: coverage.inspect,
  }).start()
  for (const event of events) {
    expect(actor.getSnapshot().can(event), `${event.type} while reaching the state`).toBe(true)
    actor.send(event)
  }
  return actor
}

type Actor = ReturnType<typeof after>
const persisted = (actor: Actor) => actor.getPersistedSnapshot() as Snapshot<unknown>

/** The event is not possible, and sent all the same it changes nothing, computed or live. */
function expectRefused(actor: Actor, event: SessionEvent) {
  const before = structuredClone(persisted(actor))
  const snapshot = actor.getSnapshot()
  expect(snapshot.can(event)).toBe(false)
  const [next] = transition(sessionMachine, snapshot, event)
  expect(sessionMachine.getPersistedSnapshot(next)).toEqual(before)
  // XState drops what is sent to an actor at its end, and says so on the console.
  if (snapshot.status === 'active') actor.send(event)
  expect(persisted(actor)).toEqual(before)
}

/** Computing ahead and living through it come to the same. */
function expectTaken(actor: Actor, event: SessionEvent) {
  const snapshot = actor.getSnapshot()
  expect(snapshot.can(event)).toBe(true)
  const [next] = transition(sessionMachine, snapshot, event)
  actor.send(event)
  expect(actor.getSnapshot().value).toBe(next.value)
  expect(actor.getSnapshot().context).toEqual(next.context)
  return actor.getSnapshot()
}

describe('every event in every state', () => {
  test.each([...CELLS, ...GUARDED])('$type in $state $title', (cell) => {
    const { state, reaching, event, expected } = cell
    const actor = after(reaching)
    expect(actor.getSnapshot().value).toBe(state)
    expect(actor.getSnapshot().status).toBe(state === 'COMPLETED' ? 'done' : 'active')
    if (expected === 'refused') return expectRefused(actor, event)
    const { context } = actor.getSnapshot()
    const next = expectTaken(actor, event)
    expect(next.value).toBe(expected.to)
    expect(next.context).toEqual({ ...context, ...expected.changes })
  })

  test.each(Object.keys(TABLE) as SessionStatus[])('what is no event is refused in %s', (state) => {
    for (const type of BOGUS) expectRefused(after(REACHING[state]), { type, at: 50 } as never)
    const snapshot = after(REACHING[state]).getSnapshot()
    for (const type of FORGED) expect(snapshot.can({ type } as never)).toBe(false)
  })

  test('the table knows every state and event of the machine, and no other', () => {
    expect(Object.keys(TABLE).toSorted()).toEqual(Object.keys(sessionMachine.states).toSorted())
    expect(Object.keys(EVENTS).toSorted()).toEqual([...sessionMachine.events].toSorted())
  })
})

describe('the end is decided at the end', () => {
  const walks: Record<'IN_PROGRESS' | 'STALLED', readonly SessionEvent[]> = {
    IN_PROGRESS: [],
    STALLED: [{ ...stall, at: 40 }],
  }
  describe.each(Object.entries(walks))('in %s', (state, last) => {
    const listing = (...batches: BatchCommitted[]) => after([start, ...batches, ...last])

    test('every item kept means COMPLETED', () => {
      expect(expectTaken(listing(batch()), exhausted).value).toBe('COMPLETED')
    })

    test('an empty listing means COMPLETED', () => {
      const next = expectTaken(listing(), exhausted)
      expect(next.value).toBe('COMPLETED')
      expect(next.context.failureReason).toBeNull()
    })

    test('one failed item in an early batch means PARTIALLY_COMPLETED, and the walk goes on until then', () => {
      const actor = listing(batch({ failed: 1 }), batch(), batch())
      expect(actor.getSnapshot().value).toBe(state)
      expect(expectTaken(actor, exhausted).value).toBe('PARTIALLY_COMPLETED')
    })

    test('every item failed means FAILED, with a reason', () => {
      const none = batch({ processed: 0, skipped: 0, failed: 2, batchFailed: true })
      const next = expectTaken(listing(none, none), exhausted)
      expect(next.value).toBe('FAILED')
      expect(next.context).toMatchObject({
        failureReason: 'every item failed',
        position: { at: 'end' },
        metrics: { totalBatches: 2, failedBatches: 2, itemsFailed: 4 },
      })
    })

    test('that items were left out on purpose is no reason to fail', () => {
      const next = expectTaken(listing(batch({ processed: 0, skipped: 3, failed: 1 })), exhausted)
      expect(next.value).toBe('PARTIALLY_COMPLETED')
      const none = expectTaken(listing(batch({ processed: 0, skipped: 3 })), exhausted)
      expect(none.value).toBe('COMPLETED')
    })

    test('something left out by the source means PARTIALLY_COMPLETED though no item failed', () => {
      const short = batch({ shortfalls: [{ code: 'truncated', detail: 'the first 1,000 only' }] })
      const next = expectTaken(listing(short), exhausted)
      expect(next.value).toBe('PARTIALLY_COMPLETED')
      expect(next.context.metrics.itemsFailed).toBe(0)
    })

    test('a retry that has come to its end goes on with the listing where it stopped', () => {
      const actor = after([
        start,
        batch({ failed: 1 }),
        { ...fail(), at: 30 },
        { ...resume, at: 31 },
        ...last,
      ])
      expect(actor.getSnapshot().value).toBe(state)
      const next = expectTaken(actor, exhausted)
      expect(next.value).toBe('IN_PROGRESS')
      expect(next.context.position).toEqual({ at: 'after', cursor: 'c1' })
      expect(next.context.timeline.completedAt).toBeNull()
    })
  })

  describe('the verdict', () => {
    const codes = (actor: Actor) => actor.getSnapshot().context.verdict.map(({ code }) => code)

    test('of the account at the end alone makes a session partial, and stays apart from what the source said', () => {
      const next = expectTaken(after([start, batch()]), exhaustedShort)
      expect(next.value).toBe('PARTIALLY_COMPLETED')
      expect(next.context).toMatchObject({ verdict: [SHRUNK], shortfalls: [] })
    })

    test.each([[{}], [{ shortfalls: [] }]])('of an account that says %j is none', (account) => {
      const next = expectTaken(after([start, batch()]), { ...exhausted, ...account })
      expect(next.value).toBe('COMPLETED')
      expect(next.context.verdict).toEqual([])
    })

    test('of a failure is its reason in the words of a verdict, or nothing where nothing is told', () => {
      const failed = expectTaken(after([start, batch()]), fail())
      expect(failed.context.verdict).toEqual([{ code: 'failed', detail: 'the source is gone' }])
      const { shortfalls: _, ...untold } = fail()
      expect(expectTaken(after([start, batch()]), untold).context.verdict).toEqual([])
    })

    test('is taken back when the session is resumed; an end without one is COMPLETED', () => {
      const actor = after([start, batch(), { ...fail(), at: 30 }])
      expect(codes(actor)).toEqual(['failed'])
      expectTaken(actor, { ...resume, at: 31, lastFailedItem: 0 })
      expect(codes(actor)).toEqual([])
      expect(expectTaken(actor, exhausted).value).toBe('COMPLETED')
    })

    test('is drawn up anew at each end: what it said before is not added to', () => {
      const actor = after([
        start,
        batch({ failed: 1 }),
        { ...exhaustedShort, at: 30 },
        { ...resume, at: 31 },
        batch({
          at: 32,
          processed: 0,
          failed: 1,
          retried: 1,
          position: { ...retrying, after: 7, resumeAt: { at: 'end' } },
        }),
      ])
      const other = { code: 'total', detail: 'one is not there' }
      const next = expectTaken(actor, { ...exhausted, shortfalls: [other] })
      expect(next.value).toBe('PARTIALLY_COMPLETED')
      expect(next.context.verdict).toEqual([other])
    })

    test('keeps one of a kind, and no more than its limit', () => {
      const many = Array.from({ length: MAX_SHORTFALLS * 2 }, (_, i) => ({
        code: 'sso',
        detail: `organisation ${i}`,
      }))
      const shortfalls = many.flatMap((shortfall) => [shortfall, shortfall])
      const next = expectTaken(after([start, batch()]), { ...exhausted, shortfalls })
      expect(next.context.verdict).toEqual(many.slice(0, MAX_SHORTFALLS))
    })
  })

  test('a page that could not be had counts as a failed batch only where a page was lost', () => {
    const lost = expectTaken(after([start]), fail(true))
    expect(lost.context.metrics).toMatchObject({ totalBatches: 1, failedBatches: 1 })
    const none = expectTaken(after([start]), fail(false))
    expect(none.context.metrics).toMatchObject({ totalBatches: 0, failedBatches: 0 })
  })
})

describe('resuming on purpose', () => {
  const partial = (over: Partial<BatchCommitted> = {}) =>
    after([start, batch({ failed: 1, ...over }), { ...exhausted, at: 30 }])

  test('is refused where nothing is left to do: no failed items, and the listing at its end', () => {
    const short = partial({ failed: 0, shortfalls: [{ code: 'sso', detail: 'x' }] })
    expect(short.getSnapshot().value).toBe('PARTIALLY_COMPLETED')
    expectRefused(short, resume)
    // The counter says one failed, and no row of it is left.
    expectRefused(partial(), { ...resume, lastFailedItem: 0 })
  })

  test('goes on with the listing alone where no item failed', () => {
    const failed = after([start, batch(), { ...fail(), at: 30 }])
    const next = expectTaken(failed, { ...resume, lastFailedItem: 0 })
    expect(next.context.position).toEqual({ at: 'after', cursor: 'c1' })
    const other = after([start, batch(), { ...fail(), at: 30 }])
    expect(expectTaken(other, resume).context.position).toEqual({ at: 'after', cursor: 'c1' })
  })

  test('of a walk that failed after the last failed item was kept brings it to its end', () => {
    const actor = after([
      start,
      batch({ failed: 1 }),
      { ...exhausted, at: 30 },
      { ...resume, at: 31 },
      batch({
        processed: 1,
        skipped: 0,
        failed: 0,
        retried: 1,
        position: { ...retrying, after: 7 },
      }),
      { ...fail(), at: 32 },
    ])
    const next = expectTaken(actor, { ...resume, at: 33, lastFailedItem: 0 })
    expect(next.value).toBe('IN_PROGRESS')
    actor.send({ ...exhausted, at: 34 })
    expect(actor.getSnapshot().value).toBe('COMPLETED')
  })

  test('begins at the start where the walk failed before its first page', () => {
    const next = expectTaken(after([start, fail()]), { ...resume, lastFailedItem: 0 })
    expect(next.context.position).toEqual({ at: 'start' })
    expect(next.value).toBe('IN_PROGRESS')
  })

  test('of a retry that itself failed does not forget where the listing stopped', () => {
    const actor = after([
      start,
      batch({ failed: 1 }),
      { ...fail(), at: 30 },
      { ...resume, at: 31 },
      batch({
        processed: 0,
        skipped: 0,
        failed: 1,
        retried: 1,
        position: { ...retrying, after: 7 },
      }),
      { ...fail(), at: 32 },
    ])
    const next = expectTaken(actor, { ...resume, lastFailedItem: 9 })
    expect(next.context.position).toEqual({ ...retrying, after: 0, until: 9 })
  })

  test('opens the timeline again and forgets the failure', () => {
    const actor = after(REACHING.FAILED)
    expect(actor.getSnapshot().context.timeline.completedAt).toBe(30)
    expect(expectTaken(actor, resume).context).toMatchObject({
      failureReason: null,
      timeline: { startedAt: 1, lastUpdate: 50, completedAt: null },
    })
  })
})

describe('a position', () => {
  test('"not started", a null cursor and "finished" are three different positions', () => {
    const fresh = after([]).getSnapshot().context.position
    const walking = after([start, batch({ position: { at: 'after', cursor: null } })])
    const atNull = walking.getSnapshot().context.position
    const end = expectTaken(walking, exhausted).context.position
    expect(fresh).toEqual({ at: 'start' })
    expect(atNull).toEqual({ at: 'after', cursor: null })
    expect(end).toEqual({ at: 'end' })
    // They stay different in the row.
    const stored = [fresh, atNull, end].map((position) => JSON.stringify(position))
    expect(new Set(stored).size).toBe(3)
  })

  test('at a null cursor is where a failed walk goes on, not its beginning and not its end', () => {
    const failed = after([
      start,
      batch({ position: { at: 'after', cursor: null } }),
      { ...fail(), at: 30 },
    ])
    const next = expectTaken(failed, { ...resume, lastFailedItem: 0 })
    expect(next.context.position).toEqual({ at: 'after', cursor: null })
  })

  test.each([0, '', false, 'end', 'start', [], {}, { at: 'end' }])(
    'takes the cursor %j for a cursor',
    (cursor) => {
      const actor = after([start, batch({ position: { at: 'after', cursor } })])
      expect(actor.getSnapshot().context.position).toEqual({ at: 'after', cursor })
      expect(actor.getSnapshot().value).toBe('IN_PROGRESS')
    },
  )
})

describe('counting', () => {
  const metricsAfter = (...batches: BatchCommitted[]) =>
    after([start, ...batches]).getSnapshot().context.metrics

  test('adds batch to batch', () => {
    const first = batch({ processed: 4, skipped: 2, failed: 1 })
    expect(metricsAfter(first, batch({ processed: 3, skipped: 5 }))).toEqual({
      totalBatches: 2,
      failedBatches: 0,
      itemsFound: 15,
      itemsProcessed: 7,
      itemsSkipped: 7,
      itemsFailed: 1,
    })
  })

  test('a failed item that is tried again is not found anew: it moves from failed to processed', () => {
    const first = batch({ processed: 7, skipped: 0, failed: 3 })
    expect(
      metricsAfter(first, batch({ processed: 2, skipped: 0, failed: 1, retried: 3 })),
    ).toMatchObject({
      itemsFound: 10,
      itemsProcessed: 9,
      itemsSkipped: 0,
      itemsFailed: 1,
    })
    expect(
      metricsAfter(first, batch({ processed: 0, skipped: 0, failed: 3, retried: 3 })),
    ).toMatchObject({
      itemsFound: 10,
      itemsProcessed: 7,
      itemsSkipped: 0,
      itemsFailed: 3,
    })
  })

  test('a failed item that is left out when it is tried again moves from failed to skipped', () => {
    const first = batch({ processed: 7, skipped: 1, failed: 3 })
    const again = batch({ processed: 1, skipped: 2, failed: 0, retried: 3 })
    expect(metricsAfter(first, again)).toMatchObject({
      itemsFound: 11,
      itemsProcessed: 8,
      itemsSkipped: 3,
      itemsFailed: 0,
    })
  })

  test('keeps the total that the source last named', () => {
    const actor = after([start, batch({ total: 10 }), batch({ total: null }), batch({ total: 12 })])
    expect(actor.getSnapshot().context.total).toBe(12)
    expect(after([start, batch({ total: 10 }), batch()]).getSnapshot().context.total).toBe(10)
  })

  test('keeps one shortfall of a kind, and no more than its limit: a checkpoint does not grow with a listing', () => {
    const many = Array.from({ length: MAX_SHORTFALLS * 3 }, (_, i) => ({
      code: 'sso',
      detail: `organisation ${i}`,
    }))
    const batches = many.map((shortfall) => batch({ shortfalls: [shortfall, shortfall] }))
    const { shortfalls } = after([start, ...batches, ...batches]).getSnapshot().context
    expect(shortfalls).toEqual(many.slice(0, MAX_SHORTFALLS))
    const otherCode = batch({ shortfalls: [{ code: 'truncated', detail: 'organisation 0' }] })
    const kinds = after([start, batch({ shortfalls: many.slice(0, 1) }), otherCode])
    expect(kinds.getSnapshot().context.shortfalls).toHaveLength(2)
  })

  test('of time is not set back by a clock that went backwards', () => {
    const actor = after([start, batch({ at: 40 }), batch({ at: 5 })])
    expect(actor.getSnapshot().context.timeline.lastUpdate).toBe(40)
    expect(expectTaken(actor, { ...exhausted, at: 6 }).context.timeline.completedAt).toBe(40)
  })
})

describe('whatever happens in whatever order', () => {
  const at = fc.integer({ min: 0, max: 1_000 })
  const count = fc.integer({ min: 0, max: 30 })
  const cursor = fc.jsonValue({ maxDepth: 1 })
  const shortfall = fc.record({ code: fc.constantFrom('a', 'b'), detail: fc.string() })
  /** What happens next, given how the session stands: a retry can try no more than has failed. */
  const step = fc.oneof(
    fc.record({ type: fc.constant('session.start' as const), at }),
    fc.record({
      type: fc.constant('listing.exhausted' as const),
      at,
      shortfalls: fc.array(shortfall, { maxLength: 2 }),
    }),
    fc.record({ type: fc.constant('session.stall' as const), at }),
    fc.record({
      type: fc.constant('session.fail' as const),
      at,
      reason: fc.string(),
      pageLost: fc.boolean(),
      shortfalls: fc.array(shortfall, { maxLength: 2 }),
    }),
    fc.record({ type: fc.constant('session.resume' as const), at, lastFailedItem: count }),
    fc.record({
      type: fc.constant('batch.committed' as const),
      at,
      cursor,
      processed: count,
      skipped: count,
      failed: count,
      retry: fc.boolean(),
      batchFailed: fc.boolean(),
      total: fc.option(count),
      shortfalls: fc.array(shortfall, { maxLength: 3 }),
    }),
  )

  function eventOf(drawn: typeof step extends fc.Arbitrary<infer T> ? T : never, now: Actor) {
    if (drawn.type !== 'batch.committed') return drawn
    const { cursor, retry, ...rest } = drawn
    const position: Position = { at: 'after', cursor }
    const { itemsFailed } = now.getSnapshot().context.metrics
    if (!retry) return { ...rest, position, retried: 0 }
    const processed = Math.min(drawn.processed, itemsFailed)
    const skipped = Math.min(drawn.skipped, itemsFailed - processed)
    const failed = Math.min(drawn.failed, itemsFailed - processed - skipped)
    const retried = processed + skipped + failed
    return { ...rest, position, processed, skipped, failed, retried }
  }

  /** The statuses alone, written down a second time. */
  const ORACLE: Record<
    SessionStatus,
    Partial<Record<SessionEventType, readonly SessionStatus[]>>
  > = {
    INITIALIZED: { 'session.start': ['IN_PROGRESS'] },
    IN_PROGRESS: {
      'batch.committed': ['IN_PROGRESS'],
      'listing.exhausted': ['IN_PROGRESS', 'COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED'],
      'session.stall': ['STALLED'],
      'session.fail': ['FAILED'],
    },
    STALLED: {
      'batch.committed': ['IN_PROGRESS'],
      'listing.exhausted': ['IN_PROGRESS', 'COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED'],
      'session.fail': ['FAILED'],
    },
    PARTIALLY_COMPLETED: { 'session.resume': ['PARTIALLY_COMPLETED', 'IN_PROGRESS'] },
    FAILED: { 'session.resume': ['IN_PROGRESS'] },
    COMPLETED: {},
  }

  test('the counters add up, COMPLETED is never left, and every snapshot survives JSON', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const actor = after([])
        for (const drawn of steps) {
          const event = eventOf(drawn, actor)
          const before = actor.getSnapshot()
          if (before.status === 'active') actor.send(event)
          else expect(transition(sessionMachine, before, event)[0].value).toBe('COMPLETED')
          const { value, context } = actor.getSnapshot()
          const { metrics } = context
          expect(ORACLE[before.value][event.type] ?? [before.value]).toContain(value)
          expect(metrics.itemsFound).toBe(
            metrics.itemsProcessed + metrics.itemsSkipped + metrics.itemsFailed,
          )
          expect(Math.min(...Object.values(metrics))).toBeGreaterThanOrEqual(0)
          expect(metrics.failedBatches).toBeLessThanOrEqual(metrics.totalBatches)
          expect(context.shortfalls.length).toBeLessThanOrEqual(MAX_SHORTFALLS)
          const isEnded = ['COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED'].includes(value)
          // A verdict is passed at an end, and one that names something is not COMPLETED.
          if (!isEnded || value === 'COMPLETED') expect(context.verdict).toEqual([])
          expect(context.timeline.completedAt !== null).toBe(isEnded)
          const stored = JSON.parse(JSON.stringify(persisted(actor))) as Snapshot<unknown>
          const restored = createActor(restorable(sessionMachine), { input: { snapshot: stored } })
          expect(restored.getSnapshot().value).toBe(value)
          expect(restored.getPersistedSnapshot()).toEqual(stored)
          expect(restored.getSnapshot().context).toEqual(JSON.parse(JSON.stringify(context)))
        }
      }),
      { numRuns: effort(200, 5_000), seed },
    )
  })
})

describe('the machine', () => {
  test('is taken through every one of its transitions by these tests', () => {
    expect(coverage.table.transitions.missing).toEqual([])
  })
})
