import type { Schema } from '../schema.ts'

/** A table as it is copied. */
export interface CopiedTable {
  readonly name: keyof Schema
  /** Tells its rows apart, and is the order in which they are read; both databases have an index that begins like it. */
  readonly key: readonly [string, ...string[]]
  /** The column that the database numbers. */
  readonly counter?: string
  /** What its rows are given in place of what they had. */
  readonly change?: Readonly<Record<string, null>>
}

export const COPIED_TABLES: readonly CopiedTable[] = [
  {
    name: 'sessions',
    key: ['id'],
    counter: 'id',
    // Who walked them has no lease in the other database.
    change: { lease_owner: null, lease_until: null },
  },
  { name: 'checkpoints', key: ['id'], counter: 'id' },
  { name: 'targets', key: ['id'], counter: 'id' },
  { name: 'jobs', key: ['id'], counter: 'id' },
  { name: 'rounds', key: ['id'], counter: 'id' },
  { name: 'batches', key: ['session', 'number'] },
  { name: 'failed_items', key: ['id'], counter: 'id' },
  { name: 'audit', key: ['id'], counter: 'id' },
  { name: 'resources', key: ['id'], counter: 'id' },
  { name: 'scan_targets', key: ['target_id'] },
  { name: 'sightings', key: ['target', 'resource'] },
  { name: 'aliases', key: ['resource', 'uri'] },
  { name: 'answers', key: ['stored_at', 'key'] },
  { name: 'tasks', key: ['seq'], counter: 'seq' },
  { name: 'job_targets', key: ['job', 'target'] },
  { name: 'rules', key: ['rule_id'] },
  { name: 'budgets', key: ['credential', 'name'] },
]

/**
 * Tables that stay behind: the lead is a lease, and SQLite's look-ups are
 * entered again by whoever looks something up.
 */
export const NOT_COPIED: readonly (keyof Schema)[] = ['leaders', 'lookups', 'lookup_marks']
