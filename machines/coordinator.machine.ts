import {
  assertEvent,
  assign,
  enqueueActions,
  setup,
  spawnChild,
  stopChild,
  type DoneActorEvent,
  type ErrorActorEvent,
  type Snapshot,
} from 'xstate'
import { batchMachine, type BatchInput } from './batch.machine.ts'
import {
  enumeratorMachine,
  type EnumeratorInput,
  type EnumeratorOutput,
} from './enumerator.machine.ts'
import { restorable } from './restorable.ts'
import { sessionMachine } from './session.machine.ts'

export interface CoordinatorContext {
  /** The sessions being walked here. */
  readonly walking: readonly string[]
}

export type CoordinatorEvent =
  | {
      readonly type: 'session.open'
      readonly sessionId: string
      readonly snapshot: Snapshot<unknown>
    }
  | { readonly type: 'session.close'; readonly sessionId: string }
  | { readonly type: 'enumerator.open'; readonly input: EnumeratorInput }
  | { readonly type: 'batch.open'; readonly input: BatchInput }
  | { readonly type: 'batch.close'; readonly sessionId: string; readonly number: number }
  | { readonly type: 'coordinator.drain' }
  | DoneActorEvent<EnumeratorOutput, string>
  | ErrorActorEvent<unknown, string>

export const sessionActorId = (sessionId: string) => `session:${sessionId}`
export const enumeratorActorId = (sessionId: string) => `enumerator:${sessionId}`
export const batchActorId = (sessionId: string, number: number) => `batch:${sessionId}:${number}`

/** The session that a child belongs to, from the child's id. */
const sessionOf = (actorId: string): string => actorId.split(':')[1] ?? ''

/**
 * Supervises every walk of the process. It is never persisted: it is rebuilt
 * from the rows of the sessions. A child that fails ends its own walk and no
 * other's.
 */
export const coordinatorMachine = setup({
  types: {
    context: {} as CoordinatorContext,
    events: {} as CoordinatorEvent,
  },
  actors: {
    session: restorable(sessionMachine),
    enumerator: enumeratorMachine,
    batch: batchMachine,
  },
  guards: {
    isEnumerator: (_, params: { actorId: string }) => params.actorId.startsWith('enumerator:'),
    nothingWalks: ({ context }) => context.walking.length === 0,
  },
  actions: {
    addWalk: assign({
      walking: ({ context }, params: { sessionId: string }) => [
        ...context.walking,
        params.sessionId,
      ],
    }),
    removeWalk: assign({
      walking: ({ context }, params: { actorId: string }) =>
        context.walking.filter((id) => id !== sessionOf(params.actorId)),
    }),
    stopBatch: stopChild((_, params: { sessionId: string; number: number }) =>
      batchActorId(params.sessionId, params.number),
    ),
    stopActor: stopChild((_, params: { actorId: string }) => params.actorId),
    stopSession: stopChild((_, params: { sessionId: string }) => sessionActorId(params.sessionId)),
    stopEnumeratorOf: stopChild((_, params: { actorId: string }) =>
      enumeratorActorId(sessionOf(params.actorId)),
    ),
    drainEnumerators: enqueueActions(({ context, enqueue }) => {
      for (const sessionId of context.walking) {
        enqueue.sendTo(enumeratorActorId(sessionId), { type: 'enumerator.drain' })
      }
    }),
    walkEnded: (_, _params: { actorId: string; output: EnumeratorOutput }) => {},
    walkBroke: (_, _params: { actorId: string; error: unknown }) => {},
  },
}).createMachine({
  id: 'coordinator',
  version: '1',
  description: 'Supervises the walks of one process.',
  initial: 'running',
  context: { walking: [] },
  on: {
    'session.close': {
      actions: { type: 'stopSession', params: ({ event }) => event },
      description: 'The walk is over and its session is no longer needed in memory.',
    },
    'batch.open': {
      actions: spawnChild('batch', {
        id: ({ event }) => batchActorId(event.input.sessionId, event.input.number),
        input: ({ event }) => {
          assertEvent(event, 'batch.open')
          return event.input
        },
      }),
      description: 'A page came; its batch begins.',
    },
    'batch.close': {
      actions: { type: 'stopBatch', params: ({ event }) => event },
      description: 'The batch is stored; finished children would pile up.',
    },
    'xstate.done.actor.*': {
      guard: { type: 'isEnumerator', params: ({ event }) => event },
      actions: [
        { type: 'removeWalk', params: ({ event }) => event },
        { type: 'stopActor', params: ({ event }) => event },
        { type: 'walkEnded', params: ({ event }) => event },
      ],
      description: 'A walk came to its end, or was stopped.',
    },
    'xstate.error.actor.*': {
      actions: [
        { type: 'removeWalk', params: ({ event }) => event },
        { type: 'stopActor', params: ({ event }) => event },
        { type: 'stopEnumeratorOf', params: ({ event }) => event },
        { type: 'walkBroke', params: ({ event }) => event },
      ],
      description: "One child failed: its walk ends, the others' go on.",
    },
  },
  states: {
    running: {
      description: 'Walks may be opened.',
      on: {
        'session.open': {
          actions: spawnChild('session', {
            id: ({ event }) => sessionActorId(event.sessionId),
            input: ({ event }) => {
              assertEvent(event, 'session.open')
              return { snapshot: event.snapshot }
            },
          }),
          description: 'Restored from its checkpoint.',
        },
        'enumerator.open': {
          actions: [
            { type: 'addWalk', params: ({ event }) => event.input },
            spawnChild('enumerator', {
              id: ({ event }) => enumeratorActorId(event.input.sessionId),
              input: ({ event }) => {
                assertEvent(event, 'enumerator.open')
                return event.input
              },
            }),
          ],
          description: 'The walk of an open session begins.',
        },
        'coordinator.drain': {
          target: 'draining',
          description: 'Close: pages in hand are finished.',
        },
      },
    },
    draining: {
      description: 'No walk may be opened; those under way finish their page.',
      entry: 'drainEnumerators',
      always: { guard: 'nothingWalks', target: 'stopped' },
    },
    stopped: { type: 'final', description: 'Nothing walks any more.' },
  },
})
