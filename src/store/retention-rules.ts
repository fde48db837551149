import { sql, type Expression, type Kysely, type RawBuilder, type SqlBool } from 'kysely'
import { ACTIVE_STATUSES } from '../domain/session-state.ts'
import type { Engine } from './engine.ts'
import { canBeRelied } from './inventory.ts'
import type { Schema } from './schema.ts'
import { giveWay } from './turns.ts'

/**
 * Holds the lease of a session that is being pruned. A host that asked for the
 * session a moment before may have read its checkpoint; by this it does not get
 * the session, and what it had of it is too late.
 */
export const PRUNER = 'retention'

/**
 * The newest task of all stays. SQLite gives the number after the greatest to
 * the next row: a task of a number that was another's could be taken for one
 * that is delivered.
 */
const LAST_TASK = sql<number>`(select max(seq) from tasks)`

export const isNotLast = sql<SqlBool>`seq < ${LAST_TASK}`

/** The databases have booleans of different kinds. */
const flag = (condition: RawBuilder<SqlBool>) =>
  sql<0 | 1>`case when ${condition} then 1 else 0 end`

const HAS_LATER = sql<SqlBool>`exists (select 1 from sessions as later
  where later.target_key = sessions.target_key and later.id > sessions.id)`

/** Only of COMPLETED ones: what they say is final. */
const HAS_LATER_TO_COMPARE = sql<SqlBool>`exists (select 1 from sessions as later
  where later.target_key = sessions.target_key and later.id > sessions.id
  and later.status = 'COMPLETED' and later.comparison is not null)`

const HAS_LAST_TASK = sql<SqlBool>`exists (select 1 from tasks
  where seq = ${LAST_TASK} and session = sessions.id)`

const HAS_TASKS = sql<SqlBool>`exists (select 1 from tasks
  where session = sessions.id and ${isNotLast})`

const IS_OWED_TO_HOST = sql<SqlBool>`exists (select 1 from tasks
  where session = sessions.id and acknowledged_at is null)`

/** Sessions that ended before a time, and that nobody walks, delivers, announces or waits for. */
export async function selectOld(db: Kysely<Schema>, engine: Engine, before: number) {
  const open = await db
    .selectFrom('rounds')
    .select(['after_session', 'resumed'])
    .where('completed_at', 'is', null)
    .execute()
  return {
    query: (from: Kysely<Schema>) =>
      from
        .selectFrom('sessions')
        .select([
          'sessions.id',
          'session_id',
          'job',
          'target',
          'revision',
          'status',
          'items_failed',
          'shortfalls',
          'comparison',
        ])
        .select([
          flag(HAS_LATER).as('has_later'),
          flag(HAS_LATER_TO_COMPARE).as('has_later_to_compare'),
          flag(HAS_LAST_TASK).as('has_last_task'),
          flag(HAS_TASKS).as('has_tasks'),
        ])
        .where('status', 'not in', [...ACTIVE_STATUSES])
        .where((eb) => eb(eb.fn.coalesce('completed_at', 'last_update'), '<', before))
        .where('announcement_owed', '=', 0)
        .where(({ eb, or }) =>
          or([
            eb('lease_owner', 'is', null),
            eb('lease_owner', '=', PRUNER),
            eb('lease_until', '<=', engine.now()),
          ]),
        )
        .where(sql<SqlBool>`not ${IS_OWED_TO_HOST}`)
        .where(({ eb, and, not, or }) =>
          and(
            open.map(({ after_session: after, resumed }): Expression<SqlBool> => {
              const ids = JSON.parse(resumed) as string[]
              return not(or([eb('sessions.id', '>', after), eb('session_id', 'in', ids)]))
            }),
          ),
        ),
  }
}

type OldQuery = ReturnType<Awaited<ReturnType<typeof selectOld>>['query']>

/** A session that may be pruned. */
export type OldSession = Awaited<ReturnType<OldQuery['execute']>>[number]

/** What of an old session may go; `sightings` where that depends on what was seen of its target. */
export function fateOf(row: OldSession): 'whole' | 'sightings' | 'tasks' | 'stays' {
  const isHeldAgainst =
    row.comparison !== null && canBeRelied(row) && row.has_later_to_compare === 0
  if (row.has_later === 1 && row.has_last_task === 0 && !isHeldAgainst) {
    return row.status === 'FAILED' ? 'sightings' : 'whole'
  }
  // Of others the tasks could come again: they can be resumed.
  return row.status === 'COMPLETED' && row.has_tasks === 1 ? 'tasks' : 'stays'
}

/** Sightings that are looked at in one statement: about a millisecond of it. */
const WINDOW = 5_000

/**
 * Whether a FAILED session is what tells that resources have still to be taken
 * as changed: nobody can rely on a host having had their tasks from it. Without
 * its row they would be taken as unchanged, and never get a task.
 */
export async function isLastToSee(db: Kysely<Schema>, row: OldSession): Promise<boolean> {
  for (let after = -1; ;) {
    const window = db
      .selectFrom('sightings')
      .select(['resource', 'session', 'change'])
      .where('target', '=', row.target)
      .where('resource', '>', after)
      .orderBy('resource')
      .limit(WINDOW)
      .as('seen')
    const { last, own } = await db
      .selectFrom(window)
      .select((eb) => [
        eb.fn.max('resource').as('last'),
        sql<number>`sum(case when session = ${row.id} and change in ('new', 'changed')
          then 1 else 0 end)`.as('own'),
      ])
      .executeTakeFirstOrThrow()
    if (Number(own) > 0) return true
    if (last === null) return false
    after = Number(last)
    await giveWay()
  }
}
