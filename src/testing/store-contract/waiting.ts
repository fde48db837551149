import { newId } from '../../domain/identity.ts'
import type { Waiting } from '../../domain/session-state.ts'
import type { Store } from '../../store/store.ts'
import { equal, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import { everythingIn, LEASE_MS, OTHER_OWNER, OWNER, TestWalk } from './fixtures.ts'
import { at, HARD_JSON, HARD_TEXTS } from './samples.ts'

export const waiting = casesOf('what is waited for', (test) => {
  const paused: Waiting = { reason: HARD_TEXTS[3], until: null }
  const limited: Waiting = { reason: 'limited', until: at(5_000) }
  const stored = async (store: Store, { sessionId }: TestWalk) =>
    (await store.repositories.sessions.load(sessionId))?.waiting

  /** Another process takes the session up. */
  const claim = async (store: Store, { sessionId }: TestWalk) => {
    const request = { sessionId, owner: OTHER_OWNER, leaseMs: LEASE_MS, isGone: () => true }
    return (await store.claimSession(request)).state.waiting
  }

  test('is read as it was written, with a time or without one, the last one alone', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    same(await stored(store, walk), null)
    for (const waiting of [limited, paused, { reason: '', until: at(0) }]) {
      same(await store.recordWaiting({ sessionId, owner: OWNER, waiting }), true)
      equal(await stored(store, walk), waiting)
    }
  })

  test('changes nothing else: the walk goes on under its revision', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    const before = await store.repositories.sessions.load(sessionId)
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: limited })
    equal(await store.repositories.sessions.load(sessionId), { ...before, waiting: limited })
    await walk.page()
  })

  test('is written by who has the lease alone', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: limited })
    const before = await everythingIn(store)
    same(await store.recordWaiting({ sessionId, owner: OTHER_OWNER, waiting: paused }), false)
    same(await store.recordWaiting({ sessionId: newId(), owner: OWNER, waiting: paused }), false)
    equal(await everythingIn(store), before)
    await store.releaseLease({ sessionId, owner: OWNER })
    same(await store.recordWaiting({ sessionId, owner: OWNER, waiting: paused }), false)
    equal(await stored(store, walk), limited)
  })

  test('of one session is not another’s', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: limited })
    same(await stored(store, other), null)
  })

  test('is over with the next commit, of a page or of the session alone', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: limited })
    await walk.page()
    same(await stored(store, walk), null)
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: paused })
    await walk.advance({ status: 'STALLED' })
    same(await stored(store, walk), null)
  })

  test('is not over because a commit came too late', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: limited })
    await thrownBy(walk.page({ fence: { revision: 9 } }))
    equal(await stored(store, walk), limited)
  })

  test('without a time is over when the session is taken up', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: paused })
    same(await claim(store, walk), null)
    same(await stored(store, walk), null)
  })

  test('until a time holds for whoever takes the session up before it, to the last millisecond', async (store, clock) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: limited })
    for (const ms of [0, 4_999]) {
      clock.at(ms)
      equal(await claim(store, walk), limited)
      equal(await stored(store, walk), limited)
    }
    clock.at(5_000)
    same(await claim(store, walk), null)
    same(await stored(store, walk), null)
  })
})

export const answers = casesOf('remembered answers', (test) => {
  test('are what was remembered last, by key', async (store) => {
    const { answers } = store.repositories
    same(await answers.get('a'), undefined)
    await answers.set('a', { etag: '1' })
    await answers.set('b', 7)
    await answers.set('a', { etag: '2' })
    equal([await answers.get('a'), await answers.get('b')], [{ etag: '2' }, 7])
    same(await answers.get('A'), undefined)
    same(await answers.get(''), undefined)
  })

  test('come back as they were, whatever they and their keys are', async (store) => {
    const { answers } = store.repositories
    for (const value of [null, false, 0, '', [], {}, HARD_JSON, [null]]) {
      await answers.set('k', value)
      equal(await answers.get('k'), value)
    }
    for (const key of HARD_TEXTS) await answers.set(key, key.length)
    for (const key of HARD_TEXTS) same(await answers.get(key), key.length)
  })

  test('are forgotten when they are older than a time, and no others are', async (store) => {
    const { answers } = store.repositories
    await answers.set('a', 1)
    await answers.prune(new Date(0))
    same(await answers.get('a'), 1)
    await answers.prune(new Date(8.64e15))
    same(await answers.get('a'), undefined)
    // One that is remembered again is.
    await answers.set('a', 2)
    same(await answers.get('a'), 2)
  })
})
