import { sql, type Kysely, type SelectQueryBuilder } from 'kysely'
import { systemClock, type TimeProvider } from '../../domain/clock.ts'
import type { Engine, Lookups } from '../engine.ts'
import type { Schema } from '../schema.ts'
import { violatesUnique } from './errors.ts'
import { patiently, type Patience } from './patience.ts'
import { SERVER_NOW } from './server-clock.ts'

/** The first key of advisory locks of the store, "mstr"; the second tells them apart. */
const OURS = 0x6d737472
export const MIGRATING = sql`select pg_advisory_xact_lock(${sql.lit(OURS)}, 1)`
const NUMBERING = sql`select pg_advisory_xact_lock(${sql.lit(OURS)}, 2)`

/** The server's clock, or the one that a test gives. */
const nowOf = (clock: TimeProvider | undefined) =>
  clock === undefined ? sql<number>`${sql.raw(SERVER_NOW)}` : sql<number>`${clock.now()}::bigint`

/** Indexes that refuse a second row, by what the core calls them. */
const UNIQUE: Readonly<Record<string, string>> = { 'sessions.target_key': 'sessions_active' }

/** Here the identities have indexes of their own: nothing has to be prepared. */
function lookups(db: Kysely<Schema>): Lookups {
  const find = async (from: Kysely<Schema>, kind: 'task' | 'target', id: string) => {
    const row =
      kind === 'task'
        ? from.selectFrom('tasks').select('seq as row').where('task_id', '=', id)
        : from
            .selectFrom('scan_targets')
            .select('target_id as row')
            .where('scan_target_id', '=', id)
    return (await row.executeTakeFirst())?.row
  }
  return {
    findRow: (kind, id) => find(db, kind, id),
    prepare: async () => undefined,
    findWithin: find,
    forget: async () => undefined,
    targetsOf: (ids) =>
      sql<{ target_id: number }>`(select target_id from scan_targets
        where scan_target_id = any(${ids}::text[]))`,
  }
}

type AnySelect = SelectQueryBuilder<Schema, 'sessions', object>

/**
 * What PostgreSQL does in a way of its own.
 *
 * @param clock judges leases; default: the server's clock, which all hosts share
 */
export function postgresEngine(
  db: Kysely<Schema>,
  { clock, patience }: { readonly clock?: TimeProvider | undefined; readonly patience: Patience },
): Engine {
  return {
    isShared: true,
    clock: clock ?? systemClock,
    lookups: lookups(db),
    now: () => nowOf(clock),
    transact: (work) => patiently(patience, () => db.transaction().execute(work)),
    // Only the session is written: its job and its checkpoint are nobody else's.
    locked: (query) => (query as AnySelect).forUpdate('sessions') as typeof query,
    lockedOrSkipped: (query) =>
      (query as AnySelect).forUpdate('sessions').skipLocked() as typeof query,
    async inSequence(trx) {
      await NUMBERING.execute(trx)
    },
    list: (values) => values,
    itemsOf: (list, type) => sql`(select unnest(${list}::${sql.raw(type)}[]))`,
    isUniqueViolation: (thrown, key) => violatesUnique(thrown, UNIQUE[key] ?? key),
  }
}
