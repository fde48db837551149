import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import {
  CompiledQuery,
  Kysely,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
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
import { MIGRATIONS, type Migration } from './migrations.ts'
import { LogMerger } from './merging/index.ts'
import type { Schema } from './schema.ts'
import { BRIEF_WAIT_MS, PatientSqliteDriver } from './sqlite-driver.ts'
import { explainSqliteError, resultCode } from './sqlite-errors.ts'

export { APPLICATION_ID }

/**
 * Pages of 4 KiB in the log before a commit merges it into the file. That is
 * the work of a thread, which does so at 4,000; this is for when it cannot.
 */
const WAL_PAGES = 12_000

/** Page cache in KiB: the identities are hashes, so a page of items touches the indexes all over. */
const CACHE_KIB = 4_000

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
      all: (parameters) => call(() => statement.all(...bindings(parameters))),
      run: (parameters) => call(() => statement.run(...bindings(parameters))),
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

/** Values in their order; before them, where there are any, those that have names. */
function bindings(parameters: readonly unknown[]): readonly unknown[] {
  const [first, values] = parameters
  return Array.isArray(values) ? [values, first] : [parameters]
}

function sqliteDialect(database: PreparedDatabase, merger?: LogMerger): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new PatientSqliteDriver(database, merger),
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
    database.pragma(`busy_timeout = ${BRIEF_WAIT_MS}`)
    database.pragma(`wal_autocheckpoint = ${WAL_PAGES}`)
    database.pragma(`cache_size = -${CACHE_KIB}`)
    const prepared = new PreparedDatabase(database, options)
    const merger = path === ':memory:' ? undefined : new LogMerger(path)
    const db = new Kysely<Schema>({ dialect: sqliteDialect(prepared, merger) })
    await migrate(db, version, migrations)
    return db
  } catch (thrown) {
    database?.close()
    // A step of the schema that failed was explained where it failed.
    throw explainSqliteError(thrown, path, true)
  }
}
