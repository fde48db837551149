import assert from 'node:assert/strict'
import type { Muster } from '../../../src/index.ts'
import type { Store } from '../../../src/store/store.ts'
import { itemsNamed, scriptedTarget } from '../../support/scripted-source.ts'
import type { Life } from '../life.ts'
import { musterAt } from '../places.ts'
import type { Scenario } from '../scenario.ts'
import { column } from './kit.ts'

const LISTINGS = { crash: { items: itemsNamed('a', 3), pageSize: 3 } }
const JOB = { jobId: 'job-of-the-host', name: 'mine', createdAt: new Date(5) }

async function makeJobs({ muster, store, life }: Given): Promise<void> {
  const { jobs, scanTargets } = store.repositories
  const ids = (await scanTargets.list(10, 0)).map(({ id }) => id)
  if ((await jobs.getById(JOB.jobId)) === null) await jobs.create(JOB)
  await jobs.associate(JOB.jobId, ids)
  life.note(`associated ${ids.length}`)
  await muster.orchestrator.createJob({ name: 'made', scanTargetIds: ids })
}

interface Given {
  readonly life: Life
  readonly muster: Muster
  readonly store: Store
}

async function report({ life, muster, store }: Given): Promise<void> {
  const tasks = []
  for await (const { taskId } of store.repositories.tasks.stream()) tasks.push(taskId)
  const [first = '', second = '', third = ''] = tasks
  const { bus } = muster
  for (const taskId of tasks) await bus.publish('task.started', { taskId })
  await bus.publish('task.progressed', { taskId: first, itemsProcessed: 3 })
  await bus.publish('task.completed', { taskId: first, itemsProcessed: 7 })
  life.note(`completed ${first}`)
  await bus.publish('task.completed', { taskId: second })
  life.note(`completed ${second}`)
  await bus.publish('task.failed', { taskId: third, error: 'no room' })
}

export const reportsScenario: Scenario = {
  title: 'jobs, rules and what scanners report',
  async prepare(path) {
    const { muster, close } = await musterAt(path, LISTINGS)
    await muster.coordinator.enumerateTarget(scriptedTarget('crash')).done
    await close()
  },
  async live(life) {
    const { muster, store } = await life.muster(LISTINGS)
    try {
      await muster.orchestrator.run()
      for (const definition of [{ pattern: 'a' }, { pattern: 'b' }]) {
        await muster.bus.publish('rule.published', { ruleId: 'rule', definition })
      }
      life.note('published rule')
      await makeJobs({ life, muster, store })
      await report({ life, muster, store })
    } finally {
      await muster.close()
    }
  },
  whole(database, facts) {
    const complete = column(database, `select task_id from tasks where status = 'COMPLETED'`)
    const [targets] = column(
      database,
      `select count(*) from job_targets join jobs on id = job where job_id = '${JOB.jobId}'`,
    )
    return [
      ...facts.of('completed').filter((task) => !complete.includes(task)),
      ...(targets === 0 || targets === 3 ? [] : [`${String(targets)} of 3 targets are associated`]),
      ...(facts.has('associated 3') && targets !== 3 ? ['the association is gone'] : []),
    ]
  },
  truth(database) {
    assert.deepEqual(
      database.prepare('select status, items_processed, error from tasks').raw().all(),
      [
        ['COMPLETED', 7, null],
        ['COMPLETED', 0, null],
        ['FAILED', 0, 'no room'],
      ],
    )
    assert.deepEqual(column(database, 'select last_scan_at is null from scan_targets'), [0, 0, 1])
    assert.deepEqual(database.prepare('select rule_id, definition from rules').raw().all(), [
      ['rule', '{"pattern":"b"}'],
    ])
    assert.equal(column(database, `select name from jobs where name = 'mine'`).length, 1)
  },
}
