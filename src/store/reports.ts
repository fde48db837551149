import { sql, type Kysely, type RawBuilder, type SqlBool } from 'kysely'
import { ACTIVE_STATUSES } from '../domain/session-state.ts'
import { reportBudgets } from './budget-reports.ts'
import type { Engine } from './engine.ts'
import { batchOfRow, summaryOf } from './rows.ts'
import type { Schema } from './schema.ts'
import { selectSummaries } from './sessions.ts'
import type { ReportRepository, SessionGroup, SessionQuery } from './store.ts'
import { taskReport } from './task-reports.ts'

type Condition = RawBuilder<SqlBool>

const inList = (texts: readonly string[]) => sql.join(texts.map((text) => sql.lit(text)))

const IS_ACTIVE = sql<SqlBool>`sessions.status in (${inList(ACTIVE_STATUSES)})`

/** Somebody has to put something right, or to resume it. */
const IS_PAUSED = sql<SqlBool>`(${IS_ACTIVE} and (coalesce(sessions.asked, '') = 'pause'
  or (sessions.waiting_reason is not null and sessions.waiting_until is null)))`

const IS_IN_NEED = sql<SqlBool>`sessions.status in ('FAILED', 'PARTIALLY_COMPLETED', 'STALLED')`

/** Which sessions belong to which group: one can belong to several. */
const groupsAt = (now: RawBuilder<number>): Readonly<Record<SessionGroup, Condition>> => ({
  all: sql`1 = 1`,
  active: IS_ACTIVE,
  waiting: sql`(${IS_ACTIVE} and sessions.waiting_until > ${now} and not ${IS_PAUSED})`,
  paused: IS_PAUSED,
  attention: sql`(${IS_IN_NEED} or ${IS_PAUSED})`,
  ended: sql`not (${IS_ACTIVE})`,
})

/** By id last, so that no window of a list shows a session again, or passes one over. */
const ORDERS: Readonly<Record<NonNullable<SessionQuery['sort']>, RawBuilder<unknown>>> = {
  newest: sql`sessions.id desc`,
  oldest: sql`sessions.id`,
  target: sql`sessions.target_name, sessions.id desc`,
  items: sql`sessions.items_found desc, sessions.id desc`,
  failed: sql`sessions.items_failed desc, sessions.id desc`,
}

/** A text that is looked for as it is: what would stand for any text stands for itself. */
const literally = (text: string): string => `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`

/** Whether a column holds a text, whatever the case of its letters, as far as the database knows them. */
const holds = (column: string, text: string): Condition =>
  sql`lower(${sql.ref(column)}) like lower(${literally(text)}) escape '\\'`

function conditionOf(
  { group = 'all', search, targetKey }: SessionQuery,
  now: RawBuilder<number>,
): Condition {
  const conditions = [groupsAt(now)[group]]
  if (targetKey !== undefined) conditions.push(sql`sessions.target_key = ${targetKey}`)
  if (search !== undefined && search !== '') {
    conditions.push(
      sql`(${holds('sessions.target_name', search)} or ${holds('sessions.session_id', search)})`,
    )
  }
  return sql`${sql.join(conditions, sql` and `)}`
}

async function listSessions(db: Kysely<Schema>, engine: Engine, query: SessionQuery) {
  const { sort = 'newest', offset = 0, limit } = query
  const condition = conditionOf(query, engine.now())
  const { n } = await db
    .selectFrom('sessions')
    .select((eb) => eb.fn.countAll<number>().as('n'))
    .where(condition)
    .executeTakeFirstOrThrow()
  // Numbers alone are sorted: a session's row is a kilobyte and more.
  const window = db
    .selectFrom('sessions')
    .select('sessions.id')
    .where(condition)
    .orderBy(ORDERS[sort])
    .limit(limit)
    .offset(offset)
  const rows = await selectSummaries(db, engine)
    .where('sessions.id', 'in', window)
    .orderBy(ORDERS[sort])
    .execute()
  return { total: Number(n), rows: rows.map(summaryOf) }
}

async function countSessions(db: Kysely<Schema>, engine: Engine) {
  const groups = Object.entries(groupsAt(engine.now())) as [SessionGroup, Condition][]
  const counted = await db
    .selectFrom('sessions')
    .select(
      groups.map(([group, condition]) =>
        sql<number | null>`sum(case when ${condition} then 1 else 0 end)`.as(group),
      ),
    )
    .executeTakeFirstOrThrow()
  const counts = groups.map(([group]) => [group, Number(counted[group] ?? 0)])
  return Object.fromEntries(counts) as Record<SessionGroup, number>
}

/** What dashboards and reports read. Each answer is one look at the sessions, or at the rows of one of them. */
export function reportRepository(db: Kysely<Schema>, engine: Engine): ReportRepository {
  return {
    sessions: (query) => listSessions(db, engine, query),

    async session(sessionId) {
      const row = await selectSummaries(db, engine)
        .where('sessions.session_id', '=', sessionId)
        .executeTakeFirst()
      return row === undefined ? null : summaryOf(row)
    },

    counts: () => countSessions(db, engine),
    tasks: taskReport(db),

    async batches({ sessionId, limit }) {
      const rows = await db
        .selectFrom('batches')
        .innerJoin('sessions', 'sessions.id', 'batches.session')
        .selectAll('batches')
        .select('sessions.session_id')
        .where('sessions.session_id', '=', sessionId)
        .orderBy('batches.number', 'desc')
        .limit(limit)
        .execute()
      return rows.map(batchOfRow)
    },

    budgets: () => reportBudgets(db, engine),
  }
}
