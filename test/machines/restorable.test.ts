import {
  assertEvent,
  assign,
  createActor,
  createMachine,
  setup,
  spawnChild,
  type ErrorActorEvent,
  type Snapshot,
} from 'xstate'
import { describe, expect, test } from 'vitest'
import { restorable, sessionMachine } from '../../machines/index.ts'

/** The snapshot of a session that has one batch behind it. */
function stored(): Snapshot<unknown> {
  const actor = createActor(sessionMachine, {
    input: { sessionId: 's1', sourceType: 'url', at: 1 },
  }).start()
  actor.send({ type: 'session.start', at: 2 })
  actor.send({
    type: 'batch.committed',
    at: 3,
    position: { at: 'after', cursor: null },
    processed: 1,
    skipped: 0,
    failed: 0,
    retried: 0,
    batchFailed: false,
    total: null,
    shortfalls: [],
  })
  return JSON.parse(JSON.stringify(actor.getPersistedSnapshot())) as Snapshot<unknown>
}

/** A parent that spawns one session from a snapshot, as the coordinator does. */
const parent = setup({
  types: {
    context: {} as { error: unknown },
    events: {} as
      { type: 'open'; snapshot: Snapshot<unknown> } | ErrorActorEvent<unknown, 'session'>,
  },
  actors: { session: restorable(sessionMachine), fresh: sessionMachine },
}).createMachine({
  context: { error: null },
  on: {
    open: {
      actions: spawnChild('session', {
        id: 'session',
        input: ({ event }) => {
          assertEvent(event, 'open')
          return { snapshot: event.snapshot }
        },
      }),
    },
    'xstate.error.actor.session': { actions: assign({ error: ({ event }) => event.error }) },
  },
})

describe('a machine made restorable', () => {
  test('begins as a child where its stored snapshot stopped', () => {
    const snapshot = stored()
    const actor = createActor(parent).start()
    actor.send({ type: 'open', snapshot })
    const child = actor.getSnapshot().children['session']
    expect(child?.getPersistedSnapshot()).toEqual(snapshot)
  })

  test('goes on from there', () => {
    const actor = createActor(parent).start()
    actor.send({ type: 'open', snapshot: stored() })
    const child = actor.getSnapshot().children['session']
    child?.send({ type: 'listing.exhausted', at: 9 })
    expect(child?.getSnapshot()).toMatchObject({
      value: 'COMPLETED',
      status: 'done',
      context: { position: { at: 'end' }, metrics: { totalBatches: 1 } },
    })
  })

  test('does not change the snapshot that it is given, though it refers to children', () => {
    const machine = setup({
      types: { context: {} as { child: unknown } },
      actors: { child: createMachine({}) },
    }).createMachine({
      context: ({ spawn }) => ({ child: spawn('child', { id: 'child' }) }),
    })
    const snapshot = JSON.parse(
      JSON.stringify(createActor(machine).start().getPersistedSnapshot()),
    ) as Snapshot<unknown>
    const copy = structuredClone(snapshot)
    const actor = createActor(restorable(machine), { input: { snapshot } }).start()
    expect(actor.getSnapshot().context.child).toHaveProperty('send')
    expect(snapshot).toEqual(copy)
  })

  test('is the same machine to whoever looks at it', () => {
    const machine = restorable(sessionMachine)
    expect(machine.id).toBe(sessionMachine.id)
    expect(machine.states).toBe(sessionMachine.states)
    expect(machine.config).toBe(sessionMachine.config)
  })

  test('leaves the machine it was made of as it was', () => {
    const machine = createMachine({ id: 'm', initial: 'a', states: { a: {}, b: {} } })
    const snapshot = { ...createActor(machine).getPersistedSnapshot(), value: 'b' }
    const wrapped = createActor(restorable(machine), { input: { snapshot: snapshot as never } })
    expect(wrapped.getSnapshot().value).toBe('b')
    expect(createActor(machine).getSnapshot().value).toBe('a')
  })

  test('of a snapshot that cannot be restored ends itself, and its parent goes on', () => {
    const actor = createActor(parent).start()
    actor.send({ type: 'open', snapshot: { ...stored(), value: 'NOWHERE' } as never })
    expect(actor.getSnapshot()).toMatchObject({ status: 'active' })
    expect(String(actor.getSnapshot().context.error)).toContain('NOWHERE')
  })

  test('hands a snapshot that is at its end on to its parent as done', () => {
    const source = createActor(restorable(sessionMachine), { input: { snapshot: stored() } })
    source.start().send({ type: 'listing.exhausted', at: 9 })
    const done: string[] = []
    const actor = createActor(parent, {
      inspect: ({ type, ...event }) => {
        if (type === '@xstate.event' && 'event' in event) done.push(event.event.type)
      },
    }).start()
    actor.send({ type: 'open', snapshot: source.getPersistedSnapshot() })
    expect(done).toContain('xstate.done.actor.session')
  })
})

test('XState itself still ignores a snapshot given to a spawned child: the reason for all this', () => {
  const machine = setup({
    actors: { session: sessionMachine },
  }).createMachine({
    entry: spawnChild('session', {
      id: 'session',
      input: { sessionId: 's1', sourceType: 'url', at: 1 },
      snapshot: stored(),
    } as never),
  })
  const actor = createActor(machine).start()
  expect(actor.getSnapshot().children['session']?.getSnapshot()).toMatchObject({
    value: 'INITIALIZED',
  })
})
