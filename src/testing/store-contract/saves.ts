import { newCheckpoint } from '../../domain/checkpoint.ts'
import { batchId, newId, scanTargetId, taskId } from '../../domain/identity.ts'
import { targetKeyOf, type SessionState } from '../../domain/session-state.ts'
import type { Store } from '../../store/store.ts'
import { ANY_NUMBER, equal, isAbove, matches, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import { checkpointOf, everythingIn, identity, sessionNamed, TestWalk } from './fixtures.ts'
import { at, HARD_JSON, HARD_TEXTS } from './samples.ts'

/** A session that comes from elsewhere, with its checkpoint. */
function imported(change: Partial<SessionState> = {}): SessionState {
  const session = sessionNamed('acme', {
    status: 'STALLED',
    failureReason: HARD_TEXTS[1],
    shortfalls: [{ code: 'sso', detail: HARD_TEXTS[2] }],
    total: 12,
    position: { at: 'after', cursor: HARD_JSON },
    ...change,
  })
  const lastCheckpoint = newCheckpoint(session.sessionId, checkpointOf(session), at(4))
  return { ...session, lastCheckpoint }
}

const stored = (session: SessionState) => ({
  ...session,
  lastCheckpoint: { ...session.lastCheckpoint, id: ANY_NUMBER },
})

export const saves = casesOf('saving by hand', (test) => {
  test('creates a session, or replaces it, field by field', async (store) => {
    const { sessions } = store.repositories
    const session = imported()
    await sessions.save(session)
    equal(await sessions.load(session.sessionId), stored(session))
    equal(await store.findUnfinished(), [
      { sessionId: session.sessionId, targetKey: targetKeyOf(session.config) },
    ])
    const { sessionId, jobId } = session
    const changed = imported({
      sessionId,
      jobId,
      status: 'FAILED',
      completeness: 'INCOMPLETE',
      failureReason: 'gone',
      shortfalls: [],
      total: null,
      position: { at: 'end' },
      timeline: { startedAt: at(1), lastUpdate: at(2), completedAt: at(3) },
      metrics: {
        totalBatches: 1,
        failedBatches: 2,
        itemsFound: 3,
        itemsProcessed: 4,
        itemsSkipped: 6,
        itemsFailed: 5,
      },
    })
    await sessions.save(changed)
    equal(await sessions.list(9), [stored(changed)])
  })

  test('needs a checkpoint for a session that is new', async (store) => {
    const before = await everythingIn(store)
    const saving = store.repositories.sessions.save({ ...imported(), lastCheckpoint: null })
    matches(await thrownBy(saving), { code: 'CHECKPOINT_INCOMPATIBLE' })
    equal(await everythingIn(store), before)
  })

  test('adds a batch to its session, or replaces it', async (store) => {
    const { sessions, batches } = store.repositories
    const session = imported()
    await sessions.save(session)
    const { sessionId } = session
    const batch = {
      batchId: batchId(sessionId, 3),
      sessionId,
      number: 3,
      status: 'SUCCEEDED',
      position: { at: 'end' },
      timeline: { startedAt: at(1), lastUpdate: at(2), completedAt: at(3) },
      metrics: {
        expectedItems: 7,
        itemsProcessed: 5,
        itemsSkipped: 2,
        itemsFailed: 0,
        errorDetails: null,
      },
    } as const
    await batches.save(batch)
    equal(await batches.findBySessionId(sessionId), [batch])
    const changed = {
      ...batch,
      metrics: { ...batch.metrics, itemsProcessed: 3, itemsSkipped: 3, itemsFailed: 1 },
    }
    await batches.save(changed)
    equal(await batches.findBySessionId(sessionId), [changed])
    const unknown = { ...batch, sessionId: newId(), batchId: newId() }
    matches(await thrownBy(batches.save(unknown)), { code: 'SESSION_NOT_FOUND' })
  })

  test('gives a checkpoint its id, and takes it away again', async (store) => {
    const { checkpoints } = store.repositories
    const made = newCheckpoint('elsewhere', { at: 1 }, at(5))
    const saved = await checkpoints.save(made)
    isAbove(saved.id, 0)
    equal(await checkpoints.load('elsewhere'), { ...made, id: saved.id })
    same((await checkpoints.save({ ...made, data: HARD_JSON })).id, saved.id)
    equal(await checkpoints.loadById(saved.id), { ...saved, data: HARD_JSON })
    await checkpoints.save(newCheckpoint('another', { at: 2 }, at(6)))
    await checkpoints.delete('elsewhere')
    same(await checkpoints.load('elsewhere'), null)
    same(await checkpoints.loadById(saved.id), null)
    matches(await checkpoints.load('another'), { data: { at: 2 } })
  })

  test('adds a task once; it needs its session and scan target', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: [identity('a')] })
    await store.releaseLease({ sessionId: walk.sessionId, owner: walk.owner })
    const session = imported({ targetName: 'other' })
    await store.repositories.sessions.save(session)
    const { sessionId, jobId } = session
    const target = scanTargetId('github', 'a')
    const task = {
      taskId: taskId(sessionId, target),
      sessionId,
      jobId,
      scanTargetId: target,
      sourceType: 'github',
      resourceUri: 'https://github.example/by-hand',
      metadata: HARD_JSON,
    }
    const { tasks } = store.repositories
    await tasks.save(task)
    await tasks.save({ ...task, resourceUri: 'https://github.example/changed' })
    equal(await tasks.getById(task.taskId), task)
    same(await tasks.count({ sessionId }), 1)
    matches(await tasks.progress(task.taskId), { status: 'PENDING', itemsProcessed: 0 })
    const [outstanding] = await store.takeTasks({ sessionId, after: 0, limit: 9 })
    matches(outstanding, task)
    for (const without of [{ sessionId: newId() }, { scanTargetId: newId() }]) {
      const saving = tasks.save({ ...task, ...without, taskId: newId() })
      matches(await thrownBy(saving), { code: 'SESSION_NOT_FOUND' })
    }
  })

  /** A walk whose lease ends long after the case. */
  async function walking(store: Store): Promise<TestWalk> {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ fence: { leaseMs: 3_600_000 } })
    return walk
  }

  test('touches no session that is being walked', async (store) => {
    const walk = await walking(store)
    const { sessions, batches, checkpoints } = store.repositories
    const { sessionId } = walk
    const state = await sessions.load(sessionId)
    const [batch] = await batches.findBySessionId(sessionId)
    if (state === null || batch === undefined) throw new Error('not stored')
    const saving = [
      () => sessions.save({ ...state, total: 7 }),
      () => batches.save({ ...batch, number: 2, batchId: batchId(sessionId, 2) }),
      () => checkpoints.save(newCheckpoint(sessionId, {}, at(5))),
      () => checkpoints.delete(sessionId),
    ]
    const before = await everythingIn(store)
    for (const save of saving) matches(await thrownBy(save()), { code: 'LEASE_HELD' })
    equal(await everythingIn(store), before)
    await store.releaseLease({ sessionId: walk.sessionId, owner: walk.owner })
    for (const save of saving) await save()
  })
})
