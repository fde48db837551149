import { expect, onTestFinished, test } from 'vitest'
import { writeConfig } from '../support/config.ts'
import { describePostgres, postgresUrl } from '../support/postgres.ts'
import { tempFolder } from '../support/temp.ts'
import { fenceProblems } from './truth.ts'
import { Onlooker } from './audit.ts'
import { Duel } from './duel.ts'
import { numberedTarget } from './numbered-source.ts'

const LEASE_MS = 500

/** Longer than the test has: only who knows that the other is dead takes it at once. */
const LONG_LEASE_MS = 3_600_000

async function duel(leaseMs: number, ...names: [string, string]) {
  const database = await postgresUrl()
  const onlooker = await Onlooker.over(database)
  onTestFinished(() => onlooker.close())
  const config = writeConfig(tempFolder(), { targets: [numberedTarget('endless', 10_000_000)] })
  const fight = new Duel({ onlooker, database, config, leaseMs, names })
  onTestFinished(() => fight.end())
  fight.begin()
  return { fight, onlooker }
}

describePostgres('what a host had', () => {
  test('another takes when its lease has run out, and not before', async () => {
    const { fight, onlooker } = await duel(LEASE_MS, 'north', 'south')
    expect((await fight.strike('leadership', 'stop')).leftMs).toBeLessThanOrEqual(0)
    expect((await fight.strike('session', 'stop')).leftMs).toBeLessThanOrEqual(0)
    expect((await fight.strike('leadership', 'kill')).leftMs).toBeLessThanOrEqual(0)
    expect((await fight.strike('session', 'kill')).leftMs).toBeLessThanOrEqual(0)
    expect(fenceProblems(await onlooker.changes())).toEqual([])
  })

  test('another of the same host name takes at once when its process is dead', async () => {
    const { fight } = await duel(LONG_LEASE_MS, 'north', 'north')
    expect((await fight.strike('session', 'kill')).leftMs).toBeGreaterThan(0)
    expect((await fight.strike('leadership', 'kill')).leftMs).toBeGreaterThan(0)
  })
})
