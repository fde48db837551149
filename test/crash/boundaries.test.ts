import { afterAll, describe, expect, test } from 'vitest'
import { isLong } from '../support/effort.ts'
import { noOutcome, outcomeTable, type Outcome } from './outcomes.ts'
import { record } from './record.ts'
import { restart } from './restart.ts'
import { ALL } from './scenarios.ts'

/**
 * A crash before and after every statement, pragma and closing, and at what
 * happens outside of the database. The boundaries are counted by the code
 * itself: every statement passes the hook, so a new write is a new boundary
 * without anybody naming it; `completeness.test.ts` sees to it that the
 * scenarios make every write there is.
 *
 * A crash is the bytes that a process leaves. Boundaries between two writes
 * leave the same, and the usual run restarts once from each that differs; the
 * long one restarts from every boundary.
 */
describe('whatever statement the process dies before or after, nothing is lost and nothing comes twice', () => {
  const outcomes: Outcome[] = []
  afterAll(() => console.log(outcomeTable(outcomes)))

  test.for(ALL)('%s', async ([name, scenario]) => {
    const { reached, wrecks } = await record(scenario)
    expect(reached.length).toBeGreaterThan(20)
    const outcome = noOutcome(`${name}: ${scenario.title}`)
    outcomes.push(outcome)
    const found = new Map<number, string | null>()
    for (const [index, boundary] of reached.entries()) {
      const { wreck, undoneTo, what, phase } = boundary
      const at = `${phase} boundary ${index + 1}, ${what.slice(0, 100)}`
      if (isLong || !found.has(wreck)) {
        found.set(wreck, await dyingAt(at, restart(scenario, wrecks[wreck]!)))
      }
      outcome.boundaries += 1
      outcome.resumed += 1
      if (undoneTo === null) outcome.kept += 1
      else {
        expect(found.get(wreck), `what is undone ${at}`).toBe(found.get(undoneTo))
        outcome.rolledBack += 1
      }
    }
  })
})

/** Says at which boundary it was that the next process did not come to the truth. */
async function dyingAt<T>(at: string, restarted: Promise<T>): Promise<T> {
  try {
    return await restarted
  } catch (thrown) {
    throw new Error(`a crash ${at}: ${(thrown as Error).message}`, { cause: thrown })
  }
}
