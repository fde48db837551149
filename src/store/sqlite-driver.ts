import { setTimeout as sleep } from 'node:timers/promises'
import {
  CompiledQuery,
  SqliteDriver,
  type DatabaseConnection,
  type QueryResult,
  type SqliteDatabase,
} from 'kysely'
import { StoreError } from '../domain/errors.ts'
import { BUSY_TIMEOUT_MS } from './database-file.ts'
import type { LogMerger } from './merging/index.ts'

/** How long SQLite itself waits for a lock, and how long we pause before it looks again; milliseconds. */
export const BRIEF_WAIT_MS = 5
const LOCK_PAUSE_MS = 15

interface LockableDatabase extends SqliteDatabase {
  readonly inTransaction: boolean
}

/**
 * A connection that waits for a lock without stopping the thread. SQLite's own
 * wait stops it, and with it a transaction of another connection of this
 * process that holds the lock: so SQLite waits a moment, and we for the rest.
 */
class PatientConnection implements DatabaseConnection {
  readonly #inner: DatabaseConnection
  readonly #database: LockableDatabase

  constructor(inner: DatabaseConnection, database: LockableDatabase) {
    this.#inner = inner
    this.#database = database
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    for (const giveUpAt = performance.now() + BUSY_TIMEOUT_MS; ;) {
      try {
        return await this.#inner.executeQuery<R>(query)
      } catch (thrown) {
        const isBusy = thrown instanceof StoreError && thrown.code === 'STORE_BUSY'
        // Within a transaction the lock is ours: what is in the way there will not go away.
        if (!isBusy || this.#database.inTransaction || performance.now() > giveUpAt) throw thrown
      }
      await sleep(LOCK_PAUSE_MS)
    }
  }

  streamQuery<R>(query: CompiledQuery, chunkSize: number): AsyncIterableIterator<QueryResult<R>> {
    return this.#inner.streamQuery<R>(query, chunkSize)
  }
}

/** Kysely's driver, with transactions that take the lock at once, and patience for it. */
export class PatientSqliteDriver extends SqliteDriver {
  readonly #database: LockableDatabase
  readonly #merger: LogMerger | undefined

  constructor(database: LockableDatabase, merger?: LogMerger) {
    super({ database })
    this.#database = database
    this.#merger = merger
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    return new PatientConnection(await super.acquireConnection(), this.#database)
  }

  /** A deferred transaction that reads before it writes fails at once when another process wrote in between. */
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'))
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await super.commitTransaction(connection)
    this.#merger?.committed()
  }

  override async destroy(): Promise<void> {
    // Whoever lets go of the file last merges the log and takes it away: that is to be us.
    await this.#merger?.close()
    await super.destroy()
  }

  /** A full disk rolls back by itself; a second rollback would hide the error that mattered. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection)
  }
}
