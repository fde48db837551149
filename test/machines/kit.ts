import type { AnyStateMachine, InspectionEvent } from 'xstate'
import { allNodes, describeTransition, transitionsOf } from '../../src/testing/machine-structure.ts'

export {
  allNodes,
  describeTransition,
  leavesOf,
  nameOf,
  targetsOf,
  transitionsOf,
} from '../../src/testing/machine-structure.ts'

/**
 * Which transitions running actors have taken. Read off XState's own account of
 * each step: what a test believes to have covered is not asked.
 */
export class Coverage {
  readonly #taken = new Set<string>()

  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.microstep') return
    for (const transition of event._transitions) this.#taken.add(describeTransition(transition))
  }

  /** The transitions of a machine that no inspected actor took. */
  missing(machine: AnyStateMachine): string[] {
    return allNodes(machine)
      .flatMap(transitionsOf)
      .map(describeTransition)
      .filter((transition) => !this.#taken.has(transition))
  }
}

/** Lets everything happen that needs no time: the promises that are settled, and what follows from them. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
