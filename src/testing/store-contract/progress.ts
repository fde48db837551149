import { newId, taskId } from '../../domain/identity.ts'
import type { TaskProgress } from '../../domain/task.ts'
import type { Store } from '../../store/store.ts'
import { collect, equal, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import { everythingIn, identity, T0, TestWalk } from './fixtures.ts'
import { at, HARD_TEXTS } from './samples.ts'

export const progress = casesOf('progress of a task', (test) => {
  async function withTask(store: Store) {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: [identity('a')], at: T0 + 1 })
    const [task] = await collect(store.repositories.tasks.stream())
    if (task === undefined) throw new Error('the page left no task')
    const report = (status: TaskProgress['status'], offset: number, more = {}): TaskProgress => ({
      taskId: task.taskId,
      status,
      itemsProcessed: 0,
      error: null,
      updatedAt: at(offset),
      ...more,
    })
    const progress = () => store.repositories.tasks.progress(task.taskId)
    const lastScanTime = async () =>
      (await store.repositories.scanTargets.getById(task.scanTargetId))?.lastScanTime
    return { walk, task, report, progress, lastScanTime }
  }

  test('is PENDING from the task’s creation on', async (store) => {
    const { progress, report, lastScanTime } = await withTask(store)
    equal(await progress(), report('PENDING', 1))
    same(await lastScanTime(), null)
  })

  test('is kept as it was last reported', async (store) => {
    const { progress, report, lastScanTime } = await withTask(store)
    const reports = [
      report('IN_PROGRESS', 2, { itemsProcessed: 7 }),
      report('FAILED', 3, { itemsProcessed: 8, error: HARD_TEXTS[0] }),
      report('IN_PROGRESS', 4),
    ]
    for (const each of reports) {
      same(await store.recordProgress(each), true)
      equal(await progress(), each)
    }
    same(await lastScanTime(), null)
  })

  test('sets the scan target’s last scan time when the scan is completed, and stays so', async (store) => {
    const { progress, report, lastScanTime } = await withTask(store)
    const completed = report('COMPLETED', 5, { itemsProcessed: 41 })
    same(await store.recordProgress(completed), true)
    equal(await lastScanTime(), at(5))
    for (const status of ['IN_PROGRESS', 'FAILED', 'COMPLETED'] as const) {
      same(await store.recordProgress(report(status, 6)), false)
    }
    equal(await progress(), completed)
    equal(await lastScanTime(), at(5))
  })

  test('is no acknowledgement: the task stays where it was', async (store) => {
    const { walk, task, report } = await withTask(store)
    const { sessionId } = walk
    const take = () => store.takeTasks({ sessionId, after: 0, limit: 9 })
    const before = await take()
    const seq = before[0]?.seq ?? 0
    await store.recordProgress(report('COMPLETED', 5))
    equal(await take(), before)
    equal(await store.findOutstanding([seq]), new Set([seq]))
    equal(await collect(store.repositories.tasks.stream()), [task])
    same(await store.repositories.tasks.count(), 1)
  })

  test('of an older scan that is reported late does not set the last scan time back', async (store) => {
    const { task, report, lastScanTime } = await withTask(store)
    const next = await TestWalk.begin(store, 'next')
    await next.page({ kept: [identity('a')] })
    const newer = { ...report('COMPLETED', 9), taskId: taskId(next.sessionId, task.scanTargetId) }
    same(await store.recordProgress(newer), true)
    same(await store.recordProgress(report('COMPLETED', 5)), true)
    equal(await lastScanTime(), at(9))
  })

  test('of an unknown task is passed over', async (store) => {
    const { report } = await withTask(store)
    const before = await everythingIn(store)
    const unknown = { ...report('COMPLETED', 5), taskId: newId() }
    same(await store.recordProgress(unknown), false)
    equal(await everythingIn(store), before)
  })

  test('is not reset when the task’s page is read again', async (store) => {
    const { walk, progress, report } = await withTask(store)
    await store.recordProgress(report('COMPLETED', 5))
    await walk.page({ kept: [identity('a')], at: T0 + 6 })
    equal(await progress(), report('COMPLETED', 5))
  })
})
