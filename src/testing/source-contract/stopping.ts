import assert from 'node:assert/strict'
import type { Page } from '../../sources/source.ts'
import type { Listing } from './bench.ts'
import { assertSame, severalPages } from './listings.ts'
import { promises, type SourceCase } from './case.ts'

/** The next page, or what came instead; a listing that hangs is no answer. */
async function outcome(listing: Listing): Promise<Page | 'the end' | 'a rejection'> {
  try {
    return (await listing.next()) ?? 'the end'
  } catch (thrown) {
    if (thrown instanceof assert.AssertionError) throw thrown
    return 'a rejection'
  }
}

async function assertOver(listing: Listing, when: string): Promise<void> {
  assert.equal(typeof (await outcome(listing)), 'string', `the listing gave a page ${when}`)
}

export const stopping: readonly SourceCase[] = [
  promises('a listing that is left early lets go, and disturbs no other', async (bench) => {
    const all = await severalPages(bench)
    const source = bench.newSource()
    const [left, unread] = [bench.begin({ source }), bench.begin({ source })]
    await unread.leave()
    await left.next()
    const hasLeft = await left.leave()
    if (hasLeft) assert.equal(await left.next(), null, 'the listing went on after it was left')
    assertSame(bench, bench.namesOf(await bench.pages({ source })), bench.namesOf(all))
  }),

  promises('a listing that was aborted before it began gives nothing', async (bench) => {
    await severalPages(bench)
    const listing = bench.begin({ signal: AbortSignal.abort() })
    await assertOver(listing, 'although its signal was aborted')
  }),

  promises('a listing that is aborted between two pages ends', async (bench) => {
    const all = await severalPages(bench)
    for (const [i, { cursor }] of all.slice(0, -1).entries()) {
      const abort = new AbortController()
      const listing = bench.begin({ cursor: all[i - 1]?.cursor, signal: abort.signal })
      assert.deepStrictEqual((await listing.next())?.cursor, cursor)
      abort.abort()
      await assertOver(listing, `after page ${i + 1}, although its signal was aborted then`)
      await listing.leave()
    }
  }),

  promises('a listing that is aborted in a request does not hang', async (bench) => {
    const abort = new AbortController()
    const listing = bench.begin({ signal: abort.signal })
    const asking = outcome(listing)
    abort.abort()
    await asking
    await assertOver(listing, 'although its signal was aborted in the request before')
    await listing.leave()
  }),
]
