import { assign, setup } from 'xstate'
import {
  markTimelineCompleted,
  newBatchMetrics,
  newTimeline,
  type BatchMetrics,
  type Timeline,
} from './values.ts'

export type BatchStatus = 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'PARTIALLY_COMPLETED'

export interface BatchContext {
  readonly batchId: string
  readonly sessionId: string
  /** 1 for a session's first batch. */
  readonly number: number
  readonly metrics: BatchMetrics
  readonly timeline: Timeline
}

export interface BatchInput {
  readonly batchId: string
  readonly sessionId: string
  readonly number: number
  readonly expectedItems: number
  readonly at: number
}

export type BatchEvent =
  | {
      readonly type: 'batch.settle'
      readonly at: number
      readonly processed: number
      /** Left out by the target's own filters. */
      readonly skipped: number
      readonly failed: number
      /** The reason of the first failed item, or null. */
      readonly firstReason: string | null
    }
  | { readonly type: 'batch.fail'; readonly at: number; readonly error: string }

/**
 * The life of one batch: the durable record of one page. Pure, like the
 * session: its outcome is computed before the commit and stored with it.
 */
export const batchMachine = setup({
  types: {
    context: {} as BatchContext,
    input: {} as BatchInput,
    events: {} as BatchEvent,
  },
  guards: {
    allFailed: (_, params: { processed: number; skipped: number; failed: number }) =>
      params.failed > 0 && params.processed + params.skipped === 0,
    someFailed: (_, params: { failed: number }) => params.failed > 0,
  },
  actions: {
    settle: assign(({ context }, params: Extract<BatchEvent, { type: 'batch.settle' }>) => ({
      metrics: {
        ...context.metrics,
        itemsProcessed: params.processed,
        itemsSkipped: params.skipped,
        itemsFailed: params.failed,
        errorDetails: params.firstReason,
      },
      timeline: markTimelineCompleted(context.timeline, params.at),
    })),
    fail: assign(({ context }, params: { at: number; error: string }) => ({
      metrics: { ...context.metrics, errorDetails: params.error },
      timeline: markTimelineCompleted(context.timeline, params.at),
    })),
  },
}).createMachine({
  id: 'batch',
  version: '1',
  description: 'What became of one page.',
  initial: 'IN_PROGRESS',
  context: ({ input }) => ({
    batchId: input.batchId,
    sessionId: input.sessionId,
    number: input.number,
    metrics: newBatchMetrics(input.expectedItems),
    timeline: newTimeline(input.at),
  }),
  states: {
    IN_PROGRESS: {
      description: 'The page is here; its items are being validated.',
      on: {
        'batch.settle': [
          {
            guard: { type: 'allFailed', params: ({ event }) => event },
            target: 'FAILED',
            actions: { type: 'settle', params: ({ event }) => event },
            description: 'Every item failed.',
          },
          {
            guard: { type: 'someFailed', params: ({ event }) => event },
            target: 'PARTIALLY_COMPLETED',
            actions: { type: 'settle', params: ({ event }) => event },
            description: 'Some items could not be kept.',
          },
          {
            target: 'SUCCEEDED',
            actions: { type: 'settle', params: ({ event }) => event },
            description: 'No item failed.',
          },
        ],
        'batch.fail': {
          target: 'FAILED',
          actions: { type: 'fail', params: ({ event }) => event },
          description: 'The page itself could not be had.',
        },
      },
    },
    SUCCEEDED: { type: 'final', description: 'Every item was kept, or left out on purpose.' },
    PARTIALLY_COMPLETED: { type: 'final', description: 'Some items failed; each is a row.' },
    FAILED: { type: 'final', description: 'Nothing was kept.' },
  },
})
