import assert from 'node:assert/strict'
import type { Page } from '../../sources/source.ts'
import { ContractError } from '../contract-case.ts'
import { ofSeveralPages, promises, type SourceCase } from './case.ts'
import type { Listing } from './listing.ts'
import { assertSame } from './listings.ts'

/** The next page, or what came instead; a listing that hangs is no answer. */
async function outcome(listing: Listing): Promise<Page | 'the end' | 'a rejection'> {
  try {
    return (await listing.next()) ?? 'the end'
  } catch (thrown) {
    if (thrown instanceof ContractError) throw thrown
    return 'a rejection'
  }
}

async function assertOver(listing: Listing, when: string): Promise<void> {
  assert.ok(typeof (await outcome(listing)) === 'string', `the listing gave a page ${when}`)
}

export const stopping: readonly SourceCase[] = [
  promises('a listing that is left early lets go, and disturbs no other', async (bench) => {
    const all = await bench.pages()
    const source = bench.newSource()
    const [left, unread] = [bench.begin({ source }), bench.begin({ source })]
    await unread.leave()
    await left.next()
    const hasLeft = await left.leave()
    const isOver = !hasLeft || (await left.next()) === null
    assert.ok(isOver, 'the listing went on after it was left')
    assertSame(bench, bench.namesOf(await bench.pages({ source })), bench.namesOf(all))
  }),

  promises('a listing that was aborted before it began gives nothing', async (bench) => {
    const listing = bench.begin({ signal: AbortSignal.abort() })
    await assertOver(listing, 'although its signal was aborted')
  }),

  promises(
    'a listing that is aborted between two pages ends',
    async (bench) => {
      const all = await bench.pages()
      for (const i of all.slice(0, -1).keys()) {
        const abort = new AbortController()
        const listing = bench.begin({ cursor: all[i - 1]?.cursor, signal: abort.signal })
        assert.ok((await listing.next()) !== null, `nothing comes after page ${i}`)
        abort.abort()
        await assertOver(listing, `after page ${i + 1}, although its signal was aborted then`)
        await listing.leave()
      }
    },
    ofSeveralPages,
  ),

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
