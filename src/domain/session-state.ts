import type { SnapshotFrom } from 'xstate'
import {
  isTimelineCompleted,
  sessionMachine,
  type Position,
  type SessionContext,
  type SessionEvent,
  type SessionMetrics,
  type SessionStatus,
  type Shortfall,
} from '../../machines/index.ts'
import type { Batch } from './batch.ts'
import { canonicalHash } from './canonical.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { TimeProvider } from './clock.ts'
import { MusterError } from './errors.ts'
import type { JsonRecord } from './json.ts'
import { nextSnapshot } from './next-snapshot.ts'
import type { Ask } from './steering.ts'
import { momentsOf, timelineOf, type Timeline } from './timeline.ts'

/** Whether everything was found. UNKNOWN until the session has ended. */
export type Completeness = 'UNKNOWN' | 'COMPLETE' | 'INCOMPLETE'

/** What a session found, held against what was known of its target. */
export interface Comparison {
  /** Resources that the session saw, each once; those that a filter left out are among them. */
  readonly seen: number
  readonly new: number
  readonly changed: number
  readonly unchanged: number
  /** Known of the target, and not seen. */
  readonly missing: number
}

/** What a walk waits for. */
export interface Waiting {
  readonly reason: string
  /** Null where nobody can say: the session is paused until somebody has put something right. */
  readonly until: Date | null
}

/** A target spec after parsing: plain JSON, with credentials by name only. */
export interface TargetConfig {
  readonly name: string
  readonly sourceType: string
  readonly authRef: string | null
  readonly spec: JsonRecord
  /** Whether a resource that has not changed since the last session gets no task. Default: every resource gets one. */
  readonly onlyChanged?: boolean
  /** Complete sessions in a row that do not see a resource before it is deactivated. */
  readonly deactivateAfter?: number
}

/** The keys that every target spec may have, besides its source's own part. */
export const TARGET_KEYS: readonly string[] = [
  'name',
  'sourceType',
  'authRef',
  'onlyChanged',
  'deactivateAfter',
]

/** What is walked, hashed: the same name, source and spec are the same target, whichever credential is used, and whatever is made of what is found. */
export function targetKeyOf({ name, sourceType, spec }: TargetConfig): string {
  return canonicalHash([name, sourceType, spec])
}

/** One walk of one target, as it stands. */
export interface SessionState {
  readonly sessionId: string
  readonly jobId: string
  readonly targetName: string
  readonly sourceType: string
  readonly status: SessionStatus
  readonly failureReason: string | null
  readonly completeness: Completeness
  /** Why it is not known to be complete; empty where nothing is known to be missing. */
  readonly shortfalls: readonly Shortfall[]
  /** How many items the source says the listing has, where it says so. */
  readonly total: number | null
  /** Null before the session's end, and where its source is not compared. */
  readonly comparison: Comparison | null
  /** What the walk waits for; null while it does not wait. */
  readonly waiting: Waiting | null
  /** What somebody asked of it that has not come to its end; null where nothing was asked, and at the session's end. */
  readonly asked: Ask | null
  readonly lastCheckpoint: Checkpoint | null
  readonly position: Position
  readonly timeline: Timeline
  readonly metrics: SessionMetrics
  readonly config: TargetConfig
}

export type SessionSnapshot = SnapshotFrom<typeof sessionMachine>

/** Sessions that a process may be walking, or may have left. */
export const ACTIVE_STATUSES: readonly SessionStatus[] = ['INITIALIZED', 'IN_PROGRESS', 'STALLED']

export function isActive(status: SessionStatus): boolean {
  return ACTIVE_STATUSES.includes(status)
}

/** The verdict that follows from a session's status. */
export function completenessOf(status: SessionStatus): Completeness {
  if (isActive(status)) return 'UNKNOWN'
  return status === 'COMPLETED' ? 'COMPLETE' : 'INCOMPLETE'
}

/** The part of a session's state that its machine decides. */
export function machineState(snapshot: SessionSnapshot) {
  const { value, context } = snapshot
  return {
    status: value,
    failureReason: context.failureReason,
    completeness: completenessOf(value),
    shortfalls: [...context.shortfalls, ...context.verdict],
    total: context.total,
    position: context.position,
    timeline: timelineOf(context.timeline),
    metrics: context.metrics,
  } satisfies Partial<SessionState>
}

function snapshotOf(state: SessionState): SessionSnapshot {
  const context: SessionContext = {
    sessionId: state.sessionId,
    sourceType: state.sourceType,
    position: state.position,
    metrics: state.metrics,
    timeline: momentsOf(state.timeline),
    failureReason: state.failureReason,
    shortfalls: state.shortfalls,
    verdict: [],
    total: state.total,
  }
  return sessionMachine.resolveState({ value: state.status, context }) as SessionSnapshot
}

function apply(state: SessionState, event: SessionEvent): SessionState {
  const snapshot = snapshotOf(state)
  if (!snapshot.can(event)) {
    throw new MusterError(
      'ILLEGAL_TRANSITION',
      `session ${state.sessionId} is ${state.status}: "${event.type}" is not possible there`,
    )
  }
  const next = nextSnapshot(sessionMachine, snapshot, event)
  return { ...state, ...machineState(next) }
}

/** The session as taken up by a process. @throws ILLEGAL_TRANSITION unless it is INITIALIZED. */
export function markInProgress(state: SessionState, clock: TimeProvider): SessionState {
  return apply(state, { type: 'session.start', at: clock.now() })
}

/**
 * The session at the end of its listing: COMPLETED, or PARTIALLY_COMPLETED or
 * FAILED where items failed. @throws ILLEGAL_TRANSITION unless it is being walked.
 */
export function markCompleted(state: SessionState, clock: TimeProvider): SessionState {
  return apply(state, { type: 'listing.exhausted', at: clock.now() })
}

/** The session as FAILED. @throws ILLEGAL_TRANSITION unless it is being walked. */
export function markFailed(state: SessionState, reason: string, clock: TimeProvider): SessionState {
  return apply(state, { type: 'session.fail', at: clock.now(), reason, pageLost: false })
}

/** The session after one of its batches. @throws ILLEGAL_TRANSITION unless both fit together. */
export function processCompletedBatch(
  state: SessionState,
  batch: Batch,
  clock: TimeProvider,
): SessionState {
  if (batch.sessionId !== state.sessionId || batch.status === 'IN_PROGRESS') {
    throw new MusterError(
      'ILLEGAL_TRANSITION',
      `batch ${batch.batchId} of session ${batch.sessionId} is ${batch.status}: expected a settled batch of session ${state.sessionId}`,
    )
  }
  return apply(state, {
    type: 'batch.committed',
    at: clock.now(),
    position: batch.position ?? state.position,
    processed: batch.metrics.itemsProcessed,
    skipped: batch.metrics.itemsSkipped,
    failed: batch.metrics.itemsFailed,
    retried: 0,
    batchFailed: batch.status === 'FAILED',
    total: null,
    shortfalls: [],
  })
}

/** Whether nothing has come of a running session for longer than the threshold, in milliseconds. */
export function isStalled(state: SessionState, thresholdMs: number, clock: TimeProvider): boolean {
  if (state.status === 'STALLED') return true
  return (
    state.status === 'IN_PROGRESS' &&
    !isTimelineCompleted(momentsOf(state.timeline)) &&
    clock.now() - state.timeline.lastUpdate.getTime() > thresholdMs
  )
}
