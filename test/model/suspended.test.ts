import { expect, test } from 'vitest'
import { describeOnEach, type TestDatabase } from './databases.ts'
import { Rig, TIMES } from './rig.ts'
import { until } from './until.ts'

const HOUR_MS = 3_600_000

/** A process that is suspended with its request out, for longer than its lease; it has kept one page. */
async function suspended(database: TestDatabase) {
  const rig = await Rig.start({}, { database })
  const run = rig.walk('list')
  await rig.puppet.page('list', ['a', 'b'])
  await until('the second page is asked for', () => rig.puppet.isAsked('list'))
  await rig.settle()
  rig.sleep()
  rig.time.pass(HOUR_MS)
  return { rig, run }
}

/** All that says what was walked, and by whom. */
const TABLES = ['sessions', 'batches', 'tasks', 'checkpoints', 'failed_items', 'sightings']

async function stored(rig: Rig): Promise<unknown[]> {
  await rig.settle()
  const look = await rig.look()
  return TABLES.map((table) => look(`select * from ${table}`))
}

describeOnEach('a process that sleeps past its lease', (fresh) => {
  test('wakes and goes on where nobody has taken the session', async () => {
    const { rig, run } = await suspended(await fresh())
    // The page comes before the heart has beaten again: the commit itself finds that the lease ran out.
    rig.wake()
    await rig.puppet.page('list', ['c'])
    await rig.puppet.end('list')
    expect(await run.done).toMatchObject({ status: 'COMPLETED', metrics: { totalBatches: 2 } })
    const look = await rig.look()
    expect(look('select uri from tasks order by seq')).toEqual(
      ['a', 'b', 'c'].map((key) => ({ uri: `puppet://${key}` })),
    )
    expect(look('select lease_owner from sessions')).toEqual([{ lease_owner: null }])
  })

  test('stops at its next page where another has, and writes nothing more', async () => {
    const database = await fresh()
    const { rig, run } = await suspended(database)
    const { time } = rig
    const other = await Rig.start({}, { database, time })
    const taken = other.walk('list')
    expect(taken.sessionId).toBe(run.sessionId)
    await other.puppet.page('list', ['c'])
    await until('the third page is asked for', () => other.puppet.isAsked('list'))
    const before = await stored(other)
    rig.wake()
    await rig.puppet.page('list', ['c', 'unseen'])
    await expect(run.done).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await rig.settle()
    expect(rig.puppet.isAsked('list')).toBe(false)
    expect(await stored(other)).toEqual(before)
    await other.puppet.end('list')
    expect(await taken.done).toMatchObject({ status: 'COMPLETED', metrics: { totalBatches: 2 } })
    // Its heart has nothing to beat for.
    time.pass(TIMES.beatMs)
    expect((await stored(other))[2]).toHaveLength(3)
  })
})
