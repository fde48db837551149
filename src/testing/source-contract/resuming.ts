import assert from 'node:assert/strict'
import type { JsonValue } from '../../domain/json.ts'
import { ContractError } from '../contract-case.ts'
import type { Bench } from './bench.ts'
import { promises, type SourceCase } from './case.ts'
import { damaged, DEPTH, garbage } from './garbage.ts'
import { assertSame, checkCursor, checkPage } from './listings.ts'

/** How many more pages than the whole listing has may come from a cursor that is garbage. */
const PAGES_TO_SPARE = 10

/** What was found, and where. */
function told(
  { message, actual, expected, operator }: assert.AssertionError,
  what: string,
): assert.AssertionError {
  return new assert.AssertionError({ message: `${what}: ${message}`, actual, expected, operator })
}

/** Breaks a listing off after each of its pages, and goes on by a new one; both together give everything. */
async function resumedAnywhere(
  bench: Bench,
  stored: (cursor: JsonValue) => JsonValue,
): Promise<void> {
  const all = await bench.pages()
  const cursors = all.map(({ cursor }) => stored(cursor))
  for (const [i, cursor] of cursors.entries()) {
    const [before, after] = [all.slice(0, i + 1), all.slice(i + 1)]
    const rest = await bench.pages({ cursor })
    const [found, wanted] = [bench.namesOf(rest), bench.namesOf(after)]
    const [both, whole] = [bench.namesOf([...before, ...rest]), bench.namesOf(all)]
    try {
      if (bench.options.mayRepeat !== true) assertSame(bench, found, wanted)
      assertSame(bench, both, whole)
    } catch (thrown) {
      throw told(thrown as assert.AssertionError, `resuming after page ${i + 1} of ${all.length}`)
    }
  }
}

/** Follows a listing from a cursor that the source did not make. @throws AssertionError when that is no way to end */
async function endsFrom(bench: Bench, cursor: unknown, what: string, most: number): Promise<void> {
  const listing = bench.begin({ cursor: cursor as JsonValue })
  for (let number = 1; ; number += 1) {
    const page = await listing.next().catch((thrown: unknown) => {
      // Any error will do; a listing that hangs is none.
      if (thrown instanceof ContractError) throw told(thrown, `${what} as a cursor`)
      return null
    })
    if (page === null) return
    checkPage(page, `page ${number} from ${what} as a cursor`)
    checkCursor(page, `page ${number} from ${what} as a cursor`)
    assert.ok(number < most, `${what} as a cursor: the listing has not ended after ${most} pages`)
  }
}

export const resuming: readonly SourceCase[] = [
  promises('resuming after any page gives exactly the rest', (bench) =>
    resumedAnywhere(bench, (cursor) => structuredClone(cursor)),
  ),

  promises('resuming from a cursor that was stored as JSON gives the same', (bench) =>
    resumedAnywhere(bench, (cursor) => JSON.parse(JSON.stringify(cursor)) as JsonValue),
  ),

  promises('a cursor that is garbage, or damaged, comes to an end or an error', async (bench) => {
    const pages = await bench.pages()
    const most = pages.length + PAGES_TO_SPARE
    for (const [what, cursor] of [...garbage(DEPTH.asMember), ...damaged(pages[0]?.cursor)]) {
      await endsFrom(bench, cursor, what, most)
    }
  }),
]
