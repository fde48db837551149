import { afterAll, expect, test } from 'vitest'
import { drawing } from '../support/crash-draw.ts'
import { effort } from '../support/effort.ts'
import { takeFiles } from './files.ts'
import { dyingHost } from './kill-host.ts'
import { noOutcome, outcomeTable } from './outcomes.ts'
import { inPlace } from './places.ts'
import { prepare, record, type Reached } from './record.ts'
import { restart } from './restart.ts'
import { ALL } from './scenarios.ts'

/** Kills of one run, spread over the scenarios. */
const KILLS = effort(10, 400)

const outcomes = ALL.map(([name]) => noOutcome(name))
afterAll(() => console.log(outcomeTable(outcomes)))

/**
 * What `boundaries.test.ts` does within its own process, done in earnest: a
 * process of its own gets SIGKILL from within the hook, and what it leaves is
 * what the operating system made of that.
 */
const boundaries = new Map<string, readonly Reached[]>()
let drawn = 0
let killed = 0

/** Where in the scenarios the kills are, spread over all of them where there are fewer kills; and a boundary of each. */
async function draw() {
  const below = drawing(`kill ${drawn}`)
  const turn = Math.floor(drawn * Math.max(1, ALL.length / KILLS)) % ALL.length
  drawn += 1
  const [name, scenario] = ALL[turn]!
  const reached = boundaries.get(name) ?? (await record(scenario)).reached
  boundaries.set(name, reached)
  const index = below(reached.length)
  return { name, scenario, outcome: outcomes[turn]!, dieAt: index + 1, boundary: reached[index]! }
}

async function killOnce(): Promise<void> {
  const { name, scenario, outcome, dieAt, boundary } = await draw()
  await inPlace(async (path) => {
    await prepare(scenario, path)
    const { code, signal, stderr, facts } = await dyingHost({ scenario: name, path, dieAt })
    // Where processes wait for each other, not every life has as many boundaries.
    expect([signal, code], stderr).toEqual(signal === null ? [null, 0] : ['SIGKILL', null])
    killed += signal === null ? 0 : 1
    const at = `${name} killed at boundary ${dieAt}, ${boundary.phase} ${boundary.what}`
    await expect(restart(scenario, { files: takeFiles(path), facts }), at).resolves.toBeDefined()
  })
  outcome.boundaries += 1
  outcome[boundary.undoneTo === null ? 'kept' : 'rolledBack'] += 1
  outcome.resumed += 1
}

test(`after ${KILLS} kills at boundaries drawn at random the next process comes to the truth`, async () => {
  // While one host starts, another dies.
  const lane = async () => {
    while (drawn < KILLS) await killOnce()
  }
  await Promise.all([lane(), lane()])
  expect(drawn).toBe(KILLS)
  expect(killed).toBeGreaterThan(KILLS * 0.8)
}, 900_000)
