import { newId } from '../../domain/identity.ts'
import { ANY_NUMBER, equal, isAbove, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identities, T0, TestWalk } from './fixtures.ts'
import { at, HARD_TEXTS } from './samples.ts'

export const failedItems = casesOf('failed items', (test) => {
  const bad = (n: number) => ({ item: JSON.stringify(`item ${n}`), reason: `reason ${n}` })

  test('keep item, reason, batch and moment', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page()
    const rejected = HARD_TEXTS.map((text) => ({ item: JSON.stringify(text), reason: text }))
    await walk.page({ rejected, at: T0 + 3 })
    const { sessionId } = walk
    const found = await store.repositories.failedItems.find({ sessionId, after: 0, limit: 99 })
    equal(
      found,
      rejected.map((failed) => ({
        ...failed,
        id: ANY_NUMBER,
        sessionId,
        batchNumber: 2,
        failedAt: at(3),
      })),
    )
    same(await store.repositories.failedItems.lastId(sessionId), found.at(-1)?.id)
  })

  test('are read a window at a time, each session’s for itself', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    const { failedItems } = store.repositories
    await walk.page({ rejected: [bad(1), bad(2)] })
    await other.page({ rejected: [bad(8)] })
    await walk.page({ rejected: Array.from({ length: 118 }, (_, i) => bad(i + 3)) })
    const { sessionId } = walk
    const all = await failedItems.find({ sessionId, after: 0, limit: 1_000 })
    equal(
      all.map(({ reason }) => reason),
      Array.from({ length: 120 }, (_, i) => `reason ${i + 1}`),
    )
    const ids = all.map(({ id }) => id)
    const window = await failedItems.find({ sessionId, after: ids[3] as number, limit: 4 })
    equal(
      window.map(({ id }) => id),
      ids.slice(4, 8),
    )
    const bounded = await failedItems.find({
      sessionId,
      after: ids[3] as number,
      until: ids[5] as number,
      limit: 99,
    })
    equal(
      bounded.map(({ id }) => id),
      ids.slice(4, 6),
    )
    same(await failedItems.lastId(other.sessionId), (ids[1] as number) + 1)
    same(await failedItems.lastId(newId()), 0)
  })

  test('that were tried again are gone, and what failed again is a new one after all others', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ rejected: [bad(1), bad(2), bad(3)] })
    const { failedItems } = store.repositories
    const { sessionId } = walk
    const find = () => failedItems.find({ sessionId, after: 0, limit: 10 })
    const ids = (await find()).map(({ id }) => id)
    await walk.page({ kept: identities('ok', 1), rejected: [bad(2), bad(3)], retriedItems: ids })
    const after = await find()
    equal(
      after.map(({ reason }) => reason),
      ['reason 2', 'reason 3'],
    )
    isAbove(Math.min(...after.map(({ id }) => id)), Math.max(...ids))
  })

  test('are tried again in any number on one page', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    const all = Array.from({ length: 1_234 }, (_, i) => bad(i))
    await walk.page({ rejected: all })
    await other.page({ rejected: [bad(1)] })
    const { failedItems } = store.repositories
    const find = ({ sessionId }: TestWalk) =>
      failedItems.find({ sessionId, after: 0, limit: 9_999 })
    const retriedItems = (await find(walk)).slice(0, -1).map(({ id }) => id)
    const again = all.filter((_, i) => i % 2 === 0)
    same(await walk.page({ kept: identities('ok', 617), rejected: again, retriedItems }), 617)
    equal(
      (await find(walk)).map(({ reason }) => reason),
      [bad(1_233), ...again].map(({ reason }) => reason),
    )
    equal(
      (await find(other)).map(({ reason }) => reason),
      ['reason 1'],
    )
  })

  test('never take the number of one that was resolved: a reader of the list misses none', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ rejected: [bad(1), bad(2)] })
    const { failedItems } = store.repositories
    const { sessionId } = walk
    const seen = await failedItems.find({ sessionId, after: 0, limit: 10 })
    const after = seen.at(-1)?.id ?? 0
    await walk.page({ kept: identities('ok', 2), retriedItems: seen.map(({ id }) => id) })
    await walk.page({ rejected: [bad(3)] })
    const more = await failedItems.find({ sessionId, after, limit: 10 })
    equal(
      more.map(({ reason }) => reason),
      ['reason 3'],
    )
  })

  test('are not known for a session that has none', async (store) => {
    const other = await TestWalk.begin(store, 'other')
    await other.page({ rejected: [bad(1)] })
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const { failedItems } = store.repositories
    equal(await failedItems.find({ sessionId, after: 0, limit: 1 }), [])
    same(await failedItems.lastId(sessionId), 0)
  })
})
