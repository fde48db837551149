import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { equal } from '../checks.ts'
import type { Page } from '../../sources/source.ts'
import type { Bench, Listing } from './bench.ts'
import { promises, type SourceCase } from './case.ts'
import { assertPlain } from './plain.ts'

const sorted = (texts: readonly string[]): string[] => texts.toSorted()
const unique = (texts: readonly string[]): string[] => sorted([...new Set(texts)])

/** Names that are to be the same, in any order, and as often, unless the source may repeat itself. */
export function assertSame(
  bench: Bench,
  found: readonly string[],
  expected: readonly string[],
): void {
  const compared = bench.options.mayRepeat === true ? unique : sorted
  equal(compared(found), compared(expected))
}

/** The pages of a listing that is long enough to be broken off. */
export async function severalPages(bench: Bench): Promise<Page[]> {
  const pages = await bench.pages()
  assert.ok(
    pages.length > 1,
    `the listing has ${pages.length} page; give a spec with two or more, or nothing can be resumed`,
  )
  return pages
}

function checkPage({ items, total, shortfalls = [] }: Page, number: number): void {
  const what = `page ${number}`
  assert.ok(Array.isArray(items), `${what} has no list of items`)
  for (const item of items) assertPlain(item, `an item of ${what}`)
  if (total !== undefined) {
    assert.ok(Number.isSafeInteger(total) && total >= 0, `the total of ${what} is no whole number`)
  }
  for (const { code, detail } of shortfalls) {
    assert.ok(typeof code === 'string' && code !== '', `a shortfall of ${what} has no code`)
    assert.equal(typeof detail, 'string', `a shortfall of ${what} has no detail`)
  }
}

/** Takes pages of both at the same time, until both have ended. */
async function together(listings: readonly Listing[]): Promise<Page[][]> {
  const found: Page[][] = listings.map(() => [])
  for (let left = true; left;) {
    const pages = await Promise.all(listings.map((listing) => listing.next()))
    for (const [i, page] of pages.entries()) if (page !== null) found[i]?.push(page)
    left = pages.some((page) => page !== null)
  }
  return found
}

export const listings: readonly SourceCase[] = [
  promises('the listing has two pages or more, and items on them', async (bench) => {
    const pages = await severalPages(bench)
    assert.ok(
      pages.some(({ items }) => items.length > 0),
      'the listing is empty; give a spec that lists something',
    )
  }),

  promises('a page is a list of items in plain JSON', async (bench) => {
    for (const [i, page] of (await bench.pages()).entries()) checkPage(page, i + 1)
  }),

  promises('a cursor is plain JSON', async (bench) => {
    for (const [i, { cursor }] of (await bench.pages()).entries()) {
      assert.ok(cursor !== undefined, `page ${i + 1} has no cursor`)
      assertPlain(cursor, `the cursor of page ${i + 1}`)
    }
  }),

  promises('no cursor is the same as the one before it', async (bench) => {
    const cursors: unknown[] = []
    const listing = bench.begin()
    for (let page = await listing.next(); page !== null; page = await listing.next()) {
      const isSame = cursors.length > 0 && isDeepStrictEqual(page.cursor, cursors.at(-1))
      assert.ok(!isSame, `page ${cursors.length + 1} has the cursor of the page before it`)
      cursors.push(structuredClone(page.cursor))
    }
  }),

  promises('a listing gives what is expected, and the same each time', async (bench) => {
    const pages = await bench.pages()
    assertSame(bench, bench.namesOf(await bench.pages()), bench.namesOf(pages))
    const { expected } = bench.options
    if (expected === undefined) return
    const identities = bench.identities(pages.flatMap(({ items }) => items))
    const wanted = new Set(expected)
    const isByUri = identities.some(({ key, uri }) => wanted.has(uri) && !wanted.has(key))
    assertSame(
      bench,
      identities.map((identity) => (isByUri ? identity.uri : identity.key)),
      expected,
    )
  }),

  promises('a listing leaves spec and cursor as they were', async (bench) => {
    const [first] = await bench.pages()
    const spec = bench.parsed()
    const [before, cursor] = structuredClone([spec, first?.cursor])
    await bench.pages({ spec })
    await bench.pages({ spec, cursor })
    equal(spec, before, 'the listing changed its spec')
    equal(cursor, first?.cursor, 'the listing changed the cursor that it was given')
  }),

  promises('two listings at once do not disturb each other', async (bench) => {
    const alone = bench.namesOf(await severalPages(bench))
    const source = bench.newSource()
    const found = await together([bench.begin({ source }), bench.begin({ source })])
    for (const pages of found) assertSame(bench, bench.namesOf(pages), alone)
  }),
]
