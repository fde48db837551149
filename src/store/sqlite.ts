import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import {
  CompiledQuery,
  Kysely,
  SqliteAdapter,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type SqliteDatabase,
  type SqliteStatement,
} from 'kysely'
import { StoreError } from '../domain/errors.ts'
import { MIGRATIONS, type Migration } from './migrations.ts'
import type { Schema } from './schema.ts'
import { explainSqliteError, resultCode, storeErrorOf } from './sqlite-errors.ts'

/** Marks a file as ours ("mstr"), in the place SQLite keeps for it (sqlite.org/pragma.html#pragma_application_id). */
export const APPLICATION_ID = 0x6d737472

/** How long a write waits for another process's, in milliseconds. A page's transaction takes a few. */
const BUSY_TIMEOUT_MS = 5_000

/** Pages of 4 KiB in the log before it is merged: with SQLite's own 1,000, merging took half of every commit. */
const WAL_PAGES = 4_000

/** Page cache in KiB: the identities are hashes, so a page of items touches the indexes all over. */
const CACHE_KIB = 32_000

/** Statements kept prepared; the store has about sixty. */
const MAX_PREPARED = 300

/** Called around every statement; a test throws or kills from it. */
export type StatementHook = (sql: string, phase: 'before' | 'after') => void

export interface SqliteOptions {
  /** A file, or `:memory:`. */
  readonly path: string
  readonly onStatement?: StatementHook
  /** Schema steps; a test gives others. */
  readonly migrations?: readonly Migration[]
}

/**
 * What Kysely runs its SQL on: better-sqlite3 with every statement kept
 * prepared. Kysely's driver prepares anew at each call, and the discarded
 * statements measured 700 MB resident over 200,000 items, against 130 MB.
 */
class PreparedDatabase implements SqliteDatabase {
  readonly #database: Database.Database
  readonly #options: SqliteOptions
  readonly #prepared = new Map<string, SqliteStatement>()

  constructor(database: Database.Database, options: SqliteOptions) {
    this.#database = database
    this.#options = options
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction
  }

  prepare(sql: string): SqliteStatement {
    const known = this.#prepared.get(sql)
    if (known !== undefined) return known
    const statement = this.#wrap(sql)
    if (this.#prepared.size >= MAX_PREPARED) this.#prepared.clear()
    this.#prepared.set(sql, statement)
    return statement
  }

  close(): void {
    this.#prepared.clear()
    this.#database.close()
  }

  #wrap(sql: string): SqliteStatement {
    const statement = this.#explained(() => this.#database.prepare(sql))
    const hook = this.#options.onStatement
    const call = <T>(run: () => T): T => {
      if (hook === undefined) return this.#explained(run)
      hook(sql, 'before')
      const result = this.#explained(run)
      hook(sql, 'after')
      return result
    }
    return {
      reader: statement.reader,
      all: (parameters) => call(() => statement.all(parameters)),
      run: (parameters) => call(() => statement.run(parameters)),
      iterate: (parameters) =>
        statement.iterate(parameters) as ReturnType<SqliteStatement['iterate']>,
    }
  }

  #explained<T>(run: () => T): T {
    try {
      return run()
    } catch (thrown) {
      throw explainSqliteError(thrown, this.#options.path)
    }
  }
}

class ImmediateSqliteDriver extends SqliteDriver {
  readonly #database: PreparedDatabase

  constructor(database: PreparedDatabase) {
    super({ database })
    this.#database = database
  }

  /** A deferred transaction that reads before it writes fails at once when another process wrote in between. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  /** A full disk rolls back by itself; a second rollback would hide the error that mattered. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection)
  }
}

function sqliteDialect(database: PreparedDatabase): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new ImmediateSqliteDriver(database),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  }
}

/** Refuses what SQLite would report less clearly, or later, or not at all. */
function checkPath(path: string): void {
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
  if (existsSync(path)) checkFile(path)
}

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
    throw storeErrorOf('SQLITE_READONLY', path, thrown)
  }
}

/**
 * Looks at a file whose log a killed process left beside it, for reading only:
 * closing a database that was opened for writing merges the log, and another
 * program's file is not ours to change.
 */
function lookBeforeMerging(path: string, latest: number): void {
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

/** The schema version of a file that is ours or empty; anything else is refused unchanged. */
function versionOf(database: Database.Database, path: string, latest: number): number {
  const { applicationId, version, tables } = readMarks(database)
  if (applicationId !== APPLICATION_ID && (applicationId !== 0 || tables > 0 || version !== 0)) {
    throw new StoreError(
      'STORE_FOREIGN',
      `database ${path} belongs to another program (application id ${applicationId}, ${tables} tables): name another file; it was not changed`,
    )
  }
  if (version > latest) {
    throw new StoreError(
      'STORE_NEWER',
      `database ${path} has schema version ${version}, this Muster knows up to ${latest}: update Muster, or name another file; it was not changed`,
    )
  }
  return version
}

/**
 * Switches to the write-ahead log. Of two processes that switch a new file at
 * once, SQLite refuses one without waiting.
 */
async function useLog(database: Database.Database): Promise<void> {
  for (const giveUpAt = Date.now() + BUSY_TIMEOUT_MS; ;) {
    try {
      database.pragma('journal_mode = WAL')
      return
    } catch (thrown) {
      if (resultCode(thrown) !== 'SQLITE_BUSY' || Date.now() > giveUpAt) throw thrown
      await sleep(10)
    }
  }
}

/** Each step commits with its number, so that a crash leaves whole steps only. */
async function migrate(
  db: Kysely<Schema>,
  from: number,
  migrations: readonly Migration[],
): Promise<void> {
  for (const [index, migration] of migrations.entries()) {
    if (index < from) continue
    await db.transaction().execute(async (trx) => {
      // Another process may have migrated while this one waited for the lock.
      const { rows } = await trx.executeQuery<{ user_version: number }>(
        CompiledQuery.raw('pragma user_version'),
      )
      if ((rows[0]?.user_version ?? 0) > index) return
      await migration.up(trx as unknown as Kysely<unknown>)
      await trx.executeQuery(CompiledQuery.raw(`pragma application_id = ${APPLICATION_ID}`))
      await trx.executeQuery(CompiledQuery.raw(`pragma user_version = ${index + 1}`))
    })
  }
}

/**
 * Opens or creates a database and brings its schema up to date.
 *
 * @throws StoreError when the file is another program's, newer than this code,
 * damaged, or cannot be written; the file is then left as it was.
 */
export async function openSqlite(options: SqliteOptions): Promise<Kysely<Schema>> {
  const { path, migrations = MIGRATIONS } = options
  checkPath(path)
  let database: Database.Database | undefined
  try {
    lookBeforeMerging(path, migrations.length)
    database = new Database(path, { timeout: BUSY_TIMEOUT_MS })
    const version = versionOf(database, path, migrations.length)
    await useLog(database)
    // An operating-system crash may lose the last commits, never consistency; a killed process loses none.
    database.pragma('synchronous = NORMAL')
    database.pragma(`wal_autocheckpoint = ${WAL_PAGES}`)
    database.pragma(`cache_size = -${CACHE_KIB}`)
    const prepared = new PreparedDatabase(database, options)
    const db = new Kysely<Schema>({ dialect: sqliteDialect(prepared) })
    await migrate(db, version, migrations)
    return db
  } catch (thrown) {
    database?.close()
    throw explainSqliteError(thrown, path)
  }
}
