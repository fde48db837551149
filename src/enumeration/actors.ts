import { fromPromise } from 'xstate'
import {
  coordinatorMachine,
  enumeratorMachine,
  type CommitOutcome,
  type EnumeratorOutput,
  type FetchOutcome,
  type WaitRecord,
} from '../../machines/index.ts'
import { announce } from '../delivery/event-bus.ts'
import type { EnumerationDeps } from './ports.ts'
import type { Walk } from './walk.ts'
import type { Walker } from './walker.ts'

/** A timer of Node holds at most this many milliseconds; a longer wait asks again in between. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export interface ActorsDeps extends Pick<EnumerationDeps, 'bus' | 'clock'> {
  readonly walker: Walker
  walk(sessionId: string): Walk
  /** Tells the enumerator that its request is out. */
  requestStarted(sessionId: string): void
  walkEnded(sessionId: string, output: EnumeratorOutput): void
  walkBroke(sessionId: string, error: unknown): void
}

type Input = { readonly sessionId: string }

function enumerator(deps: ActorsDeps) {
  const { walker } = deps
  return enumeratorMachine.provide({
    actors: {
      fetchPage: fromPromise<FetchOutcome, Input>(({ input, signal }) =>
        walker.fetchPage(deps.walk(input.sessionId), signal, () =>
          deps.requestStarted(input.sessionId),
        ),
      ),
      commitPage: fromPromise<CommitOutcome, Input>(({ input }) =>
        walker.commitPage(deps.walk(input.sessionId)),
      ),
      awaitWindow: fromPromise<void, Input>(({ input }) => deps.walk(input.sessionId).feed.room()),
      recordWait: fromPromise<CommitOutcome, WaitRecord>(({ input }) =>
        walker.recordWait(deps.walk(input.sessionId), input),
      ),
      recordStall: fromPromise<CommitOutcome, Input>(({ input }) =>
        walker.recordStall(deps.walk(input.sessionId)),
      ),
      recordEnd: fromPromise<CommitOutcome, Input>(({ input }) =>
        walker.recordEnd(deps.walk(input.sessionId)),
      ),
      recordFailure: fromPromise<CommitOutcome, Input & { readonly reason: string }>(({ input }) =>
        walker.recordFailure(deps.walk(input.sessionId), input.reason),
      ),
    },
    actions: {
      releaseHold: ({ context }) => deps.walk(context.input.sessionId).feed.stopWaiting(),
      announceState: ({ context }, { state }) => {
        const { sessionId } = context.input
        announce(deps.bus, 'enumerator.changed', {
          sessionId,
          targetName: deps.walk(sessionId).config.name,
          state,
          reason: context.reason,
          until: context.waitUntil,
        })
      },
    },
    delays: {
      WAIT: ({ context }) => {
        const wait = (context.waitUntil ?? 0) - deps.clock.now()
        return Math.min(Math.max(0, wait), LONGEST_TIMER_MS)
      },
    },
  })
}

/** The session that an actor of the coordinator belongs to. */
const sessionIdOf = (actorId: string): string => actorId.split(':')[1] ?? ''

/** The coordinator's machine with everything it names filled in. */
export function coordinatorLogic(deps: ActorsDeps) {
  return coordinatorMachine.provide({
    actors: { enumerator: enumerator(deps) },
    actions: {
      walkEnded: (_, { actorId, output }) => deps.walkEnded(sessionIdOf(actorId), output),
      walkBroke: (_, { actorId, error }) => deps.walkBroke(sessionIdOf(actorId), error),
    },
  })
}
