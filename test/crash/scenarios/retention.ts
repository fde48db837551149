import assert from 'node:assert/strict'
import { itemsNamed, scriptedTarget } from '../../support/scripted-source.ts'
import { musterAt } from '../places.ts'
import type { Scenario } from '../scenario.ts'
import { column } from './kit.ts'

const LISTINGS = { crash: { items: itemsNamed('old', 7), pageSize: 3 } }
const WALKS = 3
const FAR_AHEAD = 8e15

/** Fewer rows than a session has: it goes in several steps. */
const LIMIT = 4

export const retentionScenario: Scenario = {
  title: 'old sessions go, a few rows at a time',
  isPruning: true,
  async prepare(database) {
    for (let walk = 0; walk < WALKS; walk += 1) {
      const { muster, close } = await musterAt(database, LISTINGS)
      const run = muster.coordinator.enumerateTarget(scriptedTarget('crash'))
      for await (const _ of run.tasks);
      await run.done
      await close()
    }
  },
  async live(life) {
    const store = await life.store()
    try {
      for (let after: number | null = 0; after !== null;) {
        ;({ next: after } = await store.prune({ before: FAR_AHEAD, limit: LIMIT, after }))
      }
    } finally {
      await store.close()
    }
  },
  whole(database) {
    const [kept] = column(
      database,
      `select count(*) from sessions join batches on session = sessions.id
        join checkpoints on target_id = session_id
        where sessions.id = (select max(id) from sessions)`,
    )
    const half = column(
      database,
      `select session_id from sessions
        where session_id not in (select target_id from checkpoints)
        and (completed_at is null or lease_owner is null)`,
    )
    const owed = column(database, 'select task_id from tasks where acknowledged_at is null')
    return [
      ...(kept === 3 ? [] : [`${String(kept)} of the 3 batches of the newest session are there`]),
      ...half.map((session) => `${String(session)} is half gone, and could be taken up`),
      ...owed.map((task) => `${String(task)} would be delivered again`),
    ]
  },
  truth(database) {
    assert.deepEqual(column(database, 'select status from sessions'), ['COMPLETED'])
    assert.deepEqual(column(database, 'select count(*) from jobs'), [1])
    // The record of each went with it.
    const sessions = 'select id from sessions'
    assert.deepEqual(
      column(database, 'select distinct session from audit'),
      column(database, sessions),
    )
    assert.deepEqual(column(database, 'select number from batches order by 1'), [1, 2, 3])
    // The newest of all stays: its number must not be given to another.
    assert.deepEqual(column(database, 'select count(*) from tasks'), [1])
    assert.equal(column(database, 'select id from resources').length, 7)
    assert.equal(column(database, 'select id from checkpoints').length, 1)
  },
}
