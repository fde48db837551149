import { equal, hasLength, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identities, TestWalk } from './fixtures.ts'

export const concurrency = casesOf('steps at the same time:', (test) => {
  test('each happen whole: many sessions commit at once', async (store) => {
    const walks = await Promise.all(
      Array.from({ length: 8 }, (_, i) => TestWalk.begin(store, `target-${i}`)),
    )
    await Promise.all(
      walks.map(async (walk, i) => {
        for (let page = 0; page < 5; page += 1) {
          await walk.page({ kept: identities(`${i}-${page}`, 30) })
        }
      }),
    )
    for (const { sessionId } of walks) {
      same(await store.repositories.tasks.count({ sessionId }), 150)
      const batches = await store.repositories.batches.findBySessionId(sessionId)
      hasLength(batches, 5)
      const found = await store.takeScanTargets({ sessionId, afterBatch: 4 })
      hasLength(found?.scanTargetIds, 30)
    }
  })

  test('of two commits under one revision, one alone succeeds', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const commits = await Promise.allSettled([
      store.commitPage(walk.params({ kept: identities('a', 3) })),
      store.commitPage(walk.params({ kept: identities('b', 3) })),
    ])
    equal(commits.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    same(await store.repositories.tasks.count(), 3)
  })

  test('reading goes on while a page is written', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const [, ...counts] = await Promise.all([
      walk.page({ kept: identities('a', 500) }),
      ...Array.from({ length: 10 }, () => store.repositories.tasks.count()),
    ])
    // Never a part of a page.
    equal(new Set([0, 500, ...counts]), new Set([0, 500]))
  })
})
