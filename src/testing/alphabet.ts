import type { AnyStateMachine, EventFromLogic, InputFrom, SnapshotFrom } from 'xstate'

/** What can happen to a machine: what the generator tries in every state that it finds. */
export interface Alphabet<M extends AnyStateMachine = AnyStateMachine> {
  readonly input?: InputFrom<M>
  /**
   * The events that are possible in a state, with their payloads. What the
   * machine does to itself is among them: `xstate.done.actor.<id>` with its
   * output, `xstate.error.actor.<id>` with its error, `xstate.after.<delay>.<state id>`.
   */
  events(snapshot: SnapshotFrom<M>): readonly EventFromLogic<M>[]
  /**
   * What of a state makes a difference: two snapshots with the same key count as
   * one. Default: value and context, which never ends for a context that counts.
   */
  key?(snapshot: SnapshotFrom<M>): unknown
  /** An event in a word or two. Default: its type. */
  name?(event: EventFromLogic<M>): string
}
