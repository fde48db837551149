import { describe, expect, test } from 'vitest'
import { openStore, type Muster } from '../../src/index.ts'
import { RULE_MEMORY_MS } from '../../src/orchestration/rules.ts'
import { ask } from '../support/database.ts'
import { LISTINGS, Setting } from './support.ts'

/** A Muster with a round behind it, whose clock the test moves. */
async function walked() {
  const setting = new Setting('a')
  let now = 1_000_000
  const statements: string[] = []
  const database = await openStore({
    path: setting.database,
    onStatement: (sql, phase) => void (phase === 'before' && statements.push(sql)),
  })
  const muster = await setting.muster(LISTINGS, { database, clock: { now: () => now } })
  await muster.orchestrator.enumerate()
  return {
    muster,
    setting,
    pass: (ms: number) => void (now += ms),
    now: () => now,
    /** Statements that name a table, since the last call. */
    writesTo(table: string): number {
      return statements.splice(0).filter((sql) => sql.startsWith(`insert into "${table}"`)).length
    },
  }
}

async function tasksOf(muster: Muster) {
  const found = []
  for await (const task of muster.repositories.tasks.stream()) found.push(task)
  return found
}

describe('a job', () => {
  test('is created with scan targets that are known already, each once', async () => {
    const { muster, now } = await walked()
    const targets = await muster.repositories.scanTargets.list(10, 0)
    const scanTargetIds = targets.slice(0, 4).map(({ id }) => id)
    const job = await muster.orchestrator.createJob({
      name: 'tonight',
      scanTargetIds: [...scanTargetIds, ...scanTargetIds],
    })
    expect(job).toMatchObject({ name: 'tonight', createdAt: new Date(now()) })
    expect(await muster.repositories.jobs.getById(job.jobId)).toEqual(job)
    expect(await muster.repositories.jobs.countTargets(job.jobId)).toBe(4)
  })

  test('may be empty, and two of one name are two', async () => {
    const { muster } = await walked()
    const one = await muster.orchestrator.createJob({ name: 'x' })
    const two = await muster.orchestrator.createJob({ name: 'x' })
    expect(one.jobId).not.toBe(two.jobId)
    expect(await muster.repositories.jobs.countTargets(one.jobId)).toBe(0)
  })

  test('of a session holds the scan targets that were found', async () => {
    const { muster } = await walked()
    const [session] = await muster.repositories.sessions.list(1)
    expect(await muster.repositories.jobs.countTargets(session?.jobId ?? '')).toBe(6)
  })
})

describe('a rule that scanners announce', () => {
  const rule = (definition: Record<string, string>) => ({ ruleId: 'r1', definition })

  test('is stored with a hash of its definition, whatever the order of its keys', async () => {
    const { muster, now } = await walked()
    await muster.bus.publish('rule.published', rule({ regex: 'a+', level: 'high' }))
    const stored = await muster.repositories.rules.getById('r1')
    expect(stored).toMatchObject({
      definition: { regex: 'a+', level: 'high' },
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      updatedAt: new Date(now()),
    })
    await muster.bus.publish('rule.published', rule({ level: 'high', regex: 'a+' }))
    expect(await muster.repositories.rules.list()).toEqual([stored])
  })

  test('is written once in five minutes, and again after that', async () => {
    const { muster, pass, writesTo } = await walked()
    const announce = () => muster.bus.publish('rule.published', rule({ regex: 'a' }))
    await announce()
    expect(writesTo('rules')).toBe(1)
    pass(RULE_MEMORY_MS - 1)
    await announce()
    expect(writesTo('rules')).toBe(0)
    pass(1)
    await announce()
    expect(writesTo('rules')).toBe(1)
    expect(RULE_MEMORY_MS).toBe(300_000)
  })

  test('is written once though many scanners announce it in the same moment', async () => {
    const { muster, writesTo } = await walked()
    await Promise.all(
      Array.from({ length: 20 }, () => muster.bus.publish('rule.published', rule({ regex: 'a' }))),
    )
    expect(writesTo('rules')).toBe(1)
  })

  test('that changes is written at once', async () => {
    const { muster, writesTo } = await walked()
    await muster.bus.publish('rule.published', rule({ regex: 'a' }))
    await muster.bus.publish('rule.published', rule({ regex: 'b' }))
    expect(writesTo('rules')).toBe(2)
    expect(await muster.repositories.rules.getById('r1')).toMatchObject({
      definition: { regex: 'b' },
    })
  })

  test('of the same definition under another id is another rule', async () => {
    const { muster } = await walked()
    await muster.bus.publish('rule.published', rule({ regex: 'a' }))
    await muster.bus.publish('rule.published', { ruleId: 'r2', definition: { regex: 'a' } })
    expect((await muster.repositories.rules.list()).map(({ ruleId }) => ruleId)).toEqual([
      'r1',
      'r2',
    ])
  })

  test('that could not be written is written when it is announced again', async () => {
    const setting = new Setting('a')
    let isFull = true
    const store = await openStore({ path: setting.database })
    const { rules } = store.repositories
    const database = {
      ...store,
      repositories: {
        ...store.repositories,
        rules: {
          ...rules,
          save: async (stored: Parameters<typeof rules.save>[0]) => {
            if (isFull) throw new Error('the disk is full')
            return rules.save(stored)
          },
        },
      },
    }
    const muster = await setting.muster(LISTINGS, { database })
    await muster.orchestrator.run()
    const announce = () => muster.bus.publish('rule.published', rule({ regex: 'a' }))
    await expect(announce()).rejects.toThrow('the disk is full')
    isFull = false
    await announce()
    expect(await muster.repositories.rules.list()).toHaveLength(1)
  })
})

describe('what scanners report of a task', () => {
  test('is kept; a completed scan sets the last scan time of its scan target, and of no other', async () => {
    const { muster, setting, pass, now } = await walked()
    const [task, other] = await tasksOf(muster)
    const taskId = task?.taskId ?? ''
    const progress = () => muster.repositories.tasks.progress(taskId)
    expect(await progress()).toMatchObject({ status: 'PENDING', itemsProcessed: 0 })

    pass(1_000)
    await muster.bus.publish('task.started', { taskId })
    expect(await progress()).toMatchObject({ status: 'IN_PROGRESS', updatedAt: new Date(now()) })
    await muster.bus.publish('task.progressed', { taskId, itemsProcessed: 7 })
    expect(await progress()).toMatchObject({ status: 'IN_PROGRESS', itemsProcessed: 7 })
    const scanTarget = () => muster.repositories.scanTargets.getById(task?.scanTargetId ?? '')
    expect(await scanTarget()).toMatchObject({ lastScanTime: null })

    pass(1_000)
    await muster.bus.publish('task.completed', { taskId })
    // Who does not count again has counted what was counted before.
    expect(await progress()).toMatchObject({
      status: 'COMPLETED',
      itemsProcessed: 7,
      error: null,
      updatedAt: new Date(now()),
    })
    expect(await scanTarget()).toMatchObject({ lastScanTime: new Date(now()) })
    expect(await muster.repositories.scanTargets.getById(other?.scanTargetId ?? '')).toMatchObject({
      lastScanTime: null,
    })
    expect(
      ask(setting.database, 'select 1 from scan_targets where last_scan_at is not null'),
    ).toHaveLength(1)
  })

  test('that it failed is kept with the reason, and sets no scan time', async () => {
    const { muster } = await walked()
    const [task] = await tasksOf(muster)
    await muster.bus.publish('task.failed', { taskId: task?.taskId ?? '', error: 'no access' })
    expect(await muster.repositories.tasks.progress(task?.taskId ?? '')).toMatchObject({
      status: 'FAILED',
      error: 'no access',
    })
    expect(await muster.repositories.scanTargets.getById(task?.scanTargetId ?? '')).toMatchObject({
      lastScanTime: null,
    })
  })

  test('that nobody knows is passed over', async () => {
    const { muster } = await walked()
    await muster.bus.publish('task.completed', { taskId: 'unknown' })
    expect(await muster.repositories.tasks.progress('unknown')).toBeNull()
  })

  test('is not listened to any more when the orchestrator has stopped', async () => {
    const { muster } = await walked()
    const [task] = await tasksOf(muster)
    await muster.orchestrator.stop()
    await muster.bus.publish('task.completed', { taskId: task?.taskId ?? '' })
    expect(await muster.repositories.tasks.progress(task?.taskId ?? '')).toMatchObject({
      status: 'PENDING',
    })
  })
})
