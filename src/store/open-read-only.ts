import { existsSync, statSync } from 'node:fs'
import { errorRecord, StoreError } from '../domain/errors.ts'
import type { TimeProvider } from '../domain/clock.ts'
import { type History, noHistory } from '../planning/history.ts'
import { checkPath } from './database-file.ts'
import { MIGRATIONS } from './migrations.ts'
import { isPostgresUrl } from './open-database.ts'
import type { AnyRow } from './past-rows.ts'
import { historyFrom } from './read-history.ts'
import { openSqliteReadOnly } from './read-only-sqlite.ts'
import { explainSqliteError } from './sqlite-errors.ts'
import { APPLICATION_ID } from './sqlite.ts'

/** The first version whose sessions tell what they wait for. */
const VERSION_WITH_WAITS = 2

/**
 * Opens what earlier sessions left in a database, for reading only: nothing is
 * written, migrated or made, and no file appears beside one of SQLite's.
 *
 * @param database a SQLite path, or the address of a PostgreSQL server
 * @throws StoreError where there is a database that cannot be read, is another
 *   program's, or is newer than this Muster
 */
export async function openReadOnly(
  database: string,
  { clock }: { readonly clock: TimeProvider },
): Promise<History> {
  if (isPostgresUrl(database)) {
    // Its client is loaded by those who have such a server.
    const { readPostgres } = await import('./postgres/read-only.ts')
    return readPostgres(database, clock)
  }
  return readSqlite(database, clock)
}

const isAbsent = (path: string): boolean =>
  path === ':memory:' || !existsSync(path) || statSync(path).size === 0

async function readSqlite(path: string, clock: TimeProvider): Promise<History> {
  if (isAbsent(path)) return noHistory(`there is no database ${path} yet: no history`)
  // It is looked at and not used: a file that cannot be written is good enough.
  if (statSync(path).isDirectory()) checkPath(path)
  try {
    const reader = await openSqliteReadOnly(path)
    try {
      const latest = MIGRATIONS.length
      if (isUnmade((sql) => reader.all(sql))) {
        reader.close()
        return noHistory(`database ${path} has no tables yet: no history`)
      }
      const version = versionIn((sql) => reader.all(sql), path, latest)
      return historyFrom(async (sql, parameters) => reader.all(sql, parameters), {
        version,
        latest,
        tellsWaits: version >= VERSION_WITH_WAITS,
        clock,
        close: async () => reader.close(),
      })
    } catch (thrown) {
      reader.close()
      throw thrown
    }
  } catch (thrown) {
    if (thrown instanceof StoreError) throw thrown
    // Node's own SQLite names its faults otherwise.
    const explained = explainSqliteError(thrown, path, true)
    if (explained instanceof StoreError) throw explained
    const { message } = errorRecord(thrown)
    throw new StoreError('STORE_FAILED', `database ${path} cannot be read: ${message}`)
  }
}

/** Another process is about to make it, or died before it did. */
const isUnmade = (all: (sql: string) => AnyRow[]): boolean =>
  all('select count(*) as tables from sqlite_master')[0]?.['tables'] === 0

/** As `versionOf`, by whichever SQLite. */
function versionIn(all: (sql: string) => AnyRow[], path: string, latest: number): number {
  const [id] = all('pragma application_id')
  const [user] = all('pragma user_version')
  const version = Number(user?.['user_version'] ?? 0)
  if (id?.['application_id'] !== APPLICATION_ID) {
    throw new StoreError(
      'STORE_FOREIGN',
      `database ${path} belongs to another program: name another file; it was not changed`,
    )
  }
  if (version <= latest) return version
  throw new StoreError(
    'STORE_NEWER',
    `database ${path} has schema version ${version}, this Muster knows up to ${latest}: update Muster, or name another file; it was not changed`,
  )
}
