import type { SessionEvent } from '../../machines/index.ts'
import type { NewAuditEntry } from '../domain/audit.ts'
import { errorRecord, LeaseError, PauseError } from '../domain/errors.ts'
import { isActive, type SessionState } from '../domain/session-state.ts'
import type { Walk } from './walk.ts'

/** What the session has found so far, in words: what there is none of is left out. */
function foundBy({ metrics, comparison }: SessionState): string {
  const { itemsProcessed, itemsSkipped, itemsFailed, totalBatches, failedBatches } = metrics
  const parts = [
    `${itemsProcessed} kept`,
    itemsSkipped > 0 && `${itemsSkipped} skipped`,
    itemsFailed > 0 && `${itemsFailed} failed`,
    `${totalBatches} ${totalBatches === 1 ? 'page' : 'pages'}`,
    failedBatches > 0 && `${failedBatches} of them failed`,
    (comparison?.missing ?? 0) > 0 && `${comparison?.missing} missing`,
  ]
  return parts.filter((part) => part !== false).join(', ')
}

/** How a session ended, and why: all that its last entry has to say. */
function endOf(session: SessionState): string {
  const { status, completeness, failureReason, shortfalls } = session
  const codes = [...new Set(shortfalls.map(({ code }) => code))]
  const parts = [
    `${status}, ${completeness}: ${foundBy(session)}`,
    failureReason !== null && failureReason,
    codes.length > 0 && `incomplete for: ${codes.join(', ')}`,
  ]
  return parts.filter((part) => part !== false).join('; ')
}

/** What a session's record says of a step; nothing of the pages, which have rows of their own. */
export function noteOf(event: SessionEvent, next: SessionState): NewAuditEntry | undefined {
  switch (event.type) {
    case 'session.start':
      return { event: 'started', detail: null }
    case 'session.resume':
      return { event: 'resumed', detail: resumption(next) }
    case 'session.stall':
      return { event: 'stalled', detail: 'a request gave no answer' }
    case 'session.fail':
    case 'listing.exhausted':
      return isActive(next.status) ? undefined : { event: 'ended', detail: endOf(next) }
    case 'batch.committed':
      return undefined
  }
}

function resumption({ position }: SessionState): string {
  if (position.at === 'end') return 'nothing is left but to come to its end'
  if (position.at !== 'retrying') return 'its listing goes on'
  const after = position.resumeAt.at === 'end' ? '' : ', then its listing goes on'
  return `its failed items are tried again${after}`
}

/** Why a walk stopped before its session's end. @param mask takes secrets out of a message */
export function leftBecause(
  { error, stopping }: Pick<Walk, 'error' | 'stopping'>,
  mask: (text: string) => string = (text) => text,
): string {
  if (error instanceof PauseError) return error.code === 'PAUSED' ? 'paused on request' : 'paused'
  if (error instanceof LeaseError) return 'taken over by another process'
  if (error !== undefined) return `interrupted by an error: ${mask(errorRecord(error).message)}`
  if (stopping !== null) return 'stopped on request'
  return 'given up'
}
