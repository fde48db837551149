import { CompiledQuery, type Kysely } from 'kysely'
import type { TimeProvider } from '../../domain/clock.ts'
import { beginDelivery } from '../deliveries.ts'
import type { Schema } from '../schema.ts'
import { explainSecondSession, leaseLost } from '../sessions.ts'
import type { CommitPage, CommitSession, Fence, Store } from '../store.ts'
import type { Connections } from './connections.ts'
import { violatesUnique } from './errors.ts'
import { recordMissingAmongHosts } from './missing.ts'
import { pageStatement, type PageAnswer } from './page-statement.ts'
import { settled, type Patience } from './patience.ts'
import { sessionStatement } from './session-statement.ts'
import type { Filled } from './values.ts'

/** Sessions of which it is remembered that their delivery has begun. */
const MOST_DELIVERED = 10_000

export interface CommitsOptions {
  readonly db: Kysely<Schema>
  readonly connections: Connections
  readonly clock: TimeProvider | undefined
  readonly patience: Patience
}

/** What a walk writes to PostgreSQL as it goes on: a page is one statement. */
export function postgresCommits(
  options: CommitsOptions,
): Pick<Store, 'commitPage' | 'commitSession'> {
  const { db, clock, patience } = options
  const delivered = new Set<string>()

  /** A session that is known to be delivered needs no look at whether it is. */
  const remember = (sessionId: string): void => {
    if (delivered.size >= MOST_DELIVERED) delivered.clear()
    delivered.add(sessionId)
  }

  /**
   * The first tasks for a host also begin their delivery: a process that dies
   * right after the page must not leave tasks that nobody is owed.
   */
  const writeFirstOwed = (page: CommitPage): Promise<PageAnswer> =>
    db.transaction().execute(async (trx) => {
      const { sessionId } = page.fence
      const answer = inTime(await within<PageAnswer>(trx, pageStatement(page, clock)), sessionId)
      if (answer.delivery_started_at === null && answer.tasks > 0) {
        await beginDelivery(trx, { sessionId, at: page.at })
      }
      return answer
    })

  const writePage = async (page: CommitPage): Promise<{ readonly tasksCreated: number }> => {
    const { sessionId } = page.fence
    const mayBeFirst = page.delivering === true && !delivered.has(sessionId)
    const answer = mayBeFirst
      ? await writeFirstOwed(page)
      : inTime(await alone<PageAnswer>(options, pageStatement(page, clock)), sessionId)
    const isOwed = answer.delivery_started_at !== null || answer.tasks > 0
    if (mayBeFirst && isOwed) remember(sessionId)
    return { tasksCreated: answer.tasks }
  }

  return {
    commitPage: (page) =>
      settled(patience, {
        attempt: () => writePage(page).catch(explained(page)),
        find: () => findPage(db, page),
      }),
    commitSession: async (params) => {
      await settled(patience, {
        attempt: () => writeSession(options, params).catch(explained(params)),
        find: () => findCommitted(db, params.fence),
      })
    },
  }
}

/** An ended session was resumed while another of its target is unfinished. */
const explained =
  ({ session }: CommitSession) =>
  (thrown: unknown): never => {
    const isUniqueViolation = (found: unknown) => violatesUnique(found, 'sessions_active')
    throw explainSecondSession({ isUniqueViolation }, thrown, session)
  }

/** A commit that came too late gives no row, and has written none. */
function inTime<Row>([row]: readonly Row[], sessionId: string): Row {
  if (row === undefined) throw leaseLost(sessionId)
  return row
}

async function within<Row>(trx: Kysely<Schema>, { text, values }: Filled): Promise<Row[]> {
  return (await trx.executeQuery<Row>(CompiledQuery.raw(text, [...values]))).rows
}

async function alone<Row>(
  { connections }: CommitsOptions,
  { text, values }: Filled,
): Promise<Row[]> {
  return (await connections.use((connection) => connection.run<Row>(text, values))).rows
}

interface SessionAnswer {
  readonly id: number
  readonly target: number
}

async function writeSession(options: CommitsOptions, params: CommitSession): Promise<true> {
  const { fence, session, missing } = params
  const statement = sessionStatement(params, options.clock)
  // Nothing is missing as a rule, and looking for it takes a look at all that the target holds.
  if (missing === undefined || session.comparison?.missing === 0) {
    inTime(await alone(options, statement), fence.sessionId)
    return true
  }
  return options.db.transaction().execute(async (trx) => {
    const { id, target } = inTime(await within<SessionAnswer>(trx, statement), fence.sessionId)
    const at = session.timeline.lastUpdate.getTime()
    await recordMissingAmongHosts(trx, { session: id, target }, { ...missing, at })
    return true as const
  })
}

/** Whether it was this commit that brought the session to its next revision: nobody else's is of the same owner. */
async function findCommitted(db: Kysely<Schema>, fence: Fence): Promise<true | undefined> {
  const row = await db
    .selectFrom('sessions')
    .select('id')
    .where('session_id', '=', fence.sessionId)
    .where('revision', '=', fence.revision + 1)
    .where('lease_owner', '=', fence.owner)
    .executeTakeFirst()
  return row && true
}

/** What a page gave that was committed without an answer. */
async function findPage(
  db: Kysely<Schema>,
  { fence, batch }: CommitPage,
): Promise<{ readonly tasksCreated: number } | undefined> {
  if ((await findCommitted(db, fence)) === undefined) return undefined
  // A claim of the same owner raises the revision too: the page is there when its batch is.
  const page = await db
    .selectFrom('batches')
    .leftJoin('tasks', (join) =>
      join
        .onRef('tasks.session', '=', 'batches.session')
        .onRef('tasks.seq', '>=', 'batches.first_task')
        .onRef('tasks.seq', '<=', 'batches.last_task'),
    )
    .select((eb) => eb.fn.count<number>('tasks.seq').as('tasks'))
    .where('batches.batch_id', '=', batch.batchId)
    .groupBy('batches.batch_id')
    .executeTakeFirst()
  return page && { tasksCreated: page.tasks }
}
