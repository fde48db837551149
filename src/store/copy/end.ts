import type { Kysely, RawBuilder } from 'kysely'
import type { Schema } from '../schema.ts'

/** A database that is copied from or to. */
export interface End {
  /** For messages: a path, or an address without its password. */
  readonly shown: string
  readonly db: Kysely<Schema>
  /** Two of the same are one database, whatever they were called. */
  readonly identity: string
  /** The moment by which its leases are judged. */
  now(): RawBuilder<number>
  /** Keeps others from writing sessions until the end of the transaction; its first step. */
  reserve(trx: Kysely<Schema>): Promise<void>
  /** Has the next row numbered after the greatest number that a table has. */
  continueCounter(trx: Kysely<Schema>, table: string, column: string): Promise<void>
  close(): Promise<void>
}
