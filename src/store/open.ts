import { systemClock, type TimeProvider } from '../domain/clock.ts'
import { deliveries } from './deliveries.ts'
import { progressReports } from './progress.ts'
import { repositories } from './repositories.ts'
import { rounds } from './rounds.ts'
import { openSqlite, type SqliteOptions } from './sqlite.ts'
import type { Store } from './store.ts'
import { unitOfWork } from './unit-of-work.ts'

/**
 * Opens a store on a SQLite file, created where there is none.
 *
 * @throws StoreError when the file cannot be used; it is then left as it was.
 */
export async function openStore(
  options: SqliteOptions & { readonly clock?: TimeProvider },
): Promise<Store> {
  const db = await openSqlite(options)
  return {
    repositories: repositories(db, options.clock ?? systemClock),
    ...unitOfWork(db),
    ...deliveries(db),
    ...progressReports(db),
    ...rounds(db),
    close: () => db.destroy(),
  }
}
