import { existsSync } from 'node:fs'
import Database from 'better-sqlite3'
import { checkPath, versionOf } from './database-file.ts'
import { MIGRATIONS } from './migrations.ts'
import { isPostgresUrl } from './open-database.ts'
import { explainSqliteError } from './sqlite-errors.ts'

export interface SchemaVersion {
  /** The database without its password. */
  readonly shown: string
  /** 0 where there are no tables yet. */
  readonly version: number
  /** What this Muster brings it to when it is opened. */
  readonly latest: number
}

/**
 * The version of a database's tables, which are left as they are.
 *
 * @throws StoreError when it is newer than this Muster, another program's, or cannot be read
 */
export async function schemaVersion(database: string): Promise<SchemaVersion> {
  if (!isPostgresUrl(database)) return sqliteVersion(database)
  const { postgresVersion } = await import('./postgres-version.ts')
  return postgresVersion(database)
}

function sqliteVersion(path: string): SchemaVersion {
  const latest = MIGRATIONS.length
  checkPath(path)
  if (!existsSync(path)) return { shown: path, version: 0, latest }
  let file: Database.Database | undefined
  try {
    file = new Database(path, { readonly: true })
    return { shown: path, version: versionOf(file, path, latest), latest }
  } catch (thrown) {
    throw explainSqliteError(thrown, path, true)
  } finally {
    file?.close()
  }
}
