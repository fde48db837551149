import type {
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  EventObject,
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

/** The name of a guard, an action or a delay; empty where there is none. */
export function referenceOf(reference: unknown): string {
  if (reference === undefined || reference === null) return ''
  if (typeof reference === 'string') return reference
  return String((reference as { type?: unknown }).type ?? 'without a name')
}

const guardOf = ({ guard }: AnyTransitionDefinition): string =>
  guard === undefined ? '' : ` [${referenceOf(guard)}]`

/** A transition as a reader would write it down. */
export function describeTransition(transition: AnyTransitionDefinition): string {
  const { source, eventType } = transition
  const to = targetsOf(transition).map((target) => target.id)
  const event = eventType === '' ? 'always' : eventType
  return `${(source as AnyStateNode).id} --${event}${guardOf(transition)}--> ${to.join(', ') || 'stays'}`
}

/** The states that a snapshot is in, the innermost first. */
export const nodesOf = (snapshot: AnyMachineSnapshot): AnyStateNode[] =>
  [...snapshot._nodes].toSorted((a, b) => b.path.length - a.path.length) as AnyStateNode[]

/** The innermost state that a snapshot is in: `fetching.queued`. */
export const stateOf = (snapshot: AnyMachineSnapshot): string =>
  nodesOf(snapshot)
    .filter((node) => Object.keys(node.states).length === 0)
    .map(nameOf)
    .join(' + ')

const matches = (descriptor: string, type: string): boolean =>
  descriptor === type ||
  descriptor === '*' ||
  (descriptor.endsWith('.*') && type.startsWith(descriptor.slice(0, -1)))

/** The branches that are tried for an event in a snapshot, in order, whether their guards hold or not. */
export const candidatesFor = (
  snapshot: AnyMachineSnapshot,
  event: EventObject,
): AnyTransitionDefinition[] =>
  nodesOf(snapshot).flatMap((node) =>
    [...node.transitions].flatMap(([descriptor, transitions]) =>
      matches(descriptor, event.type) ? transitions : [],
    ),
  )

/** The branches that are tried as soon as a snapshot is reached. */
export const eventlessIn = (snapshot: AnyMachineSnapshot): AnyTransitionDefinition[] =>
  nodesOf(snapshot).flatMap((node) => [...(node.always ?? [])])
