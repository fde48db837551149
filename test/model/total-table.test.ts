import PQueue from 'p-queue'
import { createActor, SimulatedClock, type InspectionEvent } from 'xstate'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  batchActorId,
  sessionActorId,
  sessionMachine,
  type BatchCommitted,
  type BatchEvent,
  type BatchStatus,
  type SessionContext,
  type SessionEvent,
  type SessionStatus,
} from '../../machines/index.ts'
import { createInProcessBus } from '../../src/delivery/event-bus.ts'
import { markFailed, markSuccessful, type Batch } from '../../src/domain/batch.ts'
import { unauthenticated } from '../../src/domain/credentials.ts'
import { newId } from '../../src/domain/identity.ts'
import {
  completenessOf,
  machineState,
  targetKeyOf,
  type SessionSnapshot,
  type TargetConfig,
} from '../../src/domain/session-state.ts'
import { coordinatorLogic } from '../../src/enumeration/actors.ts'
import { BudgetNotes } from '../../src/enumeration/budget-notes.ts'
import { Channels } from '../../src/enumeration/channels.ts'
import { createWalk } from '../../src/enumeration/create-walk.ts'
import { sealSnapshot, SNAPSHOT_VERSION } from '../../src/enumeration/envelope.ts'
import type { CoordinatorActor, CredentialResolver } from '../../src/enumeration/ports.ts'
import { DEFAULT_SETTINGS } from '../../src/enumeration/settings.ts'
import { Walker } from '../../src/enumeration/walker.ts'
import { openStore } from '../../src/store/open.ts'
import * as batchTable from '../machines/batch-table.ts'
import * as sessionTable from '../machines/session-table.ts'
import { ask, dump } from '../support/database.ts'
import { scriptedSource } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'

const OWNER = 'host/1/aaaaaaaa'
const SESSION = newId()
const CONFIG: TargetConfig = {
  name: 'a',
  sourceType: 'scripted',
  authRef: null,
  spec: { list: 'a' },
}

const credentials: CredentialResolver = {
  resolve: async () => unauthenticated(),
  knows: () => true,
  mask: (text) => text,
}

interface Sent {
  readonly to: string
  readonly type: string
}

/**
 * A session in a database, under the coordinator's actor, with the walker that
 * an enumerator would have. There is no enumerator: the test takes its place.
 */
async function openSystem() {
  const database = quickDatabase()
  const clock = new SimulatedClock()
  const store = await openStore({ path: database, clock })
  onTestFinished(() => store.close())
  const deps = {
    store,
    clock,
    credentials,
    sources: new Map([['scripted', scriptedSource({})]]),
    parse: () => ({ config: CONFIG, credentials }),
    bus: createInProcessBus(),
    queue: new PQueue(),
    settings: DEFAULT_SETTINGS,
  }
  const walker: Walker = new Walker({ ...deps, owner: OWNER, coordinator: () => coordinator })
  const sent: Sent[] = []
  const last = new Map<string, unknown>()
  const coordinator = createActor(
    coordinatorLogic({
      ...deps,
      walker,
      walk: () => walk,
      requestStarted: () => {},
      walkEnded: () => {},
      walkBroke: () => {},
    }),
    {
      clock,
      inspect(event: InspectionEvent) {
        const { id } = event.actorRef as unknown as { readonly id: string }
        if (event.type === '@xstate.event') sent.push({ to: id, type: event.event.type })
        if (event.type === '@xstate.snapshot') last.set(id, event.snapshot)
      },
    },
  ).start() as CoordinatorActor
  onTestFinished(() => void coordinator.stop())
  const channels = new Channels({
    ...deps,
    closed: new AbortController().signal,
    isWalked: () => true,
    onBegun: async () => {},
    onDrained: async () => {},
  })
  const targetKey = targetKeyOf(CONFIG)
  const channel = channels.of({ sessionId: SESSION, targetKey })
  const notes = new BudgetNotes(deps)
  const walk = createWalk(
    { ...deps, notes },
    { sessionId: SESSION, config: CONFIG, credentials, ...channel },
  )

  const snapshot = createActor(sessionMachine, {
    input: { sessionId: SESSION, sourceType: CONFIG.sourceType, at: 1 },
  }).getSnapshot() as SessionSnapshot
  await store.createSession({
    session: { ...walk.state, ...machineState(snapshot) },
    targetKey,
    job: { jobId: walk.state.jobId, name: CONFIG.name, createdAt: new Date(1) },
    checkpoint: sealSnapshot(snapshot),
  })
  const claim = { sessionId: SESSION, owner: OWNER, leaseMs: 1_000 }
  const claimed = await store.claimSession({ ...claim, isGone: () => false })
  walk.state = claimed.state
  walk.revision = claimed.revision
  coordinator.send({
    type: 'session.open',
    sessionId: SESSION,
    snapshot: sessionMachine.getPersistedSnapshot(snapshot),
  })
  return {
    database,
    store,
    clock,
    walker,
    walk,
    coordinator,
    sent,
    last,
    /** The session as it lives. */
    live: () => childOf(coordinator, sessionActorId(SESSION)).getSnapshot() as SessionSnapshot,
  }
}

type System = Awaited<ReturnType<typeof openSystem>>

interface Child {
  getSnapshot(): unknown
  send(event: object): void
}

function childOf(coordinator: CoordinatorActor, id: string): Child {
  const child = coordinator.getSnapshot().children[id] as Child | undefined
  if (child === undefined) throw new Error(`the coordinator has no actor "${id}"`)
  return child
}

/** The items of a page; the last of them are no resources of their source. */
const itemsOf = ({ processed, skipped = 0, failed }: Page): string[] => [
  ...Array.from({ length: processed }, (_, i) => `item-${i}`),
  ...Array.from({ length: skipped }, (_, i) => `skip-${i}`),
  ...Array.from({ length: failed }, (_, i) => `bad-${i}`),
]

type Page = Pick<BatchCommitted, 'processed' | 'failed'> & Partial<Omit<BatchCommitted, 'type'>>

function commitPage({ walker, walk }: System, page: Page): Promise<unknown> {
  const { position, total, shortfalls } = page
  walk.page = {
    items: itemsOf(page),
    position: position ?? { at: 'after', cursor: 'c1' },
    total: total ?? null,
    shortfalls: shortfalls ?? [],
    again: false,
    retriedItems: [],
  }
  return walker.commitPage(walk)
}

/** What a target's first session has nothing to be held against. */
const FIRST_SURVEY = {
  comparison: { seen: 2, new: 2, changed: 0, unchanged: 0, missing: 0 },
  seenBefore: null,
}

type Event<T> = Extract<SessionEvent, { type: T }>

/** What a walk does that makes each of the events happen. */
const ROADS: {
  readonly [T in SessionEvent['type']]: (system: System, event: Event<T>) => Promise<unknown>
} = {
  'session.start': ({ walker, walk }, event) => walker.advance(walk, event),
  'batch.committed': commitPage,
  'listing.exhausted': ({ walker, walk, store }, { shortfalls }) => {
    const survey = shortfalls === undefined ? FIRST_SURVEY : sessionTable.SURVEY
    vi.spyOn(store, 'surveySession').mockResolvedValueOnce(survey)
    return walker.recordEnd(walk)
  },
  'session.stall': ({ walker, walk }) => walker.recordStall(walk),
  'session.fail': ({ walker, walk }, { reason }) => walker.recordFailure(walk, reason),
  'session.resume': ({ walker, walk }, event) => walker.advance(walk, event),
}

function travel(system: System, event: SessionEvent): Promise<unknown> {
  system.clock.set(Math.max(system.clock.now(), event.at))
  return (ROADS[event.type] as (system: System, event: SessionEvent) => Promise<unknown>)(
    system,
    event,
  )
}

/** A session that has come to where it is as every session does. */
async function after(events: readonly SessionEvent[]): Promise<System> {
  const system = await openSystem()
  for (const event of events) await travel(system, event)
  return system
}

const columnsOf = (status: SessionStatus, context: SessionContext, revision: number) => ({
  status,
  failure_reason: context.failureReason,
  completeness: completenessOf(status),
  shortfalls: JSON.stringify([...context.shortfalls, ...context.verdict]),
  total: context.total,
  total_batches: context.metrics.totalBatches,
  failed_batches: context.metrics.failedBatches,
  items_found: context.metrics.itemsFound,
  items_processed: context.metrics.itemsProcessed,
  items_skipped: context.metrics.itemsSkipped,
  items_failed: context.metrics.itemsFailed,
  started_at: context.timeline.startedAt,
  last_update: context.timeline.lastUpdate,
  completed_at: context.timeline.completedAt,
  revision,
})

/** The batch that each event leaves behind; null where it leaves none. */
const BATCH_OF: {
  readonly [T in SessionEvent['type']]: ((event: Event<T>) => Record<string, unknown>) | null
} = {
  'session.start': null,
  'batch.committed': ({ processed, skipped, failed, position }) => ({
    status: failed === 0 ? 'SUCCEEDED' : processed === 0 ? 'FAILED' : 'PARTIALLY_COMPLETED',
    items_skipped: skipped,
    position: JSON.stringify(position),
    expected_items: processed + skipped + failed,
    items_processed: processed,
    items_failed: failed,
    error_details: failed === 0 ? null : '"bad-0" is bad',
  }),
  'listing.exhausted': null,
  'session.stall': null,
  'session.fail': ({ reason }) => ({
    status: 'FAILED',
    position: null,
    expected_items: 0,
    items_processed: 0,
    items_skipped: 0,
    items_failed: 0,
    error_details: reason,
  }),
  'session.resume': null,
}

const batchRows = (database: string) =>
  ask(
    database,
    `select number, status, position, expected_items, items_processed, items_skipped,
      items_failed, error_details, started_at, last_update, completed_at from batches order by number`,
  )

function expectedBatches(before: readonly object[], event: SessionEvent): object[] {
  const row = (BATCH_OF[event.type] as ((event: SessionEvent) => object) | null)?.(event)
  if (row === undefined) return [...before]
  const moments = { started_at: event.at, last_update: event.at, completed_at: event.at }
  return [...before, { number: before.length + 1, ...row, ...moments }]
}

interface Taken {
  readonly to: SessionStatus
  readonly changes: Partial<SessionContext>
}

/** Live and stored, the session has become what the table says, and nothing else. */
async function expectTaken(system: System, event: SessionEvent, { to, changes }: Taken) {
  const { database, walk, live } = system
  const context = { ...live().context, ...changes }
  const batches = expectedBatches(batchRows(database), event)
  const revision = walk.revision + 1
  await travel(system, event)
  expect(live().value).toBe(to)
  expect(live().context).toEqual(context)
  expect(walk).toMatchObject({ revision, state: machineState(live()) })
  const [checkpoint] = ask<{ data: string }>(database, 'select data from checkpoints')
  expect(JSON.parse(checkpoint?.data ?? '')).toEqual({
    v: SNAPSHOT_VERSION,
    machine: 'session',
    snapshot: { status: to === 'COMPLETED' ? 'done' : 'active', value: to, context },
  })
  const [row] = ask(database, 'select * from sessions')
  expect(row).toMatchObject(columnsOf(to, context, revision))
  expect(batchRows(database)).toEqual(batches)
  expect(ask(database, 'select id from failed_items')).toHaveLength(context.metrics.itemsFailed)
}

/** Whatever is tried, neither the database nor anything that lives is another one afterwards. */
async function expectUntouched(system: System, attempt: () => Promise<void>): Promise<void> {
  const { database, walk, coordinator, sent, live } = system
  const stored = dump(database)
  const [snapshot, { state, revision }] = [live(), walk]
  const children = Object.keys(coordinator.getSnapshot().children)
  sent.length = 0
  await attempt()
  expect(dump(database)).toEqual(stored)
  expect(live()).toBe(snapshot)
  expect(walk.state).toBe(state)
  expect(walk.revision).toBe(revision)
  expect(Object.keys(coordinator.getSnapshot().children)).toEqual(children)
  // A page that is refused has opened its batch, and closed it: no event went any further.
  expect(sent.filter(({ to }) => to.startsWith('session:'))).toEqual([])
  expect(sent.filter(({ type }) => type in batchTable.EVENTS)).toEqual([])
}

const refusal = (state: SessionStatus, type: string) => ({
  code: 'ILLEGAL_TRANSITION',
  message: `session ${SESSION} is ${state}: "${type}" is not possible there`,
})

describe('a session', () => {
  const cells = [...sessionTable.CELLS, ...sessionTable.GUARDED]
  const refused = cells.filter(({ expected }) => expected === 'refused')
  const taken = cells.flatMap((cell) => {
    const { expected } = cell
    return expected === 'refused' ? [] : [{ ...cell, expected }]
  })

  test.each(taken)('$type in $state $title', async ({ state, reaching, event, expected }) => {
    const system = await after(reaching)
    expect(system.live().value).toBe(state)
    await expectTaken(system, event, expected)
  })

  test.each(refused)('$type in $state $title', async ({ state, type, reaching, event }) => {
    const system = await after(reaching)
    const { walker, walk, sent, live } = system
    expect(live().value).toBe(state)
    await expectUntouched(system, async () => {
      expect(walker.can(walk, event)).toBe(false)
      await expect(walker.advance(walk, event)).rejects.toMatchObject(refusal(state, type))
      expect(sent).toEqual([])
    })
    await expectUntouched(system, async () => {
      // One that hangs again is STALLED as it is: there is nothing to record.
      if (state === 'STALLED' && type === 'session.stall') await travel(system, event)
      else await expect(travel(system, event)).rejects.toMatchObject(refusal(state, type))
    })
  })

  test.each(Object.keys(sessionTable.TABLE) as SessionStatus[])(
    'in %s refuses what is no event',
    async (state) => {
      const system = await after(sessionTable.REACHING[state])
      const { walker, walk, sent } = system
      for (const type of [...sessionTable.BOGUS, ...sessionTable.FORGED]) {
        await expectUntouched(system, async () => {
          const event = { type, at: 50 } as never
          await expect(walker.advance(walk, event)).rejects.toMatchObject(refusal(state, type))
          expect(sent).toEqual([])
        })
      }
    },
  )
})

/** What the domain calls the events of a batch. */
const MARKS: Record<BatchEvent['type'], (batch: Batch, system: System) => Batch> = {
  'batch.settle': (batch, { clock }) => markSuccessful(batch, 4, clock),
  'batch.fail': (batch, { clock }) => markFailed(batch, new Error('the page never came'), clock),
}

/** A batch that is settled in the database, and beside it one that lives. */
async function batchIn(state: BatchStatus) {
  const system = await after([sessionTable.start])
  const { store, coordinator } = system
  const [event] = batchTable.REACHING[state]
  if (event?.type === 'batch.settle') await commitPage(system, event)
  const input = { ...batchTable.INPUT, batchId: 'b9', sessionId: SESSION, number: 9 }
  coordinator.send({ type: 'batch.open', input })
  const actor = childOf(coordinator, batchActorId(SESSION, 9))
  for (const event of batchTable.REACHING[state]) actor.send(event)
  return { system, actor, stored: await store.repositories.batches.findLastBySessionId(SESSION) }
}

interface Live {
  can(event: object): boolean
  readonly value: BatchStatus
}

describe('a batch', () => {
  const cells = [...batchTable.CELLS, ...batchTable.GUARDED]
  const refused = cells.filter(({ expected }) => expected === 'refused')
  const taken = cells.flatMap((cell) => {
    const { expected } = cell
    return expected === 'refused' ? [] : [{ ...cell, expected }]
  })

  test.each(taken)('$type in $state $title', async ({ event, expected }) => {
    const system = await after([sessionTable.start])
    system.clock.set(event.at)
    if (event.type === 'batch.settle') await commitPage(system, event)
    else await system.walker.recordFailure(system.walk, event.error)
    // Everything that a page is comes to pass at one moment, and the reasons are those of its items.
    const { metrics } = expected.changes
    const isFailedItem = event.type === 'batch.settle' && event.failed > 0
    const context = {
      batchId: expect.any(String),
      sessionId: SESSION,
      number: 1,
      metrics: {
        ...metrics,
        expectedItems: event.type === 'batch.settle' ? 4 : 0,
        errorDetails: isFailedItem ? '"bad-0" is bad' : metrics?.errorDetails,
      },
      timeline: { startedAt: event.at, lastUpdate: event.at, completedAt: event.at },
    }
    const id = batchActorId(SESSION, 1)
    expect(system.last.get(id)).toMatchObject({ value: expected.to, context })
    expect(Object.keys(system.coordinator.getSnapshot().children)).not.toContain(id)
    expect(ask(system.database, 'select * from batches')).toMatchObject([
      {
        number: 1,
        status: expected.to,
        expected_items: context.metrics.expectedItems,
        items_processed: metrics?.itemsProcessed,
        items_failed: metrics?.itemsFailed,
        error_details: context.metrics.errorDetails,
        started_at: event.at,
        completed_at: event.at,
      },
    ])
  })

  test.each(refused)('$type in $state $title', async ({ state, type, event }) => {
    const { system, actor, stored } = await batchIn(state)
    // XState drops what is sent to an actor at its end, and says so on the console.
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
    onTestFinished(() => warned.mockRestore())
    const before = { stored: dump(system.database), live: actor.getSnapshot() as Live }
    expect(stored?.status).toBe(state)
    expect(() => MARKS[type](stored as Batch, system)).toThrow(
      expect.objectContaining({ code: 'ILLEGAL_TRANSITION' }),
    )
    expect(before.live.value).toBe(state)
    expect(before.live.can(event)).toBe(false)
    actor.send(event)
    expect(actor.getSnapshot()).toBe(before.live)
    expect(dump(system.database)).toEqual(before.stored)
  })

  test.each(Object.keys(batchTable.TABLE) as BatchStatus[])(
    'in %s refuses what is no event',
    async (state) => {
      const { system, actor } = await batchIn(state)
      const before = { stored: dump(system.database), live: actor.getSnapshot() as Live }
      expect(before.live.value).toBe(state)
      for (const type of [...batchTable.BOGUS, ...batchTable.FORGED]) {
        expect(before.live.can({ type, at: 50 })).toBe(false)
      }
      if (state === 'IN_PROGRESS') for (const type of batchTable.BOGUS) actor.send({ type, at: 50 })
      expect(actor.getSnapshot()).toBe(before.live)
      expect(dump(system.database)).toEqual(before.stored)
    },
  )
})
