import assert from 'node:assert/strict'
import { itemsNamed, scriptedTarget, type Scripted } from '../../support/scripted-source.ts'
import type { Life } from '../life.ts'
import type { Scenario } from '../scenario.ts'
import { column, isLeftToDo, whenAsked } from './kit.ts'

const ITEMS = [...itemsNamed('good', 11), 'bad-1', 'bad-2', ...itemsNamed('late', 22), 'bad-3']
const uris = (items: readonly string[]) =>
  items.filter((item) => !item.startsWith('bad')).map((item) => `scripted://${item}`)

/** Walks what is left of one listing, as a host does that is started again. */
async function walk(life: Life, listing: Scripted, settings: object = {}): Promise<void> {
  const { muster, store } = await life.muster({ crash: listing }, settings)
  try {
    if (!(await isLeftToDo(store))) return
    await muster.coordinator.enumerateTarget(scriptedTarget('crash')).done
  } finally {
    await muster.close()
  }
}

export const walkScenario: Scenario = {
  title: 'a walk with good and bad items',
  live: (life) =>
    walk(life, {
      items: ITEMS,
      // Twelve go by a statement of ten and two of one.
      pageSize: 12,
      page: (n) => (n === 2 ? { shortfalls: [{ code: 'hidden', detail: 'two' }] } : {}),
    }),
  truth(database) {
    assert.deepEqual(column(database, 'select uri from tasks order by seq'), uris(ITEMS))
    assert.deepEqual(
      column(database, 'select item from failed_items order by id'),
      ['bad-1', 'bad-2', 'bad-3'].map((item) => JSON.stringify(item)),
    )
    assert.partialDeepStrictEqual(database.prepare('select * from sessions').all(), [
      {
        status: 'PARTIALLY_COMPLETED',
        completeness: 'INCOMPLETE',
        total_batches: 3,
        items_found: 36,
        items_processed: 33,
        items_failed: 3,
      },
    ])
    assert.deepEqual(column(database, 'select status from batches order by number'), [
      'PARTIALLY_COMPLETED',
      'PARTIALLY_COMPLETED',
      'PARTIALLY_COMPLETED',
    ])
  },
}

const CALM = itemsNamed('calm', 6)

export const stallScenario: Scenario = {
  title: 'a request that hangs: stalled, renewed, gone on with',
  live(life) {
    let hung = false
    return walk(
      life,
      {
        items: CALM,
        pageSize: 2,
        async before(_, { signal }) {
          if (hung) return
          hung = true
          await new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(new Error('given up')))
          })
        },
      },
      // A third of the lease is less than the patience: it is renewed meanwhile.
      { leaseMs: 100, stallMs: 45 },
    )
  },
  truth(database) {
    assert.deepEqual(column(database, 'select uri from tasks order by seq'), uris(CALM))
    assert.deepEqual(column(database, 'select status from sessions'), ['COMPLETED'])
  },
}

const HOUR_MS = 3_600_000

export const takeOverScenario: Scenario = {
  title: 'a second process takes an expired lease; the first wakes up',
  async live(life) {
    const gate = whenAsked(2)
    const first = await life.muster({ crash: { items: CALM, pageSize: 2, before: gate.before } })
    try {
      if (!(await isLeftToDo(first.store))) return
      const slow = first.muster.coordinator.enumerateTarget(scriptedTarget('crash'))
      const woken = slow.done.catch((thrown: { code?: string }) => thrown.code)
      await Promise.race([gate.asked, woken])
      const clock = { now: () => Date.now() + HOUR_MS }
      const second = await life.muster({ crash: { items: CALM, pageSize: 2 } }, { clock })
      if (await isLeftToDo(second.store)) {
        await second.muster.coordinator.enumerateTarget(scriptedTarget('crash')).done
        gate.open()
        assert.equal(await woken, 'LEASE_LOST')
      }
      await second.muster.close()
    } finally {
      gate.open()
      await first.muster.close()
    }
  },
  truth(database) {
    assert.deepEqual(column(database, 'select uri from tasks order by seq'), uris(CALM))
    assert.deepEqual(column(database, 'select status from sessions'), ['COMPLETED'])
  },
}
