import { newId } from '../../domain/identity.ts'
import type { SessionState } from '../../domain/session-state.ts'
import type { ClaimSessions, Store } from '../../store/store.ts'
import { equal, isAbove, matches, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import {
  checkpointOf,
  everythingIn,
  identities,
  jobOf,
  LEASE_MS,
  OTHER_OWNER,
  OWNER,
  put,
  sessionNamed,
  T0,
  TestWalk,
} from './fixtures.ts'
import { at } from './samples.ts'

const request = (change: Partial<ClaimSessions> = {}): ClaimSessions => ({
  owner: OTHER_OWNER,
  leaseMs: LEASE_MS,
  limit: 10,
  sourceTypes: ['github'],
  except: [],
  isGone: () => false,
  ...change,
})

const named = (targetName: string, authRef: string | null, lastUpdate = 0) =>
  sessionNamed(targetName, {
    config: { name: targetName, sourceType: 'github', authRef, spec: { org: targetName } },
    timeline: { startedAt: at(0), lastUpdate: at(lastUpdate), completedAt: null },
  })

async function claim(store: Store, change?: Partial<ClaimSessions>): Promise<string[]> {
  const claimed = await store.claimSessions(request(change))
  return claimed.map(({ state }) => state.targetName)
}

export const claimed = casesOf('sessions are claimed', (test) => {
  test('when nobody walks them, each with its state and a revision of its own', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    const [found, ...others] = await store.claimSessions(request())
    equal(others, [])
    equal(found?.state, await store.repositories.sessions.load(sessionId))
    equal(await claim(store), [])
    const { state } = found as { readonly state: SessionState }
    const session = { ...state, status: 'IN_PROGRESS' as const }
    const fence = {
      sessionId,
      owner: OTHER_OWNER,
      revision: found?.revision ?? 0,
      leaseMs: LEASE_MS,
    }
    await store.commitSession({ fence, session, checkpoint: checkpointOf(session) })
  })

  test('each by one claimant alone, however many ask at once', async (store) => {
    for (let i = 0; i < 12; i += 1) await put(store, sessionNamed(`target-${i}`))
    const all = await Promise.all(
      Array.from({ length: 6 }, (_, i) => claim(store, { owner: `host/${i}/x`, limit: 4 })),
    )
    // Who asks while others have hold of them may go without; who asks again gets what is left.
    const found = [...all.flat(), ...(await claim(store, { limit: 12 }))]
    same(new Set(found).size, found.length)
    same(found.length, 12)
  })

  test('as many as are asked for, those that waited longest first', async (store) => {
    await put(store, named('late', 'a', 30))
    await put(store, named('early', 'b', 10))
    await put(store, named('middle', 'c', 20))
    equal(await claim(store, { limit: 0 }), [])
    equal(await claim(store, { limit: 2 }), ['early', 'middle'])
    equal(await claim(store, { limit: 2 }), ['late'])
  })

  test('of the credentials that are least in use first', async (store, clock) => {
    await put(store, named('busy-1', 'busy', 1))
    await put(store, named('busy-2', 'busy', 2))
    await put(store, named('idle', 'idle', 3))
    equal(await claim(store, { limit: 1 }), ['busy-1'])
    equal(await claim(store, { limit: 1, owner: OWNER }), ['idle'])
    equal(await claim(store, { limit: 1, owner: OWNER }), ['busy-2'])
    // A lease that ran out is no use of a credential.
    await put(store, named('busy-3', 'busy', 4))
    await put(store, named('other', 'idle', 5))
    clock.at(LEASE_MS)
    equal(await claim(store, { limit: 5 }), ['busy-1', 'busy-2', 'idle', 'busy-3', 'other'])
  })

  test('when their lease has run out, or its owner is gone, and not before', async (store, clock) => {
    await TestWalk.begin(store, 'acme')
    clock.at(LEASE_MS - 1)
    equal(await claim(store), [])
    equal(await claim(store, { isGone: (owner) => owner === OWNER }), ['acme'])
    clock.at(2 * LEASE_MS - 1)
    equal(await claim(store), ['acme'])
  })

  test('unless they are of another source, or not wanted', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    equal(await claim(store, { sourceTypes: [] }), [])
    equal(await claim(store, { sourceTypes: ['s3', 'url'] }), [])
    equal(await claim(store, { except: [newId(), sessionId] }), [])
    equal(await claim(store, { except: [newId()] }), ['acme'])
  })

  test('unless they are paused, until they are offered again', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: { reason: 'no', until: null } })
    await store.releaseLease({ sessionId, owner: OWNER })
    equal(await claim(store), [])
    await store.offerSession({ sessionId })
    equal(await claim(store), ['acme'])
  })

  test('unless they are paused by one that died in its pause, until they are offered again', async (store, clock) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: { reason: 'no', until: null } })
    // Its lease has not run out yet.
    await store.offerSession({ sessionId })
    equal(await claim(store), [])
    clock.at(LEASE_MS)
    equal(await claim(store), ['acme'])
  })

  test('unless they wait for a time that is still to come', async (store, clock) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const waiting = { reason: 'limited', until: at(500) }
    await store.recordWaiting({ sessionId, owner: OWNER, waiting })
    await store.releaseLease({ sessionId, owner: OWNER })
    await store.offerSession({ sessionId })
    clock.at(499)
    equal(await claim(store), [])
    clock.at(500)
    const [found] = await store.claimSessions(request())
    same(found?.state.waiting, null)
  })

  test('unless they are at their end', async (store) => {
    for (const status of ['COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED'] as const) {
      await put(store, sessionNamed(status, { status }))
    }
    equal(await claim(store, { announcing: true }), [])
  })

  test('at their end too while a bus is owed it, by who announces', async (store) => {
    const walk = await TestWalk.begin(store, 'plain')
    await walk.page({ kept: identities('a', 1), session: { status: 'COMPLETED' } })
    await store.releaseLease({ sessionId: walk.sessionId, owner: OWNER })
    await put(store, sessionNamed('acme'))
    const [found] = await store.claimSessions(request({ announcing: true }))
    const sessionId = found?.state.sessionId ?? ''
    const other = await TestWalk.claim(store, sessionId, OWNER)
    await other.advance({ status: 'COMPLETED' })
    await store.releaseLease({ sessionId, owner: OWNER })
    equal(
      (await store.findUnfinished()).map((of) => of.sessionId),
      [sessionId],
    )
    equal(await claim(store), [])
    equal(await claim(store, { announcing: true }), ['acme'])
    await store.releaseLease({ sessionId, owner: OTHER_OWNER })
    await store.markAnnounced({ sessionId })
    equal(await claim(store, { announcing: true }), [])
    equal(await store.findUnfinished(), [])
  })
})

export const leading = casesOf('the lead', (test) => {
  const ask = (store: Store, owner: string, gone = false) =>
    store.lead({ owner, leaseMs: LEASE_MS, isGone: () => gone })

  test('is one process’s at a time, until its lease has run out', async (store, clock) => {
    same(await ask(store, OWNER), true)
    same(await ask(store, OTHER_OWNER), false)
    clock.at(LEASE_MS - 1)
    same(await ask(store, OTHER_OWNER), false)
    same(await ask(store, OWNER), true)
    clock.at(2 * LEASE_MS - 2)
    same(await ask(store, OTHER_OWNER), false)
    clock.at(2 * LEASE_MS - 1)
    same(await ask(store, OTHER_OWNER), true)
    same(await ask(store, OWNER), false)
  })

  test('is another’s at once when its process is gone or resigns, and nobody resigns for another', async (store) => {
    same(await ask(store, OWNER), true)
    await store.resign({ owner: OTHER_OWNER })
    same(await ask(store, OTHER_OWNER), false)
    same(await ask(store, OTHER_OWNER, true), true)
    same(await ask(store, OWNER), false)
    await store.resign({ owner: OTHER_OWNER })
    same(await ask(store, OWNER), true)
  })

  test('is one process’s alone, of however many that ask at once', async (store) => {
    const owners = Array.from({ length: 8 }, (_, i) => `host/${i}/x`)
    const answers = await Promise.all(owners.map((owner) => ask(store, owner)))
    same(answers.filter(Boolean).length, 1)
  })
})

export const roundsOfHosts = casesOf('a round of several hosts', (test) => {
  const begin = (store: Store, session: SessionState, roundId: number) =>
    store.createSession({
      session,
      targetKey: session.targetName,
      job: jobOf(session),
      checkpoint: checkpointOf(session),
      roundId,
    })

  test('can be looked at by all of them', async (store) => {
    equal(await store.lastRound(), null)
    const before = await put(store, sessionNamed('before'))
    const { roundId } = await store.openRound({ at: T0 })
    equal(await store.lastRound(), { roundId, isOpen: true })
    const begun = sessionNamed('acme')
    await begin(store, begun, roundId)
    const ids = (await store.sessionsOfRound(roundId)).map(({ sessionId }) => sessionId)
    equal(ids, [before.sessionId, begun.sessionId])
    equal(await store.unendedOfRound(roundId), [
      {
        sessionId: before.sessionId,
        targetName: 'before',
        isEnded: false,
        isWalked: false,
        pausedFor: null,
      },
      {
        sessionId: begun.sessionId,
        targetName: 'acme',
        isEnded: false,
        isWalked: false,
        pausedFor: null,
      },
    ])
    await store.closeRound({ roundId, at: T0 })
    equal(await store.lastRound(), { roundId, isOpen: false })
    equal(await store.sessionsOfRound(roundId + 1), [])
    equal(await store.unendedOfRound(roundId + 1), [])
  })

  test('says what is left of it: what is not ended, paused or not, and what a bus is owed', async (store) => {
    const { roundId } = await store.openRound({ at: T0 })
    for (const name of ['paused', 'limited', 'owed', 'ended']) {
      await begin(store, sessionNamed(name), roundId)
    }
    const [paused, limited, owed, ended] = await store.claimSessions(
      request({ owner: OWNER, announcing: true }),
    )
    const idOf = (found: typeof paused) => found?.state.sessionId ?? ''
    const wait = (sessionId: string, until: Date | null) =>
      store.recordWaiting({ sessionId, owner: OWNER, waiting: { reason: 'why', until } })
    await wait(idOf(paused), null)
    await wait(idOf(limited), at(50))
    for (const found of [owed, ended]) {
      await (await TestWalk.claim(store, idOf(found))).advance({ status: 'COMPLETED' })
    }
    await store.markAnnounced({ sessionId: idOf(ended) })
    equal(await store.unendedOfRound(roundId), [
      {
        sessionId: idOf(paused),
        targetName: 'paused',
        isEnded: false,
        isWalked: true,
        pausedFor: 'why',
      },
      {
        sessionId: idOf(limited),
        targetName: 'limited',
        isEnded: false,
        isWalked: true,
        pausedFor: null,
      },
      { sessionId: idOf(owed), targetName: 'owed', isEnded: true, isWalked: true, pausedFor: null },
    ])
  })

  test('has one session of a target, whether it was begun in it or before it', async (store) => {
    const walk = await TestWalk.begin(store, 'resumed')
    const { roundId } = await store.openRound({ at: T0 })
    const first = await (async () => {
      const session = sessionNamed('acme')
      await begin(store, session, roundId)
      return TestWalk.claim(store, session.sessionId)
    })()
    for (const ended of [walk, first]) await ended.advance({ status: 'COMPLETED' })
    const before = await everythingIn(store)
    for (const name of ['acme', 'resumed']) {
      matches(await thrownBy(begin(store, sessionNamed(name), roundId)), { code: 'LEASE_HELD' })
    }
    equal(await everythingIn(store), before)
    await begin(store, sessionNamed('another'), roundId)
  })

  test('that is over is not begun anew by one that means it, and the next one is', async (store) => {
    const first = await store.openRound({ at: T0, after: 0 })
    same((await store.openRound({ at: T0, after: 0 })).roundId, first.roundId)
    await store.closeRound({ roundId: first.roundId, at: T0 })
    const before = await everythingIn(store)
    matches(await thrownBy(store.openRound({ at: T0, after: 0 })), { code: 'LEASE_LOST' })
    equal(await everythingIn(store), before)
    equal(await store.lastRound(), { roundId: first.roundId, isOpen: false })
    const next = await store.openRound({ at: T0, after: first.roundId })
    isAbove(next.roundId, first.roundId)
  })

  test('that is over begins nothing more', async (store) => {
    const { roundId } = await store.openRound({ at: T0 })
    await store.closeRound({ roundId, at: T0 })
    const before = await everythingIn(store)
    const late = begin(store, sessionNamed('acme'), roundId)
    matches(await thrownBy(late), { code: 'LEASE_LOST' })
    equal(await everythingIn(store), before)
    const next = await store.openRound({ at: T0 })
    await begin(store, sessionNamed('acme'), next.roundId)
  })
})
