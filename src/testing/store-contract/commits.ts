import type { SessionState } from '../../domain/session-state.ts'
import type { Store } from '../../store/store.ts'
import { ANY_NUMBER, collect, equal, matches, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import {
  checkpointOf,
  everythingIn,
  identities,
  identity,
  OTHER_OWNER,
  put,
  sessionNamed,
  T0,
  TestWalk,
} from './fixtures.ts'
import { at, HARD_JSON, HARD_TEXTS } from './samples.ts'

/** What a machine decides of a session: all of it, then all otherwise, then nothing where there may be nothing. */
const CHANGES: readonly Partial<SessionState>[] = [
  {
    status: 'STALLED',
    failureReason: HARD_TEXTS[0],
    completeness: 'INCOMPLETE',
    shortfalls: [
      { code: 'sso', detail: HARD_TEXTS[2] },
      { code: 'truncated', detail: '' },
    ],
    total: 17,
    comparison: { seen: 61, new: 62, changed: 63, unchanged: 64, missing: 65 },
    waiting: { reason: HARD_TEXTS[4], until: null },
    position: { at: 'after', cursor: HARD_JSON },
    timeline: { startedAt: at(11), lastUpdate: at(12), completedAt: at(13) },
    metrics: {
      totalBatches: 21,
      failedBatches: 22,
      itemsFound: 23,
      itemsProcessed: 24,
      itemsSkipped: 26,
      itemsFailed: 25,
    },
  },
  {
    status: 'IN_PROGRESS',
    failureReason: HARD_TEXTS[3],
    completeness: 'COMPLETE',
    shortfalls: [{ code: 'hidden', detail: 'three' }],
    total: 18,
    comparison: { seen: 0, new: 0, changed: 0, unchanged: 0, missing: 0 },
    waiting: { reason: '', until: at(66) },
    position: { at: 'retrying', after: 3, until: 9, resumeAt: { at: 'after', cursor: null } },
    timeline: { startedAt: at(31), lastUpdate: at(32), completedAt: at(33) },
    metrics: {
      totalBatches: 41,
      failedBatches: 42,
      itemsFound: 43,
      itemsProcessed: 44,
      itemsSkipped: 46,
      itemsFailed: 45,
    },
  },
  {
    status: 'INITIALIZED',
    failureReason: null,
    completeness: 'UNKNOWN',
    shortfalls: [],
    total: null,
    comparison: null,
    waiting: null,
    position: { at: 'start' },
    timeline: { startedAt: at(51), lastUpdate: at(52), completedAt: null },
    metrics: {
      totalBatches: 0,
      failedBatches: 0,
      itemsFound: 0,
      itemsProcessed: 0,
      itemsSkipped: 0,
      itemsFailed: 0,
    },
  },
]

/** A session as it has to be read, once it was committed. */
const stored = (session: SessionState) => ({
  ...session,
  lastCheckpoint: {
    id: ANY_NUMBER,
    targetId: session.sessionId,
    data: checkpointOf(session),
    updatedAt: session.timeline.lastUpdate,
  },
})

/** That everybody who reads the one session of the store reads it as it was committed. */
async function isRead(store: Store, { state }: TestWalk): Promise<void> {
  const { sessions, checkpoints } = store.repositories
  const expected = stored(state)
  equal(await sessions.load(state.sessionId), expected)
  equal(await sessions.list(1), [expected])
  equal(await sessions.getActiveStates(), [expected])
  equal((await store.openRound({ at: T0 })).sessions, [expected])
  equal(await checkpoints.load(state.sessionId), expected.lastCheckpoint)
}

export const commits = casesOf('a commit', (test) => {
  test('of a page writes every field of its session, and its checkpoint', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    for (const change of CHANGES) {
      await walk.page({ kept: identities('a', 2), session: change })
      await isRead(store, walk)
    }
  })

  test('of a session alone writes every field of it, and its checkpoint', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    for (const change of CHANGES) {
      await walk.advance(change)
      await isRead(store, walk)
    }
  })

  test('is what the next claim is given', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    for (const change of CHANGES) {
      await walk.advance(change)
      const next = await TestWalk.claim(store, walk.sessionId)
      // A pause is over when somebody takes the session up.
      const waiting = walk.state.waiting?.until == null ? null : walk.state.waiting
      equal(next.state, stored({ ...walk.state, waiting }))
      walk.revision = next.revision
    }
  })

  test('touches no other session', async (store) => {
    const other = await put(store, sessionNamed('other'))
    const before = await store.repositories.sessions.load(other.sessionId)
    const walk = await TestWalk.begin(store, 'acme')
    for (const change of CHANGES) {
      await walk.page({ kept: identities('a', 2), session: change })
      await walk.advance(change)
    }
    equal(await store.repositories.sessions.load(other.sessionId), before)
  })

  test('does not change what was read before it', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const rejected = [{ item: '1', reason: 'bad' }]
    await walk.page({ kept: identities('a', 3), rejected })
    const before = await everythingIn(store)
    const copy = structuredClone(before)
    await walk.page({ kept: [identity('a-0', { name: 'renamed' }), identity('b')], rejected })
    await walk.advance(CHANGES[0] ?? {})
    const [task] = await collect(store.repositories.tasks.stream())
    await store.recordProgress({
      taskId: task?.taskId ?? '',
      status: 'COMPLETED',
      itemsProcessed: 7,
      error: null,
      updatedAt: at(60),
    })
    await put(store, sessionNamed('another'))
    // Read again: a store may change at that what it gave before.
    await everythingIn(store)
    equal(before, copy)
  })

  test('is too late once the lease was released, though nobody took it', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId, owner } = walk
    await store.releaseLease({ sessionId, owner: OTHER_OWNER })
    await walk.page({ kept: identities('a', 1) })
    await store.releaseLease({ sessionId, owner })
    const before = await everythingIn(store)
    matches(await thrownBy(walk.page({ kept: identities('b', 1) })), { code: 'LEASE_LOST' })
    matches(await thrownBy(walk.advance({ total: 7 })), { code: 'LEASE_LOST' })
    equal(await everythingIn(store), before)
  })
})
