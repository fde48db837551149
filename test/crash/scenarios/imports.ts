import assert from 'node:assert/strict'
import { createActor } from 'xstate'
import { sessionMachine } from '../../../machines/index.ts'
import type { Batch } from '../../../src/domain/batch.ts'
import { batchId } from '../../../src/domain/identity.ts'
import {
  machineState,
  type SessionSnapshot,
  type SessionState,
} from '../../../src/domain/session-state.ts'
import { sealSnapshot } from '../../../src/enumeration/envelope.ts'
import type { Repositories } from '../../../src/store/store.ts'
import type { Scenario } from '../scenario.ts'
import { column } from './kit.ts'

const SESSION = '00000000-0000-4000-8000-00000000000a'
const JOB = '00000000-0000-4000-8000-00000000000b'
const TASK = '00000000-0000-4000-8000-00000000000c'
const AT = new Date(1_000)
const TIMELINE = { startedAt: AT, lastUpdate: AT, completedAt: AT }

/** A session as another database holds it, after some batches of one item. */
function sessionAfter(batches: number): SessionState {
  const actor = createActor(sessionMachine, {
    input: { sessionId: SESSION, sourceType: 'url', at: 1 },
  }).start()
  actor.send({ type: 'session.start', at: 2 })
  for (let number = 1; number <= batches; number += 1) {
    actor.send({
      type: 'batch.committed',
      at: number + 2,
      position: { at: 'after', cursor: number },
      processed: 1,
      skipped: 0,
      failed: 0,
      retried: 0,
      batchFailed: false,
      total: null,
      shortfalls: [],
    })
  }
  const snapshot = actor.getSnapshot() as SessionSnapshot
  return {
    sessionId: SESSION,
    jobId: JOB,
    targetName: 'imported',
    sourceType: 'url',
    config: { name: 'imported', sourceType: 'url', authRef: null, spec: {} },
    ...machineState(snapshot),
    comparison: null,
    waiting: null,
    asked: null,
    lastCheckpoint: { id: 0, targetId: SESSION, data: sealSnapshot(snapshot), updatedAt: AT },
  }
}

const batchOf = (number: number, itemsProcessed: number): Batch => ({
  batchId: batchId(SESSION, number),
  sessionId: SESSION,
  number,
  status: 'SUCCEEDED',
  position: { at: 'after', cursor: number },
  timeline: TIMELINE,
  metrics: {
    expectedItems: 1,
    itemsProcessed,
    itemsSkipped: 0,
    itemsFailed: 0,
    errorDetails: null,
  },
})

async function importSession({ sessions, batches, checkpoints }: Repositories): Promise<void> {
  await sessions.save(sessionAfter(1))
  await batches.save(batchOf(1, 0))
  await batches.save(batchOf(1, 1))
  await sessions.save(sessionAfter(2))
  await batches.save(batchOf(2, 1))
  const elsewhere = { id: 0, targetId: 'elsewhere', data: { at: 1 }, updatedAt: AT }
  await checkpoints.save(elsewhere)
  await checkpoints.save({ ...elsewhere, data: { at: 2 } })
  await checkpoints.delete('elsewhere')
}

async function importTask({ urls, scanTargets, tasks }: Repositories): Promise<void> {
  const url = 'https://data.example/a'
  const targetId = await urls.create({ url, metadata: {} })
  const target = { name: url, targetType: 'url', targetId, metadata: {} }
  const scanTargetId = await scanTargets.create(target)
  const task = {
    taskId: TASK,
    sessionId: SESSION,
    jobId: JOB,
    scanTargetId,
    sourceType: 'url',
    resourceUri: url,
    metadata: {},
  }
  await tasks.save(task)
  await tasks.save({ ...task, resourceUri: 'changed' })
}

export const importScenario: Scenario = {
  title: 'sessions, batches, checkpoints and tasks saved by hand',
  isImport: true,
  async live(life) {
    const store = await life.store()
    try {
      await importSession(store.repositories)
      life.note('imported session')
      await importTask(store.repositories)
      life.note('imported task')
    } finally {
      await store.close()
    }
  },
  whole(database, facts) {
    // Who imports again begins anew with what is in them, and takes none away.
    const batches = column(database, 'select number from batches order by number')
    const tasks = column(database, 'select uri from tasks')
    return [
      ...(facts.has('imported session') && String(batches) !== '1,2'
        ? ['the batches are gone']
        : []),
      ...(facts.has('imported task') && tasks.length === 0 ? ['the task is gone'] : []),
    ]
  },
  truth(database) {
    assert.deepEqual(column(database, 'select total_batches from sessions'), [2])
    assert.deepEqual(column(database, 'select items_processed from batches'), [1, 1])
    assert.deepEqual(column(database, 'select target_id from checkpoints'), [SESSION])
    assert.deepEqual(column(database, 'select uri from tasks'), ['https://data.example/a'])
    assert.deepEqual(column(database, 'select job_id from jobs'), [JOB])
  },
}

/** What was just created is there; else the test cannot go on. */
function found<T>(value: T | null): T {
  if (value === null) throw new Error('what was created is not there')
  return value
}

async function makeResources(repositories: Repositories): Promise<void> {
  const { githubRepos, urls, s3Objects, scanTargets } = repositories
  const url = 'https://github.example/a'
  const targetId = await githubRepos.create({ key: '1', name: 'a', url, metadata: {} })
  await githubRepos.update({ ...found(await githubRepos.getById(targetId)), isActive: false })
  const dump = 'https://data.example/a'
  await urls.create({ url: dump, metadata: {} })
  await urls.update({ ...found(await urls.getByUrl(dump)), metadata: { changed: true } })
  await s3Objects.create({ key: 's3://b/o', uri: 's3://b/o', name: 'o', metadata: {} })
  const target = { name: 'a', targetType: 'github', targetId, metadata: {} }
  const scanTarget = found(await scanTargets.getById(await scanTargets.create(target)))
  await scanTargets.update({ ...scanTarget, lastScanTime: AT })
}

export const resourcesScenario: Scenario = {
  title: 'resources and scan targets created and changed by hand',
  async live(life) {
    const store = await life.store()
    try {
      await makeResources(store.repositories)
    } finally {
      await store.close()
    }
  },
  truth(database) {
    assert.deepEqual(
      database.prepare('select key, is_active, metadata from resources order by key').raw().all(),
      [
        ['1', 0, '{}'],
        ['https://data.example/a', 1, '{"changed":true}'],
        ['s3://b/o', 1, '{}'],
      ],
    )
    assert.deepEqual(column(database, 'select last_scan_at from scan_targets'), [1_000])
  },
}
