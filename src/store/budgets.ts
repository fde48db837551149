import { sql, type Kysely, type RawBuilder } from 'kysely'
import type {
  BudgetNote,
  BudgetReport,
  BudgetState,
  LimitReport,
  ToldLimit,
} from '../sources/source.ts'
import type { Engine } from './engine.ts'
import type { BudgetTable, Schema } from './schema.ts'

/**
 * A report is one statement: it adds to every row that it asks about, and each
 * row comes back as it is then. So two processes cannot both see room for the
 * last point, and nobody has to wait for a second answer of the database.
 *
 * The points of a minute are counted in a ring of slots. A slot counts until
 * its last point is a minute old; by then its row is needed for the next.
 */
const SLOT_MS = 10_000
const MINUTE_MS = 60_000
const SLOTS = MINUTE_MS / SLOT_MS + 1

/** A row that nobody has used for a day is over, whatever it counts. */
export const KEPT_MS = 24 * 60 * 60_000
/** How long a process does not look again for rows that are over. */
const PRUNE_EVERY_MS = 60 * 60_000

/** What the rows of limits begin with. */
export const LIMIT_PREFIX = 'limit '

/** More than any service means, and less than what a column can hold. */
const MOST = 1e15

/** Services tell numbers in headers that anybody may have written; the columns hold whole ones. */
const whole = (value: number): number => Math.trunc(Math.min(Math.max(value, -MOST), MOST)) || 0

type Row = Omit<BudgetTable, 'credential' | 'label'>
type Cell = number | RawBuilder<number>
type NewRow = Pick<Row, 'name' | 'allowed' | 'remaining'> &
  Readonly<Record<'ends_at' | 'spent' | 'blocked_until', Cell>>

/** One moment for the whole statement: two could lie in two slots. */
const NOW = sql<number>`(select now from moment)`

const EMPTY = { ends_at: 0, allowed: null, remaining: null, spent: 0, blocked_until: 0 }

/** When a report says that nothing may be sent for a while, by the clock of the database. */
const blockedUntil = (ms: number): Cell => (ms > 0 ? sql<number>`${NOW} + ${bigint(ms)}` : 0)

const bigint = (value: number): RawBuilder<number> => sql<number>`cast(${whole(value)} as bigint)`

/** The slots of a minute; the points go to the one of now. */
const slotRows = ({ kind, points }: BudgetReport['spent']): NewRow[] =>
  Array.from({ length: SLOTS }, (_, place) => {
    const current = sql<number>`(${NOW} / ${sql.lit(SLOT_MS)})`
    const age = sql<number>`((${current} + ${sql.lit(SLOTS - place)}) % ${sql.lit(SLOTS)})`
    return {
      ...EMPTY,
      name: `minute ${kind} ${place}`,
      ends_at: sql<number>`(${current} - ${age} + ${sql.lit(SLOTS)}) * ${sql.lit(SLOT_MS)}`,
      spent: sql<number>`case when ${age} = 0 then ${bigint(points)} else 0 end`,
    }
  })

const limitRow = ({ resource, told, underWay, blockedMs }: LimitReport): NewRow => ({
  name: LIMIT_PREFIX + resource,
  ends_at: told === null ? 0 : whole(told.resetAt),
  allowed: told === null ? null : whole(told.limit),
  remaining: told === null ? null : whole(told.remaining),
  spent: whole(underWay),
  blocked_until: blockedUntil(blockedMs),
})

const limitRows = (limits: readonly LimitReport[]): NewRow[] =>
  limits.map(limitRow).toSorted((a, b) => (a.name < b.name ? -1 : 1))

/** In one order for all processes, so that no two wait for each other's rows. */
const rowsOf = ({ spent, limits, blockedMs }: BudgetReport): NewRow[] => [
  { ...EMPTY, name: 'all', blocked_until: blockedUntil(blockedMs) },
  ...limitRows(limits),
  ...slotRows(spent),
]

const IS_NEWER = sql<boolean>`excluded.ends_at > budgets.ends_at`
const IS_LESS = sql<boolean>`excluded.ends_at = budgets.ends_at
  and excluded.remaining < budgets.remaining`
/** What was under way in an earlier window is no longer counted in a new one. */
const SPENT = sql<number>`case when ${IS_NEWER} then 0 else budgets.spent end + excluded.spent`

const greater = (name: 'ends_at' | 'blocked_until' | 'used_at'): RawBuilder<number> => {
  const [told, known] = [sql.ref(`excluded.${name}`), sql.ref(`budgets.${name}`)]
  return sql`case when ${told} > ${known} then ${told} else ${known} end`
}

/** What becomes of a row that is there. */
const MERGED = {
  ends_at: greater('ends_at'),
  allowed: sql<number>`case when ${IS_NEWER} then excluded.allowed else budgets.allowed end`,
  remaining: sql<number>`case when ${IS_NEWER} or ${IS_LESS}
    then excluded.remaining else budgets.remaining end`,
  spent: sql<number>`case when ${SPENT} > 0 then ${SPENT} else 0 end`,
  blocked_until: greater('blocked_until'),
  used_at: greater('used_at'),
  // Who uses a credential without a name takes nobody's from it.
  label: sql<string | null>`coalesce(excluded.label, budgets.label)`,
}

const toldOf = ({ allowed, remaining, ends_at: resetAt }: Row): ToldLimit | null =>
  allowed === null || remaining === null ? null : { limit: allowed, remaining, resetAt }

const blockedMs = (row: Row | undefined): number =>
  row === undefined ? 0 : Math.max(0, row.blocked_until - row.used_at)

function stateOf(rows: readonly Row[], { limits }: BudgetReport): BudgetState {
  const byName = new Map(rows.map((row) => [row.name, row]))
  return {
    minute: rows
      .filter(({ name, spent }) => name.startsWith('minute ') && spent > 0)
      .map((row) => ({ points: row.spent, overInMs: row.ends_at - row.used_at }))
      .toSorted((a, b) => a.overInMs - b.overInMs),
    limits: limits.flatMap(({ resource }) => {
      const row = byName.get(LIMIT_PREFIX + resource)
      if (row === undefined) return []
      return { resource, told: toldOf(row), underWay: row.spent, blockedMs: blockedMs(row) }
    }),
    blockedMs: blockedMs(byName.get('all')),
  }
}

type BudgetOf = Pick<BudgetReport, 'credential' | 'label'>

/** What processes tell each other of the credentials that they share. */
export function budgets(db: Kysely<Schema>, engine: Engine) {
  let prunedAt = Number.NEGATIVE_INFINITY

  async function prune(): Promise<void> {
    const now = engine.clock.now()
    if (now < prunedAt + PRUNE_EVERY_MS) return
    prunedAt = now
    const oldest = sql<number>`${engine.now()} - ${sql.lit(KEPT_MS)}`
    await db
      .deleteFrom('budgets')
      .where('used_at', '<', oldest)
      .where('blocked_until', '<', engine.now())
      .execute()
  }

  /** Adds rows to what is known of a credential, in one statement. */
  function merge(rows: readonly NewRow[], { credential, label = null }: BudgetOf) {
    const moment = sql<number>`cast(${engine.now()} as bigint)`
    return db
      .with('moment', (query) => query.selectNoFrom(moment.as('now')))
      .insertInto('budgets')
      .values(rows.map((row) => ({ credential, label, ...row, used_at: NOW })))
      .onConflict((conflict) => conflict.columns(['credential', 'name']).doUpdateSet(MERGED))
  }

  return {
    async noteBudget(note: BudgetNote): Promise<void> {
      await prune()
      // What this process has under way is counted where it is shared, and only there.
      const rows = limitRows(note.limits).map((row) => ({ ...row, spent: 0 }))
      if (rows.length > 0) await merge(rows, note).execute()
    },

    async shareBudget(report: BudgetReport): Promise<BudgetState> {
      await prune()
      const rows = await merge(rowsOf(report), report)
        .returning(['name', 'ends_at', 'allowed', 'remaining', 'spent', 'blocked_until', 'used_at'])
        .execute()
      return stateOf(rows, report)
    },
  }
}

/** For a step of the schema; the same for every database. */
export async function addBudgets(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('budgets')
    .addColumn('credential', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('ends_at', 'bigint', (c) => c.notNull())
    .addColumn('allowed', 'bigint')
    .addColumn('remaining', 'bigint')
    .addColumn('spent', 'bigint', (c) => c.notNull())
    .addColumn('blocked_until', 'bigint', (c) => c.notNull())
    .addColumn('used_at', 'bigint', (c) => c.notNull())
    .addPrimaryKeyConstraint('budgets_key', ['credential', 'name'])
    .execute()
}
