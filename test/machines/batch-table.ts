import type { BatchContext, BatchEvent, BatchStatus } from '../../machines/index.ts'

/** The whole of what a batch does: every event in every state. */

export type BatchEventType = BatchEvent['type']

/** What every batch of the table begins with. */
export const INPUT = { expectedItems: 4, at: 10 }

export const settled = (processed: number, failed: number, skipped = 0): BatchEvent => ({
  type: 'batch.settle',
  at: 20,
  processed,
  skipped,
  failed,
  firstReason: failed > 0 ? 'not a URL' : null,
})

/** How each state is come by. */
export const REACHING: Record<BatchStatus, readonly BatchEvent[]> = {
  IN_PROGRESS: [],
  SUCCEEDED: [settled(4, 0)],
  PARTIALLY_COMPLETED: [settled(3, 1)],
  FAILED: [settled(0, 4)],
}

export const EVENTS: Record<BatchEventType, BatchEvent> = {
  'batch.settle': settled(3, 0, 1),
  'batch.fail': { type: 'batch.fail', at: 20, error: 'the page never came' },
}

export type Expected =
  'refused' | { readonly to: BatchStatus; readonly changes: Partial<BatchContext> }

const timeline = { startedAt: 10, lastUpdate: 20, completedAt: 20 }
export const metrics = {
  expectedItems: 4,
  itemsProcessed: 0,
  itemsSkipped: 0,
  itemsFailed: 0,
  errorDetails: null,
}
const over: Record<BatchEventType, Expected> = {
  'batch.settle': 'refused',
  'batch.fail': 'refused',
}

/** Every event in every state: a new one does not compile until it is decided here. */
export const TABLE: Record<BatchStatus, Record<BatchEventType, Expected>> = {
  IN_PROGRESS: {
    'batch.settle': {
      to: 'SUCCEEDED',
      changes: { timeline, metrics: { ...metrics, itemsProcessed: 3, itemsSkipped: 1 } },
    },
    'batch.fail': {
      to: 'FAILED',
      changes: { timeline, metrics: { ...metrics, errorDetails: 'the page never came' } },
    },
  },
  SUCCEEDED: over,
  PARTIALLY_COMPLETED: over,
  FAILED: over,
}

export interface Cell {
  readonly state: BatchStatus
  readonly type: BatchEventType
  readonly reaching: readonly BatchEvent[]
  readonly event: BatchEvent
  readonly expected: Expected
  readonly title: string
}

const cell = (of: Omit<Cell, 'type' | 'title'>, given = ''): Cell => ({
  ...of,
  type: of.event.type,
  title: `${of.expected === 'refused' ? 'is refused' : `leads to ${of.expected.to}`}${given}`,
})

/** The cells of the table, each with its way there. */
export const CELLS: readonly Cell[] = Object.entries(TABLE).flatMap(([name, row]) =>
  Object.entries(row).map(([type, expected]) => {
    const state = name as BatchStatus
    const event = EVENTS[type as BatchEventType]
    return cell({ state, reaching: REACHING[state], event, expected })
  }),
)

const settling = (
  to: BatchStatus,
  [processed, failed, skipped = 0]: [kept: number, failed: number, skipped?: number],
  given: string,
): Cell =>
  cell(
    {
      state: 'IN_PROGRESS',
      reaching: [],
      event: settled(processed, failed, skipped),
      expected: {
        to,
        changes: {
          timeline,
          metrics: {
            ...metrics,
            itemsProcessed: processed,
            itemsSkipped: skipped,
            itemsFailed: failed,
            errorDetails: 'not a URL',
          },
        },
      },
    },
    given,
  )

/** The same event where a guard decides otherwise than in the table. */
export const GUARDED: readonly Cell[] = [
  settling('PARTIALLY_COMPLETED', [3, 1], ', where some items failed'),
  settling('FAILED', [0, 4], ', where every item failed'),
  settling('PARTIALLY_COMPLETED', [0, 1, 3], ', where none was kept, but some were left out'),
]

/** What is no event of a batch. */
export const BOGUS: readonly string[] = [
  'batch.explode',
  'BATCH.SETTLE',
  'batch',
  'batch.*',
  'session.start',
  'xstate.after.STALL.batch.IN_PROGRESS',
  '',
  ' ',
  '__proto__',
  'constructor',
]

/** What XState says to actors itself; forged, it would stop one, or break it. */
export const FORGED: readonly string[] = [
  'xstate.init',
  'xstate.stop',
  'xstate.done.actor.batch:s1:1',
  'xstate.error.actor.batch:s1:1',
  '*',
]
