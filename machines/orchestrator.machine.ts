import { assign, fromCallback, fromPromise, setup, type EventObject } from 'xstate'

export interface OrchestratorContext {
  /** Why the last round of enumeration did not get through, or null. */
  readonly reason: string | null
}

export type OrchestratorEvent =
  | { readonly type: 'leadership.gained' }
  | { readonly type: 'leadership.lost' }
  | { readonly type: 'orchestrator.enumerate' }
  | { readonly type: 'orchestrator.stop' }

const notProvided = (name: string) => () =>
  Promise.reject(new Error(`the orchestrator's actor "${name}" was not provided`))

/**
 * Decides when there is anything to walk: while it leads, it resumes what was
 * interrupted and starts the rest, then stands ready for the next round.
 */
export const orchestratorMachine = setup({
  types: {
    context: {} as OrchestratorContext,
    events: {} as OrchestratorEvent,
  },
  actors: {
    campaign: fromCallback<EventObject>(() => {
      throw new Error('the orchestrator\'s actor "campaign" was not provided')
    }),
    loadTargets: fromPromise<void>(notProvided('loadTargets')),
    resumeInterrupted: fromPromise<void>(notProvided('resumeInterrupted')),
    startTargets: fromPromise<void>(notProvided('startTargets')),
    awaitWalks: fromPromise<void>(notProvided('awaitWalks')),
    drain: fromPromise<void>(notProvided('drain')),
  },
  actions: {
    recordReason: assign((_, params: { error: unknown }) => ({
      reason: params.error instanceof Error ? params.error.message : String(params.error),
    })),
    clearReason: assign({ reason: null }),
    roundEnded: () => {},
    roundFailed: (_, _params: { error: unknown }) => {},
    cancelWalks: () => {},
    drainWalks: () => {},
  },
}).createMachine({
  id: 'orchestrator',
  version: '1',
  description: 'Loads what is wanted, resumes what was interrupted, starts the rest.',
  initial: 'active',
  context: { reason: null },
  states: {
    active: {
      description: 'Takes part, whether it leads or not.',
      initial: 'standby',
      invoke: { id: 'campaign', src: 'campaign' },
      on: {
        'leadership.lost': {
          target: '.standby',
          actions: ['cancelWalks', 'roundEnded'],
          description: 'Another process leads now; what was walked here can be resumed there.',
        },
        'orchestrator.stop': {
          target: 'draining',
          description: 'Finish the pages in hand and stop.',
        },
      },
      states: {
        standby: {
          description: 'Another process leads, or none does yet.',
          on: { 'leadership.gained': 'leading' },
        },
        leading: {
          description: 'This process decides what is walked.',
          initial: 'idle',
          states: {
            idle: {
              description: 'Ready for a round.',
              on: {
                'orchestrator.enumerate': {
                  target: 'loading',
                  actions: 'clearReason',
                  description: 'A round of enumeration.',
                },
              },
            },
            loading: {
              description: 'The target specs are loaded and validated.',
              invoke: {
                id: 'loadTargets',
                src: 'loadTargets',
                onDone: 'resuming',
                onError: {
                  target: 'idle',
                  actions: [
                    { type: 'recordReason', params: ({ event }) => event },
                    { type: 'roundFailed', params: ({ event }) => event },
                  ],
                },
              },
            },
            resuming: {
              description: 'Interrupted sessions are taken up; one that cannot be is passed over.',
              invoke: {
                id: 'resumeInterrupted',
                src: 'resumeInterrupted',
                onDone: 'starting',
                onError: {
                  target: 'idle',
                  actions: [
                    { type: 'recordReason', params: ({ event }) => event },
                    { type: 'roundFailed', params: ({ event }) => event },
                  ],
                },
              },
            },
            starting: {
              description: 'Targets that were not resumed are started.',
              invoke: {
                id: 'startTargets',
                src: 'startTargets',
                onDone: 'walking',
                onError: {
                  target: 'idle',
                  actions: [
                    { type: 'recordReason', params: ({ event }) => event },
                    { type: 'roundFailed', params: ({ event }) => event },
                  ],
                },
              },
            },
            walking: {
              description: 'Every target is being walked.',
              invoke: {
                id: 'awaitWalks',
                src: 'awaitWalks',
                onDone: { target: 'idle', actions: 'roundEnded' },
                onError: {
                  target: 'idle',
                  actions: [
                    { type: 'recordReason', params: ({ event }) => event },
                    { type: 'roundFailed', params: ({ event }) => event },
                  ],
                },
              },
            },
          },
        },
      },
    },
    draining: {
      description: 'Pages in hand are finished.',
      entry: 'drainWalks',
      invoke: { id: 'drain', src: 'drain', onDone: 'stopped', onError: 'stopped' },
    },
    stopped: { type: 'final', description: 'Nothing is decided here any more.' },
  },
})
