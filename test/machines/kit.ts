import type {
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  InspectionEvent,
} from 'xstate'

/** A machine's states in the order of their definition; the machine itself comes first. */
export function allNodes(machine: AnyStateMachine): AnyStateNode[] {
  const below = (node: AnyStateNode): AnyStateNode[] => [
    node,
    ...(Object.values(node.states) as AnyStateNode[]).flatMap(below),
  ]
  return below(machine.root as AnyStateNode)
}

/** A state's name within its machine: `fetching.queued`; empty for the machine itself. */
export const nameOf = (node: AnyStateNode): string => node.path.join('.')

/** The states that a machine can be in: those without states of their own. */
export const leavesOf = (machine: AnyStateMachine): AnyStateNode[] =>
  allNodes(machine).filter((node) => Object.keys(node.states).length === 0)

/** What a state reacts to by itself, each guarded branch for itself. */
export const transitionsOf = (node: AnyStateNode): AnyTransitionDefinition[] => [
  ...[...node.transitions.values()].flat(),
  ...(node.always ?? []),
]

/** The states that a transition leads to; none where it stays. */
export const targetsOf = (transition: AnyTransitionDefinition): AnyStateNode[] => [
  ...((transition.target ?? []) as readonly AnyStateNode[]),
]

const guardOf = ({ guard }: AnyTransitionDefinition): string => {
  if (guard === undefined) return ''
  const { type } = typeof guard === 'string' ? { type: guard } : (guard as { type?: string })
  return ` [${type ?? 'a guard without a name'}]`
}

/** A transition as a reader would write it down. */
export function describeTransition(transition: AnyTransitionDefinition): string {
  const { source, eventType } = transition
  const to = targetsOf(transition).map((target) => target.id)
  const event = eventType === '' ? 'always' : eventType
  return `${(source as AnyStateNode).id} --${event}${guardOf(transition)}--> ${to.join(', ') || 'stays'}`
}

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
