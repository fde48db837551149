import { sql, type Kysely } from 'kysely'
import type { TimeProvider } from '../domain/clock.ts'
import type { Engine } from './engine.ts'
import { sqliteLookups } from './lookups.ts'
import type { Schema } from './schema.ts'
import { isUniqueViolation } from './sqlite-errors.ts'

/** SQLite is one machine's: its clock is the process's, and a transaction has the file to itself. */
export function sqliteEngine(db: Kysely<Schema>, clock: TimeProvider): Engine {
  return {
    isShared: false,
    clock,
    lookups: sqliteLookups(db),
    now: () => sql<number>`${clock.now()}`,
    transact: (work) => db.transaction().execute(work),
    locked: (query) => query,
    lockedOrSkipped: (query) => query,
    inSequence: async () => undefined,
    list: (values) => JSON.stringify(values),
    itemsOf: (list) => sql`(select value from json_each(${list}))`,
    isUniqueViolation,
  }
}
