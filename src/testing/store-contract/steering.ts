import { newId } from '../../domain/identity.ts'
import type { SessionState } from '../../domain/session-state.ts'
import type { Ask } from '../../domain/steering.ts'
import type { ClaimSessions, Store } from '../../store/store.ts'
import { equal, matches, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import {
  everythingIn,
  identities,
  LEASE_MS,
  OTHER_OWNER,
  OWNER,
  put,
  sessionNamed,
  T0,
  TestWalk,
} from './fixtures.ts'
import { at } from './samples.ts'

const BY = 'somebody'

const steer = (store: Store, sessionId: string, ask: Ask | null) =>
  store.steerSession({ sessionId, ask, by: BY })

const stored = async (store: Store, sessionId: string) => {
  const session = await store.repositories.sessions.load(sessionId)
  return session && { asked: session.asked, waiting: session.waiting }
}

const request = (change: Partial<ClaimSessions> = {}): ClaimSessions => ({
  owner: OTHER_OWNER,
  leaseMs: LEASE_MS,
  isGone: () => false,
  limit: 10,
  sourceTypes: ['github'],
  except: [],
  ...change,
})

/** The names of those that were given. */
const claimSome = async (store: Store): Promise<string[]> =>
  (await store.claimSessions(request())).map(({ state }) => state.targetName)

const claim = (store: Store, sessionId: string, lift?: boolean) =>
  store.claimSession({
    sessionId,
    owner: OTHER_OWNER,
    leaseMs: LEASE_MS,
    isGone: () => false,
    ...(lift === undefined ? {} : { lift }),
  })

const PAUSED = { asked: 'pause', waiting: { reason: 'paused on request', until: null } } as const
const FREE = { asked: null, waiting: null }

export const asks = casesOf('what is asked of a session', (test) => {
  test('pauses it at once where nobody walks it, and is told as it is then', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    const summary = await steer(store, sessionId, 'pause')
    matches(summary, {
      sessionId,
      targetName: 'acme',
      targetKey: 'acme',
      walkedBy: null,
      ...PAUSED,
    })
    equal(await stored(store, sessionId), PAUSED)
  })

  test('is seen by who walks it, who goes on under its revision until then', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    const { sessionId } = walk
    equal(await store.asksOf(OWNER), [])
    matches(await steer(store, sessionId, 'pause'), {
      asked: 'pause',
      waiting: null,
      walkedBy: OWNER,
    })
    equal(await store.asksOf(OWNER), [{ sessionId, ask: 'pause' }])
    equal(await store.asksOf(OTHER_OWNER), [])
    await walk.page({ kept: identities('a', 2) })
    await walk.advance({ status: 'STALLED' })
    equal(await stored(store, sessionId), { asked: 'pause', waiting: null })
    await steer(store, other.sessionId, 'cancel')
    const asked = (await store.asksOf(OWNER)).toSorted((a, b) => (a.ask < b.ask ? -1 : 1))
    equal(asked, [
      { sessionId: other.sessionId, ask: 'cancel' },
      { sessionId, ask: 'pause' },
    ])
    await store.releaseLease({ sessionId, owner: OWNER })
    equal(await store.asksOf(OWNER), [{ sessionId: other.sessionId, ask: 'cancel' }])
  })

  test('can be that a pause ends, and that a paused one is cancelled after all', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    matches(await steer(store, sessionId, null), FREE)
    await steer(store, sessionId, 'pause')
    matches(await steer(store, sessionId, null), FREE)
    equal(await stored(store, sessionId), FREE)
    await steer(store, sessionId, 'pause')
    matches(await steer(store, sessionId, 'cancel'), { asked: 'cancel', waiting: null })
  })

  test('changes nothing where it was asked already', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    for (const ask of ['pause', 'cancel'] as const) {
      await steer(store, sessionId, ask)
      const before = await everythingIn(store)
      const record = await store.repositories.audit.find({ sessionId })
      await steer(store, sessionId, ask)
      equal(await everythingIn(store), before)
      equal(await store.repositories.audit.find({ sessionId }), record)
    }
  })

  test('is refused where it comes too late, and changes nothing then', async (store) => {
    for (const status of ['COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED'] as const) {
      await put(store, sessionNamed(status, { status }))
    }
    const { sessionId } = await put(store, sessionNamed('acme'))
    const ended = (await store.repositories.sessions.list(9)).filter(
      (s) => s.sessionId !== sessionId,
    )
    await steer(store, sessionId, 'cancel')
    const before = await everythingIn(store)
    for (const ask of ['pause', 'cancel', null] as const) {
      for (const session of ended) {
        matches(await thrownBy(steer(store, session.sessionId, ask)), {
          code: 'ILLEGAL_TRANSITION',
        })
      }
      matches(await thrownBy(steer(store, newId(), ask)), { code: 'SESSION_NOT_FOUND' })
      if (ask === 'cancel') continue
      matches(await thrownBy(steer(store, sessionId, ask)), { code: 'ILLEGAL_TRANSITION' })
    }
    equal(await everythingIn(store), before)
  })

  test('is over with the session, whether a page ends it or not', async (store) => {
    const ends = [
      (walk: TestWalk) => walk.page({ session: { status: 'COMPLETED' } }),
      (walk: TestWalk) => walk.advance({ status: 'FAILED' }),
    ]
    for (const [i, end] of ends.entries()) {
      const walk = await TestWalk.begin(store, `acme ${i}`)
      await steer(store, walk.sessionId, i === 0 ? 'pause' : 'cancel')
      await end(walk)
      same((await stored(store, walk.sessionId))?.asked, null)
    }
    equal(await store.asksOf(OWNER), [])
  })

  test('leaves a time until which its source wants to be left alone', async (store, clock) => {
    const waiting = { reason: 'limited', until: at(5_000) }
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    await store.recordWaiting({ sessionId, owner: OWNER, waiting })
    await store.releaseLease({ sessionId, owner: OWNER })
    matches(await steer(store, sessionId, 'pause'), { asked: 'pause', waiting })
    clock.at(5_000)
    equal(await claimSome(store), [])
    await steer(store, sessionId, null)
    equal(await claimSome(store), ['acme'])
  })
})

export const pauses = casesOf('a pause that somebody asked for', (test) => {
  test('is obeyed by every claim but one that lifts it', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    await steer(store, sessionId, 'pause')
    const before = await everythingIn(store)
    for (const lift of [undefined, false]) {
      const refused = await thrownBy(claim(store, sessionId, lift))
      matches(refused, { name: 'PauseError', code: 'PAUSED', message: /acme.*muster resume/s })
    }
    equal(await claimSome(store), [])
    equal(await everythingIn(store), before)
    matches((await claim(store, sessionId, true)).state, { sessionId, ...FREE })
    equal(await stored(store, sessionId), FREE)
    equal(await store.asksOf(OTHER_OWNER), [])
  })

  test('holds though its walker died before it saw it', async (store, clock) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    await steer(store, sessionId, 'pause')
    clock.at(LEASE_MS)
    equal(await claimSome(store), [])
    matches(await thrownBy(claim(store, sessionId)), { code: 'PAUSED' })
    await claim(store, sessionId, true)
  })

  test('is not lifted while somebody walks the session', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    await steer(store, sessionId, 'pause')
    matches(await thrownBy(claim(store, sessionId, true)), { code: 'LEASE_HELD' })
    equal(await store.asksOf(OWNER), [{ sessionId, ask: 'pause' }])
  })

  test('is not ended by an offer, and leaves the session unfinished', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    await steer(store, sessionId, 'pause')
    await store.offerSession({ sessionId })
    equal(await stored(store, sessionId), PAUSED)
    equal(await store.findUnfinished(), [{ sessionId, targetKey: 'acme' }])
  })

  test('is what its round is told, as soon as nobody walks it', async (store, clock) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { roundId } = await store.openRound({ at: T0 })
    const told = async () => (await store.unendedOfRound(roundId)).map((s) => s.pausedFor)
    await steer(store, walk.sessionId, 'pause')
    equal(await told(), [null])
    clock.at(LEASE_MS)
    equal(await told(), ['paused on request'])
    await steer(store, walk.sessionId, 'cancel')
    equal(await told(), [null])
  })

  test('is no matter to one who claims a session at its end', async (store) => {
    const session: SessionState = sessionNamed('acme', { status: 'FAILED', asked: 'pause' })
    await put(store, session)
    same((await claim(store, session.sessionId)).state.asked, null)
  })
})

export const cancellations = casesOf('a session that is to be cancelled', (test) => {
  test('is given to whoever claims, whatever it waits for, and stays to be cancelled', async (store) => {
    for (const [name, until] of [
      ['limited', at(5_000)],
      ['refused', null],
    ] as const) {
      const { sessionId } = await TestWalk.begin(store, name)
      await store.recordWaiting({ sessionId, owner: OWNER, waiting: { reason: name, until } })
      await store.releaseLease({ sessionId, owner: OWNER })
    }
    equal(await claimSome(store), [])
    const sessions = await store.repositories.sessions.list(9)
    for (const { sessionId } of sessions) await steer(store, sessionId, 'cancel')
    const claimed = await store.claimSessions(request())
    equal(claimed.map(({ state }) => [state.targetName, state.asked]).toSorted(), [
      ['limited', 'cancel'],
      ['refused', 'cancel'],
    ])
    for (const { sessionId } of sessions) {
      same((await stored(store, sessionId))?.asked, 'cancel')
      await store.releaseLease({ sessionId, owner: OTHER_OWNER })
      same((await claim(store, sessionId)).state.asked, 'cancel')
      await store.releaseLease({ sessionId, owner: OTHER_OWNER })
      same((await claim(store, sessionId, true)).state.asked, 'cancel')
    }
  })
})
