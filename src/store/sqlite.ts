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
import {
  APPLICATION_ID,
  BUSY_TIMEOUT_MS,
  checkPath,
  lookBeforeMerging,
  versionOf,
} from './database-file.ts'
import { StoreError } from '../domain/errors.ts'
import { MIGRATIONS, type Migration } from './migrations.ts'
import type { Schema } from './schema.ts'
import { explainSqliteError, resultCode } from './sqlite-errors.ts'

export { APPLICATION_ID }

/** Pages of 4 KiB in the log before it is merged: with SQLite's own 1,000, merging took half of every commit. */
const WAL_PAGES = 4_000

/** Page cache in KiB: the identities are hashes, so a page of items touches the indexes all over. */
const CACHE_KIB = 16_000

/** How long SQLite itself waits for the lock of a transaction, and how long we pause before it looks again. */
const BRIEF_WAIT_MS = 5
const LOCK_PAUSE_MS = 15

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

  /** How long SQLite itself waits for a lock, in milliseconds. */
  waitForLocks(ms: number): void {
    this.#database.pragma(`busy_timeout = ${ms}`)
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

  /**
   * A deferred transaction that reads before it writes fails at once when another process wrote in between.
   *
   * SQLite's own wait for a lock stops the whole thread, and with it a transaction of another
   * connection of this process that holds the lock; so it waits a moment, and we wait for the rest.
   */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    for (const giveUpAt = performance.now() + BUSY_TIMEOUT_MS; ;) {
      try {
        this.#database.waitForLocks(BRIEF_WAIT_MS)
        await connection.executeQuery(CompiledQuery.raw('begin immediate'))
        return
      } catch (thrown) {
        const busy = thrown instanceof StoreError && thrown.code === 'STORE_BUSY'
        if (!busy || performance.now() > giveUpAt) throw thrown
      } finally {
        this.#database.waitForLocks(BUSY_TIMEOUT_MS)
      }
      await sleep(LOCK_PAUSE_MS)
    }
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
    // A step of the schema that failed was explained where it failed.
    throw explainSqliteError(thrown, path, true)
  }
}
