import { existsSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import Database from 'better-sqlite3'
import { StoreError } from '../domain/errors.ts'
import type { AnyRow } from './past-rows.ts'

/** Reads rows, and nothing else. */
export interface RowReader {
  all(sql: string, parameters?: readonly (string | number)[]): AnyRow[]
  close(): void
}

/** The most that is read into memory where SQLite cannot be told to leave the folder alone: 1 GiB. */
const MOST_BYTES = 2 ** 30

/** Where the header says how the file is journalled: sqlite.org/fileformat.html, "File format version numbers". */
const JOURNAL_BYTES = [18, 19] as const
const ROLLBACK_JOURNAL = 1

/** Node whose own SQLite takes a URL, and says nothing on standard error. */
const OLDEST_WITH_URLS = 24

const readerOf = (database: {
  prepare(sql: string): { all(...parameters: (string | number)[]): unknown[] }
  close(): unknown
}): RowReader => ({
  all: (sql, parameters = []) => database.prepare(sql).all(...parameters) as AnyRow[],
  close: () => void database.close(),
})

/** A database beside which no log lies: SQLite would make one to read it, unless it is told that nothing changes. */
async function openClosed(path: string): Promise<RowReader> {
  if (Number(process.versions.node.split('.')[0]) >= OLDEST_WITH_URLS) {
    const { DatabaseSync } = await import('node:sqlite')
    const url = pathToFileURL(resolve(path))
    url.searchParams.set('immutable', '1')
    return readerOf(new DatabaseSync(url, { readOnly: true }))
  }
  return openCopy(path)
}

/** The file as a copy in memory, which is told that it has no log. */
export function openCopy(path: string): RowReader {
  const { size } = statSync(path)
  if (size > MOST_BYTES) {
    throw new StoreError(
      'STORE_FAILED',
      `database ${path} has ${size} bytes, too many to be read without writing beside it on Node ${process.versions.node}: use Node ${OLDEST_WITH_URLS}`,
    )
  }
  const bytes = readFileSync(path)
  for (const at of JOURNAL_BYTES) bytes[at] = ROLLBACK_JOURNAL
  return readerOf(new Database(bytes, { readonly: true }))
}

/**
 * Opens a SQLite file so that nothing is written: not to it, not to its log,
 * and no file beside it.
 *
 * @throws StoreError where that is not possible
 */
export async function openSqliteReadOnly(path: string): Promise<RowReader> {
  if (!existsSync(`${path}-wal`)) return openClosed(path)
  // The index of the log is there while a process has the file, and after one that was killed.
  if (existsSync(`${path}-shm`)) return readerOf(new Database(path, { readonly: true }))
  throw new StoreError(
    'STORE_FAILED',
    `database ${path} has a log whose index is missing: open it once for writing, with "muster status --db ${path}"`,
  )
}
