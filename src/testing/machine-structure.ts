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
  allNodes(machine).filter(
    // A history state is only a way to others.
    (node) => Object.keys(node.states).length === 0 && node.type !== 'history',
  )

/** What a state reacts to by itself, each guarded branch for itself. */
export const transitionsOf = (node: AnyStateNode): AnyTransitionDefinition[] => [
  ...[...node.transitions.values()].flat(),
  ...(node.always ?? []),
]

/** The states that a transition leads to; none where it stays. */
export const targetsOf = (transition: AnyTransitionDefinition): AnyStateNode[] => [
  ...((transition.target ?? []) as readonly AnyStateNode[]),
]

/** The name of an action; empty where there is none. */
export function referenceOf(reference: unknown): string {
  if (reference === undefined || reference === null) return ''
  if (typeof reference === 'string') return reference
  return String((reference as { type?: unknown }).type ?? 'without a name')
}

/** The name of a transition's guard; one that has none is known by its transition. */
export function guardOf(transition: AnyTransitionDefinition): string {
  const { guard } = transition
  if (guard === undefined) return ''
  if (typeof guard === 'string') return guard
  const { type } = guard as { readonly type?: string }
  return type === undefined || typeof guard === 'function'
    ? `the guard of ${describeTransition(transition)}`
    : type
}

function textOf({ source, eventType, guard, target }: AnyTransitionDefinition): string {
  const to = ((target ?? []) as readonly AnyStateNode[]).map(({ id }) => id)
  const event = eventType === '' ? 'always' : eventType
  const condition = guard === undefined ? '' : ` [${referenceOf(guard)}]`
  return `${(source as AnyStateNode).id} --${event}${condition}--> ${to.join(', ') || 'stays'}`
}

/** A transition as a reader would write it down; of several that read alike, each has its number. */
export function describeTransition(transition: AnyTransitionDefinition): string {
  const text = textOf(transition)
  const alike = transitionsOf(transition.source as AnyStateNode).filter(
    (other) => textOf(other) === text,
  )
  return alike.length < 2 ? text : `${text} (${alike.indexOf(transition) + 1})`
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

/** Whether a state is another one, or lies within it. */
const isWithin = (inner: unknown, outer: unknown): boolean => {
  for (let node = inner as AnyStateNode | undefined; node !== undefined; node = node.parent) {
    if (node === outer) return true
  }
  return false
}

/** A branch is tried until one of the same state, or of a state within it, was taken. */
export function passedOver(
  candidates: readonly AnyTransitionDefinition[],
  taken: readonly AnyTransitionDefinition[],
): AnyTransitionDefinition[] {
  return candidates.filter((candidate, i) => {
    if (taken.includes(candidate)) return false
    return !candidates
      .slice(0, i)
      .some((earlier) => taken.includes(earlier) && isWithin(earlier.source, candidate.source))
  })
}
