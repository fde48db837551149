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

const batchesOf = (path: string, session: number) =>
  ask<BatchRow>(path, `select * from batches where session = ${session} order by number`)

const count = (path: string, sql: string) =>
  ask<{ n: number }>(path, `select count(*) as n from ${sql}`)[0]?.n

export interface Listed {
  /** Whether an item can be listed twice: it is then kept twice, and is one task. */
  readonly twice?: boolean
}

/**
 * What has to hold of the file at any moment, whoever died when: the snapshot
 * and the columns say the same, and the rows bear it out.
 */
export function expectConsistent(path: string, { twice = false }: Listed = {}): void {
  expect(ask(path, 'pragma integrity_check')).toEqual([{ integrity_check: 'ok' }])
  for (const row of ask<SessionRow>(path, SESSIONS)) {
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
    expectRows(path, row, twice)
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
function expectRows(path: string, row: SessionRow, listedTwice: boolean): void {
  const batches = batchesOf(path, row.id)
  expect(batches.map(({ number }) => number)).toEqual(batches.map((_, i) => i + 1))
  expect(batches).toHaveLength(row.total_batches)
  expect(batches.filter(({ status }) => status === 'FAILED')).toHaveLength(row.failed_batches)
  expect(batches.filter((batch) => batch.completed_at === null)).toEqual([])
  expect(batches.reduce((sum, batch) => sum + batch.items_processed, 0)).toBe(row.items_processed)
  expect(count(path, `failed_items where session = ${row.id}`)).toBe(row.items_failed)
  const tasks = count(path, `tasks where session = ${row.id}`)
  // Where every item is listed once, what was kept is what is to be scanned.
  if (listedTwice) expect(tasks).toBeLessThanOrEqual(row.items_processed)
  else expect(tasks).toBe(row.items_processed)
  expect(count(path, `tasks where session = ${row.id} and task_id is null`)).toBe(0)
}

/** What is stored of a session is what its live actor is. */
export function expectStoredAsLive(rig: Rig, sessionId: string): void {
  const live = rig.recorder.snapshotOf(sessionActorId(sessionId)) as SessionSnapshot | undefined
  if (live === undefined || live.status === ('stopped' as never)) return
  const [row] = ask<SessionRow>(
    rig.path,
    SESSIONS.replace('order', `where session_id = '${sessionId}' order`),
  )
  expect(JSON.parse(row?.data ?? 'null')).toEqual(JSON.parse(JSON.stringify(sealSnapshot(live))))
  expect(row?.status).toBe(machineState(live).status)
}
