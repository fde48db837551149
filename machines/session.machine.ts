import { assign, setup } from 'xstate'
import {
  addItems,
  addShortfalls,
  incrementFailedBatches,
  incrementTotalBatches,
  markTimelineCompleted,
  newTimeline,
  noSessionMetrics,
  reopenTimeline,
  updateLastUpdate,
  type SessionMetrics,
  type Shortfall,
  type Timeline,
} from './values.ts'

/**
 * How far a walk has come. "Not started" and "finished" are states of their
 * own, because a source may use any cursor, `null` included. A retry of failed
 * items remembers the position it interrupted.
 */
export type Position =
  | { readonly at: 'start' }
  | { readonly at: 'after'; readonly cursor: unknown }
  | { readonly at: 'end' }
  | {
      readonly at: 'retrying'
      /** The id of the last failed item that was tried again; 0 before the first. */
      readonly after: number
      /** The last failed item that existed when the retry began: what fails again is not tried twice. */
      readonly until: number
      readonly resumeAt: Exclude<Position, { at: 'retrying' }>
    }

export type SessionStatus =
  'INITIALIZED' | 'IN_PROGRESS' | 'STALLED' | 'COMPLETED' | 'PARTIALLY_COMPLETED' | 'FAILED'

export interface SessionContext {
  readonly sessionId: string
  readonly sourceType: string
  readonly position: Position
  readonly metrics: SessionMetrics
  readonly timeline: Timeline
  readonly failureReason: string | null
  /** What the source left out, page by page. */
  readonly shortfalls: readonly Shortfall[]
  /** What is missing by the account at the session's end; drawn up anew at each end. */
  readonly verdict: readonly Shortfall[]
  /** How many items the source says the listing has, where it says so. */
  readonly total: number | null
}

export interface SessionInput {
  readonly sessionId: string
  readonly sourceType: string
  readonly at: number
}

export interface BatchCommitted {
  readonly type: 'batch.committed'
  readonly at: number
  readonly position: Position
  readonly processed: number
  readonly skipped: number
  readonly failed: number
  /** How many of the items were failed items tried again. */
  readonly retried: number
  /** Whether the batch itself ended as FAILED. */
  readonly batchFailed: boolean
  readonly total: number | null
  readonly shortfalls: readonly Shortfall[]
}

export type SessionEvent =
  | { readonly type: 'session.start'; readonly at: number }
  | BatchCommitted
  | {
      readonly type: 'listing.exhausted'
      readonly at: number
      /** What is missing by the account at the end; nothing unless told. */
      readonly shortfalls?: readonly Shortfall[]
    }
  | { readonly type: 'session.stall'; readonly at: number }
  | {
      readonly type: 'session.fail'
      readonly at: number
      readonly reason: string
      readonly pageLost: boolean
      /** The reason in the words of a verdict; nothing unless told. */
      readonly shortfalls?: readonly Shortfall[]
    }
  | { readonly type: 'session.resume'; readonly at: number; readonly lastFailedItem: number }

/** What an end says is missing. */
export interface SessionAccount {
  readonly shortfalls?: readonly Shortfall[] | undefined
}

/** Where a resumed session goes on: at its failed items first, if it has any. */
const resumedPosition = (context: SessionContext, lastFailedItem: number): Position => {
  const resumeAt = context.position.at === 'retrying' ? context.position.resumeAt : context.position
  return context.metrics.itemsFailed === 0 || lastFailedItem === 0
    ? resumeAt
    : { at: 'retrying', after: 0, until: lastFailedItem, resumeAt }
}

/**
 * The life of one session: one walk of one target, across any number of
 * processes. It is pure (no clock, no I/O, no timers), so that the next
 * snapshot can be computed and stored before the live actor moves. Waiting for
 * a rate limit is no state here: the session is IN_PROGRESS all the while.
 */
export const sessionMachine = setup({
  types: {
    context: {} as SessionContext,
    input: {} as SessionInput,
    events: {} as SessionEvent,
  },
  guards: {
    listingRemains: ({ context }) =>
      context.position.at === 'retrying' && context.position.resumeAt.at !== 'end',
    nothingKept: ({ context }) =>
      context.metrics.itemsFailed > 0 &&
      context.metrics.itemsProcessed + context.metrics.itemsSkipped === 0,
    somethingMissing: ({ context }, params: SessionAccount) =>
      context.metrics.itemsFailed > 0 ||
      context.shortfalls.length > 0 ||
      (params.shortfalls ?? []).length > 0,
    workRemains: ({ context }, params: { lastFailedItem: number }) =>
      resumedPosition(context, params.lastFailedItem).at !== 'end',
  },
  actions: {
    touch: assign({
      timeline: ({ context }, params: { at: number }) =>
        updateLastUpdate(context.timeline, params.at),
    }),
    recordBatch: assign(({ context }, batch: BatchCommitted) => {
      const counted = incrementTotalBatches(addItems(context.metrics, batch))
      return {
        position: batch.position,
        metrics: batch.batchFailed ? incrementFailedBatches(counted) : counted,
        timeline: updateLastUpdate(context.timeline, batch.at),
        shortfalls: addShortfalls(context.shortfalls, batch.shortfalls),
        total: batch.total ?? context.total,
      }
    }),
    returnToListing: assign({
      position: ({ context }) =>
        context.position.at === 'retrying' ? context.position.resumeAt : context.position,
    }),
    reachEnd: assign({ position: { at: 'end' } as const }),
    complete: assign({
      timeline: ({ context }, params: { at: number }) =>
        markTimelineCompleted(context.timeline, params.at),
    }),
    recordVerdict: assign({
      verdict: (_, params: SessionAccount) => addShortfalls([], params.shortfalls ?? []),
    }),
    recordFailure: assign({
      failureReason: (_, params: { reason: string }) => params.reason,
    }),
    recordLostPage: assign({
      metrics: ({ context }, params: { pageLost: boolean }) =>
        params.pageLost
          ? incrementFailedBatches(incrementTotalBatches(context.metrics))
          : context.metrics,
    }),
    reopen: assign(({ context }, params: { at: number; lastFailedItem: number }) => ({
      position: resumedPosition(context, params.lastFailedItem),
      timeline: reopenTimeline(context.timeline, params.at),
      failureReason: null,
      verdict: [],
    })),
  },
}).createMachine({
  id: 'session',
  version: '1',
  description: 'One walk of one target, from its first page to its end.',
  initial: 'INITIALIZED',
  context: ({ input }) => ({
    sessionId: input.sessionId,
    sourceType: input.sourceType,
    position: { at: 'start' },
    metrics: noSessionMetrics,
    timeline: newTimeline(input.at),
    failureReason: null,
    shortfalls: [],
    verdict: [],
    total: null,
  }),
  states: {
    INITIALIZED: {
      description: 'Stored, and not yet walked.',
      on: {
        'session.start': {
          target: 'IN_PROGRESS',
          actions: { type: 'touch', params: ({ event }) => event },
          description: 'A process took the session up.',
        },
      },
    },
    IN_PROGRESS: {
      description: 'Being walked, waiting for its source, or left by a process that died.',
      on: {
        'batch.committed': {
          actions: { type: 'recordBatch', params: ({ event }) => event },
          description: 'One page is kept; the position moves past it.',
        },
        'listing.exhausted': [
          {
            guard: 'listingRemains',
            actions: ['returnToListing', { type: 'touch', params: ({ event }) => event }],
            description: 'The failed items were tried again; the listing goes on where it stopped.',
          },
          {
            guard: 'nothingKept',
            target: 'FAILED',
            actions: [
              'reachEnd',
              { type: 'recordFailure', params: { reason: 'every item failed' } },
              { type: 'recordVerdict', params: ({ event }) => event },
              { type: 'complete', params: ({ event }) => event },
            ],
            description: 'Every item failed.',
          },
          {
            guard: { type: 'somethingMissing', params: ({ event }) => event },
            target: 'PARTIALLY_COMPLETED',
            actions: [
              'reachEnd',
              { type: 'recordVerdict', params: ({ event }) => event },
              { type: 'complete', params: ({ event }) => event },
            ],
            description: 'Some items failed, or something was left out.',
          },
          {
            target: 'COMPLETED',
            actions: ['reachEnd', { type: 'complete', params: ({ event }) => event }],
            description: 'Everything was found and kept.',
          },
        ],
        'session.stall': {
          target: 'STALLED',
          actions: { type: 'touch', params: ({ event }) => event },
          description: 'A request hung past the watchdog.',
        },
        'session.fail': {
          target: 'FAILED',
          actions: [
            { type: 'recordFailure', params: ({ event }) => event },
            { type: 'recordVerdict', params: ({ event }) => event },
            { type: 'recordLostPage', params: ({ event }) => event },
            { type: 'complete', params: ({ event }) => event },
          ],
          description: 'The source refused for good, or the attempts ran out.',
        },
      },
    },
    STALLED: {
      description: 'A request hung; the page is being asked for again.',
      on: {
        'batch.committed': {
          target: 'IN_PROGRESS',
          actions: { type: 'recordBatch', params: ({ event }) => event },
          description: 'A page came after all.',
        },
        'listing.exhausted': [
          {
            guard: 'listingRemains',
            target: 'IN_PROGRESS',
            actions: ['returnToListing', { type: 'touch', params: ({ event }) => event }],
            description: 'The failed items were tried again; the listing goes on where it stopped.',
          },
          {
            guard: 'nothingKept',
            target: 'FAILED',
            actions: [
              'reachEnd',
              { type: 'recordFailure', params: { reason: 'every item failed' } },
              { type: 'recordVerdict', params: ({ event }) => event },
              { type: 'complete', params: ({ event }) => event },
            ],
            description: 'Every item failed.',
          },
          {
            guard: { type: 'somethingMissing', params: ({ event }) => event },
            target: 'PARTIALLY_COMPLETED',
            actions: [
              'reachEnd',
              { type: 'recordVerdict', params: ({ event }) => event },
              { type: 'complete', params: ({ event }) => event },
            ],
            description: 'Some items failed, or something was left out.',
          },
          {
            target: 'COMPLETED',
            actions: ['reachEnd', { type: 'complete', params: ({ event }) => event }],
            description: 'Everything was found and kept.',
          },
        ],
        'session.fail': {
          target: 'FAILED',
          actions: [
            { type: 'recordFailure', params: ({ event }) => event },
            { type: 'recordVerdict', params: ({ event }) => event },
            { type: 'recordLostPage', params: ({ event }) => event },
            { type: 'complete', params: ({ event }) => event },
          ],
          description: 'The page never came.',
        },
      },
    },
    PARTIALLY_COMPLETED: {
      description: 'Walked to the end, with something missing; can be resumed on purpose.',
      on: {
        'session.resume': {
          guard: { type: 'workRemains', params: ({ event }) => event },
          target: 'IN_PROGRESS',
          actions: { type: 'reopen', params: ({ event }) => event },
          description: 'Try the failed items again.',
        },
      },
    },
    FAILED: {
      description: 'Stopped short; can be resumed on purpose from where it stopped.',
      on: {
        'session.resume': {
          target: 'IN_PROGRESS',
          actions: { type: 'reopen', params: ({ event }) => event },
          description: 'Try the failed items again, then go on with the listing.',
        },
      },
    },
    COMPLETED: {
      type: 'final',
      description: 'Everything was found and kept.',
    },
  },
})
