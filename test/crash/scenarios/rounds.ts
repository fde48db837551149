import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { itemsNamed } from '../../support/scripted-source.ts'
import type { Life } from '../life.ts'
import type { Scenario } from '../scenario.ts'
import { column } from './kit.ts'

const LISTINGS = {
  a: { items: itemsNamed('a', 4), pageSize: 2 },
  b: { items: itemsNamed('b', 5), pageSize: 3 },
}
const URIS = [...LISTINGS.a.items, ...LISTINGS.b.items].map((item) => `scripted://${item}`)

function writeConfig(life: Life): string {
  const config = join(dirname(life.path), 'muster.yaml')
  const targets = Object.keys(LISTINGS).map((name) => ({
    name,
    source_type: 'scripted',
    scripted: { list: name },
  }))
  writeFileSync(config, JSON.stringify({ targets }))
  return config
}

export const roundsScenario: Scenario = {
  title: 'a round of two targets, whose tasks go over the bus',
  async live(life) {
    const { muster, store } = await life.muster(LISTINGS, {
      config: writeConfig(life),
      // Hosts that share a database look what the others do four times within a lease.
      leaseMs: 1_000,
    })
    try {
      // Another round would walk everything anew.
      if ((await store.lastRound())?.isOpen === false) return
      muster.bus.subscribe('task.created', ({ task }) => life.note(`got ${task.taskId}`))
      const { failures } = await muster.orchestrator.enumerate()
      assert.deepEqual(failures, [])
    } finally {
      await muster.close()
    }
  },
  truth(database, facts) {
    assert.deepEqual(column(database, 'select uri from tasks order by uri'), URIS)
    assert.deepEqual(column(database, 'select target_name from sessions order by 1'), ['a', 'b'])
    assert.deepEqual(column(database, 'select distinct status from sessions'), ['COMPLETED'])
    assert.deepEqual(column(database, 'select completed_at is null from rounds'), [0])
    assert.deepEqual(column(database, 'select seq from tasks where acknowledged_at is null'), [])
    assert.deepEqual(
      new Set(facts.of('got')),
      new Set(column(database, 'select task_id from tasks')),
    )
  },
}
