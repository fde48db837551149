import type { Kysely } from 'kysely'
import type { Batch } from '../domain/batch.ts'
import type { Checkpoint } from '../domain/checkpoint.ts'
import { IncompatibleCheckpointError, LeaseError, MusterError } from '../domain/errors.ts'
import { targetKeyOf, type SessionState } from '../domain/session-state.ts'
import type { TaskRecord } from '../domain/task.ts'
import { tell } from './audit.ts'
import type { Engine } from './engine.ts'
import { batchColumns, sessionColumns } from './rows.ts'
import type { Schema } from './schema.ts'
import { askedOf, newSessionColumns } from './sessions.ts'

interface Found {
  readonly id: number
  readonly revision: number
}

/** The session's row, unless a process is walking it: whoever saves then would be overwritten, or overwrite. */
async function unwalked(
  trx: Kysely<Schema>,
  engine: Engine,
  sessionId: string,
): Promise<Found | undefined> {
  const row = await engine
    .locked(trx.selectFrom('sessions'))
    .select(['id', 'revision', 'lease_owner', 'lease_until'])
    .select(engine.now().as('now'))
    .where('session_id', '=', sessionId)
    .executeTakeFirst()
  if (row !== undefined && row.lease_owner !== null && (row.lease_until ?? 0) > row.now) {
    throw new LeaseError(
      'LEASE_HELD',
      `session ${sessionId} is being walked by ${row.lease_owner}: save it when that has ended`,
    )
  }
  return row
}

const notFound = (sessionId: string) =>
  new MusterError(
    'SESSION_NOT_FOUND',
    `session ${sessionId} is not in this database: save it first`,
  )

export function saveSession(engine: Engine, state: SessionState): Promise<void> {
  return engine.transact(async (trx) => {
    const found = await unwalked(trx, engine, state.sessionId)
    if (found === undefined) await insertSession(trx, engine, state)
    else {
      await trx
        .updateTable('sessions')
        .set({
          ...sessionColumns(state),
          asked: askedOf(state),
          revision: found.revision + 1,
        })
        .where('id', '=', found.id)
        .execute()
    }
    if (state.lastCheckpoint !== null) await upsertCheckpoint(trx, state.lastCheckpoint)
  })
}

async function insertSession(
  trx: Kysely<Schema>,
  engine: Engine,
  state: SessionState,
): Promise<void> {
  if (state.lastCheckpoint === null) {
    throw new IncompatibleCheckpointError(
      `session ${state.sessionId} has no checkpoint: without one it could never be resumed`,
    )
  }
  await engine.inSequence(trx)
  await trx
    .insertInto('jobs')
    .values({ job_id: state.jobId, name: state.targetName, created_at: engine.clock.now() })
    .onConflict((c) => c.column('job_id').doNothing())
    .execute()
  const { id } = await trx
    .selectFrom('jobs')
    .select('id')
    .where('job_id', '=', state.jobId)
    .executeTakeFirstOrThrow()
  const row = await trx
    .insertInto('sessions')
    .values(await newSessionColumns(trx, state, { job: id, targetKey: targetKeyOf(state.config) }))
    .returning('id')
    .executeTakeFirstOrThrow()
  await tell(trx, engine, { session: row.id, event: 'created', detail: 'imported', by: null })
}

export function saveBatch(engine: Engine, batch: Batch): Promise<void> {
  return engine.transact(async (trx) => {
    const session = await unwalked(trx, engine, batch.sessionId)
    if (session === undefined) throw notFound(batch.sessionId)
    const columns = batchColumns(batch)
    await trx
      .insertInto('batches')
      .values({ session: session.id, ...columns, first_task: null, last_task: null })
      .onConflict((c) => c.columns(['session', 'number']).doUpdateSet(columns))
      .execute()
  })
}

export function saveCheckpoint(engine: Engine, checkpoint: Checkpoint): Promise<Checkpoint> {
  return engine.transact(async (trx) => {
    await unwalked(trx, engine, checkpoint.targetId)
    return { ...checkpoint, id: await upsertCheckpoint(trx, checkpoint) }
  })
}

async function upsertCheckpoint(trx: Kysely<Schema>, checkpoint: Checkpoint): Promise<number> {
  const columns = {
    data: JSON.stringify(checkpoint.data),
    updated_at: checkpoint.updatedAt.getTime(),
  }
  const { id } = await trx
    .insertInto('checkpoints')
    .values({ target_id: checkpoint.targetId, ...columns })
    .onConflict((c) => c.column('target_id').doUpdateSet(columns))
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export function deleteCheckpoint(engine: Engine, targetId: string): Promise<void> {
  return engine.transact(async (trx) => {
    await unwalked(trx, engine, targetId)
    await trx.deleteFrom('checkpoints').where('target_id', '=', targetId).execute()
  })
}

export async function saveTask(engine: Engine, task: TaskRecord): Promise<void> {
  const resource = await engine.lookups.findRow('target', task.scanTargetId)
  await engine.lookups.prepare('task')
  await engine.transact(async (trx) => {
    const session = await unwalked(trx, engine, task.sessionId)
    const target = await trx
      .selectFrom('scan_targets')
      .select('target_id')
      .where('target_id', '=', resource ?? null)
      .executeTakeFirst()
    if (session === undefined || target === undefined) throw notFound(task.sessionId)
    // What was committed since it was looked for is found here, under the lock.
    if ((await engine.lookups.findWithin(trx, 'task', task.taskId)) !== undefined) return
    await trx
      .insertInto('tasks')
      .values({
        task_id: task.taskId,
        session: session.id,
        target: target.target_id,
        uri: task.resourceUri,
        metadata: JSON.stringify(task.metadata),
        created_at: engine.clock.now(),
      })
      .onConflict((c) => c.doNothing())
      .execute()
  })
}
