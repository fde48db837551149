import { describe, expect, test } from 'vitest'
import { drawing } from '../support/crash-draw.ts'
import { effort } from '../support/effort.ts'
import { record } from './record.ts'
import { restart, restartRecorded } from './restart.ts'
import { ALL } from './scenarios.ts'

/** Crashes of the first process, and of each its successor's crashes. */
const FIRST = effort(1, 20)
const SECOND = effort(3, 20)

describe('a process that dies again on its way back', () => {
  test.for(ALL)('still loses nothing: %s', async ([name, scenario]) => {
    const below = drawing(`again ${name}`)
    const { wrecks } = await record(scenario)
    let deaths = 0
    for (let first = 0; first < FIRST; first += 1) {
      const wreck = wrecks[below(wrecks.length)]!
      const again = await restartRecorded(scenario, wreck)
      for (let second = 0; second < SECOND; second += 1) {
        await restart(scenario, again.wrecks[below(again.wrecks.length)]!)
        deaths += 1
      }
    }
    expect(deaths).toBe(FIRST * SECOND)
  })
})
