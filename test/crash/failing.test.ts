import { describe, expect, test } from 'vitest'
import { drawing } from '../support/crash-draw.ts'
import { effort } from '../support/effort.ts'
import { Facts, Life, type Boundary } from './life.ts'
import { inPlace } from './places.ts'
import { prepare, record } from './record.ts'
import { expectTruth } from './restart.ts'
import { SCENARIOS } from './scenarios.ts'

class Failure extends Error {}

/** Statements that fail, of each scenario and each way of failing. */
const FAILURES = effort(3, 100)

/** A round is not among them: to it a walk that could not begin is a failure to report, and the next round walks anew. */
const BUSY = [
  ['walk', SCENARIOS.walk],
  ['retry', SCENARIOS.retry],
  ['delivery', SCENARIOS.delivery],
] as const

/** That a transaction began is heard as it is: nobody would end one that began without their knowing. */
const canFail = ({ isStatement, what, phase }: Boundary) =>
  isStatement && !(what === 'begin immediate' && phase === 'after')

/** Fails the n-th statement boundary, and where the database is gone for good every one after it. */
function failingAt(nth: number, isGone: boolean) {
  let seen = 0
  return (boundary: Boundary) => {
    if (!canFail(boundary)) return
    seen += 1
    const { what, phase } = boundary
    if (seen === nth || (isGone && seen > nth)) throw new Failure(`${phase} ${what.slice(0, 60)}`)
  }
}

/**
 * The process lives on, and hears that a statement failed: rightly so before
 * it, and wrongly after it. What it makes of that must lose no more than a crash.
 */
describe.for(BUSY)('a statement that fails while the process lives on: %s', ([name, scenario]) => {
  test.for([
    ['once', false],
    ['and all that follow', true],
  ] as const)('%s', async ([, isGone]) => {
    const below = drawing(`failing ${name} ${isGone}`)
    const { reached } = await record(scenario)
    const statements = reached.filter(canFail).length
    for (let failure = 0; failure < FAILURES; failure += 1) {
      const nth = 1 + below(statements)
      await inPlace(async (path) => {
        await prepare(scenario, path)
        const facts = new Facts()
        const onBoundary = failingAt(nth, isGone)
        await scenario.live(new Life({ path, facts, onBoundary })).catch(() => undefined)
        await scenario.live(new Life({ path, facts }))
        expect(() => expectTruth(path, scenario, facts), `statement ${nth} failed`).not.toThrow()
      })
    }
  })
})
