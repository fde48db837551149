import { Kysely, sql } from 'kysely'
import { addressOf } from '../postgres/address.ts'
import { Connections } from '../postgres/connections.ts'
import { postgresDialect } from '../postgres/dialect.ts'
import { SERVER_NOW } from '../postgres/server-clock.ts'
import { DEFAULT_LIMITS } from '../postgres/limits.ts'
import { migrate } from '../postgres/migrate.ts'
import { NO_PATIENCE } from '../postgres/patience.ts'
import { MIGRATIONS } from '../postgres/migrations.ts'
import type { Schema } from '../schema.ts'
import type { End } from './end.ts'

/** All is copied in one transaction, which waits while the other database is read or written; milliseconds. */
const PATIENT = { statementMs: 3_600_000, idleInTransactionMs: 3_600_000 }

/** One for the transaction, and one to spare. */
const POOL_SIZE = 2

export async function openPostgresEnd(url: string): Promise<End> {
  const address = addressOf(url)
  const limits = { ...DEFAULT_LIMITS, ...PATIENT }
  const connections = new Connections({ address, poolSize: POOL_SIZE, limits })
  // What fails is told at once: the whole copy is repeated, or nothing.
  const db = new Kysely<Schema>({ dialect: postgresDialect(connections, NO_PATIENCE) })
  try {
    await migrate(db, address.shown, MIGRATIONS)
    return { ...endOn(db), shown: address.shown, identity: await identityOf(db) }
  } catch (thrown) {
    await db.destroy()
    throw thrown
  }
}

/** Which server, since when it runs, and where on it. */
async function identityOf(db: Kysely<Schema>): Promise<string> {
  const { rows } = await sql<{ identity: string }>`select concat_ws(' ', 'server',
    inet_server_addr(), inet_server_port(), pg_postmaster_start_time(),
    current_database(), current_schema()) as identity`.execute(db)
  return rows[0]?.identity ?? ''
}

const endOn = (db: Kysely<Schema>): Omit<End, 'shown' | 'identity'> => ({
  db,
  now: () => sql.raw<number>(SERVER_NOW),
  async reserve(trx) {
    // Read as it was at one moment; the lock is taken first, so that it is the last moment before.
    await sql`set transaction isolation level repeatable read`.execute(trx)
    await sql`lock table sessions in share row exclusive mode`.execute(trx)
  },
  async continueCounter(trx, table, column) {
    await sql`select setval(pg_get_serial_sequence(${table}, ${column}), last)
      from (select max(${sql.ref(column)}) as last from ${sql.table(table)}) as numbered
      where last is not null`.execute(trx)
  },
  close: () => db.destroy(),
})
