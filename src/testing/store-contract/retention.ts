import { collect, equal, matches, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import {
  checkpointOf,
  everythingIn,
  identities,
  jobOf,
  LEASE_MS,
  OTHER_OWNER,
  OWNER,
  sessionNamed,
  TestWalk,
} from './fixtures.ts'
import { BEFORE, ended, isThere, nothing, old, over, pruned } from './retention-fixtures.ts'
import { at } from './samples.ts'

export const retention = casesOf('what is old', (test) => {
  test('goes with all that belongs to it, and nothing else', async (store) => {
    const rejected = [{ item: '"x"', reason: 'bad' }]
    const kept = identities('repo', 3)
    const session = await old(store, 'acme', { kept, rejected })
    const { sessionId, jobId } = session
    const [task] = await collect(store.repositories.tasks.stream({ sessionId }))
    const taskId = task?.taskId ?? ''
    // Whatever looks it up afterwards has it from the rows, not from what was known of them.
    same((await store.repositories.tasks.getById(taskId))?.taskId, taskId)
    const before = (await everythingIn(store)) as { readonly githubRepos: unknown }
    equal(await pruned(store), { sessions: 1, tasks: 3, batches: 1, failedItems: 1 })
    const r = store.repositories
    same(await isThere(store, session), false)
    same(await r.checkpoints.load(sessionId), null)
    same(await r.jobs.getById(jobId), null)
    same(await r.jobs.countTargets(jobId), 0)
    equal(await r.batches.findBySessionId(sessionId), [])
    same(await r.tasks.getById(taskId), null)
    same(await r.tasks.progress(taskId), null)
    const report = { taskId, status: 'COMPLETED', itemsProcessed: 1, error: null } as const
    same(await store.recordProgress({ ...report, updatedAt: at(0) }), false)
    same(await r.tasks.count(), 1)
    equal(((await everythingIn(store)) as typeof before).githubRepos, before.githubRepos)
    same((await r.scanTargets.list(10, 0)).length, 4)
    equal(await pruned(store), nothing)
  })

  test('is what ended before the moment, not at it', async (store) => {
    const session = await old(store)
    equal(await pruned(store, { before: BEFORE - 1 }), nothing)
    same(await isThere(store, session), true)
    equal(await pruned(store, { before: BEFORE }), {
      ...nothing,
      sessions: 1,
      tasks: 3,
      batches: 1,
    })
  })

  test('keeps a job that another session has too', async (store) => {
    const session = await old(store)
    const other = { ...sessionNamed('other', ended()), jobId: session.jobId }
    const lastCheckpoint = {
      id: 0,
      targetId: other.sessionId,
      data: checkpointOf(other),
      updatedAt: at(0),
    }
    await store.repositories.sessions.save({ ...other, lastCheckpoint })
    matches(await pruned(store), { sessions: 1 })
    const job = jobOf(session)
    equal(await store.repositories.jobs.getById(session.jobId), job)
    same(await store.repositories.jobs.countTargets(session.jobId), 3)
    same(await isThere(store, other), true)
  })

  test('is also the tasks of a session that stays, where none of them can come again', async (store) => {
    const complete = await over(store, 'complete')
    const partial = { status: 'PARTIALLY_COMPLETED' } as const
    const resumable = await over(store, 'partial', { kept: identities('p', 3), session: partial })
    const failed = await over(store, 'failed', {
      kept: identities('f', 3),
      session: { status: 'FAILED' },
    })
    const owed = await TestWalk.begin(store, 'owed')
    await owed.page({ kept: identities('o', 3), session: ended() })
    await store.releaseLease({ sessionId: owed.sessionId, owner: OWNER })
    equal(await pruned(store), { ...nothing, tasks: 3 })
    const tasksOf = ({ sessionId }: { readonly sessionId: string }) =>
      store.repositories.tasks.count({ sessionId })
    equal(await Promise.all([complete, resumable, failed, owed].map(tasksOf)), [0, 3, 3, 3])
    same(await isThere(store, complete), true)
    same((await store.repositories.batches.findBySessionId(complete.sessionId)).length, 1)
    equal(await pruned(store), nothing)
  })

  for (const limit of [1, 2, 3, 5]) {
    test(`goes ${limit} rows at a time, and is beyond resuming from the first on`, async (store) => {
      const rejected = [{ item: '"x"', reason: 'bad' }]
      const { sessionId } = await old(store, 'acme', { kept: identities('repo', 3), rejected })
      let steps = 0
      const onStep = async () => {
        steps += 1
        same(await store.repositories.checkpoints.load(sessionId), null)
        equal(await store.takeTasks({ sessionId, after: 0, limit: 10 }), [])
        equal(await store.findUnfinished(), [])
        const { code } = (await thrownBy(
          store.claimSession({ sessionId, owner: OTHER_OWNER, leaseMs: 1, isGone: () => false }),
        )) as { readonly code: string }
        same(['LEASE_HELD', 'SESSION_NOT_FOUND'].includes(code), true)
        // Even one who gets it has no checkpoint to go on from, and does not hold up the rest.
        const walk = await TestWalk.claim(store, sessionId, OTHER_OWNER).catch(() => null)
        same(walk?.state.lastCheckpoint ?? null, null)
        await store.releaseLease({ sessionId, owner: OTHER_OWNER })
      }
      const counts = await pruned(store, { limit, onStep })
      equal(counts, { sessions: 1, tasks: 3, batches: 1, failedItems: 1 })
      // Three tasks, an item, a batch, three targets of the job, and the session.
      same(steps >= Math.ceil(9 / limit), true)
    })
  }

  test('comes too late for a process that had it, if half of it is gone', async (store, clock) => {
    const { sessionId } = await old(store)
    const walk = await TestWalk.claim(store, sessionId)
    clock.at(LEASE_MS)
    await store.prune({ before: BEFORE, limit: 1 })
    const before = await everythingIn(store)
    matches(await thrownBy(walk.page({ kept: identities('repo', 3) })), { code: 'LEASE_LOST' })
    const fence = { sessionId, owner: OWNER, leaseMs: LEASE_MS }
    same(await store.renewLease(fence), false)
    equal(await everythingIn(store), before)
  })

  test('goes while others walk, who notice nothing', async (store) => {
    await old(store)
    const walk = await TestWalk.begin(store, 'walked')
    await walk.page({ kept: identities('w', 5) })
    const [counts] = await Promise.all([
      pruned(store, { limit: 1 }),
      (async () => {
        for (let i = 0; i < 5; i += 1) await walk.page({ kept: identities(`w${i}`, 5) })
      })(),
    ])
    // The newest session of the target stays, without its task.
    matches(counts, { sessions: 1, tasks: 4 })
    same((await store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 100 })).length, 30)
  })
})
