import { LeaseError } from '../../domain/errors.ts'
import { newId } from '../../domain/identity.ts'
import type { Store } from '../../store/store.ts'
import { containing, equal, isA, isAbove, matches, same, thrownBy } from '../checks.ts'
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

export const claims = casesOf('a claim', (test) => {
  const claim = (sessionId: string, now: number, owner = OTHER_OWNER, gone = false) => ({
    sessionId,
    owner,
    now,
    leaseUntil: now + LEASE_MS,
    isGone: () => gone,
  })

  test('gives the session and a revision of its own', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    const first = await store.claimSession(claim(sessionId, T0))
    equal(first.state, await store.repositories.sessions.load(sessionId))
    const second = await store.claimSession(claim(sessionId, T0))
    isAbove(second.revision, first.revision)
  })

  test('of an unknown session says where to look', async (store) => {
    const id = newId()
    const thrown = await thrownBy(store.claimSession(claim(id, T0)))
    matches(thrown, {
      code: 'SESSION_NOT_FOUND',
      message: new RegExp(`session ${id}.*muster status`),
    })
  })

  test('is refused while another live process walks the session, to the last millisecond', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const before = await everythingIn(store)
    for (const now of [T0, T0 + LEASE_MS - 1]) {
      const thrown = await thrownBy(store.claimSession(claim(sessionId, now)))
      isA(thrown, LeaseError)
      matches(thrown, {
        code: 'LEASE_HELD',
        message: containing(`target "acme") is being walked by ${OWNER}`),
      })
    }
    equal(await everythingIn(store), before)
    await store.claimSession(claim(sessionId, T0 + LEASE_MS))
  })

  test('succeeds at once when the process that holds the lease is gone', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const asked: string[] = []
    await store.claimSession({
      ...claim(sessionId, T0),
      isGone: (owner) => asked.push(owner) > 0,
    })
    equal(asked, [OWNER])
  })

  test('succeeds for the process that holds the lease', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    await store.claimSession(claim(sessionId, T0, OWNER))
  })

  test('succeeds when the lease was released, and only its owner can release it', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    await store.releaseLease({ sessionId, owner: OTHER_OWNER })
    await thrownBy(store.claimSession(claim(sessionId, T0)))
    await store.releaseLease({ sessionId, owner: OWNER })
    await store.claimSession(claim(sessionId, T0))
  })

  test('makes everything stale that was read before it', async (store) => {
    const old = await TestWalk.begin(store, 'acme')
    await store.claimSession(claim(old.sessionId, T0, OWNER))
    matches(await thrownBy(old.page()), { code: 'LEASE_LOST' })
  })
})

export const leases = casesOf('a lease', (test) => {
  const claimAt = (store: Store, sessionId: string, now: number) =>
    store.claimSession({
      sessionId,
      owner: OTHER_OWNER,
      now,
      leaseUntil: now,
      isGone: () => false,
    })

  test('is renewed by its owner alone', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const leaseUntil = T0 + 2 * LEASE_MS
    same(await store.renewLease({ sessionId, owner: OTHER_OWNER, leaseUntil }), false)
    same(await store.renewLease({ sessionId, owner: OWNER, leaseUntil }), true)
    await thrownBy(claimAt(store, sessionId, leaseUntil - 1))
    await claimAt(store, sessionId, leaseUntil)
    same(await store.renewLease({ sessionId, owner: OWNER, leaseUntil }), false)
  })

  test('of an unknown session is not held', async (store) => {
    same(await store.renewLease({ sessionId: newId(), owner: OWNER, leaseUntil: 1 }), false)
  })

  test('is extended by every commit', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    await walk.page({ fence: { leaseUntil: T0 + 3 * LEASE_MS } })
    await thrownBy(claimAt(store, sessionId, T0 + 3 * LEASE_MS - 1))
    const { session, checkpoint } = walk.params()
    const fence = walk.fence({ leaseUntil: T0 + 5 * LEASE_MS })
    await store.commitSession({ fence, session, checkpoint })
    await thrownBy(claimAt(store, sessionId, T0 + 5 * LEASE_MS - 1))
    await claimAt(store, sessionId, T0 + 5 * LEASE_MS)
  })

  test('is nobody’s once it was released', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    await store.releaseLease({ sessionId, owner: OWNER })
    const leaseUntil = T0 + 2 * LEASE_MS
    same(await store.renewLease({ sessionId, owner: OWNER, leaseUntil }), false)
  })

  test('of one session is not another’s', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    await store.renewLease({ sessionId, owner: OWNER, leaseUntil: T0 + 9 * LEASE_MS })
    await store.releaseLease({ sessionId, owner: OWNER })
    await thrownBy(claimAt(store, other.sessionId, T0 + LEASE_MS - 1))
    await claimAt(store, other.sessionId, T0 + LEASE_MS)
  })

  test('does not move a session’s revision when it is renewed', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await store.renewLease({ sessionId: walk.sessionId, owner: OWNER, leaseUntil: T0 + 1 })
    await walk.page({ kept: identities('repo', 1) })
  })
})
