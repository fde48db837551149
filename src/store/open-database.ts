import { systemClock, type TimeProvider } from '../domain/clock.ts'
import { openStore } from './open.ts'
import type { Store } from './store.ts'

/** Whether a database is named by the address of a PostgreSQL server, not by a path. */
export const isPostgresUrl = (database: string): boolean => /^postgres(ql)?:/i.test(database)

/**
 * Opens the database that is named: a PostgreSQL server by its address, or a
 * SQLite file by its path.
 *
 * @param options.clock judges leases and dates rows. Default: the operating
 *   system's for rows, and the database's own clock for leases on PostgreSQL.
 * @throws StoreError when it cannot be used; it is then left as it was
 */
export async function openDatabase(
  database: string,
  { clock }: { readonly clock?: TimeProvider | undefined } = {},
): Promise<Store> {
  if (!isPostgresUrl(database)) return openStore({ path: database, clock: clock ?? systemClock })
  // Its client is loaded by those who have such a server.
  const { openPostgresStore } = await import('./postgres/open.ts')
  return openPostgresStore({ url: database, ...(clock === undefined ? {} : { clock }) })
}
