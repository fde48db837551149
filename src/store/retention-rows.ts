import { sql, type Kysely } from 'kysely'
import { deleteEntries } from './audit.ts'
import type { Engine } from './engine.ts'
import { isNotLast, PRUNER, type OldSession } from './retention-rules.ts'
import type { Schema } from './schema.ts'
import type { Pruned } from './store.ts'

/** How many rows of which kind. */
export type Counts = Omit<Pruned, 'next'>

export const NOTHING: Counts = { sessions: 0, tasks: 0, batches: 0, failedItems: 0 }

export const sum = (a: Counts, b: Counts): Counts => ({
  sessions: a.sessions + b.sessions,
  tasks: a.tasks + b.tasks,
  batches: a.batches + b.batches,
  failedItems: a.failedItems + b.failedItems,
})

/** For how long a session that is half pruned is kept from whoever asked for it before; milliseconds. More than any wait for a row. */
const SEALED_MS = 60_000

type Of = Pick<OldSession, 'id' | 'job'>

/** Deletes acknowledged tasks of a session, `limit` at the most. @returns how many */
export async function deleteTasks(
  trx: Kysely<Schema>,
  engine: Engine,
  { id }: Of,
  limit: number,
): Promise<number> {
  const deleted = await trx
    .deleteFrom('tasks')
    .where('seq', 'in', (eb) =>
      eb
        .selectFrom('tasks')
        .select('seq')
        .where('session', '=', id)
        // A host that imports may have added one since the session was looked at.
        .where('acknowledged_at', 'is not', null)
        .where(isNotLast)
        .limit(limit),
    )
    .returning('task_id')
    .execute()
  const ids = deleted.map((row) => row.task_id)
  await engine.lookups.forget(trx, 'task', ids)
  return ids.length
}

async function deleteFailedItems(trx: Kysely<Schema>, { id }: Of, limit: number): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('failed_items')
    .where('id', 'in', (eb) =>
      eb.selectFrom('failed_items').select('id').where('session', '=', id).limit(limit),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}

async function deleteBatches(trx: Kysely<Schema>, { id }: Of, limit: number): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('batches')
    .where('session', '=', id)
    .where('number', 'in', (eb) =>
      eb.selectFrom('batches').select('number').where('session', '=', id).limit(limit),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}

async function deleteJobTargets(trx: Kysely<Schema>, { job }: Of, limit: number): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('job_targets')
    .where('job', '=', job)
    .where('target', 'in', (eb) =>
      eb.selectFrom('job_targets').select('target').where('job', '=', job).limit(limit),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}

async function isOthersToo(trx: Kysely<Schema>, { id, job }: Of): Promise<boolean> {
  const other = await trx
    .selectFrom('sessions')
    .select('id')
    .where('job', '=', job)
    .where('id', '!=', id)
    .limit(1)
    .executeTakeFirst()
  return other !== undefined
}

/** First of all: whatever dies from here on, the session cannot be resumed. */
async function seal(trx: Kysely<Schema>, engine: Engine, session: OldSession): Promise<void> {
  await trx.deleteFrom('checkpoints').where('target_id', '=', session.session_id).execute()
  await trx
    .updateTable('sessions')
    .set({
      lease_owner: PRUNER,
      lease_until: sql<number>`${engine.now()} + ${SEALED_MS}`,
      revision: session.revision + 1,
    })
    .where('id', '=', session.id)
    .execute()
}

/** Deletes a session with what belongs to it, or as much of it as `limit` allows. */
export async function deleteSession(
  trx: Kysely<Schema>,
  engine: Engine,
  session: OldSession,
  limit: number,
): Promise<{ readonly counts: Counts; readonly left: number }> {
  await seal(trx, engine, session)
  let left = limit
  const some = async (remove: (limit: number) => Promise<number>) => {
    const removed = left === 0 ? 0 : await remove(left)
    left -= removed
    return removed
  }
  const tasks = await some((n) => deleteTasks(trx, engine, session, n))
  const failedItems = await some((n) => deleteFailedItems(trx, session, n))
  const batches = await some((n) => deleteBatches(trx, session, n))
  await some((n) => deleteEntries(trx, session, n))
  const isShared = await isOthersToo(trx, session)
  if (!isShared) await some((n) => deleteJobTargets(trx, session, n))
  // Only when less was found than there was room for, nothing is left.
  const sessions = left > 0 ? await deleteRow(trx, session, isShared) : 0
  return { counts: { sessions, tasks, batches, failedItems }, left: left - sessions }
}

/** The session itself, and its job; last of all, since it is what the rest is found by. */
async function deleteRow(trx: Kysely<Schema>, { id, job }: Of, keepsJob: boolean): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('sessions')
    .where('id', '=', id)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('tasks').select('seq').where('session', '=', id))),
    )
    .executeTakeFirst()
  const deleted = Number(numDeletedRows)
  if (deleted > 0 && !keepsJob) await trx.deleteFrom('jobs').where('id', '=', job).execute()
  return deleted
}
