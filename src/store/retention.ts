/**
 * Retention: what is old goes, in steps that are short enough to stop no walk.
 *
 * A session is deleted from its checkpoint on to its own row, so that one of
 * which a part is left can neither be resumed nor deliver anything, and is
 * found again by the next pruning. Its number is never given to another: the
 * session with the greatest is the newest of its target, and that one stays.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { InvalidInputError } from '../domain/errors.ts'
import type { Engine } from './engine.ts'
import { deleteSession, deleteTasks, NOTHING, sum, type Counts } from './retention-rows.ts'
import { fateOf, isLastToSee, selectOld, type OldSession } from './retention-rules.ts'
import type { Schema } from './schema.ts'
import type { Pruned, Store } from './store.ts'
import { giveWay } from './turns.ts'

/** Sessions looked at in one step. */
const WINDOW = 100

type PruneStep = Parameters<Store['prune']>[0]

/** One step; see `Store.prune`. */
export async function prune(
  db: Kysely<Schema>,
  engine: Engine,
  { before, limit, after = 0 }: PruneStep,
): Promise<Pruned> {
  const window = await db
    .selectFrom('sessions')
    .select('id')
    .where('id', '>', after)
    .orderBy('id')
    .limit(WINDOW)
    .execute()
  const last = window.at(-1)?.id
  if (last === undefined) return { ...NOTHING, next: null }
  const { query } = await selectOld(db, engine, before)
  const rows = await query(db)
    .where('sessions.id', '>', after)
    .where('sessions.id', '<=', last)
    .orderBy('sessions.id')
    .execute()
  const { found, stoppedAt } = await candidatesOf(db, rows)
  const end = stoppedAt ?? (window.length < WINDOW ? null : last)
  if (found.length === 0) return { ...NOTHING, next: end }
  const { counts, fullAt } = await engine.transact(async (trx) => {
    const rules = await selectOld(trx, engine, before)
    return pruneSome(trx, engine, { found, limit, rules })
  })
  return { ...counts, next: fullAt === null ? end : fullAt - 1 }
}

/** Those of which something may go. @returns them, and the one at which the step has looked at enough */
async function candidatesOf(
  db: Kysely<Schema>,
  rows: readonly OldSession[],
): Promise<{ readonly found: readonly OldSession[]; readonly stoppedAt: number | null }> {
  const found: OldSession[] = []
  for (const row of rows) {
    const fate = fateOf(row)
    if (fate === 'whole' || fate === 'tasks') found.push(row)
    if (fate !== 'sightings') continue
    if (!(await isLastToSee(db, row))) found.push(row)
    // All that a target holds was gone over for it: once a step is enough.
    return { found, stoppedAt: row.id }
  }
  return { found, stoppedAt: null }
}

interface Some {
  readonly found: readonly OldSession[]
  readonly limit: number
  readonly rules: Awaited<ReturnType<typeof selectOld>>
}

/** Prunes these sessions until the limit is reached. @returns the session at which it was, if it was */
async function pruneSome(
  trx: Kysely<Schema>,
  engine: Engine,
  { found, limit, rules }: Some,
): Promise<{ readonly counts: Counts; readonly fullAt: number | null }> {
  let counts = NOTHING
  let left = limit
  for (const known of found) {
    // One that somebody else has hold of is somebody else's.
    const row = await engine
      .lockedOrSkipped(rules.query(trx))
      .where('sessions.id', '=', known.id)
      .executeTakeFirst()
    // Whatever is written of a session raises its revision: what was found of it holds.
    if (row === undefined || row.revision !== known.revision) continue
    const pruned = await pruneOne(trx, engine, row, left)
    counts = sum(counts, pruned.counts)
    left = pruned.left
    if (left === 0) return { counts, fullAt: known.id }
  }
  return { counts, fullAt: null }
}

async function pruneOne(
  trx: Kysely<Schema>,
  engine: Engine,
  row: OldSession,
  limit: number,
): Promise<{ readonly counts: Counts; readonly left: number }> {
  const fate = fateOf(row)
  if (fate === 'stays') return { counts: NOTHING, left: limit }
  if (fate !== 'tasks') return deleteSession(trx, engine, row, limit)
  const tasks = await deleteTasks(trx, engine, row, limit)
  return { counts: { ...NOTHING, tasks }, left: limit - tasks }
}

/** Rows of one step: some ten milliseconds on SQLite. */
const LIMIT = 500

/** Longer than a host waits before it knocks again at a locked SQLite file. */
const PAUSE_MS = 20

export interface PruneOptions {
  /** Sessions that ended before this moment are old; milliseconds since the Unix epoch, or a date. */
  readonly before: Date | number
  /** Rows deleted in one transaction. Default: 500. */
  readonly limit?: number
  /** Milliseconds between two transactions, in which others have their turn. Default: 20. */
  readonly pauseMs?: number
  /** Ends the pruning after the step in hand; what is left is for another time. */
  readonly signal?: AbortSignal
}

/** How many rows were deleted. */
export type PrunedRows = Counts

/**
 * Deletes all that is old, step by step, while walks go on. It may be cut off
 * at any moment and run again, and several processes may do it at once.
 *
 * @throws InvalidInputError (INVALID_OPTIONS) for a moment that is none
 */
export async function pruneAll(
  store: Pick<Store, 'prune'>,
  { before, limit = LIMIT, pauseMs = PAUSE_MS, signal }: PruneOptions,
): Promise<PrunedRows> {
  const moment = Number(before)
  if (!Number.isFinite(moment)) {
    throw new InvalidInputError('INVALID_OPTIONS', [
      `before is ${String(before)}: expected a date, or milliseconds since the Unix epoch`,
    ])
  }
  if (!Number.isSafeInteger(limit) || limit < 1) {
    throw new InvalidInputError('INVALID_OPTIONS', [
      `limit is ${limit}: expected a whole number of rows from 1`,
    ])
  }
  let counts = NOTHING
  for (let after: number | null = 0; after !== null && signal?.aborted !== true;) {
    const { next, ...step }: Pruned = await store.prune({ before: moment, limit, after })
    counts = sum(counts, step)
    after = next
    const isIdle = Object.values(step).every((n) => n === 0)
    if (next !== null) await (isIdle ? giveWay() : sleep(pauseMs))
  }
  return counts
}
