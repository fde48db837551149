import Database from 'better-sqlite3'
import { createActor } from 'xstate'
import { describe, expect, test } from 'vitest'
import { restorable, sessionMachine, type SessionEvent } from '../../machines/index.ts'
import { IncompatibleCheckpointError } from '../../src/domain/errors.ts'
import type { JsonRecord } from '../../src/domain/json.ts'
import type { SessionSnapshot } from '../../src/domain/session-state.ts'
import { openSnapshot, sealSnapshot, SNAPSHOT_VERSION } from '../../src/enumeration/envelope.ts'
import { ask } from '../support/database.ts'
import { musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedTarget } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'
import { VERSION_1 } from './version-1.ts'

const batch = (position: object, failed = 0): SessionEvent =>
  ({
    type: 'batch.committed',
    at: 3,
    position,
    processed: 2,
    skipped: 1,
    failed,
    retried: 0,
    batchFailed: false,
    total: 12,
    shortfalls: [{ code: 'sso', detail: 'x' }],
  }) as SessionEvent

const start = { type: 'session.start', at: 2 } as const
const fail = {
  type: 'session.fail',
  at: 5,
  reason: 'gone',
  pageLost: true,
  shortfalls: [{ code: 'gone', detail: 'gone' }],
} as const

function lived(...events: SessionEvent[]) {
  const input = { sessionId: 's1', sourceType: 'url', at: 1 }
  const actor = createActor(sessionMachine, { input }).start()
  for (const event of events) actor.send(event)
  return actor.getSnapshot() as SessionSnapshot
}

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

describe('a snapshot that is sealed, stored and opened', () => {
  test.each<[string, SessionSnapshot]>([
    ['at its beginning', lived()],
    ['in progress at the start', lived(start)],
    ['at a null cursor', lived(start, batch({ at: 'after', cursor: null }))],
    ['at a cursor of its own form', lived(start, batch({ at: 'after', cursor: { a: [1] } }))],
    ['stalled', lived(start, { type: 'session.stall', at: 4 })],
    ['failed', lived(start, fail)],
    [
      'retrying',
      lived(start, batch({ at: 'after', cursor: 1 }, 1), fail, {
        type: 'session.resume',
        at: 6,
        lastFailedItem: 4,
      }),
    ],
    [
      'partially completed',
      lived(start, batch({ at: 'after', cursor: 1 }, 1), { type: 'listing.exhausted', at: 7 }),
    ],
    [
      'partially completed by its account alone',
      lived(start, {
        type: 'listing.exhausted',
        at: 7,
        shortfalls: [{ code: 'shrunk', detail: 'x' }],
      }),
    ],
    ['completed', lived(start, { type: 'listing.exhausted', at: 7 })],
  ])('%s is the same, and goes on the same', (_, snapshot) => {
    const stored = throughJson(sealSnapshot(snapshot))
    expect(stored).toMatchObject({ v: SNAPSHOT_VERSION, machine: 'session' })
    const restored = createActor(restorable(sessionMachine), {
      input: { snapshot: openSnapshot('s1', stored) },
    }).getSnapshot() as SessionSnapshot
    expect(restored.value).toBe(snapshot.value)
    expect(restored.status).toBe(snapshot.status)
    expect(restored.context).toEqual(snapshot.context)
    expect(sealSnapshot(restored)).toEqual(stored)
    for (const type of sessionMachine.events) {
      const event = { type, at: 9, lastFailedItem: 4 } as unknown as SessionEvent
      expect(restored.can(event)).toBe(snapshot.can(event))
    }
  })

  test('holds nothing but value, status and context: no children that would come back dead', () => {
    const { snapshot } = sealSnapshot(lived(start)) as { snapshot: object }
    expect(Object.keys(snapshot).toSorted()).toEqual(['context', 'status', 'value'])
  })

  test('is not changed by being opened', () => {
    const stored = throughJson(sealSnapshot(lived(start)))
    const copy = structuredClone(stored)
    createActor(restorable(sessionMachine), { input: { snapshot: openSnapshot('s1', stored) } })
      .start()
      .send(fail)
    expect(stored).toEqual(copy)
  })
})

/** The checkpoint of a session in the middle of its listing. */
const whole = throughJson(sealSnapshot(lived(start, batch({ at: 'after', cursor: 1 }, 1)))) as {
  v: number
  machine: string
  snapshot: { value: string; status: string; context: Record<string, unknown> }
}

type Change = (checkpoint: typeof whole) => unknown
const inSnapshot =
  (over: object): Change =>
  (c) => ({ ...c, snapshot: { ...c.snapshot, ...over } })
const inContext =
  (over: object): Change =>
  (c) =>
    inSnapshot({ context: { ...c.snapshot.context, ...over } })(c)

/** What may stand where a checkpoint belongs, and what is said of it. */
const WRONG: [string, Change, string][] = [
  ['an empty object', () => ({}), 'has no version'],
  ['a list', () => [], 'has no version'],
  ['the snapshot alone', (c) => c.snapshot, 'has no version'],
  ['a later version', (c) => ({ ...c, v: SNAPSHOT_VERSION + 1 }), 'has version 3'],
  ['a far later version', (c) => ({ ...c, v: 999 }), 'has version 999'],
  ['a version that nothing leads on from', (c) => ({ ...c, v: 0 }), 'has version 0'],
  ['a broken version', (c) => ({ ...c, v: 1.5 }), 'has version 1.5'],
  ['a version that is text', (c) => ({ ...c, v: '1' }), 'has no version'],
  ['no version', ({ v: _, ...c }) => c, 'has no version'],
  ['another machine', (c) => ({ ...c, machine: 'batch' }), 'is one of "batch"'],
  ['no machine', ({ machine: _, ...c }) => c, 'is one of "undefined"'],
  ['no snapshot', ({ snapshot: _, ...c }) => c, 'has no version'],
  ['a snapshot that is null', (c) => ({ ...c, snapshot: null }), 'has no version'],
  ['a snapshot that is a list', (c) => ({ ...c, snapshot: [1] }), 'has no version'],
  ['an unknown state', inSnapshot({ value: 'NOWHERE' }), 'names the state "NOWHERE"'],
  ['a nested state', inSnapshot({ value: { a: 'b' } }), 'names the state {"a":"b"}'],
  ['a state that every object has', inSnapshot({ value: 'constructor' }), 'names the state'],
  ['__proto__ for a state', inSnapshot({ value: '__proto__' }), 'names the state'],
  ['no state', inSnapshot({ value: undefined }), 'names the state'],
  ['a status that XState does not know', inSnapshot({ status: 'bogus' }), 'the status "bogus"'],
  ['a status that its state does not have', inSnapshot({ status: 'done' }), 'the status "done"'],
  ['no context', inSnapshot({ context: undefined }), 'not whole'],
  ['an empty context', inSnapshot({ context: {} }), 'not whole'],
  ['a context that is a list', inSnapshot({ context: [] }), 'not whole'],
  ['the context of another session', inContext({ sessionId: 's2' }), 'not whole'],
  ['no source', inContext({ sourceType: null }), 'not whole'],
  ['no position', inContext({ position: undefined }), 'not whole'],
  ['an unknown position', inContext({ position: { at: 'nowhere' } }), 'not whole'],
  ['a position without its cursor', inContext({ position: { at: 'after' } }), 'not whole'],
  ['a retry that knows no way back', inContext({ position: { at: 'retrying' } }), 'not whole'],
  [
    'a retry within a retry',
    inContext({
      position: {
        at: 'retrying',
        after: 0,
        until: 1,
        resumeAt: { at: 'retrying', after: 0, until: 1, resumeAt: { at: 'end' } },
      },
    }),
    'not whole',
  ],
  ['no counters', inContext({ metrics: {} }), 'not whole'],
  [
    'a counter that is no number',
    inContext({
      metrics: {
        totalBatches: '1',
        failedBatches: 0,
        itemsFound: 0,
        itemsProcessed: 0,
        itemsSkipped: 0,
        itemsFailed: 0,
      },
    }),
    'not whole',
  ],
  ['no times', inContext({ timeline: {} }), 'not whole'],
  ['a time that is text', inContext({ timeline: { startedAt: 'x' } }), 'not whole'],
  ['shortfalls that are no list', inContext({ shortfalls: {} }), 'not whole'],
  ['shortfalls without words', inContext({ shortfalls: [null] }), 'not whole'],
  ['no verdict', inContext({ verdict: undefined }), 'not whole'],
  ['a verdict that is no list', inContext({ verdict: {} }), 'not whole'],
  ['a verdict without words', inContext({ verdict: [{ code: 'shrunk' }] }), 'not whole'],
  [
    'an older version than it is',
    (c) => ({ ...c, v: 1, snapshot: { value: 'FAILED' } }),
    'not whole',
  ],
  ['a total that is text', inContext({ total: 'many' }), 'not whole'],
  ['a failure that is no text', inContext({ failureReason: 7 }), 'not whole'],
  [
    'all of it under __proto__',
    (c) => JSON.parse(`{"__proto__":${JSON.stringify(c)}}`),
    'has no version',
  ],
  [
    'its state under __proto__',
    (c) => ({ ...c, snapshot: JSON.parse(`{"__proto__":${JSON.stringify(c.snapshot)}}`) }),
    'names the state',
  ],
  [
    'its context under __proto__',
    (c) =>
      inSnapshot({
        context: JSON.parse(`{"__proto__":${JSON.stringify(c.snapshot.context)}}`),
      })(c),
    'not whole',
  ],
]

describe('a checkpoint that this version cannot use is refused, with a remedy', () => {
  test.each(WRONG)('%s', (_, change, says) => {
    const data = throughJson(change(structuredClone(whole))) as JsonRecord
    const before = structuredClone(data)
    const open = () => openSnapshot('s1', data)
    expect(open).toThrow(IncompatibleCheckpointError)
    expect(open).toThrow(says)
    expect(open).toThrow(/session s1.*use the Muster that wrote it.*left as it is/)
    expect(data).toEqual(before)
  })

  test('and the one that all these were made of can be used', () => {
    expect(() => openSnapshot('s1', structuredClone(whole) as unknown as JsonRecord)).not.toThrow()
  })
})

describe('a checkpoint of version 1', () => {
  const opened = (name: keyof typeof VERSION_1) =>
    createActor(restorable(sessionMachine), {
      input: { snapshot: openSnapshot('s1', throughJson(VERSION_1[name]) as JsonRecord) },
    })

  test.each(Object.keys(VERSION_1) as (keyof typeof VERSION_1)[])(
    '%s is taken as it was, with nothing left out and no verdict',
    (name) => {
      const { value, status, context } = VERSION_1[name].snapshot
      const restored = opened(name).getSnapshot() as SessionSnapshot
      expect(restored).toMatchObject({ value, status })
      expect(restored.context).toEqual({
        ...context,
        metrics: { ...context.metrics, itemsSkipped: 0 },
        verdict: [],
      })
      expect(sealSnapshot(restored)).toMatchObject({ v: SNAPSHOT_VERSION })
    },
  )

  test('is not changed by being opened', () => {
    const before = structuredClone(VERSION_1.FAILED)
    openSnapshot('s1', VERSION_1.FAILED as unknown as JsonRecord)
    expect(VERSION_1.FAILED).toEqual(before)
  })

  test('was made in every status that there is', () => {
    const values = Object.values(VERSION_1).map(({ snapshot }) => snapshot.value)
    expect([...new Set(values)].toSorted()).toEqual(Object.keys(sessionMachine.states).toSorted())
  })

  test('goes on to its end', () => {
    const actor = opened('STALLED').start()
    actor.send(batch({ at: 'after', cursor: 2 }))
    actor.send({ type: 'listing.exhausted', at: 9 })
    expect(actor.getSnapshot()).toMatchObject({
      value: 'PARTIALLY_COMPLETED',
      context: { metrics: { itemsFound: 5, itemsProcessed: 4, itemsSkipped: 1, itemsFailed: 0 } },
    })
    const resumed = opened('FAILED').start()
    resumed.send({ type: 'session.resume', at: 8, lastFailedItem: 0 })
    resumed.send({ type: 'listing.exhausted', at: 9 })
    expect(resumed.getSnapshot().value).toBe('PARTIALLY_COMPLETED')
  })

  test.each<[string, Change]>([
    ['without its context', inSnapshot({ context: undefined })],
    ['without its counters', inContext({ metrics: undefined })],
    ['with a counter missing', inContext({ metrics: { totalBatches: 1 } })],
    ['of another session', inContext({ sessionId: 's2' })],
  ])('%s is refused like any other', (_, change) => {
    const data = throughJson(change(throughJson(VERSION_1.FAILED) as never)) as JsonRecord
    expect(() => openSnapshot('s1', data)).toThrow(IncompatibleCheckpointError)
    expect(() => openSnapshot('s1', data)).toThrow('not whole')
  })
})

describe('in a database', () => {
  /** A database that a process left with two sessions in the middle of their listings. */
  async function interrupted() {
    const database = quickDatabase()
    const listing = (prefix: string) => ({ items: itemsNamed(prefix, 6), pageSize: 2 })
    const stop = new AbortController()
    const first = await musterOver(
      {
        stuck: { ...listing('s'), before: (page) => void (page === 2 && stop.abort()) },
        fine: { ...listing('f'), before: (page) => void (page === 2 && stop.abort()) },
      },
      { database },
    )
    const { signal } = stop
    const stuck = first.coordinator.enumerateTarget(scriptedTarget('stuck'), { signal })
    const fine = first.coordinator.enumerateTarget(scriptedTarget('fine'), { signal })
    await Promise.all([stuck.done, fine.done])
    await first.close()
    return { database, listing, stuck: stuck.sessionId }
  }

  const rowsOf = (database: string, sessionId: string) => ({
    checkpoint: ask(database, `select * from checkpoints where target_id = '${sessionId}'`),
    session: ask(
      database,
      `select status, failure_reason, total_batches, items_found, items_processed, last_update,
        completed_at, lease_owner from sessions where session_id = '${sessionId}'`,
    ),
    tasks: ask(
      database,
      `select * from tasks where session =
        (select id from sessions where session_id = '${sessionId}') order by seq`,
    ),
  })

  test.each<[string, (stored: string) => string]>([
    ['written by a later version', (data) => data.replace('"v":2', '"v":3')],
    ['of another machine', (data) => data.replace('"machine":"session"', '"machine":"x"')],
    ['in an unknown state', (data) => data.replace('"value":"IN_PROGRESS"', '"value":"GONE"')],
    ['without its counters', (data) => data.replace('"itemsFound"', '"itemsLost"')],
    ['empty', () => '{}'],
    ['a list', () => '[]'],
    ['a number', () => '7'],
  ])(
    'a checkpoint %s is refused, its rows stay as they are, and other sessions are fine',
    async (_, alter) => {
      const { database, listing, stuck } = await interrupted()
      const connection = new Database(database)
      const [row] = connection
        .prepare<[string], { data: string }>('select data from checkpoints where target_id = ?')
        .all(stuck)
      const altered = alter(row?.data ?? '')
      expect(altered).not.toBe(row?.data)
      connection.prepare('update checkpoints set data = ? where target_id = ?').run(altered, stuck)
      connection.close()
      const before = rowsOf(database, stuck)

      const muster = await musterOver(
        { stuck: listing('s'), fine: listing('f'), new: listing('n') },
        { database },
      )
      const again = muster.coordinator.enumerateTarget(scriptedTarget('stuck'))
      expect(again.sessionId).toBe(stuck)
      const others = ['fine', 'new'].map((name) =>
        muster.coordinator.enumerateTarget(scriptedTarget(name)),
      )
      await expect(again.done).rejects.toBeInstanceOf(IncompatibleCheckpointError)
      await expect(again.done).rejects.toMatchObject({ code: 'CHECKPOINT_INCOMPATIBLE' })
      for (const other of others) {
        expect(await other.done).toMatchObject({
          status: 'COMPLETED',
          metrics: { itemsProcessed: 6 },
        })
      }
      await muster.close()
      expect(rowsOf(database, stuck)).toEqual(before)
    },
  )
})
