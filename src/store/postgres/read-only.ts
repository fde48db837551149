import { CompiledQuery, Kysely } from 'kysely'
import type { TimeProvider } from '../../domain/clock.ts'
import { type History, noHistory } from '../../planning/history.ts'
import { historyFrom } from '../read-history.ts'
import type { AnyRow } from '../past-rows.ts'
import type { Schema } from '../schema.ts'
import { addressOf } from './address.ts'
import { Connections } from './connections.ts'
import { postgresDialect } from './dialect.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { versionOf } from './migrate.ts'
import { MIGRATIONS } from './migrations.ts'
import { NO_PATIENCE } from './patience.ts'

/** Every transaction of the connection; the server refuses what would write. */
const READ_ONLY = '-c default_transaction_read_only=on'

/** PostgreSQL numbers its parameters. */
const numbered = (sql: string): string => {
  let at = 0
  return sql.replaceAll('?', () => `$${(at += 1)}`)
}

/** Reads the history of a PostgreSQL database; see `openReadOnly`. */
export async function readPostgres(url: string, clock: TimeProvider): Promise<History> {
  const address = addressOf(url)
  const connections = new Connections({
    address: { ...address, options: `${address.options} ${READ_ONLY}`.trim() },
    poolSize: 1,
    limits: DEFAULT_LIMITS,
  })
  const db = new Kysely<Schema>({ dialect: postgresDialect(connections, NO_PATIENCE) })
  const close = () => db.destroy()
  try {
    const latest = MIGRATIONS.length
    const version = await versionOf(db, address.shown, latest)
    if (version === 0) {
      await close()
      return noHistory(`database ${address.shown} has no tables of Muster yet: no history`)
    }
    const read = async (sql: string, parameters: readonly (string | number)[] = []) => {
      const query = CompiledQuery.raw(numbered(sql), [...parameters])
      return (await db.executeQuery<AnyRow>(query)).rows
    }
    // Each version of these tables has the columns of a wait.
    return historyFrom(read, { version, latest, tellsWaits: true, clock, close })
  } catch (thrown) {
    await close()
    throw thrown
  }
}
