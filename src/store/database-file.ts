import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { StoreError } from '../domain/errors.ts'
import { storeErrorOf } from './sqlite-errors.ts'

/** Marks a file as ours ("mstr"), in the place SQLite keeps for it (sqlite.org/pragma.html#pragma_application_id). */
export const APPLICATION_ID = 0x6d737472

/** How long a write waits for another process's, in milliseconds. A page's transaction takes a few. */
export const BUSY_TIMEOUT_MS = 5_000

/** Refuses what SQLite would report less clearly, or later, or not at all. */
export function checkPath(path: string): void {
  if (path === ':memory:') return
  if (path.trim() === '') {
    // SQLite would make a database that is gone when it is closed.
    throw new StoreError(
      'STORE_FOREIGN',
      'the path of the database is empty: name a file, such as ./muster.db',
    )
  }
  const folder = dirname(resolve(path))
  if (!existsSync(folder)) {
    throw new StoreError(
      'STORE_READ_ONLY',
      `database ${path}: its folder ${folder} does not exist: create the folder, or name another file`,
    )
  }
  checkLog(path)
  if (existsSync(path)) checkFile(path)
}

/** A log without its database: SQLite would delete it, and with it what nothing else holds. */
function checkLog(path: string): void {
  // The log is looked at first: another process that makes the database fills it before it begins a log.
  if (isEmpty(`${path}-wal`) || !isEmpty(path)) return
  throw new StoreError(
    'STORE_CORRUPT',
    `database ${path} is missing or empty, and its log ${path}-wal is not: restore both from a backup, or move the log away to begin anew; nothing was changed`,
  )
}

const isEmpty = (file: string): boolean =>
  (statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0

function checkFile(path: string): void {
  const file = statSync(path)
  if (file.isDirectory()) {
    throw new StoreError(
      'STORE_FOREIGN',
      `database ${path} is a folder: name a file inside it, such as ${path.replace(/\/$/, '')}/muster.db`,
    )
  }
  if (file.size === 1) {
    // SQLite takes a file of one byte for an empty one, and would overwrite it.
    throw storeErrorOf('SQLITE_NOTADB', path)
  }
  try {
    accessSync(path, constants.W_OK)
  } catch (thrown) {
    // SQLite would open it for reading, and fail at the first write.
    throw storeErrorOf('SQLITE_READONLY', path, { cause: thrown })
  }
}

/**
 * Looks at a file whose log a killed process left beside it, for reading only:
 * closing a database that was opened for writing merges the log, and another
 * program's file is not ours to change.
 */
export function lookBeforeMerging(path: string, latest: number): void {
  if (!existsSync(`${path}-wal`)) return
  const database = new Database(path, { readonly: true, timeout: BUSY_TIMEOUT_MS })
  try {
    versionOf(database, path, latest)
  } finally {
    database.close()
  }
}

interface Marks {
  readonly applicationId: number
  readonly version: number
  readonly tables: number
}

/** In one transaction: another process may be making the file ours between two reads. */
function readMarks(database: Database.Database): Marks {
  return database.transaction(() => ({
    applicationId: database.pragma('application_id', { simple: true }) as number,
    version: database.pragma('user_version', { simple: true }) as number,
    tables: database.prepare('select count(*) from sqlite_master').pluck().get() as number,
  }))()
}

/**
 * A file that ends within a page was cut. SQLite takes what is missing for
 * zeros, and an index whose last page begins with them for an empty one. Where
 * a log lies over the file, it may hold the page.
 */
function refuseCut(database: Database.Database, path: string): void {
  if (path === ':memory:' || !isEmpty(`${path}-wal`)) return
  const pageSize = database.pragma('page_size', { simple: true }) as number
  const rest = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) % pageSize
  if (rest !== 0) throw storeErrorOf('SQLITE_CORRUPT', path, { isOpening: true })
}

/** The schema version of a file that is ours or empty; anything else is refused unchanged. */
export function versionOf(database: Database.Database, path: string, latest: number): number {
  const { applicationId, version, tables } = readMarks(database)
  if (applicationId !== APPLICATION_ID && (applicationId !== 0 || tables > 0 || version !== 0)) {
    throw new StoreError(
      'STORE_FOREIGN',
      `database ${path} belongs to another program (application id ${applicationId}, ${tables} tables): name another file; it was not changed`,
    )
  }
  refuseCut(database, path)
  if (version > latest) {
    throw new StoreError(
      'STORE_NEWER',
      `database ${path} has schema version ${version}, this Muster knows up to ${latest}: update Muster, or name another file; it was not changed`,
    )
  }
  return version
}
