import { sql, type Kysely } from 'kysely'
import { ACTIVE_STATUSES } from '../domain/session-state.ts'
import type { TaskProgress } from '../domain/task.ts'
import { taskOf } from './rows.ts'
import type { Schema } from './schema.ts'
import type { OutstandingTask, Store, Unfinished } from './store.ts'

/** Tasks with the public identities of what they point at. */
export function selectTasks(db: Kysely<Schema>) {
  return db
    .selectFrom('tasks')
    .innerJoin('sessions', 'sessions.id', 'tasks.session')
    .innerJoin('jobs', 'jobs.id', 'sessions.job')
    .innerJoin('scan_targets', 'scan_targets.target_id', 'tasks.target')
    .select([
      'tasks.seq',
      'tasks.task_id',
      'sessions.session_id',
      'jobs.job_id',
      'scan_targets.scan_target_id',
      'scan_targets.target_type',
      'tasks.uri',
      'tasks.metadata',
    ])
}

async function acknowledge(db: Kysely<Schema>, seq: number, at: number): Promise<void> {
  await db
    .updateTable('tasks')
    .set({ acknowledged_at: at })
    .where('seq', '=', seq)
    .where('acknowledged_at', 'is', null)
    .execute()
}

type BeginDelivery = Parameters<Store['beginDelivery']>[0]

/** Remembers that a host takes the session's tasks; the first time stands. */
export async function beginDelivery(
  db: Kysely<Schema>,
  { sessionId, at }: BeginDelivery,
): Promise<void> {
  await db
    .updateTable('sessions')
    .set({ delivery_started_at: at })
    .where('session_id', '=', sessionId)
    .where('delivery_started_at', 'is', null)
    .execute()
}

/** Handing committed tasks to the host, and what the host says of them. */
export function deliveries(db: Kysely<Schema>) {
  return {
    async takeTasks(params: {
      readonly sessionId: string
      readonly after: number
      readonly limit: number
    }): Promise<OutstandingTask[]> {
      const rows = await selectTasks(db)
        .where('tasks.session', '=', (eb) =>
          eb
            .selectFrom('sessions as s')
            .select('s.id')
            .where('s.session_id', '=', params.sessionId),
        )
        .where('tasks.acknowledged_at', 'is', null)
        .where('tasks.seq', '>', params.after)
        .orderBy('tasks.seq')
        .limit(params.limit)
        .execute()
      return rows.map((row) => ({ ...taskOf(row), seq: row.seq }))
    },

    async acknowledgeTasks(params: { readonly seqs: readonly number[]; readonly at: number }) {
      const [first, ...others] = params.seqs
      if (first === undefined) return
      if (others.length === 0) return acknowledge(db, first, params.at)
      await db.transaction().execute(async (trx) => {
        for (const seq of params.seqs) await acknowledge(trx, seq, params.at)
      })
    },

    async isOutstanding(seq: number): Promise<boolean> {
      const row = await db
        .selectFrom('tasks')
        .select('seq')
        .where('seq', '=', seq)
        .where('acknowledged_at', 'is', null)
        .executeTakeFirst()
      return row !== undefined
    },

    beginDelivery: (params: BeginDelivery) => beginDelivery(db, params),

    async takeScanTargets(params: { readonly sessionId: string; readonly afterBatch: number }) {
      const batch = await db
        .selectFrom('batches')
        .innerJoin('sessions', 'sessions.id', 'batches.session')
        .select(['batches.number', 'first_task', 'last_task', 'batches.session'])
        .where('sessions.session_id', '=', params.sessionId)
        .where('batches.number', '>', params.afterBatch)
        .where('first_task', 'is not', null)
        .orderBy('batches.number')
        .limit(1)
        .executeTakeFirst()
      if (batch === undefined) return null
      const rows = await db
        .selectFrom('tasks')
        .innerJoin('scan_targets', 'scan_targets.target_id', 'tasks.target')
        .select('scan_targets.scan_target_id')
        .where('tasks.seq', '>=', batch.first_task)
        .where('tasks.seq', '<=', batch.last_task)
        .where('tasks.session', '=', batch.session)
        .orderBy('tasks.seq')
        .execute()
      return { batch: batch.number, scanTargetIds: rows.map((row) => row.scan_target_id) }
    },

    async findUnfinished(targetKey?: string): Promise<Unfinished[]> {
      let sessions = db.selectFrom('sessions')
      if (targetKey !== undefined) sessions = sessions.where('target_key', '=', targetKey)
      const rows = await sessions
        .select(['session_id', 'target_key'])
        .where((eb) =>
          eb.or([
            eb('status', 'in', [...ACTIVE_STATUSES]),
            eb.and([
              eb('status', 'in', ['COMPLETED', 'PARTIALLY_COMPLETED']),
              eb('delivery_started_at', 'is not', null),
              eb.exists(
                eb
                  .selectFrom('tasks')
                  .select(sql`1`.as('one'))
                  .whereRef('tasks.session', '=', 'sessions.id')
                  .where('tasks.acknowledged_at', 'is', null),
              ),
            ]),
          ]),
        )
        .orderBy('id')
        .execute()
      return rows.map((row) => ({ sessionId: row.session_id, targetKey: row.target_key }))
    },

    async recordProgress(progress: TaskProgress): Promise<boolean> {
      return db.transaction().execute(async (trx) => {
        const at = progress.updatedAt.getTime()
        const task = await trx
          .updateTable('tasks')
          .set({
            status: progress.status,
            items_processed: progress.itemsProcessed,
            error: progress.error,
            progress_at: at,
          })
          .where('task_id', '=', progress.taskId)
          // Reports can overtake each other; a finished scan stays finished.
          .where('status', '!=', 'COMPLETED')
          .returning('target')
          .executeTakeFirst()
        if (task === undefined) return false
        if (progress.status === 'COMPLETED') {
          await trx
            .updateTable('scan_targets')
            .set({ last_scan_at: at, updated_at: at })
            .where('target_id', '=', task.target)
            // Of two sessions' scans, the older may be reported last.
            .where((eb) => eb.or([eb('last_scan_at', 'is', null), eb('last_scan_at', '<', at)]))
            .execute()
        }
        return true
      })
    },
  }
}
