import assert from 'node:assert/strict'
import type { EnumerationResult } from '../../../src/enumeration/result.ts'
import { itemsNamed, scriptedTarget } from '../../support/scripted-source.ts'
import { musterAt } from '../places.ts'
import type { Facts, Life } from '../life.ts'
import type { Scenario } from '../scenario.ts'
import { column, isLeftToDo } from './kit.ts'

const ITEMS = [...itemsNamed('good', 9), 'bad-1', ...itemsNamed('late', 3)]
const LISTING = { items: ITEMS, pageSize: 5 }

interface Reading {
  readonly life: Life
  readonly run: EnumerationResult
  /** Whether the store is being closed, which ends every reading. */
  isClosing: boolean
}

/**
 * One of the host's readers. Being handed the next task means that the one
 * before is acknowledged, durably; a reader that leaves gives its task back.
 */
async function read(reading: Reading, atMost = Infinity): Promise<void> {
  const { life, run } = reading
  const reader = run.tasks[Symbol.asyncIterator]()
  let previous: string | undefined
  for (let taken = 0; taken <= atMost; taken += 1) {
    const { value, done } = await reader.next()
    if (done === true && reading.isClosing) return
    if (previous !== undefined) life.note(`acknowledged ${previous}`)
    if (done === true) return
    assert.equal(life.facts.has(`acknowledged ${value.taskId}`), false)
    life.note(`got ${value.taskId}`)
    previous = value.taskId
  }
  await reader.return?.()
}

/** The first of them leaves with a task in hand, and the other two get it. */
const readAll = (reading: Reading) => Promise.all([read(reading, 2), read(reading), read(reading)])

function allDelivered(facts: Facts, tasks: unknown[]): void {
  assert.deepEqual(new Set(facts.of('got')), new Set(tasks))
}

export const deliveryScenario: Scenario = {
  title: 'three readers take the tasks, one gives its task back',
  async live(life) {
    const { muster, store } = await life.muster({ crash: LISTING })
    let reading: Reading | undefined
    try {
      if (!(await isLeftToDo(store))) return
      const run = muster.coordinator.enumerateTarget(scriptedTarget('crash'))
      reading = { life, run, isClosing: false }
      await readAll(reading)
      await run.done
    } finally {
      if (reading !== undefined) reading.isClosing = true
      await muster.close()
    }
  },
  truth(database, facts) {
    assert.equal(column(database, 'select uri from tasks order by seq').length, 12)
    assert.deepEqual(column(database, 'select uri from tasks where acknowledged_at is null'), [])
    assert.deepEqual(column(database, 'select status from sessions'), ['PARTIALLY_COMPLETED'])
    allDelivered(facts, column(database, 'select task_id from tasks'))
  },
}

export const resumedDeliveryScenario: Scenario = {
  title: 'a delivery that was begun is taken up after the walk has ended',
  async prepare(path) {
    const { muster, close } = await musterAt(path, { crash: LISTING })
    const run = muster.coordinator.enumerateTarget(scriptedTarget('crash'))
    // Begun, and nothing acknowledged.
    for await (const _ of run.tasks) break
    await run.done
    await close()
  },
  live: deliveryScenario.live,
  truth: deliveryScenario.truth,
}

/** What a host does that has a store and no walk. */
export const portScenario: Scenario = {
  title: 'tasks acknowledged several at a time',
  async prepare(path) {
    const { muster, close } = await musterAt(path, { crash: LISTING })
    await muster.coordinator.enumerateTarget(scriptedTarget('crash')).done
    await close()
  },
  async live(life) {
    const store = await life.store()
    try {
      const [session] = await store.repositories.sessions.list(1)
      const sessionId = session?.sessionId ?? ''
      await store.beginDelivery({ sessionId, at: 1 })
      const { scanTargetIds = [] } =
        (await store.takeScanTargets({ sessionId, afterBatch: 0 })) ?? {}
      assert.equal(scanTargetIds.length, 5)
      const tasks = await store.takeTasks({ sessionId, after: 0, limit: 100 })
      for (const { taskId } of tasks) life.note(`got ${taskId}`)
      await store.acknowledgeTasks({ seqs: tasks.map(({ seq }) => seq), at: 2 })
      for (const { taskId } of tasks) life.note(`acknowledged ${taskId}`)
    } finally {
      await store.close()
    }
  },
  whole(database) {
    const left = column(database, 'select task_id from tasks where acknowledged_at is null').length
    return left === 0 || left === 12 ? [] : [`${left} of 12 tasks are left of one acknowledgement`]
  },
  truth: deliveryScenario.truth,
}
