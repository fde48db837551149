import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commandLists, NAMES, Tally } from './commands.ts'
import { emptyDatabase } from './empty-database.ts'
import { finish } from './finish.ts'
import { PATIENCE_MS, replayPath, runs } from './runs.ts'
import { Truth } from './truth.ts'
import { World } from './world.ts'

const SETTINGS = fc.record({
  concurrency: fc.integer({ min: 1, max: 3 }),
  deliveryWindow: fc.constantFrom(1, 4, 1_000),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
})

describe('whatever happens, in whatever order', () => {
  const tally = new Tally()

  test(
    'nothing is lost, nothing comes twice, and everything ends as it should',
    { timeout: PATIENCE_MS },
    async () => {
      const empty = await emptyDatabase()
      let world: World
      const commands = commandLists({ tally, world: () => world, maxCommands: 120, replayPath })
      const property = fc.asyncProperty(
        SETTINGS,
        fc.boolean(),
        commands,
        async (settings, mends, cmds) => {
          tally.runs += 1
          world = new World(empty, settings)
          try {
            const truth = new Truth(world)
            await world.hosts[0].start()
            await fc.asyncModelRun(() => ({ model: truth, real: world }), cmds)
            if (mends) world.listings.mended = true
            await finish(world, truth)
          } finally {
            await world.end()
          }
        },
      )
      await fc.assert(property, runs(60, 4_000))
    },
  )

  test('each command was seen to do something', () => {
    console.log(String(tally))
    expect(tally.missing(NAMES)).toEqual([])
  })
})
