import type Database from 'better-sqlite3'
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest'
import { openStore, type Store, type TimeProvider } from '../../src/index.ts'
import { openPostgresStore } from '../../src/store/postgres/open.ts'
import type { StatementHook } from '../../src/store/sqlite.ts'
import type { Ask } from '../support/consistency.ts'
import { ask } from '../support/database.ts'
import { describePostgres, freshDatabase } from '../support/postgres.ts'
import { quickDatabase } from '../support/temp.ts'
import { Mirror } from './mirror.ts'

export interface OpenOptions {
  /** Judges the leases, on PostgreSQL too: the test moves it. */
  readonly clock: TimeProvider
  readonly onStatement?: StatementHook
}

/** The database under a test, whichever it is. */
export interface TestDatabase {
  open(options: OpenOptions): Promise<Store>
  /** Asks, in the words of SQLite, for what is stored by now; read past the store. */
  look(): Promise<Ask>
}

export const sqliteAt = (path: string): TestDatabase => ({
  open: (options) => openStore({ path, ...options }),
  look: async () => (sql) => ask(path, sql),
})

/** Has one database on PostgreSQL for tests that run one after the other: to empty it is quicker than to make one. */
class PostgresDatabase implements TestDatabase {
  readonly #url: string
  readonly #mirror: Mirror
  readonly #drop: () => Promise<void>
  #seen: Database.Database | undefined

  private constructor(url: string, mirror: Mirror, drop: () => Promise<void>) {
    this.#url = url
    this.#mirror = mirror
    this.#drop = drop
  }

  static async make(): Promise<PostgresDatabase> {
    const { url, drop } = await freshDatabase()
    await (await openPostgresStore({ url })).close()
    return new PostgresDatabase(url, await Mirror.open(url), drop)
  }

  async empty(): Promise<void> {
    await this.#mirror.endOthers()
    await this.#mirror.put()
    onTestFinished(() => void this.#seen?.close())
  }

  open(options: OpenOptions): Promise<Store> {
    return openPostgresStore({ url: this.#url, poolSize: 3, ...options })
  }

  async look(): Promise<Ask> {
    this.#seen?.close()
    const database = await this.#mirror.look()
    this.#seen = database
    return (sql) => database.prepare(sql).all()
  }

  async close(): Promise<void> {
    await this.#mirror.close()
    await this.#drop()
  }
}

/**
 * Describes tests twice: on SQLite, and on PostgreSQL where there is one.
 *
 * @param tests gets what gives each test an empty database
 */
export function describeOnEach(
  title: string,
  tests: (fresh: () => Promise<TestDatabase>, isPostgres: boolean) => void,
): void {
  describe(`${title} (SQLite)`, () => tests(async () => sqliteAt(quickDatabase()), false))
  describePostgres(`${title} (PostgreSQL)`, () => {
    let database: PostgresDatabase
    beforeAll(async () => {
      database = await PostgresDatabase.make()
    })
    afterAll(() => database.close())
    tests(async () => {
      await database.empty()
      return database
    }, true)
  })
}
