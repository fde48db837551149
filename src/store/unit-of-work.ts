import type { Kysely } from 'kysely'
import type { Batch } from '../domain/batch.ts'
import { LeaseError, MusterError } from '../domain/errors.ts'
import type { SessionState } from '../domain/session-state.ts'
import { beginDelivery } from './deliveries.ts'
import { findSeen, recordMissing, surveySession } from './inventory.ts'
import { pageWriter, writeItems, type SessionKeys } from './page-writer.ts'
import { batchColumns, sessionColumns, sessionOf, type SessionRow } from './rows.ts'
import type { Schema } from './schema.ts'
import { isUniqueViolation } from './sqlite-errors.ts'
import { statement } from './statement.ts'
import type {
  ClaimedSession,
  ClaimSession,
  CommitPage,
  CommitSession,
  CreateSession,
  Fence,
  Store,
} from './store.ts'

/** Sessions with their job and checkpoint. */
export function selectSessions(db: Kysely<Schema>) {
  return db
    .selectFrom('sessions')
    .innerJoin('jobs', 'jobs.id', 'sessions.job')
    .leftJoin('checkpoints', 'checkpoints.target_id', 'sessions.session_id')
    .selectAll('sessions')
    .select([
      'jobs.job_id',
      'checkpoints.id as checkpoint_id',
      'checkpoints.data as checkpoint_data',
      'checkpoints.updated_at as checkpoint_at',
    ])
}

/** The writes of a walk; each is one transaction. */
export function unitOfWork(db: Kysely<Schema>) {
  const writer = pageWriter(db)
  const statements = commitStatements(db)
  return {
    createSession: (params: CreateSession) => createSession(db, params),
    claimSession: (params: ClaimSession) => claimSession(db, params),
    renewLease: (params: Omit<Fence, 'revision'>) => renewLease(db, params),
    releaseLease: (params: Pick<Fence, 'sessionId' | 'owner'>) => releaseLease(db, params),
    recordWaiting: (params: Parameters<Store['recordWaiting']>[0]) => recordWaiting(db, params),
    findSeen: (params: Parameters<Store['findSeen']>[0]) => findSeen(db, params),
    surveySession: (sessionId: string) => surveySession(db, sessionId),
    commitSession: (params: CommitSession) =>
      db.transaction().execute(async (trx) => {
        const session = await writeSession(trx, statements, params)
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
      db.transaction().execute(async (trx) => {
        const session = await writeSession(trx, statements, params)
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

async function createSession(db: Kysely<Schema>, params: CreateSession): Promise<void> {
  const { session, job } = params
  try {
    await db.transaction().execute(async (trx) => {
      const { id } = await trx
        .insertInto('jobs')
        .values({ job_id: job.jobId, name: job.name, created_at: job.createdAt.getTime() })
        .returning('id')
        .executeTakeFirstOrThrow()
      await trx
        .insertInto('sessions')
        .values({
          session_id: session.sessionId,
          job: id,
          target_name: session.targetName,
          target_key: params.targetKey,
          target: await targetOf(trx, params.targetKey),
          source_type: session.sourceType,
          config: JSON.stringify(session.config),
          revision: 0,
          ...sessionColumns(session),
        })
        .execute()
      await trx
        .insertInto('checkpoints')
        .values({
          target_id: session.sessionId,
          data: JSON.stringify(params.checkpoint),
          updated_at: session.timeline.lastUpdate.getTime(),
        })
        .execute()
    })
  } catch (thrown) {
    throw explainSecondSession(thrown, session)
  }
}

/** The row of a target, made where there is none. */
export async function targetOf(trx: Kysely<Schema>, targetKey: string): Promise<number> {
  const { id } = await trx
    .insertInto('targets')
    .values({ target_key: targetKey })
    // Nothing changes, but without an update no row would be returned.
    .onConflict((c) => c.column('target_key').doUpdateSet({ target_key: targetKey }))
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** A target has one unfinished session; the database refuses a second. */
function explainSecondSession(thrown: unknown, session: SessionState): unknown {
  if (!isUniqueViolation(thrown, 'sessions.target_key')) return thrown
  return new LeaseError(
    'LEASE_HELD',
    `target "${session.targetName}" has an unfinished session that another process began: resume that one`,
  )
}

async function claimSession(db: Kysely<Schema>, params: ClaimSession): Promise<ClaimedSession> {
  return db.transaction().execute(async (trx) => {
    const row = (await selectSessions(trx)
      .where('sessions.session_id', '=', params.sessionId)
      .executeTakeFirst()) as SessionRow | undefined
    if (row === undefined) {
      throw new MusterError(
        'SESSION_NOT_FOUND',
        `session ${params.sessionId} is not in this database: "muster status" lists those that are`,
      )
    }
    const { lease_owner: owner, lease_until: until } = row
    const held = owner !== null && owner !== params.owner && (until ?? 0) > params.now
    if (held && !params.isGone(owner)) {
      throw new LeaseError(
        'LEASE_HELD',
        `session ${params.sessionId} (target "${row.target_name}") is being walked by ${owner}: wait until it ends, or stop that process`,
      )
    }
    // A time that is still to come holds for whoever walks on; a pause is what the claim puts an end to.
    const waitIsOver = (row.waiting_until ?? 0) <= params.now
    await trx
      .updateTable('sessions')
      .set({
        lease_owner: params.owner,
        lease_until: params.leaseUntil,
        revision: row.revision + 1,
        ...(waitIsOver && { waiting_reason: null, waiting_until: null }),
      })
      .where('id', '=', row.id)
      .execute()
    const state = sessionOf(row)
    return {
      state: waitIsOver ? { ...state, waiting: null } : state,
      revision: row.revision + 1,
    }
  })
}

async function renewLease(db: Kysely<Schema>, params: Omit<Fence, 'revision'>): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('sessions')
    .set({ lease_until: params.leaseUntil })
    .where('session_id', '=', params.sessionId)
    .where('lease_owner', '=', params.owner)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

async function recordWaiting(
  db: Kysely<Schema>,
  { sessionId, owner, waiting }: Parameters<Store['recordWaiting']>[0],
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('sessions')
    .set({ waiting_reason: waiting.reason, waiting_until: waiting.until?.getTime() ?? null })
    .where('session_id', '=', sessionId)
    .where('lease_owner', '=', owner)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

async function releaseLease(
  db: Kysely<Schema>,
  params: Pick<Fence, 'sessionId' | 'owner'>,
): Promise<void> {
  await db
    .updateTable('sessions')
    .set({ lease_owner: null, lease_until: null })
    .where('session_id', '=', params.sessionId)
    .where('lease_owner', '=', params.owner)
    .execute()
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
  }
  type BatchRow = ReturnType<typeof batchColumns> & Record<'session', number>
  type Tasks = Record<'first_task' | 'last_task', number | null>
  return {
    session: statement(({ known, read, owner, ...set }: Columns & Fenced) =>
      db
        .updateTable('sessions')
        .set(set)
        .where('session_id', '=', known)
        .where('revision', '=', read)
        .where('lease_owner', '=', owner)
        .returning(['id', 'job', 'target', 'delivery_started_at']),
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
  statements: CommitStatements,
  params: CommitSession,
): Promise<SessionKeys> {
  const { fence, session } = params
  const { rows } = await statements
    .session(trx, {
      ...sessionColumns(session),
      revision: fence.revision + 1,
      lease_until: fence.leaseUntil,
      known: fence.sessionId,
      read: fence.revision,
      owner: fence.owner,
    })
    .catch((thrown: unknown) => {
      // An ended session was resumed while another of its target is unfinished.
      throw explainSecondSession(thrown, session)
    })
  const [row] = rows
  if (row === undefined) {
    throw new LeaseError(
      'LEASE_LOST',
      `session ${fence.sessionId} was taken over by another process: this one has stopped walking it`,
    )
  }
  await statements.checkpoint(trx, {
    data: JSON.stringify(params.checkpoint),
    updated_at: session.timeline.lastUpdate.getTime(),
    known: fence.sessionId,
  })
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
  })
}
