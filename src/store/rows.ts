import type { Selectable } from 'kysely'
import type { BatchMetrics, BatchStatus, Position, SessionStatus } from '../../machines/index.ts'
import type { Batch } from '../domain/batch.ts'
import type { Checkpoint } from '../domain/checkpoint.ts'
import type { JsonRecord } from '../domain/json.ts'
import type { Resource, ScanTarget } from '../domain/resources.ts'
import type { Completeness, SessionState, TargetConfig, Waiting } from '../domain/session-state.ts'
import type { Ask } from '../domain/steering.ts'
import type { TaskRecord } from '../domain/task.ts'
import { momentsOf, timelineOf } from '../domain/timeline.ts'
import type { OutstandingTask, SessionSummary } from './store.ts'
import type { BatchTable, ResourceTable, ScanTargetTable, SessionTable } from './schema.ts'

const json = <T>(text: string): T => JSON.parse(text) as T

/** A session's row together with its job's identity and its checkpoint. */
export type SessionRow = Selectable<SessionTable> & {
  job_id: string
  /** Null where the checkpoint was deleted. */
  checkpoint_id: number | null
  checkpoint_data: string | null
  checkpoint_at: number | null
}

interface StoredCheckpoint {
  readonly snapshot?: { readonly context?: { readonly position?: Position } }
}

/** A checkpoint that is not JSON is judged where it is restored; reading it must not stop every other session. */
function checkpointData(text: string): JsonRecord {
  try {
    return json<JsonRecord>(text)
  } catch {
    return {}
  }
}

function checkpointOf(row: SessionRow): Checkpoint | null {
  if (row.checkpoint_data === null) return null
  return {
    id: row.checkpoint_id ?? 0,
    targetId: row.session_id,
    data: checkpointData(row.checkpoint_data),
    updatedAt: new Date(row.checkpoint_at ?? 0),
  }
}

export function sessionOf(row: SessionRow): SessionState {
  const lastCheckpoint = checkpointOf(row)
  const data = lastCheckpoint?.data as StoredCheckpoint | undefined
  return {
    ...columnsOf(row),
    lastCheckpoint,
    // A checkpoint of another version may be shaped otherwise; it is judged where it is restored.
    position: data?.snapshot?.context?.position ?? { at: 'start' },
  }
}

/** A session's row together with its job's identity and the moment by which its lease is judged. */
export type SummaryRow = Selectable<SessionTable> & {
  readonly job_id: string
  readonly now: number
}

export function summaryOf(row: SummaryRow): SessionSummary {
  const isLeased = (row.lease_until ?? 0) > row.now
  return {
    ...columnsOf(row),
    targetKey: row.target_key,
    walkedBy: isLeased ? row.lease_owner : null,
  }
}

/** What a session's own row says of it. */
function columnsOf(
  row: Selectable<SessionTable> & { readonly job_id: string },
): Omit<SessionState, 'lastCheckpoint' | 'position'> {
  return {
    sessionId: row.session_id,
    jobId: row.job_id,
    targetName: row.target_name,
    sourceType: row.source_type,
    status: row.status as SessionStatus,
    failureReason: row.failure_reason,
    completeness: row.completeness as Completeness,
    shortfalls: json(row.shortfalls),
    total: row.total,
    comparison: row.comparison === null ? null : json(row.comparison),
    waiting: waitingOf(row),
    asked: row.asked as Ask | null,
    timeline: timelineOf({
      startedAt: row.started_at,
      lastUpdate: row.last_update,
      completedAt: row.completed_at,
    }),
    metrics: {
      totalBatches: row.total_batches,
      failedBatches: row.failed_batches,
      itemsFound: row.items_found,
      itemsProcessed: row.items_processed,
      itemsSkipped: row.items_skipped,
      itemsFailed: row.items_failed,
    },
    config: json<TargetConfig>(row.config),
  }
}

function waitingOf({
  waiting_reason: reason,
  waiting_until: until,
}: Pick<SessionRow, 'waiting_reason' | 'waiting_until'>): Waiting | null {
  return reason === null ? null : { reason, until: until === null ? null : new Date(until) }
}

/** The columns of a session that its machine decides. */
export function sessionColumns(session: SessionState) {
  const { metrics } = session
  const timeline = momentsOf(session.timeline)
  return {
    status: session.status,
    failure_reason: session.failureReason,
    completeness: session.completeness,
    shortfalls: JSON.stringify(session.shortfalls),
    total: session.total,
    total_batches: metrics.totalBatches,
    failed_batches: metrics.failedBatches,
    items_found: metrics.itemsFound,
    items_processed: metrics.itemsProcessed,
    items_skipped: metrics.itemsSkipped,
    items_failed: metrics.itemsFailed,
    comparison: session.comparison === null ? null : JSON.stringify(session.comparison),
    waiting_reason: session.waiting?.reason ?? null,
    waiting_until: session.waiting?.until?.getTime() ?? null,
    started_at: timeline.startedAt,
    last_update: timeline.lastUpdate,
    completed_at: timeline.completedAt,
  }
}

export function batchOfRow(row: Selectable<BatchTable> & { session_id: string }): Batch {
  const metrics: BatchMetrics = {
    expectedItems: row.expected_items,
    itemsProcessed: row.items_processed,
    itemsSkipped: row.items_skipped,
    itemsFailed: row.items_failed,
    errorDetails: row.error_details,
  }
  return {
    batchId: row.batch_id,
    sessionId: row.session_id,
    number: row.number,
    status: row.status as BatchStatus,
    position: row.position === null ? null : json<Position>(row.position),
    timeline: timelineOf({
      startedAt: row.started_at,
      lastUpdate: row.last_update,
      completedAt: row.completed_at,
    }),
    metrics,
  }
}

export function batchColumns(batch: Batch) {
  const timeline = momentsOf(batch.timeline)
  return {
    number: batch.number,
    batch_id: batch.batchId,
    status: batch.status,
    position: batch.position === null ? null : JSON.stringify(batch.position),
    expected_items: batch.metrics.expectedItems,
    items_processed: batch.metrics.itemsProcessed,
    items_skipped: batch.metrics.itemsSkipped,
    items_failed: batch.metrics.itemsFailed,
    error_details: batch.metrics.errorDetails,
    started_at: timeline.startedAt,
    last_update: timeline.lastUpdate,
    completed_at: timeline.completedAt,
  }
}

export function resourceOf(row: Selectable<ResourceTable>): Resource {
  return {
    id: row.id,
    sourceType: row.source_type,
    key: row.key,
    name: row.name,
    uri: row.uri,
    isActive: row.is_active === 1,
    metadata: json(row.metadata),
    timeline: timelineOf({
      startedAt: row.created_at,
      lastUpdate: row.updated_at,
      completedAt: null,
    }),
  }
}

export function scanTargetOf(row: Selectable<ScanTargetTable>): ScanTarget {
  return {
    id: row.scan_target_id,
    name: row.name,
    targetType: row.target_type,
    targetId: row.target_id,
    metadata: json(row.metadata),
    lastScanTime: row.last_scan_at === null ? null : new Date(row.last_scan_at),
    timeline: timelineOf({
      startedAt: row.created_at,
      lastUpdate: row.updated_at,
      completedAt: null,
    }),
  }
}

export interface TaskRow {
  seq: number
  task_id: string
  session_id: string
  job_id: string
  scan_target_id: string
  target_type: string
  uri: string
  metadata: string
}

/** One object a task: there are more of them than of anything else. */
export const outstandingOf = (
  row: Omit<TaskRow, 'session_id' | 'job_id'> & { readonly seq: number },
  sessionId: string,
  jobId: string,
): OutstandingTask => ({
  seq: row.seq,
  taskId: row.task_id,
  sessionId,
  jobId,
  scanTargetId: row.scan_target_id,
  sourceType: row.target_type,
  resourceUri: row.uri,
  metadata: json(row.metadata),
})

export function taskOf(row: TaskRow): TaskRecord {
  return {
    taskId: row.task_id,
    sessionId: row.session_id,
    jobId: row.job_id,
    scanTargetId: row.scan_target_id,
    sourceType: row.target_type,
    resourceUri: row.uri,
    metadata: json(row.metadata),
  }
}
