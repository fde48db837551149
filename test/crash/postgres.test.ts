import { afterAll, beforeAll, expect, test } from 'vitest'
import { drawing } from '../support/crash-draw.ts'
import { isLong } from '../support/effort.ts'
import { describePostgres } from '../support/postgres.ts'
import { PostgresPlace } from './postgres.ts'
import { ALL } from './scenarios.ts'

const ON_POSTGRES = ALL.filter(([, scenario]) => scenario.isOfFiles !== true)

/** One for all numbers of values. */
const kindOf = (sql: string): string => sql.replaceAll(/\$\d+/g, '?')

/** What processes of the usual run have died after, in whichever scenario. */
const diedAfter = new Set<string>()

/**
 * The moments of a life at which it is ended, from 1: all of them, or, in the
 * usual run, one of each kind that no scenario before had, and one more.
 */
function choose(name: string, moments: readonly string[]): number[] {
  const drawn = drawing(`postgres ${name}`)(moments.length)
  return moments.flatMap((what, i) => {
    // The commit of one transaction is not that of another.
    const kind = what === 'commit' ? `${kindOf(moments[i - 1] ?? '')} commit` : kindOf(what)
    const isNew = !diedAfter.has(kind)
    diedAfter.add(kind)
    return isLong || isNew || i === drawn ? [i + 1] : []
  })
}

/**
 * What `boundaries.test.ts` shows of SQLite. The server takes back what was not
 * committed when a connection ends; so a life runs up to a moment, and from
 * there on each of its statements fails and its connections are ended.
 */
describePostgres('whatever write on PostgreSQL the process dies after', () => {
  let place: PostgresPlace
  let deaths = 0
  beforeAll(async () => {
    place = await PostgresPlace.make()
  })
  afterAll(async () => {
    console.log(`${deaths} deaths on PostgreSQL`)
    await place.close()
  })

  test.for(ON_POSTGRES)('nothing is lost and nothing comes twice: %s', async ([name, scenario]) => {
    const { before, moments } = await place.record(scenario)
    expect(moments.length).toBeGreaterThan(4)
    for (const nth of choose(name, moments)) {
      const at = `after moment ${nth} of ${moments.length}, ${moments[nth - 1]?.slice(0, 100)}`
      await place.dieAndRestart(scenario, before, nth).catch((thrown: unknown) => {
        throw new Error(`a crash ${at}: ${(thrown as Error).message}`, { cause: thrown })
      })
      deaths += 1
    }
  })
})
