/**
 * The record of what each session did. An entry is written in the transaction
 * of the step that it tells of, so that neither is there without the other;
 * nothing changes it, which the databases themselves refuse, and it goes with
 * its session. Pages write none: what came of each is its batch.
 */
import type { Kysely } from 'kysely'
import type { AuditEntry, AuditEvent, NewAuditEntry } from '../domain/audit.ts'
import type { Waiting } from '../domain/session-state.ts'
import type { Engine } from './engine.ts'
import type { Schema } from './schema.ts'
import type { AuditRepository } from './store.ts'

/** Entries that are read at a time, where nobody says how many. */
const LIMIT = 1_000

const MINUTE_MS = 60_000

/** An entry on its way into the record. */
export interface Told extends NewAuditEntry {
  /** The session's row. */
  readonly session: number
  /** Who did it; null where nobody is known. */
  readonly by: string | null
}

/** Adds an entry, dated by the clock that judges leases: that of all hosts, where several write. */
export async function tell(
  trx: Kysely<Schema>,
  engine: Pick<Engine, 'now'>,
  { session, event, detail, by }: Told,
): Promise<void> {
  await trx.insertInto('audit').values({ session, at: engine.now(), event, detail, by }).execute()
}

/** What the record says of a wait. Times are told to the minute: a wait that is put off by seconds is the same one. */
function entryOf({ reason, until }: Waiting): NewAuditEntry {
  if (until === null) return { event: 'paused', detail: reason }
  const minute = new Date(Math.ceil(until.getTime() / MINUTE_MS) * MINUTE_MS)
  return { event: 'waiting', detail: `${reason} (until ${minute.toISOString().slice(0, 16)}Z)` }
}

/**
 * Tells of a wait, unless that is what the record says last: a walk that waits
 * before each of its pages for the same reason would fill it.
 */
export async function tellWaiting(
  trx: Kysely<Schema>,
  engine: Pick<Engine, 'now'>,
  { session, by, waiting }: Pick<Told, 'session' | 'by'> & { readonly waiting: Waiting },
): Promise<void> {
  const entry = entryOf(waiting)
  const last = await trx
    .selectFrom('audit')
    .select(['event', 'detail'])
    .where('session', '=', session)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (last?.event === entry.event && last.detail === entry.detail) return
  await tell(trx, engine, { session, by, ...entry })
}

/** Deletes entries of a session that is deleted itself, `limit` at the most. @returns how many */
export async function deleteEntries(
  trx: Kysely<Schema>,
  { id }: { readonly id: number },
  limit: number,
): Promise<number> {
  const { numDeletedRows } = await trx
    .deleteFrom('audit')
    .where('id', 'in', (eb) =>
      eb.selectFrom('audit').select('id').where('session', '=', id).limit(limit),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}

/** The record, for whoever reads it. */
export function auditRepository(db: Kysely<Schema>): AuditRepository {
  const select = (sessionId: string) =>
    db
      .selectFrom('audit')
      .select(['id', 'at', 'event', 'detail', 'by'])
      .where('session', '=', (eb) =>
        eb.selectFrom('sessions').select('sessions.id').where('session_id', '=', sessionId),
      )
  type Row = Awaited<ReturnType<ReturnType<typeof select>['execute']>>[number]
  const entry =
    (sessionId: string) =>
    (row: Row): AuditEntry => ({
      id: row.id,
      sessionId,
      at: new Date(row.at),
      event: row.event as AuditEvent,
      detail: row.detail,
      by: row.by,
    })
  return {
    async find({ sessionId, after = 0, limit = LIMIT }) {
      const rows = await select(sessionId)
        .where('id', '>', after)
        .orderBy('id')
        .limit(limit)
        .execute()
      return rows.map(entry(sessionId))
    },
    async latest({ sessionId, limit }) {
      const rows = await select(sessionId).orderBy('id', 'desc').limit(limit).execute()
      return rows.map(entry(sessionId))
    },
  }
}

/** Why the databases refuse to change an entry, in the words of their error. */
export const IS_KEPT = 'the record of a session is added to, and never changed'
