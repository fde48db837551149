import type {
  BatchCommitted,
  Position,
  SessionContext,
  SessionEvent,
  SessionStatus,
} from '../../machines/index.ts'

/**
 * The whole of what a session does: every event in every state. It is checked
 * against the machine alone, and against the real system with its database.
 */

export type SessionEventType = SessionEvent['type']

export const batch = (over: Partial<BatchCommitted> = {}): BatchCommitted => ({
  type: 'batch.committed',
  at: 20,
  position: { at: 'after', cursor: 'c1' },
  processed: 2,
  skipped: 0,
  failed: 0,
  retried: 0,
  batchFailed: false,
  total: null,
  shortfalls: [],
  ...over,
})

export const start = { type: 'session.start', at: 10 } as const
export const exhausted = { type: 'listing.exhausted', at: 50 } as const
export const stall = { type: 'session.stall', at: 50 } as const
export const resume = { type: 'session.resume', at: 50, lastFailedItem: 7 } as const
export const fail = (pageLost = true) =>
  ({
    type: 'session.fail',
    at: 50,
    reason: 'the source is gone',
    pageLost,
    shortfalls: [{ code: 'failed', detail: 'the source is gone' }],
  }) as const

/** What the account at an end can say: by this survey, the place is much smaller than it was. */
export const SURVEY = {
  comparison: { seen: 2, new: 0, changed: 0, unchanged: 2, missing: 48 },
  seenBefore: 50,
} as const
export const SHRUNK = {
  code: 'shrunk',
  detail:
    'only 2 were found where the session before found 50; if that is right, the next session will take it so',
} as const
export const exhaustedShort = { ...exhausted, shortfalls: [SHRUNK] } as const

/** How each state is come by; a batch lies behind all that can have one. */
export const REACHING: Record<SessionStatus, readonly SessionEvent[]> = {
  INITIALIZED: [],
  IN_PROGRESS: [start, batch()],
  STALLED: [start, batch(), { ...stall, at: 30 }],
  PARTIALLY_COMPLETED: [start, batch({ failed: 1 }), { ...exhausted, at: 30 }],
  FAILED: [start, batch({ failed: 1 }), { ...fail(), at: 30 }],
  COMPLETED: [start, batch(), { ...exhausted, at: 30 }],
}

export const EVENTS: Record<SessionEventType, SessionEvent> = {
  'session.start': { ...start, at: 50 },
  'batch.committed': batch({
    at: 50,
    position: { at: 'after', cursor: 'c2' },
    processed: 3,
    skipped: 2,
    failed: 1,
    total: 9,
    shortfalls: [{ code: 'sso', detail: 'one organisation' }],
  }),
  'listing.exhausted': exhausted,
  'session.stall': stall,
  'session.fail': fail(),
  'session.resume': resume,
}

export type Expected =
  'refused' | { readonly to: SessionStatus; readonly changes: Partial<SessionContext> }

const timeline = { startedAt: 1, lastUpdate: 50, completedAt: null }
const ended = { ...timeline, completedAt: 50 }
const secondBatch = {
  position: { at: 'after', cursor: 'c2' },
  metrics: {
    totalBatches: 2,
    failedBatches: 0,
    itemsFound: 8,
    itemsProcessed: 5,
    itemsSkipped: 2,
    itemsFailed: 1,
  },
  timeline,
  total: 9,
  shortfalls: [{ code: 'sso', detail: 'one organisation' }],
} as const
const lostPage = {
  metrics: {
    totalBatches: 2,
    failedBatches: 1,
    itemsFound: 2,
    itemsProcessed: 2,
    itemsSkipped: 0,
    itemsFailed: 0,
  },
  timeline: ended,
  failureReason: 'the source is gone',
  verdict: [{ code: 'failed', detail: 'the source is gone' }],
} as const
const atEnd = { position: { at: 'end' }, timeline: ended } as const

/** Where a session is that tries its failed items again, and then goes on behind the first page. */
export const retrying = {
  at: 'retrying',
  after: 0,
  until: 7,
  resumeAt: { at: 'after', cursor: 'c1' },
} as const satisfies Position

/** Every event in every state: a new one does not compile until it is decided here. */
export const TABLE: Record<SessionStatus, Record<SessionEventType, Expected>> = {
  INITIALIZED: {
    'session.start': { to: 'IN_PROGRESS', changes: { timeline } },
    'batch.committed': 'refused',
    'listing.exhausted': 'refused',
    'session.stall': 'refused',
    'session.fail': 'refused',
    'session.resume': 'refused',
  },
  IN_PROGRESS: {
    'session.start': 'refused',
    'batch.committed': { to: 'IN_PROGRESS', changes: secondBatch },
    'listing.exhausted': { to: 'COMPLETED', changes: atEnd },
    'session.stall': { to: 'STALLED', changes: { timeline } },
    'session.fail': { to: 'FAILED', changes: lostPage },
    'session.resume': 'refused',
  },
  STALLED: {
    'session.start': 'refused',
    'batch.committed': { to: 'IN_PROGRESS', changes: secondBatch },
    'listing.exhausted': { to: 'COMPLETED', changes: atEnd },
    'session.stall': 'refused',
    'session.fail': { to: 'FAILED', changes: lostPage },
    'session.resume': 'refused',
  },
  PARTIALLY_COMPLETED: {
    'session.start': 'refused',
    'batch.committed': 'refused',
    'listing.exhausted': 'refused',
    'session.stall': 'refused',
    'session.fail': 'refused',
    'session.resume': {
      to: 'IN_PROGRESS',
      changes: { position: { ...retrying, resumeAt: { at: 'end' } }, timeline },
    },
  },
  FAILED: {
    'session.start': 'refused',
    'batch.committed': 'refused',
    'listing.exhausted': 'refused',
    'session.stall': 'refused',
    'session.fail': 'refused',
    'session.resume': {
      to: 'IN_PROGRESS',
      changes: { position: retrying, timeline, failureReason: null, verdict: [] },
    },
  },
  COMPLETED: {
    'session.start': 'refused',
    'batch.committed': 'refused',
    'listing.exhausted': 'refused',
    'session.stall': 'refused',
    'session.fail': 'refused',
    'session.resume': 'refused',
  },
}

export interface Cell {
  readonly state: SessionStatus
  readonly type: SessionEventType
  /** What makes it one of its own, where the same event comes to something else there. */
  readonly given: string
  readonly reaching: readonly SessionEvent[]
  readonly event: SessionEvent
  readonly expected: Expected
  readonly title: string
}

const cell = (of: Omit<Cell, 'type' | 'title'>): Cell => ({
  ...of,
  type: of.event.type,
  title: `${of.expected === 'refused' ? 'is refused' : `leads to ${of.expected.to}`}${of.given}`,
})

/** The cells of the table, each with its way there. */
export const CELLS: readonly Cell[] = Object.entries(TABLE).flatMap(([name, row]) =>
  Object.entries(row).map(([type, expected]) => {
    const state = name as SessionStatus
    const event = EVENTS[type as SessionEventType]
    return cell({ state, given: '', reaching: REACHING[state], event, expected })
  }),
)

const allFailed = batch({ processed: 0, skipped: 0, failed: 2, batchFailed: true })
const short = batch({ shortfalls: [{ code: 'sso', detail: 'one organisation' }] })
const early = { ...exhausted, at: 30 }
const nothingLeft = { ...resume, lastFailedItem: 0 }

/** What the end of a listing comes to, where it does not come to COMPLETED. */
const endings = (state: 'IN_PROGRESS' | 'STALLED', last: readonly SessionEvent[]): Cell[] => [
  cell({
    state,
    given: ', where items failed',
    reaching: [start, batch({ failed: 1 }), ...last],
    event: exhausted,
    expected: { to: 'PARTIALLY_COMPLETED', changes: atEnd },
  }),
  cell({
    state,
    given: ', where the source left something out',
    reaching: [start, short, ...last],
    event: exhausted,
    expected: { to: 'PARTIALLY_COMPLETED', changes: atEnd },
  }),
  cell({
    state,
    given: ', where every item failed',
    reaching: [start, allFailed, ...last],
    event: exhausted,
    expected: { to: 'FAILED', changes: { ...atEnd, failureReason: 'every item failed' } },
  }),
  cell({
    state,
    given: ', where items failed, though most were left out on purpose',
    reaching: [start, batch({ processed: 0, skipped: 3, failed: 1 }), ...last],
    event: exhausted,
    expected: { to: 'PARTIALLY_COMPLETED', changes: atEnd },
  }),
  cell({
    state,
    given: ', where every item was kept and the account says that something is missing',
    reaching: [start, batch(), ...last],
    event: exhaustedShort,
    expected: { to: 'PARTIALLY_COMPLETED', changes: { ...atEnd, verdict: [SHRUNK] } },
  }),
  cell({
    state,
    given: ', where the source left something out, and so says the account',
    reaching: [start, short, ...last],
    event: exhaustedShort,
    expected: { to: 'PARTIALLY_COMPLETED', changes: { ...atEnd, verdict: [SHRUNK] } },
  }),
  cell({
    state,
    given: ', where every item failed and the account says that something is missing',
    reaching: [start, allFailed, ...last],
    event: exhaustedShort,
    expected: {
      to: 'FAILED',
      changes: { ...atEnd, failureReason: 'every item failed', verdict: [SHRUNK] },
    },
  }),
  cell({
    state,
    given: ', where only the retry has come to its end',
    reaching: [start, batch({ failed: 1 }), { ...fail(), at: 25 }, { ...resume, at: 26 }, ...last],
    event: exhausted,
    expected: { to: 'IN_PROGRESS', changes: { position: retrying.resumeAt, timeline } },
  }),
  cell({
    state,
    given: ', where the retry has come to its end, and nothing was kept so far',
    reaching: [start, allFailed, { ...fail(), at: 25 }, { ...resume, at: 26 }, ...last],
    event: exhausted,
    expected: { to: 'IN_PROGRESS', changes: { position: retrying.resumeAt, timeline } },
  }),
]

/** The same events where a guard decides otherwise than in the table. */
export const GUARDED: readonly Cell[] = [
  ...endings('IN_PROGRESS', []),
  ...endings('STALLED', [{ ...stall, at: 30 }]),
  cell({
    state: 'PARTIALLY_COMPLETED',
    given: ', where no failed item is left',
    reaching: REACHING.PARTIALLY_COMPLETED,
    event: nothingLeft,
    expected: 'refused',
  }),
  cell({
    state: 'PARTIALLY_COMPLETED',
    given: ', where nothing is missing but by the account',
    reaching: [start, batch(), { ...exhaustedShort, at: 30 }],
    event: resume,
    expected: 'refused',
  }),
  cell({
    state: 'PARTIALLY_COMPLETED',
    given: ', whose account is drawn up anew at the next end',
    reaching: [start, batch({ failed: 1 }), { ...exhaustedShort, at: 30 }],
    event: resume,
    expected: {
      to: 'IN_PROGRESS',
      changes: { position: { ...retrying, resumeAt: { at: 'end' } }, timeline, verdict: [] },
    },
  }),
  cell({
    state: 'PARTIALLY_COMPLETED',
    given: ', where no item failed',
    reaching: [start, short, early],
    event: resume,
    expected: 'refused',
  }),
  cell({
    state: 'FAILED',
    given: ', where the listing is at its end and no failed item is left',
    reaching: [start, allFailed, early],
    event: nothingLeft,
    expected: {
      to: 'IN_PROGRESS',
      changes: { position: { at: 'end' }, timeline, failureReason: null },
    },
  }),
]

/** What is no event of a session. */
export const BOGUS: readonly string[] = [
  'session.explode',
  'SESSION.START',
  'session',
  'session.*',
  'batch.settle',
  'xstate.after.STALL.session.IN_PROGRESS',
  '',
  ' ',
  '__proto__',
  'constructor',
]

/** What XState says to actors itself; forged, it would stop one, or break it. */
export const FORGED: readonly string[] = [
  'xstate.init',
  'xstate.stop',
  'xstate.done.actor.session:s1',
  'xstate.error.actor.session:s1',
  '*',
]
