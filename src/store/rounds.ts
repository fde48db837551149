import type { ExpressionBuilder, Kysely } from 'kysely'
import type { SessionStatus } from '../../machines/index.ts'
import { LeaseError } from '../domain/errors.ts'
import { ACTIVE_STATUSES, isActive, type SessionState } from '../domain/session-state.ts'
import type { Engine } from './engine.ts'
import { sessionOf, type SessionRow } from './rows.ts'
import type { Schema } from './schema.ts'
import { selectSessions } from './sessions.ts'
import { PAUSED_REASON } from './steering.ts'
import type { OpenRound, Store } from './store.ts'

interface RoundRow {
  readonly id: number
  readonly after_session: number
  readonly resumed: string
}

/** Rounds of enumeration, and the sessions that belong to them. */
export function rounds(
  db: Kysely<Schema>,
  engine: Engine,
): Pick<Store, 'openRound' | 'closeRound' | 'lastRound' | 'sessionsOfRound' | 'unendedOfRound'> {
  return {
    openRound: ({ at, after }): Promise<OpenRound> =>
      engine.transact(async (trx) => {
        await engine.inSequence(trx)
        const round = (await unended(trx)) ?? (await begin(trx, at, after))
        return { roundId: round.id, sessions: await sessionsOf(trx, round) }
      }),

    async lastRound() {
      const round = await db
        .selectFrom('rounds')
        .select(['id', 'completed_at'])
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst()
      return round === undefined ? null : { roundId: round.id, isOpen: round.completed_at === null }
    },

    async sessionsOfRound(roundId) {
      const round = await selectRounds(db).where('id', '=', roundId).executeTakeFirst()
      return round === undefined ? [] : sessionsOf(db, round)
    },

    async unendedOfRound(roundId) {
      const round = await selectRounds(db).where('id', '=', roundId).executeTakeFirst()
      if (round === undefined) return []
      const rows = await db
        .selectFrom('sessions')
        .select(['session_id', 'target_name', 'status', 'waiting_reason', 'waiting_until', 'asked'])
        .select(['lease_until', engine.now().as('now')])
        .where(isOf(round))
        .where((eb) =>
          eb.or([eb('status', 'in', [...ACTIVE_STATUSES]), eb('announcement_owed', '=', 1)]),
        )
        .orderBy('id')
        .execute()
      return rows.map((row) => ({
        sessionId: row.session_id,
        targetName: row.target_name,
        isEnded: !isActive(row.status as SessionStatus),
        isWalked: (row.lease_until ?? 0) > row.now,
        pausedFor: pausedFor(row),
      }))
    },

    async closeRound({ roundId, at }) {
      await db
        .updateTable('rounds')
        .set({ completed_at: at })
        .where('id', '=', roundId)
        .where('completed_at', 'is', null)
        .execute()
    },
  }
}

/**
 * What a session is paused for. One that is to be paused is so as soon as nobody
 * walks it, though its walker died before it could say so, or while it waited
 * for a limit. One that is to be cancelled waits for nobody.
 */
function pausedFor(
  row: Pick<SessionRow, 'asked' | 'waiting_reason' | 'waiting_until' | 'lease_until'> & {
    readonly now: number
  },
): string | null {
  if (row.asked === 'cancel') return null
  if (row.asked === 'pause' && (row.lease_until ?? 0) <= row.now) return PAUSED_REASON
  return row.waiting_until === null ? row.waiting_reason : null
}

const selectRounds = (db: Kysely<Schema>) =>
  db.selectFrom('rounds').select(['id', 'after_session', 'resumed'])

/** Whether a session was resumed or begun in a round. */
const isOf = (round: RoundRow) => (eb: ExpressionBuilder<Schema, 'sessions'>) =>
  eb.or([
    eb('sessions.id', '>', round.after_session),
    eb('sessions.session_id', 'in', JSON.parse(round.resumed) as string[]),
  ])

async function sessionsOf(db: Kysely<Schema>, round: RoundRow): Promise<SessionState[]> {
  const rows = await selectSessions(db).where(isOf(round)).orderBy('sessions.id').execute()
  return rows.map((row) => sessionOf(row as SessionRow))
}

function unended(trx: Kysely<Schema>): Promise<RoundRow | undefined> {
  return selectRounds(trx)
    .where('completed_at', 'is', null)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
}

async function begin(
  trx: Kysely<Schema>,
  at: number,
  after: number | undefined,
): Promise<RoundRow> {
  if (after !== undefined) await refuseLate(trx, after)
  const active = await trx
    .selectFrom('sessions')
    .select('session_id')
    .where('status', 'in', [...ACTIVE_STATUSES])
    .execute()
  const last = await trx
    .selectFrom('sessions')
    .select((eb) => eb.fn.max('id').as('id'))
    .executeTakeFirst()
  return trx
    .insertInto('rounds')
    .values({
      started_at: at,
      after_session: last?.id ?? 0,
      resumed: JSON.stringify(active.map((row) => row.session_id)),
    })
    .returning(['id', 'after_session', 'resumed'])
    .executeTakeFirstOrThrow()
}

/** Whoever led before may have ended the round in the moment in which another took it up. */
async function refuseLate(trx: Kysely<Schema>, after: number): Promise<void> {
  const later = await selectRounds(trx).where('id', '>', after).executeTakeFirst()
  if (later === undefined) return
  throw new LeaseError('LEASE_LOST', `round ${later.id} is over: another process has ended it`)
}
