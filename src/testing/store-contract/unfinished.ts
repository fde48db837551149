import assert from 'node:assert/strict'
import type { SessionState } from '../../domain/session-state.ts'
import type { Store } from '../../store/store.ts'
import { equal, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identities, put, sessionNamed, T0, TestWalk } from './fixtures.ts'

export const unfinished = casesOf('what is unfinished', (test) => {
  async function session(store: Store, name: string, change: Partial<SessionState>) {
    const walk = await TestWalk.begin(store, name)
    await walk.page({ kept: identities(name, 2) })
    await walk.advance(change)
    return walk
  }
  const names = async (store: Store, key?: string) =>
    (await store.findUnfinished(key)).map(({ targetKey }) => targetKey)

  test('is every session that is not at its end, the oldest first', async (store) => {
    const begun = await session(store, 'stalled', { status: 'STALLED' })
    await session(store, 'running', { status: 'IN_PROGRESS' })
    await put(store, sessionNamed('new'))
    for (const status of ['COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED'] as const) {
      await session(store, status, { status })
    }
    equal(await names(store), ['stalled', 'running', 'new'])
    equal(await names(store, 'running'), ['running'])
    equal(await names(store, 'COMPLETED'), [])
    equal(await store.findUnfinished('stalled'), [
      { sessionId: begun.sessionId, targetKey: 'stalled' },
    ])
  })

  test('is an ended session whose tasks a host began to take, until it has acknowledged all', async (store) => {
    for (const status of ['COMPLETED', 'PARTIALLY_COMPLETED'] as const) {
      const { sessionId } = await session(store, status, { status })
      equal(await names(store, status), [])
      await store.beginDelivery({ sessionId, at: T0 })
      equal(await names(store, status), [status])
      const [one, two] = await store.takeTasks({ sessionId, after: 0, limit: 10 })
      await store.acknowledgeTasks({ seqs: [one?.seq ?? 0], at: T0 })
      equal(await names(store, status), [status])
      await store.acknowledgeTasks({ seqs: [two?.seq ?? 0], at: T0 })
      equal(await names(store, status), [])
    }
  })

  test('is an ended session whose tasks a host began to take while it was walked', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await store.beginDelivery({ sessionId: walk.sessionId, at: T0 })
    await walk.page({ kept: identities('a', 2), session: { status: 'COMPLETED' } })
    equal(await names(store), ['acme'])
  })

  test('is an ended session whose page said that a host takes its tasks', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('a', 2), delivering: true })
    await walk.advance({ status: 'COMPLETED' })
    equal(await names(store), ['acme'])
    const nothing = await TestWalk.begin(store, 'nothing to take')
    await nothing.page({ delivering: true })
    await nothing.advance({ status: 'COMPLETED' })
    equal(await names(store), ['acme'])
  })

  test('is not a session of which no host takes the tasks', async (store) => {
    const taken = await session(store, 'taken', { status: 'COMPLETED' })
    await session(store, 'left', { status: 'COMPLETED' })
    await store.beginDelivery({ sessionId: taken.sessionId, at: T0 })
    equal(await names(store), ['taken'])
  })

  test('is all of it, however much there is', async (store) => {
    const wanted = Array.from({ length: 130 }, (_, i) => `target-${i}`)
    for (const name of wanted) await put(store, sessionNamed(name))
    equal(await names(store), wanted)
    const { sessions } = store.repositories
    equal(
      (await sessions.getActiveStates()).map((s) => s.targetName),
      wanted,
    )
    equal(
      (await store.openRound({ at: T0 })).sessions.map((s) => s.targetName),
      wanted,
    )
  })

  test('is not a session that failed: it is taken up on purpose only', async (store) => {
    const { sessionId } = await session(store, 'failed', { status: 'FAILED' })
    await store.beginDelivery({ sessionId, at: T0 })
    equal(await names(store), [])
  })
})

export const rounds = casesOf('a round of enumeration', (test) => {
  test('holds what was unfinished when it began and what was begun in it, until it is closed', async (store) => {
    await put(store, sessionNamed('ended', { status: 'COMPLETED' }))
    await put(store, sessionNamed('left', { status: 'IN_PROGRESS' }))
    const names = (states: readonly SessionState[]) => states.map((s) => s.targetName)
    const first = await store.openRound({ at: T0 })
    equal(names(first.sessions), ['left'])
    await put(store, sessionNamed('begun', { status: 'COMPLETED' }))
    const again = await store.openRound({ at: T0 + 1 })
    same(again.roundId, first.roundId)
    equal(names(again.sessions), ['left', 'begun'])
    await store.closeRound({ roundId: first.roundId, at: T0 + 2 })
    const next = await store.openRound({ at: T0 + 3 })
    assert.notStrictEqual(next.roundId, first.roundId)
    equal(names(next.sessions), ['left'])
  })

  test('keeps what comes to its end in it, so that nothing is walked twice', async (store) => {
    const left = await TestWalk.begin(store, 'left')
    const { roundId } = await store.openRound({ at: T0 })
    const begun = await TestWalk.begin(store, 'begun')
    await left.advance({ status: 'COMPLETED' })
    await begun.advance({ status: 'FAILED', failureReason: 'gone' })
    const again = await store.openRound({ at: T0 + 1 })
    same(again.roundId, roundId)
    equal(
      again.sessions.map(({ sessionId, status }) => [sessionId, status]),
      [
        [left.sessionId, 'COMPLETED'],
        [begun.sessionId, 'FAILED'],
      ],
    )
  })

  test('is closed by its own number, and closing it again does not end the next', async (store) => {
    const first = await store.openRound({ at: T0 })
    await store.closeRound({ roundId: first.roundId + 1, at: T0 + 1 })
    same((await store.openRound({ at: T0 + 2 })).roundId, first.roundId)
    await store.closeRound({ roundId: first.roundId, at: T0 + 3 })
    const next = await store.openRound({ at: T0 + 4 })
    await store.closeRound({ roundId: first.roundId, at: T0 + 5 })
    same((await store.openRound({ at: T0 + 6 })).roundId, next.roundId)
  })
})
