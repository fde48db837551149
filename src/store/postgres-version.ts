import { Kysely } from 'kysely'
import { addressOf } from './postgres/address.ts'
import { Connections } from './postgres/connections.ts'
import { postgresDialect } from './postgres/dialect.ts'
import { DEFAULT_LIMITS } from './postgres/limits.ts'
import { versionOf } from './postgres/migrate.ts'
import { NO_PATIENCE } from './postgres/patience.ts'
import { MIGRATIONS } from './postgres/migrations.ts'
import type { Schema } from './schema.ts'

/** The version of a PostgreSQL database's tables; see `schemaVersion`. */
export async function postgresVersion(url: string): Promise<{
  readonly shown: string
  readonly version: number
  readonly latest: number
}> {
  const address = addressOf(url)
  const connections = new Connections({ address, poolSize: 1, limits: DEFAULT_LIMITS })
  const db = new Kysely<Schema>({ dialect: postgresDialect(connections, NO_PATIENCE) })
  try {
    const latest = MIGRATIONS.length
    const version = await versionOf(db, address.shown, latest)
    return { shown: address.shown, version, latest }
  } finally {
    await db.destroy()
  }
}
