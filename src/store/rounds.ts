import type { Kysely } from 'kysely'
import { ACTIVE_STATUSES } from '../domain/session-state.ts'
import { sessionOf, type SessionRow } from './rows.ts'
import type { Schema } from './schema.ts'
import type { OpenRound } from './store.ts'
import { selectSessions } from './unit-of-work.ts'

interface RoundRow {
  readonly id: number
  readonly after_session: number
  readonly resumed: string
}

/** Rounds of enumeration, and the sessions that belong to them. */
export function rounds(db: Kysely<Schema>) {
  return {
    openRound: ({ at }: { readonly at: number }): Promise<OpenRound> =>
      db.transaction().execute(async (trx) => {
        const round = (await unended(trx)) ?? (await begin(trx, at))
        const rows = await selectSessions(trx)
          .where((eb) =>
            eb.or([
              eb('sessions.id', '>', round.after_session),
              eb('sessions.session_id', 'in', JSON.parse(round.resumed) as string[]),
            ]),
          )
          .orderBy('sessions.id')
          .execute()
        return { roundId: round.id, sessions: rows.map((row) => sessionOf(row as SessionRow)) }
      }),

    async closeRound({ roundId, at }: { readonly roundId: number; readonly at: number }) {
      await db
        .updateTable('rounds')
        .set({ completed_at: at })
        .where('id', '=', roundId)
        .where('completed_at', 'is', null)
        .execute()
    },
  }
}

function unended(trx: Kysely<Schema>): Promise<RoundRow | undefined> {
  return trx
    .selectFrom('rounds')
    .select(['id', 'after_session', 'resumed'])
    .where('completed_at', 'is', null)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
}

async function begin(trx: Kysely<Schema>, at: number): Promise<RoundRow> {
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
