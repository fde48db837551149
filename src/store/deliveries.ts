import { sql, type Kysely } from 'kysely'
import { ACTIVE_STATUSES } from '../domain/session-state.ts'
import type { Engine, List } from './engine.ts'
import { outstandingOf } from './rows.ts'
import type { Schema } from './schema.ts'
import { statement } from './statement.ts'
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

/** The statements of every window, compiled once a store. */
function deliveryStatements(db: Kysely<Schema>, engine: Engine) {
  const numbers = (list: List) => engine.itemsOf<number>(list, 'bigint')
  return {
    session: statement(({ id }: { id: string }) =>
      db
        .selectFrom('sessions')
        .innerJoin('jobs', 'jobs.id', 'sessions.job')
        .select(['sessions.id', 'jobs.job_id'])
        .where('sessions.session_id', '=', id),
    ),
    // The session's own identities are looked up once a window, not joined to each of its tasks.
    window: statement((of: { session: number; after: number; limit: number }) =>
      db
        .selectFrom('tasks')
        .innerJoin('scan_targets', 'scan_targets.target_id', 'tasks.target')
        .select([
          'tasks.seq',
          'tasks.task_id',
          'scan_targets.scan_target_id',
          'scan_targets.target_type',
          'tasks.uri',
          'tasks.metadata',
        ])
        .where('tasks.session', '=', of.session)
        .where('tasks.acknowledged_at', 'is', null)
        .where('tasks.seq', '>', of.after)
        .orderBy('tasks.seq')
        .limit(of.limit),
    ),
    outstanding: statement(({ seqs }: { seqs: List }) =>
      db
        .selectFrom('tasks')
        .select('seq')
        .where('seq', 'in', numbers(seqs))
        .where('acknowledged_at', 'is', null),
    ),
    acknowledge: statement(({ at, seqs }: { at: number; seqs: List }) =>
      db
        .updateTable('tasks')
        .set({ acknowledged_at: at })
        .where('seq', 'in', numbers(seqs))
        .where('acknowledged_at', 'is', null),
    ),
  }
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
export function deliveries(db: Kysely<Schema>, engine: Engine) {
  const statements = deliveryStatements(db, engine)
  return {
    async takeTasks(params: {
      readonly sessionId: string
      readonly after: number
      readonly limit: number
    }): Promise<OutstandingTask[]> {
      const { sessionId, after, limit } = params
      const [session] = (await statements.session(db, { id: sessionId })).rows
      if (session === undefined) return []
      const { rows } = await statements.window(db, { session: session.id, after, limit })
      return rows.map((row) => outstandingOf(row, sessionId, session.job_id))
    },

    async acknowledgeTasks(params: { readonly seqs: readonly number[]; readonly at: number }) {
      if (params.seqs.length === 0) return
      await statements.acknowledge(db, { at: params.at, seqs: engine.list(params.seqs) })
    },

    async findOutstanding(seqs: readonly number[]): Promise<ReadonlySet<number>> {
      const { rows } = await statements.outstanding(db, { seqs: engine.list(seqs) })
      return new Set(rows.map((row) => row.seq))
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
            eb('announcement_owed', '=', 1),
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
  }
}
