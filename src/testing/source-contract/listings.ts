import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { equal } from '../checks.ts'
import type { Page } from '../../sources/source.ts'
import type { Bench } from './bench.ts'
import { ofSeveralPages, promises, type SourceCase } from './case.ts'
import type { Listing } from './listing.ts'
import { assertPlain, isPlain } from './plain.ts'

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

const isNone = (total: number | null | undefined): total is null | undefined =>
  total === null || total === undefined

/** A page as it has to be, but for its cursor. */
export function checkPage({ items, total, shortfalls = [] }: Page, what: string): void {
  assert.ok(Array.isArray(items), `${what} has no list of items`)
  for (const item of items) assertPlain(item, `an item of ${what}`)
  if (!isNone(total)) {
    assert.ok(Number.isSafeInteger(total) && total >= 0, `the total of ${what} is no whole number`)
  }
  assert.ok(Array.isArray(shortfalls), `the shortfalls of ${what} are no list`)
  for (const { code, detail } of shortfalls) {
    assert.ok(typeof code === 'string' && code !== '', `a shortfall of ${what} has no code`)
    assert.ok(typeof detail === 'string', `a shortfall of ${what} has no detail`)
  }
}

export function checkCursor({ cursor }: Page, what: string): void {
  assert.ok(cursor !== undefined, `${what} has no cursor`)
  assertPlain(cursor, `the cursor of ${what}`)
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

const pagesOf = (count: number): string => (count === 1 ? '1 page' : `${count} pages`)

async function assertItems(bench: Bench): Promise<void> {
  const hasItems = (await bench.items()).length > 0
  assert.ok(hasItems, 'the listing is empty; give a spec that lists something')
}

export const listings: readonly SourceCase[] = [
  promises(
    'the listing has two pages or more, and items on them',
    async (bench) => {
      const { length } = await bench.pages()
      assert.ok(
        length > 1,
        `the listing has ${pagesOf(length)}; give a spec with two or more, or say singlePage: true of a source that never has more than one`,
      )
      await assertItems(bench)
    },
    ofSeveralPages,
  ),

  promises(
    'the listing has a single page, and items on it',
    async (bench) => {
      const { length } = await bench.pages()
      assert.ok(length <= 1, `the listing has ${pagesOf(length)}: it is no singlePage`)
      await assertItems(bench)
    },
    ({ singlePage }) => singlePage === true,
  ),

  promises('a page is a list of items in plain JSON', async (bench) => {
    for (const [i, page] of (await bench.pages()).entries()) checkPage(page, `page ${i + 1}`)
  }),

  promises('a cursor is plain JSON', async (bench) => {
    for (const [i, page] of (await bench.pages()).entries()) checkCursor(page, `page ${i + 1}`)
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

  promises(
    'a total is the size of the whole listing, on every page',
    async (bench) => {
      const pages = await bench.pages()
      const resumed = await bench.pages({ cursor: pages[0]?.cursor })
      const count = pages.flatMap(({ items }) => items).length
      const lacksSome = pages.some(({ shortfalls = [] }) => shortfalls.length > 0)
      for (const { total } of [...pages, ...resumed]) {
        assert.ok(
          isNone(total) || total === count || (lacksSome && total > count),
          `a page has a total of ${total}, and the whole listing has ${count} items`,
        )
      }
    },
    // What is listed twice counts once, or twice.
    ({ mayRepeat }) => mayRepeat !== true,
  ),

  promises(
    'a page stays as it was given while the next one is read',
    async (bench) => {
      const listing = bench.begin()
      let given: { readonly items: unknown; readonly copy: unknown } | undefined
      for (let page = await listing.next(); ; page = await listing.next()) {
        const { items, copy } = given ?? {}
        equal(items, copy, 'the items of a page changed when the next one was asked for')
        if (page === null) return
        given = isPlain(page.items)
          ? { items: page.items, copy: structuredClone(page.items) }
          : undefined
      }
    },
    ofSeveralPages,
  ),

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
    const alone = bench.namesOf(await bench.pages())
    const source = bench.newSource()
    const found = await together([bench.begin({ source }), bench.begin({ source })])
    for (const pages of found) assertSame(bench, bench.namesOf(pages), alone)
  }),
]
