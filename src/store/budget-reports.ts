import { sql, type Kysely, type Selectable } from 'kysely'
import { KEPT_MS, LIMIT_PREFIX } from './budgets.ts'
import type { Engine } from './engine.ts'
import type { BudgetTable, Schema } from './schema.ts'
import type { BudgetRecord } from './store.ts'

/** Limits that are shown at the most: more credentials than anybody looks at. */
const MOST = 500

type Row = Selectable<BudgetTable> & { readonly all_blocked: number | null; readonly now: number }

/** What is left of a limit, from 0 to 1; of one that nobody knows, all. */
const shareLeft = ({ limit, remaining }: BudgetRecord): number =>
  limit === null || remaining === null || limit <= 0 ? 1 : remaining / limit

function recordOf(row: Row): BudgetRecord {
  // What blocks a credential blocks each of its limits.
  const blockedUntil = Math.max(row.blocked_until, row.all_blocked ?? 0)
  return {
    label: row.label,
    resource: row.name.slice(LIMIT_PREFIX.length),
    limit: row.allowed,
    remaining: row.remaining,
    resetsAt: row.ends_at > 0 ? new Date(row.ends_at) : null,
    blockedUntil: blockedUntil > row.now ? new Date(blockedUntil) : null,
    updatedAt: new Date(row.used_at),
  }
}

/** The limits that were told of within a day; those of which least is left come first. */
export async function reportBudgets(db: Kysely<Schema>, engine: Engine): Promise<BudgetRecord[]> {
  const rows = await db
    .selectFrom('budgets')
    .leftJoin('budgets as whole', (join) =>
      join.onRef('whole.credential', '=', 'budgets.credential').on('whole.name', '=', 'all'),
    )
    .selectAll('budgets')
    .select(['whole.blocked_until as all_blocked', engine.now().as('now')])
    .where('budgets.name', 'like', `${LIMIT_PREFIX}%`)
    .where('budgets.used_at', '>=', sql<number>`${engine.now()} - ${sql.lit(KEPT_MS)}`)
    .orderBy('budgets.used_at', 'desc')
    .orderBy('budgets.credential')
    .orderBy('budgets.name')
    .limit(MOST)
    .execute()
  return rows.map(recordOf).toSorted((a, b) => shareLeft(a) - shareLeft(b))
}
