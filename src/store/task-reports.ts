import type { Kysely } from 'kysely'
import type { Schema } from './schema.ts'
import type { ReportRepository } from './store.ts'

/** Tasks that are counted at each question: a few milliseconds of work. */
const COUNTED_AT_ONCE = 50_000

/** For how long the count of as many more is good; milliseconds. */
const GOOD_FOR_MS = 1_000

/** Counts that are remembered. */
const MOST_KNOWN = 100

/** The tasks that their batches have made: a row a page, where there are a hundred tasks or a thousand. */
async function madeBy(db: Kysely<Schema>, session: number | undefined): Promise<number> {
  let batches = db.selectFrom('batches').select((eb) => eb.fn.sum<number>('tasks_made').as('n'))
  if (session !== undefined) batches = batches.where('session', '=', session)
  return Number((await batches.executeTakeFirstOrThrow()).n ?? 0)
}

/** The index of what is outstanding holds nothing else: its entries are counted. */
async function outstandingOf(db: Kysely<Schema>, session: number | undefined): Promise<number> {
  let tasks = db
    .selectFrom('tasks')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .where('acknowledged_at', 'is', null)
  if (session !== undefined) tasks = tasks.where('session', '=', session)
  return Number((await tasks.executeTakeFirstOrThrow()).n)
}

/**
 * How many tasks there are: those that pages made, of the sessions that are
 * still there, and of them those that nobody has acknowledged. Tasks that were
 * saved by hand are outstanding without a page that made them, and those that
 * retention took from a session that stays were made all the same.
 *
 * Whoever shows it asks every second. Millions of outstanding tasks are not
 * counted as often: a count is good for a second for each 50,000 of them.
 */
export function taskReport(db: Kysely<Schema>): ReportRepository['tasks'] {
  const known = new Map<number | undefined, { readonly n: number; readonly until: number }>()

  async function outstanding(session: number | undefined): Promise<number> {
    const before = known.get(session)
    if (before !== undefined && performance.now() < before.until) return before.n
    const n = await outstandingOf(db, session)
    if (known.size >= MOST_KNOWN) known.clear()
    const goodFor = Math.floor(n / COUNTED_AT_ONCE) * GOOD_FOR_MS
    if (goodFor > 0) known.set(session, { n, until: performance.now() + goodFor })
    return n
  }

  return async (sessionId) => {
    const session = sessionId === undefined ? undefined : await rowOf(db, sessionId)
    if (session === null) return { total: 0, outstanding: 0 }
    return { total: await madeBy(db, session), outstanding: await outstanding(session) }
  }
}

async function rowOf(db: Kysely<Schema>, sessionId: string): Promise<number | null> {
  const row = await db
    .selectFrom('sessions')
    .select('id')
    .where('session_id', '=', sessionId)
    .executeTakeFirst()
  return row?.id ?? null
}
