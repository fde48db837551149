import assert from 'node:assert/strict'
import type { JsonValue } from '../../domain/json.ts'
import type { Bench } from './bench.ts'
import { assertSame, severalPages } from './listings.ts'
import { promises, type SourceCase } from './case.ts'

/** Breaks a listing off after each of its pages, and goes on by a new one; both together give everything. */
async function resumedAnywhere(
  bench: Bench,
  stored: (cursor: JsonValue) => JsonValue,
): Promise<void> {
  const all = await severalPages(bench)
  const cursors = all.map(({ cursor }) => stored(cursor))
  for (const [i, cursor] of cursors.entries()) {
    const [before, after] = [all.slice(0, i + 1), all.slice(i + 1)]
    const rest = await bench.pages({ cursor })
    const what = `resuming after page ${i + 1} of ${all.length}`
    try {
      if (bench.options.mayRepeat !== true) {
        assertSame(bench, bench.namesOf(rest), bench.namesOf(after))
      }
      assertSame(bench, bench.namesOf([...before, ...rest]), bench.namesOf(all))
    } catch (cause) {
      throw new assert.AssertionError({ message: `${what}: ${(cause as Error).message}` })
    }
  }
}

export const resuming: readonly SourceCase[] = [
  promises('resuming after any page gives exactly the rest', (bench) =>
    resumedAnywhere(bench, (cursor) => structuredClone(cursor)),
  ),

  promises('resuming from a cursor that was stored as JSON gives the same', (bench) =>
    resumedAnywhere(bench, (cursor) => JSON.parse(JSON.stringify(cursor)) as JsonValue),
  ),
]
