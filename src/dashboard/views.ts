import type { AuditEntry } from '../domain/audit.ts'
import type { Batch } from '../domain/batch.ts'
import { isActive } from '../domain/session-state.ts'
import type { FailedItem } from '../domain/task.ts'
import type { BudgetRecord, SessionSummary } from '../store/store.ts'
import { etaOf } from './rates.ts'
import type {
  AuditView,
  BatchView,
  BudgetView,
  FailedItemView,
  SessionView,
  SteerAction,
} from './wire.ts'

const momentOf = (date: Date | null): number | null => (date === null ? null : date.getTime())

/** Whether it waits until somebody has put something right, or lifts its pause. */
const isPaused = ({ asked, waiting }: SessionSummary): boolean =>
  asked === 'pause' || (waiting !== null && waiting.until === null)

function actionsOfActive(session: SessionSummary, canWalk: boolean): SteerAction[] {
  // What is cancelled ends; nothing else can be wished for it.
  if (session.asked === 'cancel') return []
  const isLeft = session.walkedBy === null
  // A pause that somebody asked for can be lifted for the next run, even where nothing is walked.
  const canResume = session.asked === 'pause' || (canWalk && (isLeft || isPaused(session)))
  return [
    ...(session.asked === 'pause' ? [] : (['pause'] as const)),
    ...(canResume ? (['resume'] as const) : []),
    'cancel',
  ]
}

/** What can be done with a session now. @param canWalk whether it could be walked in this process */
export function actionsOf(session: SessionSummary, canWalk: boolean): SteerAction[] {
  if (isActive(session.status)) return actionsOfActive(session, canWalk)
  if (!canWalk || session.status === 'COMPLETED') return []
  return [
    ...(session.status === 'FAILED' ? (['resume'] as const) : []),
    ...(session.metrics.itemsFailed > 0 ? (['retry'] as const) : []),
  ]
}

/** A session as lists show it. @param at the time now, in milliseconds since the Unix epoch */
export function sessionView(
  session: SessionSummary,
  { rate, canWalk, at }: { rate: number | null; canWalk: boolean; at: number },
): SessionView {
  const { timeline, waiting, total, metrics } = session
  return {
    sessionId: session.sessionId,
    target: session.targetName,
    sourceType: session.sourceType,
    credential: session.config.authRef,
    status: session.status,
    completeness: session.completeness,
    failureReason: session.failureReason,
    metrics,
    total,
    comparison: session.comparison,
    rate,
    eta: etaOf({ total, found: metrics.itemsFound, rate }, at),
    startedAt: timeline.startedAt.getTime(),
    lastUpdate: timeline.lastUpdate.getTime(),
    completedAt: momentOf(timeline.completedAt),
    waiting: waiting === null ? null : { reason: waiting.reason, until: momentOf(waiting.until) },
    asked: session.asked,
    walkedBy: session.walkedBy,
    actions: actionsOf(session, canWalk),
  }
}

export const batchView = (batch: Batch): BatchView => ({
  number: batch.number,
  status: batch.status,
  processed: batch.metrics.itemsProcessed,
  skipped: batch.metrics.itemsSkipped,
  failed: batch.metrics.itemsFailed,
  error: batch.metrics.errorDetails,
  at: (batch.timeline.completedAt ?? batch.timeline.lastUpdate).getTime(),
})

export const auditView = ({ id, at, event, detail, by }: AuditEntry): AuditView => ({
  id,
  at: at.getTime(),
  event,
  detail,
  by,
})

export const failedItemView = ({ id, item, reason, failedAt }: FailedItem): FailedItemView => ({
  id,
  item,
  reason,
  failedAt: failedAt.getTime(),
})

export const budgetView = (budget: BudgetRecord): BudgetView => ({
  credential: budget.label,
  resource: budget.resource,
  limit: budget.limit,
  remaining: budget.remaining,
  resetsAt: momentOf(budget.resetsAt),
  blockedUntil: momentOf(budget.blockedUntil),
  updatedAt: budget.updatedAt.getTime(),
})
