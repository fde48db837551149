import type { SessionState } from '../domain/session-state.ts'
import { table, type Cell } from './output.ts'

/** The columns of `muster status`, which programs read by name. */
const SESSION_COLUMNS = [
  'session_id',
  'target',
  'source_type',
  'status',
  'completeness',
  'items_found',
  'items_processed',
  'items_failed',
  'total_batches',
  'failed_batches',
  'started_at',
  'completed_at',
  'failure_reason',
] as const

function sessionRow(s: SessionState): Record<(typeof SESSION_COLUMNS)[number], Cell> {
  return {
    session_id: s.sessionId,
    target: s.targetName,
    source_type: s.sourceType,
    status: s.status,
    completeness: s.completeness,
    items_found: s.metrics.itemsFound,
    items_processed: s.metrics.itemsProcessed,
    items_failed: s.metrics.itemsFailed,
    total_batches: s.metrics.totalBatches,
    failed_batches: s.metrics.failedBatches,
    started_at: s.timeline.startedAt.toISOString(),
    completed_at: s.timeline.completedAt?.toISOString() ?? null,
    failure_reason: s.failureReason,
  }
}

/** Sessions as the tool prints them: a table, or JSON. */
export function sessionData(sessions: readonly SessionState[], json: boolean): string {
  const rows = sessions.map(sessionRow)
  if (json) return `${JSON.stringify(rows, null, 2)}\n`
  return table(
    SESSION_COLUMNS,
    rows.map((row) => SESSION_COLUMNS.map((column) => row[column])),
  )
}
