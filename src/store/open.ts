import { systemClock, type TimeProvider } from '../domain/clock.ts'
import { commits } from './commits.ts'
import { sqliteEngine } from './sqlite-engine.ts'
import { openSqlite, type SqliteOptions } from './sqlite.ts'
import { steps } from './steps.ts'
import type { Store } from './store.ts'

/**
 * Opens a store on a SQLite file, created where there is none.
 *
 * @throws StoreError when the file cannot be used; it is then left as it was.
 */
export async function openStore(
  options: SqliteOptions & { readonly clock?: TimeProvider },
): Promise<Store> {
  const db = await openSqlite(options)
  const engine = sqliteEngine(db, options.clock ?? systemClock)
  return { ...steps(db, engine), ...commits(db, engine), close: () => db.destroy() }
}
