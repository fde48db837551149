import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { isTemporary, newCheckpoint, openStore, type SessionState } from '../../src/index.ts'
import { musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedTarget } from '../support/scripted-source.ts'
import { tempDatabase } from '../support/temp.ts'

/** A walked session to copy from. */
async function walked() {
  const muster = await musterOver({ a: { items: itemsNamed('a', 6), pageSize: 2 } })
  const { sessionId } = await muster.coordinator.enumerateTarget(scriptedTarget('a')).done
  const { sessions, batches, checkpoints } = muster.repositories
  const state = (await sessions.load(sessionId)) as SessionState
  return { muster, state, sessions, batches, checkpoints }
}

describe('saving by hand', () => {
  test('moves a session to another database, where it can be read and resumed', async () => {
    const { muster, state, batches } = await walked()
    const other = await openStore({ path: tempDatabase() })
    await other.repositories.sessions.save(state)
    for (const batch of await batches.findBySessionId(state.sessionId)) {
      await other.repositories.batches.save(batch)
      await other.repositories.batches.save(batch)
    }
    const copied = await other.repositories.sessions.load(state.sessionId)
    expect(copied).toEqual({
      ...state,
      lastCheckpoint: { ...state.lastCheckpoint, id: expect.any(Number) },
    })
    expect(await other.repositories.batches.findBySessionId(state.sessionId)).toEqual(
      await batches.findBySessionId(state.sessionId),
    )
    await other.close()
    await muster.close()
  })

  test('needs a checkpoint for a session that is new', async () => {
    const { state } = await walked()
    const other = await openStore({ path: ':memory:' })
    await expect(
      other.repositories.sessions.save({ ...state, lastCheckpoint: null }),
    ).rejects.toMatchObject({ code: 'CHECKPOINT_INCOMPATIBLE' })
    expect(await other.repositories.sessions.list(10)).toEqual([])
    await other.close()
  })

  test('gives a checkpoint its id, and keeps it', async () => {
    const { checkpoints, state } = await walked()
    const made = newCheckpoint('elsewhere', { at: 1 }, new Date(5))
    expect(isTemporary(made)).toBe(true)
    const saved = await checkpoints.save(made)
    expect(isTemporary(saved)).toBe(false)
    expect((await checkpoints.save({ ...made, data: { at: 2 } })).id).toBe(saved.id)
    expect(await checkpoints.loadById(saved.id)).toEqual({ ...saved, data: { at: 2 } })
    await checkpoints.delete('elsewhere')
    expect(await checkpoints.load('elsewhere')).toBeNull()
    expect(await checkpoints.load(state.sessionId)).not.toBeNull()
  })

  test('a session whose checkpoint was deleted is still shown, and is refused with a reason', async () => {
    const { muster, checkpoints, sessions, state } = await walked()
    await checkpoints.delete(state.sessionId)
    expect(await sessions.list(5)).toMatchObject([{ lastCheckpoint: null, status: 'COMPLETED' }])
    await expect(muster.coordinator.resumeTarget(state).done).rejects.toMatchObject({
      code: 'CHECKPOINT_INCOMPATIBLE',
    })
  })

  test('a task is added once, and needs its session and scan target', async () => {
    const { muster, state } = await walked()
    const { tasks, scanTargets, urls } = muster.repositories
    const [walkedTarget] = await scanTargets.list(1, 0)
    const targetId = await urls.create({ url: 'https://example.com/by-hand', metadata: {} })
    const name = 'by hand'
    const task = {
      taskId: '00000000-0000-4000-8000-000000000001',
      sessionId: state.sessionId,
      jobId: state.jobId,
      scanTargetId: await scanTargets.create({ name, targetType: 'url', targetId, metadata: {} }),
      sourceType: 'url',
      resourceUri: 'https://example.com/by-hand',
      metadata: { by: 'hand' },
    }
    const before = await tasks.count()
    await tasks.save(task)
    expect(await tasks.count()).toBe(before + 1)
    // The session has a task for this resource: it has one, by whatever id.
    const second = '00000000-0000-4000-8000-000000000002'
    await tasks.save({ ...task, taskId: second, scanTargetId: walkedTarget?.id ?? '' })
    expect(await tasks.getById(second)).toBe(null)
    expect(await tasks.count()).toBe(before + 1)
    await tasks.save({ ...task, resourceUri: 'scripted://changed' })
    expect(await tasks.getById(task.taskId)).toEqual(task)
    await expect(tasks.save({ ...task, sessionId: 'nobody' })).rejects.toMatchObject({
      code: 'SESSION_NOT_FOUND',
    })
  })

  test('touches nothing that is being walked', async () => {
    const release = Promise.withResolvers<void>()
    const muster = await musterOver({
      a: {
        items: itemsNamed('a', 4),
        pageSize: 2,
        before: (page) => (page === 2 ? release.promise : undefined),
      },
    })
    const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
    const { sessions, batches, checkpoints } = muster.repositories
    let batch
    while (batch === undefined) {
      // What is asked of the database keeps the thread: the walk needs a turn.
      await setImmediate()
      ;[batch] = await batches.findBySessionId(run.sessionId)
    }
    const state = (await sessions.load(run.sessionId)) as SessionState
    const held = { code: 'LEASE_HELD' }
    await expect(sessions.save(state)).rejects.toMatchObject(held)
    await expect(batches.save(batch)).rejects.toMatchObject(held)
    await expect(checkpoints.delete(run.sessionId)).rejects.toMatchObject(held)
    release.resolve()
    expect((await run.done).status).toBe('COMPLETED')
  })
})
