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
})
