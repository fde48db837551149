import type { SnapshotFrom } from 'xstate'
import {
  batchMachine,
  type BatchEvent,
  type BatchMetrics,
  type BatchStatus,
  type Position,
} from '../../machines/index.ts'
import type { TimeProvider } from './clock.ts'
import { MusterError } from './errors.ts'
import { nextSnapshot } from './next-snapshot.ts'
import { momentsOf, timelineOf, type Timeline } from './timeline.ts'

/** The durable record of one page: what was kept, what failed. */
export interface Batch {
  readonly batchId: string
  readonly sessionId: string
  /** 1 for a session's first batch. */
  readonly number: number
  readonly status: BatchStatus
  /** Where the walk stood after this batch; null for a page that could not be had. */
  readonly position: Position | null
  readonly timeline: Timeline
  readonly metrics: BatchMetrics
}

export type BatchSnapshot = SnapshotFrom<typeof batchMachine>

/** The batch that a machine's snapshot describes. */
export function batchOf(snapshot: BatchSnapshot, position: Position | null): Batch {
  const { batchId, sessionId, number, metrics, timeline } = snapshot.context
  return {
    batchId,
    sessionId,
    number,
    status: snapshot.value,
    position,
    timeline: timelineOf(timeline),
    metrics,
  }
}

function apply(batch: Batch, event: BatchEvent): Batch {
  const { batchId, sessionId, number, metrics } = batch
  const context = { batchId, sessionId, number, metrics, timeline: momentsOf(batch.timeline) }
  const snapshot = batchMachine.resolveState({ value: batch.status, context }) as BatchSnapshot
  if (!snapshot.can(event)) {
    throw new MusterError(
      'ILLEGAL_TRANSITION',
      `batch ${batchId} is ${batch.status}: "${event.type}" is not possible there`,
    )
  }
  const next = nextSnapshot(batchMachine, snapshot, event)
  return batchOf(next, batch.position)
}

/** The batch settled, with what it expected beyond `itemsProcessed` counted as failed. */
export function markSuccessful(batch: Batch, itemsProcessed: number, clock: TimeProvider): Batch {
  if (itemsProcessed < 0 || itemsProcessed > batch.metrics.expectedItems) {
    throw new MusterError(
      'ILLEGAL_TRANSITION',
      `batch ${batch.batchId}: itemsProcessed is ${itemsProcessed}, expected 0 to ${batch.metrics.expectedItems}`,
    )
  }
  return apply(batch, {
    type: 'batch.settle',
    at: clock.now(),
    processed: itemsProcessed,
    skipped: 0,
    failed: batch.metrics.expectedItems - itemsProcessed,
    firstReason: null,
  })
}

/** The batch as a page that could not be had. */
export function markFailed(batch: Batch, error: Error, clock: TimeProvider): Batch {
  return apply(batch, { type: 'batch.fail', at: clock.now(), error: error.message })
}
