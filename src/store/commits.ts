import { sql, type Kysely } from 'kysely'
import type { Batch } from '../domain/batch.ts'
import { isActive } from '../domain/session-state.ts'
import { tell } from './audit.ts'
import { beginDelivery } from './deliveries.ts'
import type { Engine } from './engine.ts'
import { recordMissing } from './inventory.ts'
import { pageWriter, writeItems, type SessionKeys } from './page-writer.ts'
import { batchColumns, sessionColumns } from './rows.ts'
import type { Schema } from './schema.ts'
import { explainSecondSession, leaseLost } from './sessions.ts'
import { statement } from './statement.ts'
import type { CommitPage, CommitSession, Store } from './store.ts'

/** What a walk writes to SQLite as it goes on; each is one transaction. */
export function commits(
  db: Kysely<Schema>,
  engine: Engine,
): Pick<Store, 'commitPage' | 'commitSession'> {
  const writer = pageWriter(db)
  const statements = commitStatements(db)
  return {
    commitSession: (params) =>
      engine.transact(async (trx) => {
        const session = await writeSession(trx, engine, statements, params)
        const { batch } = params
        if (batch !== undefined) {
          await writeBatch(trx, statements, session.id, { batch, before: 0, after: 0 })
        }
        // Nothing is missing as a rule, and looking for it takes a look at all that the target holds.
        if (params.missing !== undefined && params.session.comparison?.missing !== 0) {
          const sighter = { session: session.id, target: session.target }
          const at = params.session.timeline.lastUpdate.getTime()
          await recordMissing(trx, sighter, { ...params.missing, at })
        }
      }),
    commitPage: (params: CommitPage) =>
      engine.transact(async (trx) => {
        const session = await writeSession(trx, engine, statements, params)
        const before = await lastTask(trx, statements)
        const { kept, skipped, sighted, at } = params
        await writeItems(trx, writer, { session, kept, skipped, sighted, at })
        const after = await lastTask(trx, statements)
        // In the page's own transaction: a process that dies right after it must not leave tasks that nobody is owed.
        const owed = params.delivering === true && !session.isDelivered
        if (owed && after > before) {
          await beginDelivery(trx, { sessionId: session.sessionId, at })
        }
        await deleteRetried(trx, params.retriedItems)
        await writer.failedItems(
          trx,
          params.rejected.map((r) => ({
            ...r,
            session: session.id,
            batchNumber: params.batch.number,
            at,
          })),
        )
        await writeBatch(trx, statements, session.id, { batch: params.batch, before, after })
        return { tasksCreated: after - before }
      }),
  }
}

/** The statements of every commit, compiled once a store. */
function commitStatements(db: Kysely<Schema>) {
  type Columns = ReturnType<typeof sessionColumns>
  type Fenced = {
    readonly revision: number
    readonly lease_until: number
    readonly known: string
    readonly read: number
    readonly owner: string
    readonly now: number
  }
  type BatchRow = ReturnType<typeof batchColumns> & Record<'session', number>
  type Tasks = Record<'first_task' | 'last_task', number | null> & Record<'tasks_made', number>
  return {
    session: statement(({ known, read, owner, now, ...set }: Columns & Fenced) =>
      db
        .updateTable('sessions')
        .set(set)
        .where('session_id', '=', known)
        .where('revision', '=', read)
        .where('lease_owner', '=', owner)
        .where('lease_until', '>', now)
        .returning(['id', 'job', 'target', 'delivery_started_at']),
    ),
    /** What was asked of a session holds until its end. */
    unasked: statement(({ id }: { id: number }) =>
      db
        .updateTable('sessions')
        .set({ asked: sql.lit(null) })
        .where('id', '=', id),
    ),
    checkpoint: statement(
      ({ known, ...set }: { data: string; updated_at: number; known: string }) =>
        db.updateTable('checkpoints').set(set).where('target_id', '=', known),
    ),
    lastTask: statement((_: Record<never, never>) =>
      db.selectFrom('tasks').select((eb) => eb.fn.max('seq').as('seq')),
    ),
    batch: statement((row: BatchRow & Tasks) => db.insertInto('batches').values(row)),
  }
}

type CommitStatements = ReturnType<typeof commitStatements>

/** Session and checkpoint, where revision and lease still match; the first write, so that a stale one stops here. */
async function writeSession(
  trx: Kysely<Schema>,
  engine: Engine,
  statements: CommitStatements,
  params: CommitSession,
): Promise<SessionKeys> {
  const { fence, session } = params
  const now = engine.clock.now()
  const { rows } = await statements
    .session(trx, {
      ...sessionColumns(session),
      revision: fence.revision + 1,
      lease_until: now + fence.leaseMs,
      known: fence.sessionId,
      read: fence.revision,
      owner: fence.owner,
      now,
    })
    .catch((thrown: unknown) => {
      // An ended session was resumed while another of its target is unfinished.
      throw explainSecondSession(engine, thrown, session)
    })
  const [row] = rows
  if (row === undefined) throw leaseLost(fence.sessionId)
  await statements.checkpoint(trx, {
    data: JSON.stringify(params.checkpoint),
    updated_at: session.timeline.lastUpdate.getTime(),
    known: fence.sessionId,
  })
  if (!isActive(session.status)) await statements.unasked(trx, { id: row.id })
  if (params.note !== undefined) {
    await tell(trx, engine, { session: row.id, ...params.note, by: fence.owner })
  }
  return {
    id: row.id,
    job: row.job,
    target: row.target,
    isDelivered: row.delivery_started_at !== null,
    sessionId: session.sessionId,
    sourceType: session.sourceType,
  }
}

async function lastTask(trx: Kysely<Schema>, statements: CommitStatements): Promise<number> {
  const { rows } = await statements.lastTask(trx, {})
  return rows[0]?.seq ?? 0
}

async function deleteRetried(trx: Kysely<Schema>, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  await trx.deleteFrom('failed_items').where('id', 'in', ids).execute()
}

async function writeBatch(
  trx: Kysely<Schema>,
  statements: CommitStatements,
  session: number,
  params: { readonly batch: Batch; readonly before: number; readonly after: number },
): Promise<void> {
  const { batch, before, after } = params
  const created = after > before
  await statements.batch(trx, {
    session,
    ...batchColumns(batch),
    first_task: created ? before + 1 : null,
    last_task: created ? after : null,
    tasks_made: after - before,
  })
}
