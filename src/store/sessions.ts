import type { Kysely } from 'kysely'
import { LeaseError } from '../domain/errors.ts'
import { isActive, type SessionState } from '../domain/session-state.ts'
import { tell } from './audit.ts'
import type { Engine } from './engine.ts'
import { sessionColumns } from './rows.ts'
import type { Schema } from './schema.ts'
import type { CreateSession } from './store.ts'

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

/** Sessions without their checkpoints, and the moment by which their leases are judged. */
export function selectSummaries(db: Kysely<Schema>, engine: Pick<Engine, 'now'>) {
  return db
    .selectFrom('sessions')
    .innerJoin('jobs', 'jobs.id', 'sessions.job')
    .selectAll('sessions')
    .select(['jobs.job_id', engine.now().as('now')])
}

/** What is asked of a session; nothing, once it is at its end. */
export const askedOf = ({ status, asked }: SessionState) => (isActive(status) ? asked : null)

/** What a new session is, beside what its machine decides. */
export async function newSessionColumns(
  trx: Kysely<Schema>,
  session: SessionState,
  target: { readonly job: number; readonly targetKey: string },
) {
  return {
    session_id: session.sessionId,
    job: target.job,
    target_name: session.targetName,
    target_key: target.targetKey,
    target: await targetOf(trx, target.targetKey),
    source_type: session.sourceType,
    credential: session.config.authRef,
    config: JSON.stringify(session.config),
    revision: 0,
    asked: askedOf(session),
    ...sessionColumns(session),
  }
}

export async function createSession(engine: Engine, params: CreateSession): Promise<void> {
  const { session } = params
  try {
    await engine.transact((trx) => insertSession(trx, engine, params))
  } catch (thrown) {
    throw explainSecondSession(engine, thrown, session)
  }
}

async function insertSession(
  trx: Kysely<Schema>,
  engine: Engine,
  { session, job, targetKey, checkpoint, roundId, announcing }: CreateSession,
): Promise<void> {
  await engine.inSequence(trx)
  if (roundId !== undefined) await refuseOutOfRound(trx, { roundId, targetKey, session })
  const { id } = await trx
    .insertInto('jobs')
    .values({ job_id: job.jobId, name: job.name, created_at: job.createdAt.getTime() })
    .returning('id')
    .executeTakeFirstOrThrow()
  const row = await trx
    .insertInto('sessions')
    .values({
      ...(await newSessionColumns(trx, session, { job: id, targetKey })),
      ...(announcing === true && { announcement_owed: 1 }),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await tell(trx, engine, { session: row.id, event: 'created', detail: null, by: null })
  await trx
    .insertInto('checkpoints')
    .values({
      target_id: session.sessionId,
      data: JSON.stringify(checkpoint),
      updated_at: session.timeline.lastUpdate.getTime(),
    })
    .execute()
}

/** A host that led a while ago must not begin what the round of another has walked already. */
async function refuseOutOfRound(
  trx: Kysely<Schema>,
  params: { readonly roundId: number; readonly targetKey: string; readonly session: SessionState },
): Promise<void> {
  const { roundId, targetKey, session } = params
  const round = await trx
    .selectFrom('rounds')
    .select(['after_session', 'resumed'])
    .where('id', '=', roundId)
    .where('completed_at', 'is', null)
    .executeTakeFirst()
  if (round === undefined) {
    throw new LeaseError(
      'LEASE_LOST',
      `round ${roundId} is over: target "${session.targetName}" is not begun in it any more`,
    )
  }
  const resumed = JSON.parse(round.resumed) as string[]
  const known = await trx
    .selectFrom('sessions')
    .select('session_id')
    .where('target_key', '=', targetKey)
    .where((eb) => eb.or([eb('id', '>', round.after_session), eb('session_id', 'in', resumed)]))
    .executeTakeFirst()
  if (known !== undefined) {
    throw new LeaseError(
      'LEASE_HELD',
      `target "${session.targetName}" has a session in round ${roundId} already: ${known.session_id}`,
    )
  }
}

/** The row of a target, made where there is none. */
async function targetOf(trx: Kysely<Schema>, targetKey: string): Promise<number> {
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
export function explainSecondSession(
  engine: Pick<Engine, 'isUniqueViolation'>,
  thrown: unknown,
  session: SessionState,
): unknown {
  if (!engine.isUniqueViolation(thrown, 'sessions.target_key')) return thrown
  return new LeaseError(
    'LEASE_HELD',
    `target "${session.targetName}" has an unfinished session that another process began: resume that one`,
  )
}

export const leaseLost = (sessionId: string) =>
  new LeaseError(
    'LEASE_LOST',
    `session ${sessionId} was taken over by another process: this one has stopped walking it`,
  )
