import assert from 'node:assert/strict'
import { putFiles } from './files.ts'
import { Facts, Life } from './life.ts'
import { inPlace } from './places.ts'
import { recordLife, type Recording, type Wreck } from './record.ts'
import type { Scenario } from './scenario.ts'
import { contentOf, look, problemsOf } from './whole.ts'

/** What another process finds in the files of one that died: null where no database was begun. */
export const contentAt = (path: string, { files }: Wreck): string | null =>
  files.main === null ? null : look(path, contentOf)

/**
 * The next process: it finds what the crash left, which must be whole, does
 * what is left to do, and comes to the truth.
 *
 * @returns what it found
 */
export function restart(scenario: Scenario, wreck: Wreck): Promise<string | null> {
  return inPlace(async (path) => {
    const found = arrive(path, scenario, wreck)
    const facts = new Facts(wreck.facts)
    await scenario.live(new Life({ path, facts }))
    expectTruth(path, scenario, facts)
    return found
  })
}

/** The same, and the process dies again at each boundary of its way: every crash of it is recorded. */
export function restartRecorded(scenario: Scenario, wreck: Wreck): Promise<Recording> {
  return inPlace(async (path) => {
    arrive(path, scenario, wreck)
    return recordLife(scenario, path, wreck.facts)
  })
}

function arrive(path: string, scenario: Scenario, wreck: Wreck): string | null {
  putFiles(path, { ...wreck.files, shm: null })
  if (wreck.files.main !== null) {
    assert.deepEqual(problemsOf(path, scenario, new Facts(wreck.facts)), [])
  }
  return contentAt(path, wreck)
}

/** What holds at the end, however it was come by. */
export function expectTruth(path: string, scenario: Scenario, facts: Facts): void {
  assert.deepEqual(problemsOf(path, scenario, facts), [])
  look(path, (database) => scenario.truth(database, facts))
}
