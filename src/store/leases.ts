import { sql, type Kysely } from 'kysely'
import { LeaseError } from '../domain/errors.ts'
import type { SessionStatus } from '../../machines/index.ts'
import { ACTIVE_STATUSES, isActive } from '../domain/session-state.ts'
import { tell, tellWaiting } from './audit.ts'
import type { Engine } from './engine.ts'
import { PRUNER } from './retention-rules.ts'
import { sessionOf, type SessionRow } from './rows.ts'
import type { Schema } from './schema.ts'
import { selectSessions } from './sessions.ts'
import { refusePaused, unknownSession } from './steering.ts'
import type { ClaimedSession, ClaimSession, ClaimSessions, LeaseRequest, Store } from './store.ts'

type LeaseMethods = Pick<
  Store,
  | 'claimSession'
  | 'claimSessions'
  | 'offerSession'
  | 'renewLease'
  | 'releaseLease'
  | 'recordWaiting'
  | 'markAnnounced'
  | 'lead'
  | 'resign'
>

/** Who walks which session, and until when; the store's clock is the judge. */
export function leases(db: Kysely<Schema>, engine: Engine): LeaseMethods {
  const until = (leaseMs: number) => sql<number>`${engine.now()} + ${leaseMs}`
  return {
    claimSession: (params) => engine.transact((trx) => claimOne(trx, engine, params)),
    claimSessions: (params) => engine.transact((trx) => claimSome(trx, engine, params)),

    async offerSession({ sessionId, announcing = false }) {
      if (announcing) {
        await db
          .updateTable('sessions')
          .set({ announcement_owed: 1 })
          .where('session_id', '=', sessionId)
          .execute()
      }
      await db
        .updateTable('sessions')
        .set({ waiting_reason: null, waiting_until: null })
        .where('session_id', '=', sessionId)
        // Whoever has the lease: one that died in its pause holds it for a while yet.
        .where('waiting_until', 'is', null)
        // What somebody asked for is ended by somebody, not by the next round.
        .where((eb) => eb.or([eb('asked', 'is', null), eb('asked', '!=', 'pause')]))
        .execute()
    },

    async renewLease({ sessionId, owner, leaseMs }) {
      const { numUpdatedRows } = await db
        .updateTable('sessions')
        .set({ lease_until: until(leaseMs) })
        .where('session_id', '=', sessionId)
        .where('lease_owner', '=', owner)
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    releaseLease: (params) => engine.transact((trx) => release(trx, engine, params)),
    recordWaiting: (params) => engine.transact((trx) => wait(trx, engine, params)),

    async markAnnounced({ sessionId }) {
      await db
        .updateTable('sessions')
        .set({ announcement_owed: 0 })
        .where('session_id', '=', sessionId)
        .execute()
    },

    lead: (params) => lead(db, engine, params),

    async resign({ owner }) {
      await db.deleteFrom('leaders').where('owner', '=', owner).execute()
    },
  }
}

async function release(
  trx: Kysely<Schema>,
  engine: Engine,
  { sessionId, owner, left }: Parameters<Store['releaseLease']>[0],
): Promise<void> {
  const row = await trx
    .updateTable('sessions')
    .set({ lease_owner: null, lease_until: null })
    .where('session_id', '=', sessionId)
    .where('lease_owner', '=', owner)
    .returning(['id', 'status'])
    .executeTakeFirst()
  if (row === undefined || left === undefined || !isActive(row.status as SessionStatus)) return
  await tell(trx, engine, { session: row.id, event: 'left', detail: left, by: owner })
}

async function wait(
  trx: Kysely<Schema>,
  engine: Engine,
  { sessionId, owner, waiting }: Parameters<Store['recordWaiting']>[0],
): Promise<boolean> {
  const row = await trx
    .updateTable('sessions')
    .set({
      waiting_reason: waiting.reason,
      waiting_until: waiting.until?.getTime() ?? null,
    })
    .where('session_id', '=', sessionId)
    .where('lease_owner', '=', owner)
    .returning('id')
    .executeTakeFirst()
  if (row === undefined) return false
  await tellWaiting(trx, engine, { session: row.id, by: owner, waiting })
  return true
}

async function claimOne(
  trx: Kysely<Schema>,
  engine: Engine,
  params: ClaimSession,
): Promise<ClaimedSession> {
  const row = (await engine
    .locked(selectSessions(trx))
    .select(engine.now().as('now'))
    .where('sessions.session_id', '=', params.sessionId)
    .executeTakeFirst()) as (SessionRow & { readonly now: number }) | undefined
  if (row === undefined) throw unknownSession(params.sessionId)
  const { lease_owner: owner, lease_until: until } = row
  const held = owner !== null && owner !== params.owner && (until ?? 0) > row.now
  if (held && !params.isGone(owner)) {
    throw new LeaseError(
      'LEASE_HELD',
      `session ${params.sessionId} (target "${row.target_name}") is being walked by ${owner}: wait until it ends, or stop that process`,
    )
  }
  if (params.lift !== true) refusePaused(row)
  return take(trx, engine, row, params)
}

/** Gives a session that is free to whoever asked for it. */
async function take(
  trx: Kysely<Schema>,
  engine: Engine,
  row: SessionRow & { readonly now: number },
  { owner, leaseMs, announcing = false }: LeaseRequest & Pick<ClaimSession, 'announcing'>,
): Promise<ClaimedSession> {
  // A time that is still to come holds for whoever walks on; a pause is what the claim puts an end to.
  const waitIsOver = (row.waiting_until ?? 0) <= row.now
  // Whoever must not end it has been refused by now.
  const isLifted = row.asked === 'pause'
  const revision = row.revision + 1
  await trx
    .updateTable('sessions')
    .set({
      lease_owner: owner,
      lease_until: row.now + leaseMs,
      revision,
      ...(announcing && { announcement_owed: 1 }),
      ...(waitIsOver && { waiting_reason: null, waiting_until: null }),
      ...(isLifted && { asked: null }),
    })
    .where('id', '=', row.id)
    .execute()
  if (isLifted) {
    await tell(trx, engine, { session: row.id, event: 'pause-lifted', detail: null, by: owner })
  }
  await tellClaim(trx, engine, row, owner)
  const state = sessionOf(engine.isShared ? await readAgain(trx, row) : row)
  return {
    state: {
      ...state,
      ...(waitIsOver && { waiting: null }),
      ...(isLifted && { asked: null }),
    },
    revision,
  }
}

/** Whose lease ran out, or who is known to be gone, has left it without a word. */
async function tellClaim(
  trx: Kysely<Schema>,
  engine: Engine,
  { id: session, lease_owner: before }: SessionRow,
  owner: string,
): Promise<void> {
  // What retention has begun to delete gets no new entries: they would never come to an end.
  if (before === PRUNER) return
  const isTakenOver = before !== null && before !== owner
  await tell(trx, engine, {
    session,
    event: isTakenOver ? 'taken-over' : 'claimed',
    detail: isTakenOver ? `from ${before}` : null,
    by: owner,
  })
}

/**
 * Another host may have committed between the look at the rows and the lock: the
 * session is then as that commit left it, and its checkpoint, which is not
 * locked, as it was before. What is read under the lock is of one commit.
 */
async function readAgain(trx: Kysely<Schema>, { id, ...row }: SessionRow): Promise<SessionRow> {
  const { checkpoint_id, checkpoint_data, checkpoint_at } = await selectSessions(trx)
    .where('sessions.id', '=', id)
    .executeTakeFirstOrThrow()
  return { ...row, id, checkpoint_id, checkpoint_data, checkpoint_at }
}

async function claimSome(
  trx: Kysely<Schema>,
  engine: Engine,
  params: ClaimSessions,
): Promise<ClaimedSession[]> {
  const { limit, sourceTypes, except, announcing = false } = params
  if (limit < 1 || sourceTypes.length === 0) return []
  const gone = await goneOwners(trx, engine, params)
  // As the others see it: how many of the credential's sessions are being walked.
  const busy = sql<number>`(select count(*) from sessions as other
    where other.credential = sessions.credential and other.lease_until > ${engine.now()}
    and other.status in (${sql.join(ACTIVE_STATUSES.map((status) => sql.lit(status)))}))`
  const free = engine
    .lockedOrSkipped(selectSessions(trx))
    .select(engine.now().as('now'))
    .where('sessions.source_type', 'in', [...sourceTypes])
    .where((eb) =>
      eb.or([
        eb('sessions.lease_owner', 'is', null),
        eb('sessions.lease_until', '<=', engine.now()),
        ...(gone.length === 0 ? [] : [eb('sessions.lease_owner', 'in', gone)]),
      ]),
    )
    .where((eb) => {
      const isReady = eb.or([
        // To end a session asks nothing of its source.
        eb('sessions.asked', '=', 'cancel'),
        eb.and([
          eb('sessions.asked', 'is', null),
          eb.or([
            eb('sessions.waiting_reason', 'is', null),
            eb('sessions.waiting_until', '<=', engine.now()),
          ]),
        ]),
      ])
      const isActive = eb('sessions.status', 'in', [...ACTIVE_STATUSES])
      const isOwed = eb('sessions.announcement_owed', '=', 1)
      return announcing
        ? eb.or([eb.and([isActive, isReady]), eb.and([eb.not(isActive), isOwed])])
        : eb.and([isActive, isReady])
    })
    .orderBy(busy)
    .orderBy('sessions.last_update')
    .orderBy('sessions.id')
    .limit(limit)
  const wanted =
    except.length === 0 ? free : free.where('sessions.session_id', 'not in', [...except])
  const claimed: ClaimedSession[] = []
  for (const row of await wanted.execute()) {
    claimed.push(await take(trx, engine, row as SessionRow & { readonly now: number }, params))
  }
  return claimed
}

/** Of those who hold a lease at present, the ones that are known to be gone. */
async function goneOwners(
  trx: Kysely<Schema>,
  engine: Engine,
  { isGone }: LeaseRequest,
): Promise<string[]> {
  const rows = await trx
    .selectFrom('sessions')
    .select('lease_owner')
    .distinct()
    .where('lease_until', '>', engine.now())
    .execute()
  return rows.flatMap(({ lease_owner: owner }) => (owner !== null && isGone(owner) ? [owner] : []))
}

/** There is one to lead; its name leaves room for others. */
const LEADER = 'orchestrator'

/**
 * Two statements, and no transaction: one that is stopped between them keeps
 * nobody from the row.
 */
async function lead(
  db: Kysely<Schema>,
  engine: Engine,
  { owner, leaseMs, isGone }: LeaseRequest,
): Promise<boolean> {
  const leader = await db
    .selectFrom('leaders')
    .select(['owner', 'lease_until'])
    .select(engine.now().as('now'))
    .where('name', '=', LEADER)
    .executeTakeFirst()
  const isAnother = leader !== undefined && leader.owner !== owner
  const gone = isAnother && isGone(leader.owner)
  if (isAnother && leader.lease_until > leader.now && !gone) return false
  const until = sql<number>`${engine.now()} + ${leaseMs}`
  // Judged once more as it is written: of two who look at once, one alone may have it.
  const written = await db
    .insertInto('leaders')
    .values({ name: LEADER, owner, lease_until: until })
    .onConflict((c) =>
      c
        .column('name')
        .doUpdateSet({ owner, lease_until: until })
        .where((eb) =>
          eb.or([
            eb('leaders.owner', '=', owner),
            eb('leaders.lease_until', '<=', engine.now()),
            ...(gone ? [eb('leaders.owner', '=', leader.owner)] : []),
          ]),
        ),
    )
    .returning('owner')
    .executeTakeFirst()
  return written !== undefined
}
