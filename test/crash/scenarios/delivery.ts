import assert from 'node:assert/strict'
import type Database from 'better-sqlite3'
import type { Task } from '../../../src/domain/task.ts'
import type { EnumerationResult } from '../../../src/enumeration/result.ts'
import { itemsNamed, scriptedTarget } from '../../support/scripted-source.ts'
import { musterAt } from '../places.ts'
import type { Facts, Life } from '../life.ts'
import type { Problems, Scenario } from '../scenario.ts'
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

/**
 * A reader of windows, which are acknowledged whole. Each holds what there is,
 * so that one that comes again comes as a part of a window, never in pieces.
 */
async function readWindows(reading: Reading, atMost = Infinity): Promise<void> {
  const { life, run } = reading
  const reader = run.taskWindows[Symbol.asyncIterator]()
  let previous: readonly Task[] = []
  for (let taken = 0; taken <= atMost; taken += 1) {
    const { value, done } = await reader.next()
    if (done === true && reading.isClosing) return
    for (const { taskId } of previous) life.note(`acknowledged ${taskId}`)
    if (done === true) return
    for (const { taskId } of value) {
      assert.equal(life.facts.has(`acknowledged ${taskId}`), false)
      life.note(`got ${taskId}`)
    }
    life.note(`window ${value.map(({ taskId }) => taskId).join()}`)
    previous = value
  }
  await reader.return?.()
}

/** The first of them leaves with a window in hand, and the other two get it. */
const readAllWindows = (reading: Reading) =>
  Promise.all([readWindows(reading, 1), readWindows(reading), readWindows(reading)])

/** Windows of which a part is acknowledged and a part is not. */
function torn(database: Database.Database, facts: Facts): Problems {
  const left = new Set(column(database, 'select task_id from tasks where acknowledged_at is null'))
  return facts.of('window').flatMap((window) => {
    const tasks = window.split(',')
    const outstanding = tasks.filter((task) => left.has(task)).length
    const isWhole = outstanding === 0 || outstanding === tasks.length
    return isWhole ? [] : [`${outstanding} of a window of ${tasks.length} tasks are left`]
  })
}

function allDelivered(facts: Facts, tasks: unknown[]): void {
  assert.deepEqual(new Set(facts.of('got')), new Set(tasks))
}

const living = (readers: (reading: Reading) => Promise<unknown>): Scenario['live'] =>
  async function live(life) {
    const { muster, store } = await life.muster({ crash: LISTING })
    let reading: Reading | undefined
    try {
      if (!(await isLeftToDo(store))) return
      const run = muster.coordinator.enumerateTarget(scriptedTarget('crash'))
      reading = { life, run, isClosing: false }
      await readers(reading)
      await run.done
    } finally {
      if (reading !== undefined) reading.isClosing = true
      await muster.close()
    }
  }

export const deliveryScenario: Scenario = {
  title: 'three readers take the tasks, one gives its task back',
  live: living(readAll),
  truth(database, facts) {
    assert.equal(column(database, 'select uri from tasks order by seq').length, 12)
    assert.deepEqual(column(database, 'select uri from tasks where acknowledged_at is null'), [])
    assert.deepEqual(column(database, 'select status from sessions'), ['PARTIALLY_COMPLETED'])
    allDelivered(facts, column(database, 'select task_id from tasks'))
  },
}

/** A walk that has ended, and a delivery that was begun; nothing is acknowledged. */
async function begun(path: string): Promise<void> {
  const { muster, close } = await musterAt(path, { crash: LISTING })
  const run = muster.coordinator.enumerateTarget(scriptedTarget('crash'))
  for await (const _ of run.tasks) break
  await run.done
  await close()
}

export const resumedDeliveryScenario: Scenario = {
  title: 'a delivery that was begun is taken up after the walk has ended',
  prepare: begun,
  live: deliveryScenario.live,
  truth: deliveryScenario.truth,
}

export const windowsScenario: Scenario = {
  title: 'three readers take the tasks in windows, one gives its window back',
  live: living(readAllWindows),
  whole: torn,
  truth: deliveryScenario.truth,
}

export const resumedWindowsScenario: Scenario = {
  title: 'windows of a delivery that was begun, after the walk has ended',
  prepare: begun,
  live: windowsScenario.live,
  whole: torn,
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
