import { LeaseError } from '../../domain/errors.ts'
import { newId } from '../../domain/identity.ts'
import type { Store } from '../../store/store.ts'
import { containing, equal, isA, isAbove, matches, same, thrownBy } from '../checks.ts'
import { casesOf, type CaseClock } from './cases.ts'
import {
  everythingIn,
  identities,
  LEASE_MS,
  OTHER_OWNER,
  OWNER,
  put,
  sessionNamed,
  TestWalk,
} from './fixtures.ts'

export const claims = casesOf('a claim', (test) => {
  const claim = (sessionId: string, owner = OTHER_OWNER) => ({
    sessionId,
    owner,
    leaseMs: LEASE_MS,
    isGone: () => false,
  })

  test('gives the session and a revision of its own', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    const first = await store.claimSession(claim(sessionId))
    equal(first.state, await store.repositories.sessions.load(sessionId))
    const second = await store.claimSession(claim(sessionId))
    isAbove(second.revision, first.revision)
  })

  test('of an unknown session says where to look', async (store) => {
    const id = newId()
    const thrown = await thrownBy(store.claimSession(claim(id)))
    matches(thrown, {
      code: 'SESSION_NOT_FOUND',
      message: new RegExp(`session ${id}.*muster status`),
    })
  })

  test('is refused while another live process walks the session, to the last millisecond', async (store, clock) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const before = await everythingIn(store)
    for (const ms of [0, LEASE_MS - 1]) {
      clock.at(ms)
      const thrown = await thrownBy(store.claimSession(claim(sessionId)))
      isA(thrown, LeaseError)
      matches(thrown, {
        code: 'LEASE_HELD',
        message: containing(`target "acme") is being walked by ${OWNER}`),
      })
    }
    equal(await everythingIn(store), before)
    clock.at(LEASE_MS)
    await store.claimSession(claim(sessionId))
  })

  test('succeeds at once when the process that holds the lease is gone', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const asked: string[] = []
    await store.claimSession({
      ...claim(sessionId),
      isGone: (owner) => asked.push(owner) > 0,
    })
    equal(asked, [OWNER])
  })

  test('succeeds for the process that holds the lease', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    await store.claimSession(claim(sessionId, OWNER))
  })

  test('succeeds when the lease was released, and only its owner can release it', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    await store.releaseLease({ sessionId, owner: OTHER_OWNER })
    await thrownBy(store.claimSession(claim(sessionId)))
    await store.releaseLease({ sessionId, owner: OWNER })
    await store.claimSession(claim(sessionId))
  })

  test('makes everything stale that was read before it', async (store) => {
    const old = await TestWalk.begin(store, 'acme')
    await store.claimSession(claim(old.sessionId, OWNER))
    matches(await thrownBy(old.page()), { code: 'LEASE_LOST' })
  })
})

export const leases = casesOf('a lease', (test) => {
  const take = (store: Store, sessionId: string) =>
    store.claimSession({ sessionId, owner: OTHER_OWNER, leaseMs: 1, isGone: () => false })

  /** That the lease holds to the last millisecond of a time, and no longer. */
  async function holdsUntil(store: Store, clock: CaseClock, sessionId: string, ms: number) {
    clock.at(ms - 1)
    matches(await thrownBy(take(store, sessionId)), { code: 'LEASE_HELD' })
    clock.at(ms)
    await take(store, sessionId)
  }

  test('is renewed by its owner alone', async (store, clock) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const leaseMs = 2 * LEASE_MS
    same(await store.renewLease({ sessionId, owner: OTHER_OWNER, leaseMs }), false)
    clock.at(7)
    same(await store.renewLease({ sessionId, owner: OWNER, leaseMs }), true)
    await holdsUntil(store, clock, sessionId, leaseMs + 7)
    same(await store.renewLease({ sessionId, owner: OWNER, leaseMs }), false)
  })

  test('of an unknown session is not held', async (store) => {
    same(await store.renewLease({ sessionId: newId(), owner: OWNER, leaseMs: 1 }), false)
  })

  test('is extended by a page, from the moment of its commit', async (store, clock) => {
    const walk = await TestWalk.begin(store, 'acme')
    clock.at(5)
    await walk.page({ fence: { leaseMs: 3 * LEASE_MS } })
    await holdsUntil(store, clock, walk.sessionId, 3 * LEASE_MS + 5)
  })

  test('is extended by a commit of the session alone, from the moment of it', async (store, clock) => {
    const walk = await TestWalk.begin(store, 'acme')
    clock.at(6)
    const { session, checkpoint } = walk.params()
    const fence = walk.fence({ leaseMs: 5 * LEASE_MS })
    await store.commitSession({ fence, session, checkpoint })
    await holdsUntil(store, clock, walk.sessionId, 5 * LEASE_MS + 6)
  })

  test('that has run out lets nothing be committed, though nobody has taken it', async (store, clock) => {
    const walk = await TestWalk.begin(store, 'acme')
    clock.at(LEASE_MS - 1)
    await walk.page({ kept: identities('repo', 1), fence: { leaseMs: LEASE_MS } })
    clock.at(2 * LEASE_MS - 1)
    const before = await everythingIn(store)
    matches(await thrownBy(walk.page({ kept: identities('late', 1) })), { code: 'LEASE_LOST' })
    matches(await thrownBy(walk.advance({ total: 7 })), { code: 'LEASE_LOST' })
    equal(await everythingIn(store), before)
  })

  test('that has run out is its owner’s again by a renewal, unless somebody has taken it', async (store, clock) => {
    const walk = await TestWalk.begin(store, 'acme')
    const lease = { sessionId: walk.sessionId, owner: OWNER, leaseMs: LEASE_MS }
    clock.at(LEASE_MS)
    same(await store.renewLease(lease), true)
    await walk.page({ kept: identities('repo', 1) })
    clock.at(3 * LEASE_MS)
    await take(store, walk.sessionId)
    clock.at(4 * LEASE_MS)
    same(await store.renewLease(lease), false)
    matches(await thrownBy(walk.page()), { code: 'LEASE_LOST' })
  })

  test('is nobody’s once it was released', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    await store.releaseLease({ sessionId, owner: OWNER })
    same(await store.renewLease({ sessionId, owner: OWNER, leaseMs: LEASE_MS }), false)
  })

  test('of one session is not another’s', async (store, clock) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    await store.renewLease({ sessionId, owner: OWNER, leaseMs: 9 * LEASE_MS })
    await store.releaseLease({ sessionId, owner: OWNER })
    await holdsUntil(store, clock, other.sessionId, LEASE_MS)
  })

  test('does not move a session’s revision when it is renewed', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await store.renewLease({ sessionId: walk.sessionId, owner: OWNER, leaseMs: 1 })
    await walk.page({ kept: identities('repo', 1) })
  })
})
