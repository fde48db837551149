import type { AnyStateMachine, Snapshot, StateMachine } from 'xstate'

/**
 * Makes a machine that can be spawned from a stored snapshot. XState's `spawn`
 * takes no snapshot and would start afresh; overriding where the first snapshot
 * comes from is the one way to restore a single child.
 *
 * The snapshot is restored from a copy, because restoring mutates what it is given.
 */
export function restorable<M extends AnyStateMachine>(machine: M): Restorable<M> {
  const wrapper = Object.create(machine) as AnyStateMachine
  wrapper.getInitialSnapshot = (scope, input) => {
    const { snapshot } = input as { snapshot: Snapshot<unknown> }
    return machine.restoreSnapshot(structuredClone(snapshot), scope)
  }
  return wrapper as unknown as Restorable<M>
}

/** The same machine, with a stored snapshot as its input. */
export type Restorable<M> =
  M extends StateMachine<
    infer Context,
    infer Event,
    infer Children,
    infer Actor,
    infer Action,
    infer Guard,
    infer Delay,
    infer Value,
    infer Tag,
    infer _Input,
    infer Output,
    infer Emitted,
    infer Meta,
    infer Config
  >
    ? StateMachine<
        Context,
        Event,
        Children,
        Actor,
        Action,
        Guard,
        Delay,
        Value,
        Tag,
        { snapshot: Snapshot<unknown> },
        Output,
        Emitted,
        Meta,
        Config
      >
    : never
