import type Database from 'better-sqlite3'
import { CompiledQuery } from 'kysely'
import { openSqlite } from '../../../src/store/sqlite.ts'

/** What decides how fast a connection writes, and is not kept in the file. */
const NAMES = ['synchronous', 'cache_size', 'busy_timeout'] as const

export type Pragmas = ReadonlyMap<string, number>

/** The settings of the store's own connection, asked of it, so that the raw one cannot differ. */
export async function pragmasOf(path: string): Promise<Pragmas> {
  const db = await openSqlite({ path })
  const found = new Map<string, number>()
  for (const name of NAMES) {
    const { rows } = await db.executeQuery<Record<string, number>>(
      CompiledQuery.raw(`pragma ${name}`),
    )
    found.set(name, Number(Object.values(rows[0] ?? {})[0]))
  }
  await db.destroy()
  return found
}

/** Pages of 4 KiB. Where the store has a thread begin the log anew, the raw connection does it itself, as SQLite is meant to be used. */
const LONG_LOG = 4_000

export function applyPragmas(database: Database.Database, pragmas: Pragmas): void {
  for (const [name, value] of pragmas) database.pragma(`${name} = ${value}`)
  database.pragma(`wal_autocheckpoint = ${LONG_LOG}`)
}
