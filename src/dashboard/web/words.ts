/** What the page calls things: the words of the domain, as people say them. */
import type { AuditEvent } from '../../domain/audit.ts'
import type { Shortfall } from '../../../machines/index.ts'
import type { SessionFilter, SessionSort, SessionView, SteerAction } from '../wire.ts'

export type Tone = 'calm' | 'busy' | 'wait' | 'good' | 'warn' | 'bad'
export type IconName = 'play' | 'clock' | 'pause' | 'check' | 'half' | 'cross' | 'dot' | 'alert'

/** How a session stands, in a word, with a sign of its own besides the colour. */
export interface Standing {
  readonly word: string
  readonly tone: Tone
  readonly icon: IconName
}

const ENDED = {
  COMPLETED: { word: 'Completed', tone: 'good', icon: 'check' },
  PARTIALLY_COMPLETED: { word: 'Partially completed', tone: 'warn', icon: 'half' },
  FAILED: { word: 'Failed', tone: 'bad', icon: 'cross' },
} as const satisfies Record<string, Standing>

const isEndedStatus = (status: string): status is keyof typeof ENDED => status in ENDED

const underWay = ({ status, walkedBy }: SessionView): Standing => {
  if (status === 'STALLED') return { word: 'Stalled', tone: 'warn', icon: 'alert' }
  if (status === 'INITIALIZED') return { word: 'Not started', tone: 'calm', icon: 'dot' }
  if (walkedBy === null) return { word: 'Interrupted', tone: 'calm', icon: 'dot' }
  return { word: 'In progress', tone: 'busy', icon: 'play' }
}

export function standingOf(session: SessionView): Standing {
  const { status, asked, waiting, walkedBy } = session
  if (isEndedStatus(status)) return ENDED[status]
  if (asked === 'cancel') return { word: 'Being cancelled', tone: 'warn', icon: 'cross' }
  if (asked === 'pause' && walkedBy !== null)
    return { word: 'Being paused', tone: 'wait', icon: 'pause' }
  if (asked === 'pause') return { word: 'Paused', tone: 'wait', icon: 'pause' }
  if (waiting === null) return underWay(session)
  return waiting.until === null
    ? { word: 'Paused', tone: 'bad', icon: 'pause' }
    : { word: 'Waiting', tone: 'wait', icon: 'clock' }
}

export const COMPLETENESS = {
  UNKNOWN: 'Not known yet',
  COMPLETE: 'Complete',
  INCOMPLETE: 'Incomplete',
} as const satisfies Record<SessionView['completeness'], string>

export const FILTER_WORDS: Readonly<Record<SessionFilter, string>> = {
  all: 'All',
  active: 'Active',
  waiting: 'Waiting',
  paused: 'Paused',
  attention: 'Needs attention',
  ended: 'Ended',
}

export const SORT_WORDS: Readonly<Record<SessionSort, string>> = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  target: 'Target, A to Z',
  items: 'Most items',
  failed: 'Most failed items',
}

export const ACTION_WORDS: Readonly<Record<SteerAction, string>> = {
  pause: 'Pause',
  resume: 'Resume',
  cancel: 'Cancel',
  retry: 'Retry failed items',
}

export const AUDIT_WORDS: Readonly<Record<AuditEvent, string>> = {
  created: 'Created',
  claimed: 'Taken up',
  'taken-over': 'Taken over from a process that was gone',
  started: 'Walk began',
  resumed: 'Resumed on purpose',
  waiting: 'Waits',
  paused: 'Paused',
  stalled: 'A request hung',
  'pause-asked': 'Pause asked for',
  'cancel-asked': 'Cancellation asked for',
  'pause-lifted': 'Pause lifted',
  left: 'Left before its end',
  ended: 'Ended',
}

const SHORTFALL_WORDS: Readonly<Record<string, string>> = {
  sso: 'Left out for want of single sign-on',
  forbidden: 'May not be read with this credential',
  not_found: 'Unknown, or hidden from this credential',
  gone: 'Gone for good',
  dmca: 'Blocked for legal reasons',
  truncated: 'The service ends its listing early',
  resource_limit: 'Too much for the service to list',
  count_mismatch: 'The service counts more than it lists',
  filtered_by_scope: 'Only a part is shown to this credential',
  drift: 'The listing changed while it was read',
  shrunk: 'Far fewer than last time',
  unavailable: 'The service failed until the attempts ran out',
  failed: 'The walk ended early',
  cancelled: 'Cancelled on request',
}

/** A shortfall's code as a phrase; one of a plug-in is shown as it is. */
export const shortfallWord = ({ code }: Shortfall): string =>
  SHORTFALL_WORDS[code] ?? code.replaceAll(/[-_]+/g, ' ').toLowerCase()
