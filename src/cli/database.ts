import { existsSync } from 'node:fs'
import { MusterError, StoreError } from '../domain/errors.ts'
import { openStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'
import { UsageError } from './exit.ts'

/** Where the tool keeps its database unless told. */
export const DEFAULT_DATABASE = './muster.db'

/**
 * Refuses what is no path. The text is not repeated, since the address of a
 * server may hold a password.
 */
export function checkDatabasePath(path: string): void {
  if (path.trim() === '') {
    throw new UsageError(`--db: the path is empty: name a file, such as ${DEFAULT_DATABASE}`)
  }
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(path)?.[1]?.toLowerCase()
  if (scheme === undefined) return
  const what = /^postgres(?:ql)?$/.test(scheme) ? 'PostgreSQL is' : `${scheme}:// addresses are`
  throw new MusterError(
    'NOT_SUPPORTED',
    `--db: ${what} not supported yet: give the path of a SQLite file`,
  )
}

/** Opens a database that is there; one that is only looked at must not be created by looking. */
export async function openExisting(path: string): Promise<Store> {
  checkDatabasePath(path)
  if (!existsSync(path)) {
    throw new StoreError(
      'STORE_FAILED',
      `database ${path} does not exist: name one with --db, or make one with "muster run"`,
    )
  }
  return openStore({ path })
}

/** Uses a database and closes it, whatever happens. */
export async function withStore(path: string, use: (store: Store) => Promise<void>): Promise<void> {
  const store = await openExisting(path)
  try {
    await use(store)
  } finally {
    await store.close()
  }
}
