import type Database from 'better-sqlite3'
import type { Facts, Life } from './life.ts'

/** What a look at a database finds wrong, one line each. */
export type Problems = string[]

export interface Scenario {
  readonly title: string
  /** What is there before the life that may end early; without it there is no file. */
  prepare?(path: string): Promise<void>
  /**
   * What a host does, from opening the database to closing it. After a crash
   * it is done again by another process, which knows the facts and no more, and
   * does what is left.
   */
  live(life: Life): Promise<void>
  /** Whether sessions and batches come from elsewhere, one call each, so that they do not add up in between. */
  readonly isImport?: boolean
  /** What must hold right after a crash, beyond what always holds. */
  whole?(database: Database.Database, facts: Facts): Problems
  /** What must hold when a life has come to its end. */
  truth(database: Database.Database, facts: Facts): void
}
