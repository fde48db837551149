import type { AnyStateMachine, EventFromLogic, SnapshotFrom } from 'xstate'
import type { Alphabet, PossibleEvent } from './alphabet.ts'
import { alphabetOf } from './alphabets/index.ts'
import { explore, type Edge } from './machine-graph.ts'
import { allNodes, describeTransition, stateOf, transitionsOf } from './machine-structure.ts'

/** One event, and what the machine makes of it. */
export interface MachineStep<
  M extends AnyStateMachine = AnyStateMachine,
  E extends PossibleEvent<M> = EventFromLogic<M>,
> {
  readonly event: E
  /** The event in a word or two, as the titles have it. */
  readonly name: string
  readonly before: SnapshotFrom<M>
  readonly after: SnapshotFrom<M>
  /** The transitions that are taken, by name, in order; none where the event is refused. */
  readonly taken: readonly string[]
  /** The guarded transitions that are tried and passed over, by name. */
  readonly refused: readonly string[]
}

/** One way through a machine, from its initial state. */
export interface MachinePath<
  M extends AnyStateMachine = AnyStateMachine,
  E extends PossibleEvent<M> = EventFromLogic<M>,
> {
  /** `reaches COMPLETED by session.start, a page, listing.exhausted`. */
  readonly title: string
  readonly steps: readonly MachineStep<M, E>[]
}

/**
 * Paths that together take every transition of a machine in every state that
 * has it, each guarded branch for itself, and see every guard refuse. Nothing
 * is executed: no action runs, no invoked actor starts, no time passes.
 *
 * Each path leads the shortest way to something that no other path shows. What
 * is not among them cannot be reached with the given events: see `unreached`.
 *
 * @param alphabet what can happen; Muster's own machines bring theirs
 * @throws Error for a machine without an alphabet, and for one whose states do not end
 */
export function machinePaths<
  M extends AnyStateMachine,
  const E extends PossibleEvent<M> = EventFromLogic<M>,
>(machine: M, alphabet?: Alphabet<NoInfer<M>, E>): MachinePath<M, E>[] {
  const whatHappens = (alphabet ?? alphabetOf(machine)) as unknown as Alphabet
  const { start, edges } = explore(machine, whatHappens)
  const ways = new Ways(start, edges)
  const shown = new Set<string>()
  const paths: Edge[][] = []
  // The nearest first: what is shown by a short way needs no long one.
  for (const edge of edges.toSorted((a, b) => ways.distance(a.from) - ways.distance(b.from))) {
    if (shows(edge).every((what) => shown.has(what))) continue
    const path = [...ways.to(edge.from), edge]
    for (const what of path.flatMap(shows)) shown.add(what)
    paths.push(path)
  }
  const nameOf = (event: Edge['event']) => whatHappens.name?.(event as never) ?? event.type
  return withoutSuperfluous(paths).map((path) => ({
    title: titleOf(path, nameOf),
    steps: path.map((edge) => stepOf(edge, nameOf)) as unknown as MachineStep<M, E>[],
  }))
}

/** Everything that the paths of a machine are to show: each transition, and each guard that refuses. */
export const whatIsToShow = (machine: AnyStateMachine): string[] =>
  allNodes(machine)
    .flatMap(transitionsOf)
    .flatMap((transition) => {
      const name = describeTransition(transition)
      return transition.guard === undefined ? [name] : [name, refusal(name)]
    })

/** What the paths do not show of their machine, by name; empty when they show everything. */
export function unreached(
  machine: AnyStateMachine,
  paths: readonly { readonly steps: readonly Pick<MachineStep, 'taken' | 'refused'>[] }[],
): string[] {
  const shown = new Set(paths.flatMap(({ steps }) => steps.flatMap(shownBy)))
  return whatIsToShow(machine).filter((what) => !shown.has(what))
}

const refusal = (transition: string) => `${transition} is refused`

const shownBy = ({ taken, refused }: Pick<Edge, 'taken' | 'refused'>): string[] => [
  ...taken,
  ...refused.map(refusal),
]

const SHOWN = new WeakMap<Edge, readonly string[]>()

/**
 * What a path shows that takes this edge. A transition that a state has from
 * the states around it is to be seen in that state too: what it does may depend
 * on what was going on there.
 */
function shows(edge: Edge): readonly string[] {
  const known = SHOWN.get(edge)
  if (known !== undefined) return known
  const inState = edge.taken.map((transition) => `${transition} in ${stateOf(edge.before)}`)
  const shown = [...shownBy(edge), ...inState]
  SHOWN.set(edge, shown)
  return shown
}

/** The shortest way to each state, from the first one. */
class Ways {
  /** The last edge of the way, and how long the way is; the first state has no edge. */
  readonly #last = new Map<string, { readonly edge: Edge | undefined; readonly length: number }>()

  constructor(start: string, edges: readonly Edge[]) {
    const leaving = Map.groupBy(edges, ({ from }) => from)
    this.#last.set(start, { edge: undefined, length: 0 })
    const reached = [start]
    for (const state of reached) {
      for (const edge of leaving.get(state) ?? []) {
        if (this.#last.has(edge.to)) continue
        this.#last.set(edge.to, { edge, length: this.distance(state) + 1 })
        reached.push(edge.to)
      }
    }
  }

  distance(state: string): number {
    return this.#last.get(state)?.length ?? Infinity
  }

  to(state: string): Edge[] {
    const way: Edge[] = []
    let last = this.#last.get(state)?.edge
    while (last !== undefined) {
      way.push(last)
      last = this.#last.get(last.from)?.edge
    }
    return way.toReversed()
  }
}

/** The paths without those that show nothing of their own, the shortest dropped first. */
function withoutSuperfluous(paths: readonly Edge[][]): Edge[][] {
  const whatShows = (path: readonly Edge[]) => new Set(path.flatMap(shows))
  const counts = new Map<string, number>()
  for (const path of paths) {
    for (const what of whatShows(path)) counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  return paths
    .toSorted((a, b) => a.length - b.length)
    .filter((path) => {
      const shown = [...whatShows(path)]
      if (shown.some((what) => counts.get(what) === 1)) return true
      for (const what of shown) counts.set(what, (counts.get(what) ?? 0) - 1)
      return false
    })
}

type Naming = (event: Edge['event']) => string

function titleOf(path: readonly Edge[], nameOf: Naming): string {
  const last = path.at(-1)
  if (last === undefined) return 'does nothing'
  const verb = last.taken.length === 0 ? 'stays' : 'reaches'
  return `${verb} ${stateOf(last.after)} by ${path.map(({ event }) => nameOf(event)).join(', ')}`
}

const stepOf = ({ event, before, after, taken, refused }: Edge, nameOf: Naming) => ({
  event,
  name: nameOf(event),
  before,
  after,
  taken,
  refused,
})
