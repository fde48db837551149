import { existsSync, statSync } from 'node:fs'
import { sql } from 'kysely'
import { systemClock } from '../../domain/clock.ts'
import { StoreError } from '../../domain/errors.ts'
import { isPostgresUrl } from '../open-database.ts'
import { openSqlite } from '../sqlite.ts'
import type { End } from './end.ts'

/** Opens a database; one that is new or of an older Muster is brought up to date. */
export async function openEnd(database: string): Promise<End> {
  if (!isPostgresUrl(database)) return openSqliteEnd(database)
  const { openPostgresEnd } = await import('./postgres-end.ts')
  return openPostgresEnd(database)
}

async function openSqliteEnd(path: string): Promise<End> {
  const db = await openSqlite({ path })
  const { dev, ino } = statSync(path, { bigint: true })
  return {
    shown: path,
    db,
    identity: `file ${dev}/${ino}`,
    now: () => sql<number>`${systemClock.now()}`,
    // Its transactions have the file to themselves, and number after the greatest.
    reserve: async () => undefined,
    continueCounter: async () => undefined,
    close: () => db.destroy(),
  }
}

/** @throws StoreError for a SQLite file that is not there: looking for it must not make it */
export function refuseAbsent(database: string): void {
  if (isPostgresUrl(database) || existsSync(database)) return
  throw new StoreError('STORE_FAILED', `database ${database} does not exist: check the path`)
}
