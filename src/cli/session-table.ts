import type { SessionState } from '../domain/session-state.ts'
import type { Cell } from './output.ts'

/** The columns of `muster status`, which programs read by name. */
export const SESSION_COLUMNS = [
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

export function sessionRow(s: SessionState): Record<(typeof SESSION_COLUMNS)[number], Cell> {
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
