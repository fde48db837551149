import type Database from 'better-sqlite3'
import type { Facts, Life } from './life.ts'

/** What a look at a database finds wrong, one line each. */
export type Problems = string[]

export interface Scenario {
  readonly title: string
  /**
   * Makes what is there before the life that may end early. Default: an empty database.
   *
   * @param database path of a SQLite file, or URL of an empty database on PostgreSQL
   */
  prepare?(database: string): Promise<void>
  /** Whether it is about files, and not for PostgreSQL. */
  readonly isOfFiles?: boolean
  /**
   * What a host does, from opening the database to closing it. After a crash
   * it is done again by another process, which knows the facts and no more, and
   * does what is left.
   */
  live(life: Life): Promise<void>
  /** Whether sessions and batches come from elsewhere, one call each, so that they do not add up in between. */
  readonly isImport?: boolean
  /** Whether rows go that others speak of; `whole` says what has to hold of those that are left. */
  readonly isPruning?: boolean
  /** What must hold right after a crash, beyond what always holds. */
  whole?(database: Database.Database, facts: Facts): Problems
  /** What must hold when a life has come to its end. */
  truth(database: Database.Database, facts: Facts): void
}
