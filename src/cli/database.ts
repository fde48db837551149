import { existsSync } from 'node:fs'
import { StoreError } from '../domain/errors.ts'
import { openStore } from '../store/open.ts'
import type { Store } from '../store/store.ts'

/** Where the tool keeps its database unless told. */
export const DEFAULT_DATABASE = './muster.db'

/** Opens a database that is there; one that is only looked at must not be created by looking. */
export async function openExisting(path: string): Promise<Store> {
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
