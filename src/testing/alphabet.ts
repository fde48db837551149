import type { AnyStateMachine, EventFromLogic, InputFrom, SnapshotFrom } from 'xstate'

/** What a machine says to itself: how its actors came out, and that a delay has passed. */
export type MachineEvent =
  | {
      readonly type: `xstate.done.actor.${string}`
      readonly actorId?: string
      readonly output?: unknown
    }
  | {
      readonly type: `xstate.error.actor.${string}`
      readonly actorId?: string
      readonly error?: unknown
    }
  | { readonly type: `xstate.after.${string}` }

/** Everything that can reach a machine. */
export type PossibleEvent<M extends AnyStateMachine> = EventFromLogic<M> | MachineEvent

/** What can happen to a machine: what the generator tries in every state that it finds. */
export interface Alphabet<
  M extends AnyStateMachine = AnyStateMachine,
  E extends PossibleEvent<M> = EventFromLogic<M>,
> {
  readonly input?: InputFrom<M>
  /**
   * The events that are possible in a state, with their payloads. What the
   * machine does to itself is among them: `xstate.done.actor.<id>` with its
   * output, `xstate.error.actor.<id>` with its error, `xstate.after.<delay>.<state id>`.
   */
  events(snapshot: SnapshotFrom<M>): readonly E[]
  /**
   * What of a state makes a difference: two snapshots whose keys are the same as
   * JSON count as one. Default: value and context, which never ends for a context
   * that counts.
   */
  key?(snapshot: SnapshotFrom<M>): unknown
  /** An event in a word or two. Default: its type. */
  name?(event: E): string
}
