import type { Kysely, Selectable } from 'kysely'
import type { SessionStatus } from '../../machines/index.ts'
import type { AuditEvent } from '../domain/audit.ts'
import { MusterError, PauseError } from '../domain/errors.ts'
import { isActive } from '../domain/session-state.ts'
import type { Ask } from '../domain/steering.ts'
import { tell } from './audit.ts'
import type { Engine } from './engine.ts'
import { summaryOf } from './rows.ts'
import type { Schema, SessionTable } from './schema.ts'
import { selectSummaries } from './sessions.ts'
import type { SessionSummary, Store } from './store.ts'

/** What a session waits for that somebody paused. */
export const PAUSED_REASON = 'paused on request'

type Steer = Parameters<Store['steerSession']>[0]

/** A session's row, and the moment at which it was locked. */
type Locked = Selectable<SessionTable> & { readonly now: number }

/** What people ask of sessions. Nothing here raises a revision: whoever walks goes on until it has seen it. */
export function steering(
  db: Kysely<Schema>,
  engine: Engine,
): Pick<Store, 'steerSession' | 'asksOf'> {
  return {
    steerSession: (params) =>
      engine.transact(async (trx) => {
        const row = await lock(trx, engine, params.sessionId)
        refuseImpossible(row, params)
        if (row.asked !== params.ask) await steer(trx, engine, row, params)
        return summaryIn(trx, engine, row)
      }),

    async asksOf(owner) {
      const rows = await db
        .selectFrom('sessions')
        .select(['session_id', 'asked'])
        .where('lease_owner', '=', owner)
        .where('asked', 'is not', null)
        .execute()
      return rows.map((row) => ({ sessionId: row.session_id, ask: row.asked as Ask }))
    },
  }
}

async function lock(trx: Kysely<Schema>, engine: Engine, sessionId: string): Promise<Locked> {
  const row = await engine
    .locked(trx.selectFrom('sessions'))
    .selectAll()
    .select(engine.now().as('now'))
    .where('session_id', '=', sessionId)
    .executeTakeFirst()
  if (row === undefined) throw unknownSession(sessionId)
  return row
}

function refuseImpossible(row: Locked, { sessionId, ask }: Steer): void {
  const which = `session ${sessionId} (target "${row.target_name}")`
  if (!isActive(row.status as SessionStatus)) {
    throw new MusterError(
      'ILLEGAL_TRANSITION',
      `${which} is ${row.status}: only one that has not come to its end can be paused or cancelled; "muster resume ${sessionId}" takes up one that failed`,
    )
  }
  if (row.asked === 'cancel' && ask !== 'cancel') {
    throw new MusterError(
      'ILLEGAL_TRANSITION',
      `${which} is to be cancelled, which cannot be taken back: wait for its end, and resume it then`,
    )
  }
}

async function steer(
  trx: Kysely<Schema>,
  engine: Engine,
  row: Locked,
  { ask, by }: Steer,
): Promise<void> {
  const isWalked = row.lease_owner !== null && (row.lease_until ?? 0) > row.now
  const waiting = isWalked ? {} : waitingOnceAsked(row, ask)
  await trx
    .updateTable('sessions')
    .set({ asked: ask, ...waiting })
    .where('id', '=', row.id)
    .execute()
  const told = { session: row.id, by }
  await tell(trx, engine, { ...told, event: EVENTS[ask ?? 'nothing'], detail: null })
  if (ask === 'pause' && !isWalked) {
    await tell(trx, engine, { ...told, event: 'paused', detail: PAUSED_REASON })
  }
}

const EVENTS: Readonly<Record<Ask | 'nothing', AuditEvent>> = {
  pause: 'pause-asked',
  cancel: 'cancel-asked',
  nothing: 'pause-lifted',
}

/** What a session that nobody walks waits for from now on. */
function waitingOnceAsked(
  row: Locked,
  ask: Ask | null,
): Partial<Pick<SessionTable, 'waiting_reason' | 'waiting_until'>> {
  // A source has asked to be left alone until then: that outlasts whatever is asked of the session.
  if ((row.waiting_until ?? 0) > row.now) return {}
  return { waiting_reason: ask === 'pause' ? PAUSED_REASON : null, waiting_until: null }
}

async function summaryIn(
  trx: Kysely<Schema>,
  engine: Engine,
  { id }: Locked,
): Promise<SessionSummary> {
  const row = await selectSummaries(trx, engine).where('sessions.id', '=', id).executeTakeFirst()
  if (row === undefined) throw new TypeError(`session ${id} is locked, and not there`)
  return summaryOf(row)
}

export const unknownSession = (sessionId: string) =>
  new MusterError(
    'SESSION_NOT_FOUND',
    `session ${sessionId} is not in this database: "muster status" lists those that are`,
  )

/** Who did not come to end a pause does not get the session. */
export function refusePaused(
  row: Pick<SessionTable, 'asked' | 'status' | 'session_id' | 'target_name'>,
): void {
  if (row.asked !== 'pause' || !isActive(row.status as SessionStatus)) return
  throw new PauseError(
    'PAUSED',
    `session ${row.session_id} (target "${row.target_name}") was paused on request: "muster resume ${row.session_id}" goes on with it`,
  )
}
