import type { Comparison } from '../../domain/session-state.ts'
import { equal, matches, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import {
  everythingIn,
  identities,
  identity,
  LEASE_MS,
  OWNER,
  put,
  sessionNamed,
  T0,
  TestWalk,
} from './fixtures.ts'
import { acknowledge, ended, isThere, nothing, old, over, pruned } from './retention-fixtures.ts'

const all: Comparison = { seen: 3, new: 3, changed: 0, unchanged: 0, missing: 0 }
const sighted = { onlyChanged: false }

export const retained = casesOf('what is old', (test) => {
  test('is no session that was taken up again', async (store) => {
    const failed = { status: 'FAILED' } as const
    const session = await over(store, 'acme', { kept: [], session: failed })
    await over(store, 'acme', { kept: [identity('last')] })
    const walk = await TestWalk.claim(store, session.sessionId)
    // Resuming leaves the time of its first end as it is, for all that is known here.
    await walk.advance({ status: 'IN_PROGRESS' })
    await store.releaseLease({ sessionId: session.sessionId, owner: OWNER })
    equal(await pruned(store), nothing)
    same(await isThere(store, session), true)
  })

  test('stays until a host has every task of it', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('repo', 3), session: ended() })
    await store.releaseLease({ sessionId: walk.sessionId, owner: OWNER })
    await over(store, 'acme', { kept: [identity('last')] })
    const tasks = await store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 10 })
    const [one, ...others] = tasks.map(({ seq }) => seq)
    await store.acknowledgeTasks({ seqs: others, at: T0 })
    const before = await everythingIn(store)
    equal(await pruned(store), nothing)
    equal(await everythingIn(store), before)
    await store.acknowledgeTasks({ seqs: [one ?? 0], at: T0 })
    matches(await pruned(store), { sessions: 1, tasks: 3 })
  })

  test('stays while its end is owed to a bus', async (store) => {
    const session = await put(store, sessionNamed('acme'))
    await store.claimSessions({
      owner: OWNER,
      leaseMs: LEASE_MS,
      limit: 1,
      sourceTypes: ['github'],
      except: [],
      announcing: true,
      isGone: () => false,
    })
    const walk = await TestWalk.claim(store, session.sessionId)
    await walk.page({ kept: identities('repo', 1), session: ended() })
    await acknowledge(store, session.sessionId)
    await store.releaseLease({ sessionId: session.sessionId, owner: OWNER })
    await over(store, 'acme', { kept: [identity('last')] })
    equal(await pruned(store), nothing)
    await store.markAnnounced({ sessionId: session.sessionId })
    matches(await pruned(store), { sessions: 1, tasks: 1 })
  })

  test('stays while somebody has a lease on it, until that has run out', async (store, clock) => {
    const session = await old(store)
    await TestWalk.claim(store, session.sessionId)
    clock.at(LEASE_MS - 1)
    equal(await pruned(store), nothing)
    clock.at(LEASE_MS)
    matches(await pruned(store), { sessions: 1 })
  })

  test('stays while the round that it is of is open', async (store) => {
    const resumed = await TestWalk.begin(store, 'resumed')
    const { roundId } = await store.openRound({ at: T0 })
    await resumed.page({ session: ended() })
    await store.releaseLease({ sessionId: resumed.sessionId, owner: OWNER })
    const begun = await old(store, 'begun')
    await over(store, 'resumed')
    equal(await pruned(store), nothing)
    same(await isThere(store, begun), true)
    await store.closeRound({ roundId, at: T0 })
    matches(await pruned(store), { sessions: 2 })
  })

  test('stays where it is the newest of its target, or has the last task of all', async (store) => {
    const alone = await over(store, 'alone', { kept: [], session: ended() })
    const withLast = await over(store, 'acme')
    await over(store, 'acme', { kept: [], session: ended() })
    equal(await pruned(store), { ...nothing, tasks: 2 })
    same(await isThere(store, alone), true)
    same(await isThere(store, withLast), true)
    await over(store, 'other', { kept: [identity('later')] })
    matches(await pruned(store), { sessions: 1, tasks: 1 })
    same(await isThere(store, withLast), false)
  })

  test('stays where the next session is held against it', async (store) => {
    const shortfalls = [{ code: 'shrunk', detail: 'so few' }] as const
    const against = { comparison: { ...all, seen: 7 } }
    const doubted = { comparison: all, shortfalls, status: 'PARTIALLY_COMPLETED' } as const
    const before = await over(store, 'acme', { kept: [], session: against })
    // Nobody can say of these what the target held: one may be resumed, the others saw too little.
    await over(store, 'acme', { kept: [], session: doubted })
    await over(store, 'acme', { kept: [], session: { ...against, status: 'FAILED' } })
    await over(store, 'acme', { kept: [], session: { comparison: null } })
    await over(store, 'acme', { kept: [identity('last')], session: { status: 'FAILED' } })
    const seenBefore = async () => {
      const walk = await TestWalk.begin(store, 'acme')
      const { seenBefore: seen } = await store.surveySession(walk.sessionId)
      await walk.advance(ended({ status: 'FAILED' }))
      await store.releaseLease({ sessionId: walk.sessionId, owner: OWNER })
      return seen
    }
    same(await seenBefore(), 3)
    matches(await pruned(store), { sessions: 2 })
    same(await isThere(store, before), true)
    same(await seenBefore(), 3)
    await over(store, 'acme', { kept: [], session: { comparison: { ...all, seen: 9 } } })
    matches(await pruned(store), { sessions: 4 })
    same(await isThere(store, before), false)
    same(await seenBefore(), 9)
  })

  test('stays where it FAILED, as long as what it saw last has still to count as changed', async (store) => {
    const kept = [identity('a', { version: '1' })]
    const failed = await over(store, 'acme', { kept, sighted, session: { status: 'FAILED' } })
    const empty = await over(store, 'acme', { kept: [], session: { status: 'FAILED' } })
    await over(store, 'other', { kept: [identity('last')] })
    await over(store, 'acme', { kept: [], session: { status: 'FAILED' } })
    equal(await pruned(store), { ...nothing, sessions: 1, batches: 1 })
    same(await isThere(store, failed), true)
    same(await isThere(store, empty), false)
    const next = await TestWalk.begin(store, 'acme')
    same(await next.page({ kept, sighted: { onlyChanged: true } }), 1)
    await next.advance(ended())
    await acknowledge(store, next.sessionId)
    await store.releaseLease({ sessionId: next.sessionId, owner: OWNER })
    await over(store, 'acme', { kept, sighted: { onlyChanged: true } })
    matches(await pruned(store), { sessions: 2 })
    same(await isThere(store, failed), false)
  })
})
