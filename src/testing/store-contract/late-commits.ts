import assert from 'node:assert/strict'
import { LeaseError } from '../../domain/errors.ts'
import { newId } from '../../domain/identity.ts'
import type { Store } from '../../store/store.ts'
import { containing, equal, isA, matches, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import {
  everythingIn,
  identities,
  identity,
  OTHER_OWNER,
  put,
  sessionNamed,
  TestWalk,
} from './fixtures.ts'

export const lateCommits = casesOf('a commit that is too late changes nothing at all:', (test) => {
  const stale = [
    ['a revision that was overtaken', { revision: 0 }],
    ['a revision from the future', { revision: 9 }],
    ['another owner', { owner: OTHER_OWNER }],
    ['an unknown session', { sessionId: newId() }],
  ] as const

  async function prepared(store: Store) {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({
      kept: identities('repo', 12),
      rejected: [{ item: '"x"', reason: 'bad' }],
    })
    return { walk, before: await everythingIn(store) }
  }

  for (const [what, fence] of stale) {
    test(`a page under ${what}`, async (store) => {
      const { walk, before } = await prepared(store)
      const params = walk.params({
        kept: [...identities('repo', 3), identity('new')],
        rejected: [{ item: '"y"', reason: 'worse' }],
        retriedItems: [1],
        session: { status: 'FAILED', failureReason: 'late' },
        fence,
      })
      const thrown = await thrownBy(store.commitPage(params))
      isA(thrown, LeaseError)
      matches(thrown, { code: 'LEASE_LOST', retryable: true })
      assert.ok((thrown as Error).message.includes(params.fence.sessionId))
      equal(await everythingIn(store), before)
    })
  }

  for (const [what, fence] of stale) {
    test(`a change of the session under ${what}`, async (store) => {
      const { walk, before } = await prepared(store)
      const { batch, session, checkpoint } = walk.params({ session: { status: 'FAILED' }, fence })
      const params = { fence: walk.fence(fence), session, checkpoint, batch }
      matches(await thrownBy(store.commitSession(params)), { code: 'LEASE_LOST' })
      equal(await everythingIn(store), before)
    })
  }

  test('a page of which any part cannot be stored', async (store) => {
    const { walk, before } = await prepared(store)
    // A batch number that is taken is the last thing written.
    const params = walk.params({
      kept: [identity('new')],
      rejected: [{ item: '"y"', reason: 'worse' }],
      retriedItems: [1],
      batch: { number: 1 },
    })
    await thrownBy(store.commitPage(params))
    equal(await everythingIn(store), before)
    // The session goes on from where it was.
    same(await walk.page({ kept: [identity('new')] }), 1)
  })

  test('a change of the session whose batch cannot be stored', async (store) => {
    const { walk, before } = await prepared(store)
    const { batch } = walk.params({ batch: { number: 1 } })
    await thrownBy(walk.advance({ status: 'FAILED', failureReason: 'gone' }, { batch }))
    equal(await everythingIn(store), before)
  })

  test('a session that was taken up by another: the one that commits next wins', async (store) => {
    const { walk } = await prepared(store)
    const other = await TestWalk.claim(store, walk.sessionId, OTHER_OWNER)
    await other.page({ kept: [identity('theirs')] })
    const before = await everythingIn(store)
    matches(await thrownBy(walk.page({ kept: [identity('ours')] })), {
      code: 'LEASE_LOST',
    })
    equal(await everythingIn(store), before)
  })

  test('an ended session is not taken up again beside an unfinished one of its target', async (store) => {
    const ended = await TestWalk.begin(store, sessionNamed('acme', { status: 'FAILED' }))
    await put(store, sessionNamed('acme'))
    const before = await everythingIn(store)
    const thrown = await thrownBy(ended.advance({ status: 'IN_PROGRESS' }))
    isA(thrown, LeaseError)
    matches(thrown, {
      code: 'LEASE_HELD',
      message: containing('target "acme" has an unfinished session'),
    })
    equal(await everythingIn(store), before)
  })
})
