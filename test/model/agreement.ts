import { expect } from 'vitest'
import { sessionActorId, type SessionContext } from '../../machines/index.ts'
import { machineState, type SessionSnapshot } from '../../src/domain/session-state.ts'
import { sealSnapshot } from '../../src/enumeration/envelope.ts'
import { ask } from '../support/database.ts'
import type { Rig } from './rig.ts'

interface SessionRow {
  readonly id: number
  readonly session_id: string
  readonly status: string
  readonly data: string
  readonly failure_reason: string | null
  readonly shortfalls: string
  readonly total: number | null
  readonly total_batches: number
  readonly failed_batches: number
  readonly items_found: number
  readonly items_processed: number
  readonly items_failed: number
  readonly started_at: number
  readonly last_update: number
  readonly completed_at: number | null
}

interface BatchRow {
  readonly number: number
  readonly status: string
  readonly items_processed: number
  readonly items_failed: number
  readonly completed_at: number | null
}

interface Stored {
  readonly value: string
  readonly status: string
  readonly context: SessionContext
}

const SESSIONS = `select sessions.*, checkpoints.data from sessions
  join checkpoints on checkpoints.target_id = sessions.session_id order by sessions.id`

const count = (look: Ask, sql: string) =>
  (look(`select count(*) as n from ${sql}`) as { n: number }[])[0]?.n

type Ask = (sql: string) => unknown[]

export interface Looking {
  /** Whether an item can be listed twice: it is then kept twice, and is one task. */
  readonly twice?: boolean
  /** Asks the file; who looks often keeps it open. */
  readonly ask?: Ask
}

/**
 * What has to hold of the file at any moment, whoever died when: the snapshot
 * and the columns say the same, and the rows bear it out.
 */
export function expectConsistent(path: string, options: Looking = {}): void {
  const { twice = false, ask: look = (sql) => ask(path, sql) } = options
  expect(look('pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
  for (const row of look(SESSIONS) as SessionRow[]) {
    const { snapshot } = JSON.parse(row.data) as { readonly snapshot: Stored }
    const { context } = snapshot
    expect(columnsOf(row)).toEqual({
      sessionId: context.sessionId,
      value: snapshot.value,
      metrics: context.metrics,
      timeline: context.timeline,
      failureReason: context.failureReason,
      shortfalls: context.shortfalls,
      total: context.total,
    })
    expectRows(look, row, twice)
  }
}

function columnsOf(row: SessionRow) {
  return {
    sessionId: row.session_id,
    value: row.status,
    metrics: {
      totalBatches: row.total_batches,
      failedBatches: row.failed_batches,
      itemsFound: row.items_found,
      itemsProcessed: row.items_processed,
      itemsFailed: row.items_failed,
    },
    timeline: {
      startedAt: row.started_at,
      lastUpdate: row.last_update,
      completedAt: row.completed_at,
    },
    failureReason: row.failure_reason,
    shortfalls: JSON.parse(row.shortfalls) as unknown,
    total: row.total,
  }
}

/** The batches, failed items and tasks that a session's counters speak of. */
function expectRows(look: Ask, row: SessionRow, listedTwice: boolean): void {
  const batches = look(
    `select * from batches where session = ${row.id} order by number`,
  ) as BatchRow[]
  expect(batches.map(({ number }) => number)).toEqual(batches.map((_, i) => i + 1))
  expect(batches).toHaveLength(row.total_batches)
  expect(batches.filter(({ status }) => status === 'FAILED')).toHaveLength(row.failed_batches)
  expect(batches.filter((batch) => batch.completed_at === null)).toEqual([])
  expect(batches.reduce((sum, batch) => sum + batch.items_processed, 0)).toBe(row.items_processed)
  expect(count(look, `failed_items where session = ${row.id}`)).toBe(row.items_failed)
  const tasks = count(look, `tasks where session = ${row.id}`)
  // Where every item is listed once, what was kept is what is to be scanned.
  if (listedTwice) expect(tasks).toBeLessThanOrEqual(row.items_processed)
  else expect(tasks).toBe(row.items_processed)
  expect(look(LOOSE_TASKS.replaceAll('$session', `${row.id}`))).toEqual([])
  expect(look(LOOSE_FAILURES.replaceAll('$session', `${row.id}`))).toEqual([])
  expect(look(LOOSE_BATCHES.replaceAll('$session', `${row.id}`))).toEqual([])
}

/** Tasks that lack what they speak of, or that no batch has, or two have. */
const LOOSE_TASKS = `select tasks.* from tasks
  join sessions on sessions.id = tasks.session
  left join resources on resources.id = tasks.target
  left join scan_targets on scan_targets.target_id = tasks.target
  left join job_targets on job_targets.target = tasks.target and job_targets.job = sessions.job
  where tasks.session = $session and (
    resources.uri is not tasks.uri or resources.uri not like '%://' || resources.key
    or scan_targets.target_id is null or job_targets.job is null
    or (select count(*) from batches where batches.session = tasks.session
      and tasks.seq between batches.first_task and batches.last_task) <> 1)`

/** Failed items without a reason, or of a batch in which none failed. */
const LOOSE_FAILURES = `select failed_items.* from failed_items
  left join batches on batches.session = failed_items.session
    and batches.number = failed_items.batch_number
  where failed_items.session = $session
    and (batches.number is null or batches.items_failed = 0 or failed_items.reason = '')`

/** Batches that ended at another time than they were last changed. */
const LOOSE_BATCHES = `select * from batches
  where session = $session and (completed_at is not last_update or started_at > last_update)`

/** What is stored of a session is what its live actor is. */
export function expectStoredAsLive(
  rig: Rig,
  sessionId: string,
  look: Ask = (sql) => ask(rig.path, sql),
): void {
  const live = rig.recorder.snapshotOf(sessionActorId(sessionId)) as SessionSnapshot | undefined
  if (live === undefined || live.status === ('stopped' as never)) return
  const [row] = look(
    SESSIONS.replace('order', `where session_id = '${sessionId}' order`),
  ) as SessionRow[]
  expect(JSON.parse(row?.data ?? 'null')).toEqual(JSON.parse(JSON.stringify(sealSnapshot(live))))
  expect(row?.status).toBe(machineState(live).status)
}
