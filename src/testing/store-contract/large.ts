import { equal } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identity, TestWalk } from './fixtures.ts'

/** More than a store may look at in one step. */
const MANY = 12_345

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => identity(`r-${from + i}`, { version: '1' }))

export const large = casesOf('a target that holds much', (test) => {
  test('is held against all that was known of it', async (store) => {
    const sighted = { onlyChanged: false }
    const first = await TestWalk.begin(store, 'acme')
    await first.page({ kept: range(0, MANY), sighted })
    const { comparison } = await store.surveySession(first.sessionId)
    equal(comparison, { seen: MANY, new: MANY, changed: 0, unchanged: 0, missing: 0 })
    await first.advance({ status: 'COMPLETED', comparison })
    const second = await TestWalk.begin(store, 'acme')
    // The first and the last of them are not there any more, and some have come.
    await second.page({ kept: range(1, MANY - 2), sighted })
    await second.page({ kept: range(MANY, MANY + 5), sighted })
    equal(await store.surveySession(second.sessionId), {
      comparison: { seen: MANY + 2, new: 5, changed: 0, unchanged: MANY - 3, missing: 3 },
      seenBefore: MANY,
    })
  })
})
