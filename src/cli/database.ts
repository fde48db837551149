import { existsSync } from 'node:fs'
import { MusterError, StoreError } from '../domain/errors.ts'
import { isPostgresUrl, openDatabase } from '../store/open-database.ts'
import { addressOf } from '../store/postgres/address.ts'
import { schemaVersion } from '../store/schema-version.ts'
import type { Store } from '../store/store.ts'
import { UsageError } from './exit.ts'

/** Where the tool keeps its database unless told. */
export const DEFAULT_DATABASE = './muster.db'

/** Names the database where nobody else sees it: other users of a machine see the command lines of its processes. */
export const DATABASE_VARIABLE = 'MUSTER_DATABASE_URL'

/**
 * Refuses what is neither a path nor the address of a PostgreSQL server. The
 * text is not repeated, since an address may hold a password.
 *
 * @param from where it was given, for the message
 */
export function checkDatabase(database: string, from = '--db'): void {
  if (database.trim() === '') {
    throw new UsageError(`${from}: the path is empty: name a file, such as ${DEFAULT_DATABASE}`)
  }
  if (isPostgresUrl(database)) {
    addressOf(database)
    return
  }
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(database)?.[1]?.toLowerCase()
  if (scheme === undefined) return
  throw new MusterError(
    'NOT_SUPPORTED',
    `${from}: ${scheme}:// addresses are not supported: give the path of a SQLite file, or postgres://USER@HOST/DATABASE`,
  )
}

/** A database in messages and output: an address without its password. */
export const shownDatabase = (database: string): string =>
  isPostgresUrl(database) ? addressOf(database).shown : database

/** A password in a query, which a URL may have it in. */
const PASSWORD = /[?&]password=/i

/**
 * A database as a command names it again: null where that needs no name, since
 * it is the default or stands in the environment. A password is left out, and
 * has to be put back in by whoever copies the command.
 */
export function repeatable(database: string): string | null {
  if (database === (process.env[DATABASE_VARIABLE] ?? DEFAULT_DATABASE)) return null
  if (!isPostgresUrl(database)) return database
  const hasSecret = new URL(database).password !== '' || PASSWORD.test(database)
  return hasSecret ? addressOf(database).shown : database
}

/** Refuses a database that is not there; one that is only looked at must not be created by looking. */
export async function refuseAbsent(database: string): Promise<void> {
  checkDatabase(database)
  if (isPostgresUrl(database)) {
    const { shown, version } = await schemaVersion(database)
    if (version > 0) return
    throw new StoreError(
      'STORE_FAILED',
      `database ${shown} has no tables of Muster: name another with --db, or make them with "muster migrate" or "muster run"`,
    )
  }
  if (existsSync(database)) return
  throw new StoreError(
    'STORE_FAILED',
    `database ${database} does not exist: name one with --db, or make one with "muster run"`,
  )
}

/** Opens a database that is there. */
export async function openExisting(database: string): Promise<Store> {
  await refuseAbsent(database)
  return openDatabase(database)
}

/** Uses a database and closes it, whatever happens. */
export async function withStore(
  database: string,
  use: (store: Store) => Promise<void>,
): Promise<void> {
  const store = await openExisting(database)
  try {
    await use(store)
  } finally {
    await store.close()
  }
}
