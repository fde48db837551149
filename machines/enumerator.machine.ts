import { assign, fromPromise, setup } from 'xstate'

/** What came of asking the source for the next page. The page itself stays with the walk. */
export type FetchOutcome =
  | { readonly kind: 'page' }
  | { readonly kind: 'exhausted' }
  | { readonly kind: 'wait'; readonly until: number; readonly reason: string }
  /** Nobody can say until when: somebody has to put something right first. */
  | { readonly kind: 'pause'; readonly reason: string }
  | { readonly kind: 'error'; readonly retryable: boolean; readonly reason: string }

/** What came of a write. */
export type CommitOutcome =
  | { readonly kind: 'committed'; readonly windowFull: boolean }
  | { readonly kind: 'ended' }
  | { readonly kind: 'stale'; readonly reason: string }

export interface EnumeratorInput {
  readonly sessionId: string
  /** Attempts at one page before the session fails. */
  readonly maxAttempts: number
  /** Milliseconds before the second attempt; doubles with each further one. */
  readonly backoffMs: number
  /** The longest pause between attempts, in milliseconds. */
  readonly maxBackoffMs: number
  /** Milliseconds after which a request counts as hung. */
  readonly stallMs: number
  /** The longest the walk is held for a host that has stopped taking tasks, in milliseconds. */
  readonly holdMs: number
}

export type EnumeratorEnd = 'ended' | 'failed' | 'paused' | 'stopped' | 'abandoned' | 'broken'

export interface EnumeratorOutput {
  readonly end: EnumeratorEnd
  readonly reason: string | null
}

export interface EnumeratorContext {
  readonly input: EnumeratorInput
  /** Failed attempts at the present page. */
  readonly attempts: number
  readonly reason: string | null
  /** When the source may be asked again; milliseconds since the Unix epoch. Null while nothing is waited for, or nobody knows until when. */
  readonly waitUntil: number | null
  readonly draining: boolean
}

export type EnumeratorEvent =
  | { readonly type: 'enumerator.drain' }
  | { readonly type: 'enumerator.cancel' }
  | { readonly type: 'request.started' }
  | { readonly type: 'lease.lost'; readonly reason: string }

type Session = { readonly sessionId: string }

/** What is waited for; without a time the walk is paused. */
export type WaitRecord = Session & { readonly until: number | null; readonly reason: string }

const notProvided = (name: string) => () =>
  Promise.reject(new Error(`the enumerator's actor "${name}" was not provided`))

/**
 * Walks one session: asks for a page, commits it, asks for the next. It waits
 * out limits, backs off from errors, holds for a slow host and notices a hung
 * request. It is never persisted: what it needs after a restart is the
 * session's position, and that is in the session's checkpoint.
 *
 * No state that writes can be left by an event: a commit abandoned after it
 * happened would be done twice.
 */
export const enumeratorMachine = setup({
  types: {
    context: {} as EnumeratorContext,
    input: {} as EnumeratorInput,
    events: {} as EnumeratorEvent,
    output: {} as EnumeratorOutput,
  },
  actors: {
    fetchPage: fromPromise<FetchOutcome, Session>(notProvided('fetchPage')),
    commitPage: fromPromise<CommitOutcome, Session>(notProvided('commitPage')),
    recordWait: fromPromise<CommitOutcome, WaitRecord>(notProvided('recordWait')),
    awaitWindow: fromPromise<void, Session>(notProvided('awaitWindow')),
    recordStall: fromPromise<CommitOutcome, Session>(notProvided('recordStall')),
    recordEnd: fromPromise<CommitOutcome, Session>(notProvided('recordEnd')),
    recordFailure: fromPromise<CommitOutcome, Session & { readonly reason: string }>(
      notProvided('recordFailure'),
    ),
  },
  guards: {
    isPage: (_, outcome: FetchOutcome) => outcome.kind === 'page',
    isExhausted: (_, outcome: FetchOutcome) => outcome.kind === 'exhausted',
    isWait: (_, outcome: FetchOutcome) => outcome.kind === 'wait',
    isPause: (_, outcome: FetchOutcome) => outcome.kind === 'pause',
    isUntimed: ({ context }) => context.waitUntil === null,
    canRetry: ({ context }, outcome: FetchOutcome) =>
      outcome.kind === 'error' &&
      outcome.retryable &&
      context.attempts + 1 < context.input.maxAttempts,
    attemptsRemain: ({ context }) => context.attempts < context.input.maxAttempts,
    isDraining: ({ context }) => context.draining,
    isStale: (_, outcome: CommitOutcome) => outcome.kind === 'stale',
    isEnded: (_, outcome: CommitOutcome) => outcome.kind === 'ended',
    isWindowFull: (_, outcome: CommitOutcome) => outcome.kind === 'committed' && outcome.windowFull,
  },
  actions: {
    markDraining: assign({ draining: true }),
    clearAttempts: assign({ attempts: 0, reason: null }),
    countAttempt: assign(({ context }, params: { reason: string }) => ({
      attempts: context.attempts + 1,
      reason: params.reason,
    })),
    recordReason: assign((_, params: { reason: string }) => ({ reason: params.reason })),
    noteWait: assign((_, outcome: FetchOutcome) =>
      outcome.kind === 'wait' ? { waitUntil: outcome.until, reason: outcome.reason } : {},
    ),
    releaseHold: () => {},
    clearWait: assign({ waitUntil: null, reason: null }),
    announceState: (_, _params: { state: 'holding' | 'waiting' | 'backingOff' | 'stalling' }) => {},
  },
  delays: {
    STALL: ({ context }) => context.input.stallMs,
    HOLD: ({ context }) => context.input.holdMs,
    WAIT: () => 0,
    BACKOFF: ({ context }) =>
      Math.min(
        context.input.backoffMs * 2 ** Math.max(0, context.attempts - 1),
        context.input.maxBackoffMs,
      ),
  },
}).createMachine({
  id: 'enumerator',
  version: '1',
  description: 'Walks the pages of one session.',
  initial: 'fetching',
  context: ({ input }) => ({
    input,
    attempts: 0,
    reason: null,
    waitUntil: null,
    draining: false,
  }),
  on: {
    'enumerator.drain': {
      actions: 'markDraining',
      description: 'Stop after the page in hand.',
    },
  },
  states: {
    fetching: {
      description: 'The next page is asked for, in a slot of the queue.',
      invoke: {
        id: 'fetchPage',
        src: 'fetchPage',
        input: ({ context }) => ({ sessionId: context.input.sessionId }),
        onDone: [
          { guard: { type: 'isPage', params: ({ event }) => event.output }, target: 'committing' },
          {
            guard: { type: 'isExhausted', params: ({ event }) => event.output },
            target: 'ending',
          },
          {
            guard: { type: 'isWait', params: ({ event }) => event.output },
            target: 'recordingWait',
            actions: { type: 'noteWait', params: ({ event }) => event.output },
          },
          {
            guard: { type: 'isPause', params: ({ event }) => event.output },
            target: 'recordingWait',
            actions: { type: 'recordReason', params: ({ event }) => reasonOf(event.output) },
          },
          {
            guard: { type: 'canRetry', params: ({ event }) => event.output },
            target: 'backingOff',
            actions: { type: 'countAttempt', params: ({ event }) => reasonOf(event.output) },
          },
          {
            target: 'failing',
            actions: { type: 'recordReason', params: ({ event }) => reasonOf(event.output) },
          },
        ],
        onError: {
          target: 'broken',
          actions: { type: 'recordReason', params: ({ event }) => messageOf(event.error) },
        },
      },
      initial: 'queued',
      states: {
        queued: {
          description: 'Waiting for a slot: no request is out, so nothing can hang.',
          on: {
            'request.started': 'asking',
            'enumerator.drain': {
              target: '#enumerator.stopped',
              description: 'No page is in hand.',
            },
          },
        },
        asking: {
          description: 'The request is out, under the watchdog.',
          after: {
            STALL: {
              target: '#enumerator.stalling',
              actions: { type: 'countAttempt', params: { reason: 'the request hung' } },
              description: 'The watchdog: a request that gives no answer is dropped.',
            },
          },
        },
      },
      on: {
        'enumerator.cancel': { target: 'stopped', description: 'Drop the request.' },
        'lease.lost': {
          target: 'abandoned',
          actions: { type: 'recordReason', params: ({ event }) => event },
        },
      },
    },
    committing: {
      description: 'The page, its tasks and the checkpoint are written in one transaction.',
      entry: 'clearAttempts',
      invoke: {
        id: 'commitPage',
        src: 'commitPage',
        input: ({ context }) => ({ sessionId: context.input.sessionId }),
        onDone: [
          {
            guard: { type: 'isStale', params: ({ event }) => event.output },
            target: 'abandoned',
            actions: { type: 'recordReason', params: ({ event }) => reasonOf(event.output) },
          },
          { guard: 'isDraining', target: 'stopped' },
          {
            guard: { type: 'isWindowFull', params: ({ event }) => event.output },
            target: 'holding',
          },
          { target: 'fetching' },
        ],
        onError: {
          target: 'broken',
          actions: { type: 'recordReason', params: ({ event }) => messageOf(event.error) },
        },
      },
      on: {
        'enumerator.cancel': {
          actions: 'markDraining',
          description: 'A write is never interrupted.',
        },
      },
    },
    holding: {
      description: 'Back-pressure: the host has more tasks in hand than the window allows.',
      entry: { type: 'announceState', params: { state: 'holding' } },
      invoke: {
        id: 'awaitWindow',
        src: 'awaitWindow',
        input: ({ context }) => ({ sessionId: context.input.sessionId }),
        onDone: 'fetching',
        onError: {
          target: 'broken',
          actions: { type: 'recordReason', params: ({ event }) => messageOf(event.error) },
        },
      },
      after: {
        HOLD: {
          target: 'fetching',
          actions: 'releaseHold',
          description:
            'The host takes nothing any more: the tasks are stored, so go on without it.',
        },
      },
      always: { guard: 'isDraining', target: 'stopped' },
      on: {
        'enumerator.cancel': 'stopped',
        'lease.lost': {
          target: 'abandoned',
          actions: { type: 'recordReason', params: ({ event }) => event },
        },
      },
    },
    recordingWait: {
      description: 'What is waited for is written down, so that others can see it.',
      invoke: {
        id: 'recordWait',
        src: 'recordWait',
        input: ({ context }) => ({
          sessionId: context.input.sessionId,
          until: context.waitUntil,
          reason: context.reason ?? 'unknown',
        }),
        onDone: [
          {
            guard: { type: 'isStale', params: ({ event }) => event.output },
            target: 'abandoned',
            actions: { type: 'recordReason', params: ({ event }) => reasonOf(event.output) },
          },
          { guard: 'isUntimed', target: 'paused' },
          { guard: 'isDraining', target: 'stopped' },
          { target: 'waiting' },
        ],
        onError: {
          target: 'broken',
          actions: { type: 'recordReason', params: ({ event }) => messageOf(event.error) },
        },
      },
      on: { 'enumerator.cancel': { actions: 'markDraining' } },
    },
    waiting: {
      description: 'The source asked to be left alone until a time. This is not a stall.',
      entry: { type: 'announceState', params: { state: 'waiting' } },
      exit: 'clearWait',
      after: { WAIT: 'fetching' },
      always: { guard: 'isDraining', target: 'stopped' },
      on: {
        'enumerator.cancel': 'stopped',
        'lease.lost': {
          target: 'abandoned',
          actions: { type: 'recordReason', params: ({ event }) => event },
        },
      },
    },
    backingOff: {
      description: 'An attempt failed; a pause before the next.',
      entry: { type: 'announceState', params: { state: 'backingOff' } },
      after: { BACKOFF: 'fetching' },
      always: { guard: 'isDraining', target: 'stopped' },
      on: {
        'enumerator.cancel': 'stopped',
        'lease.lost': {
          target: 'abandoned',
          actions: { type: 'recordReason', params: ({ event }) => event },
        },
      },
    },
    stalling: {
      description: 'The session is marked STALLED.',
      entry: { type: 'announceState', params: { state: 'stalling' } },
      invoke: {
        id: 'recordStall',
        src: 'recordStall',
        input: ({ context }) => ({ sessionId: context.input.sessionId }),
        onDone: [
          {
            guard: { type: 'isStale', params: ({ event }) => event.output },
            target: 'abandoned',
            actions: { type: 'recordReason', params: ({ event }) => reasonOf(event.output) },
          },
          { guard: 'isDraining', target: 'stopped' },
          { guard: 'attemptsRemain', target: 'backingOff' },
          { target: 'failing' },
        ],
        onError: {
          target: 'broken',
          actions: { type: 'recordReason', params: ({ event }) => messageOf(event.error) },
        },
      },
      on: { 'enumerator.cancel': { actions: 'markDraining' } },
    },
    ending: {
      description: 'The listing is exhausted; how the session ended is decided and written.',
      invoke: {
        id: 'recordEnd',
        src: 'recordEnd',
        input: ({ context }) => ({ sessionId: context.input.sessionId }),
        onDone: [
          {
            guard: { type: 'isStale', params: ({ event }) => event.output },
            target: 'abandoned',
            actions: { type: 'recordReason', params: ({ event }) => reasonOf(event.output) },
          },
          { guard: { type: 'isEnded', params: ({ event }) => event.output }, target: 'ended' },
          { guard: 'isDraining', target: 'stopped' },
          {
            target: 'fetching',
            description: 'The failed items were tried again; the listing itself goes on.',
          },
        ],
        onError: {
          target: 'broken',
          actions: { type: 'recordReason', params: ({ event }) => messageOf(event.error) },
        },
      },
      on: { 'enumerator.cancel': { actions: 'markDraining' } },
    },
    failing: {
      description: 'The page cannot be had; the session is marked FAILED.',
      invoke: {
        id: 'recordFailure',
        src: 'recordFailure',
        input: ({ context }) => ({
          sessionId: context.input.sessionId,
          reason: context.reason ?? 'unknown',
        }),
        onDone: [
          {
            guard: { type: 'isStale', params: ({ event }) => event.output },
            target: 'abandoned',
            actions: { type: 'recordReason', params: ({ event }) => reasonOf(event.output) },
          },
          { target: 'failed' },
        ],
        onError: {
          target: 'broken',
          actions: { type: 'recordReason', params: ({ event }) => messageOf(event.error) },
        },
      },
    },
    ended: {
      type: 'final',
      output: ({ context }) => ({ end: 'ended' as const, reason: context.reason }),
      description: 'The session was walked to its end.',
    },
    failed: {
      type: 'final',
      output: ({ context }) => ({ end: 'failed' as const, reason: context.reason }),
      description: 'The session is FAILED.',
    },
    paused: {
      type: 'final',
      output: ({ context }) => ({ end: 'paused' as const, reason: context.reason }),
      description: 'The session stays as it is until somebody has put something right.',
    },
    stopped: {
      type: 'final',
      output: ({ context }) => ({ end: 'stopped' as const, reason: context.reason }),
      description: 'Stopped on request; the session can be resumed.',
    },
    abandoned: {
      type: 'final',
      output: ({ context }) => ({ end: 'abandoned' as const, reason: context.reason }),
      description: 'Another process has the session; nothing more is written here.',
    },
    broken: {
      type: 'final',
      output: ({ context }) => ({ end: 'broken' as const, reason: context.reason }),
      description: 'The store or the program failed; nothing was lost.',
    },
  },
  output: ({ event }) => event.output as EnumeratorOutput,
})

function reasonOf(outcome: FetchOutcome | CommitOutcome): { reason: string } {
  return { reason: 'reason' in outcome ? outcome.reason : 'unknown' }
}

function messageOf(error: unknown): { reason: string } {
  return { reason: error instanceof Error ? error.message : String(error) }
}
