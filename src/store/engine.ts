import type { Kysely, RawBuilder } from 'kysely'
import type { TimeProvider } from '../domain/clock.ts'
import type { Schema } from './schema.ts'

/** A list of values as one parameter of a statement. */
export type List = string | readonly (string | number)[]

/** What is looked up by the identity that the outside knows it by. */
export type LookupKind = 'task' | 'target'

/** Finds rows by the identities that the outside knows them by. */
export interface Lookups {
  /** The row of an identity; undefined where there is none. Not within a transaction. */
  findRow(kind: LookupKind, id: string): Promise<number | undefined>
  /** Has all rows ready that are there by now, for `findWithin` and `targetsOf`. Not within a transaction. */
  prepare(kind: LookupKind): Promise<void>
  /** The same as `findRow` within a transaction, after `prepare`. */
  findWithin(trx: Kysely<Schema>, kind: LookupKind, id: string): Promise<number | undefined>
  /** Rows of these identities were deleted in this transaction. */
  forget(trx: Kysely<Schema>, kind: LookupKind, ids: readonly string[]): Promise<void>
  /** The scan targets of these identities, as a query for their `target_id`; after `prepare`. */
  targetsOf(ids: readonly string[]): RawBuilder<{ target_id: number }>
}

/** What a database does in a way of its own. */
export interface Engine {
  /** Whether hosts on several machines may share it. */
  readonly isShared: boolean
  /** Dates what is stored. */
  readonly clock: TimeProvider
  readonly lookups: Lookups
  /** The moment by which leases are judged; milliseconds since the Unix epoch. */
  now(): RawBuilder<number>
  /** Does work in one transaction; all of it again, where it failed for a reason that passes. */
  transact<T>(work: (trx: Kysely<Schema>) => Promise<T>): Promise<T>
  /** A query for sessions that are about to be written: nobody else writes them meanwhile. */
  locked<Query>(query: Query): Query
  /** The same, which leaves out those that somebody else is writing. */
  lockedOrSkipped<Query>(query: Query): Query
  /** Whatever numbers sessions does so one after the other: their numbers are in the order of their commits. */
  inSequence(trx: Kysely<Schema>): Promise<void>
  /** A list as one parameter, whatever its length: a statement of it is compiled once. */
  list(values: readonly (string | number)[]): List
  /** What is in such a list, for `in`. */
  itemsOf<Item extends string | number>(list: List, type: 'bigint' | 'text'): RawBuilder<Item>
  /** Whether a row was refused because there is one of the same unique key, given as `table.column`. */
  isUniqueViolation(thrown: unknown, key: string): boolean
}
