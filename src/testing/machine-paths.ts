import { getAdjacencyMap } from '@xstate/graph'
import {
  createActor,
  type ActorScope,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  type EventFromLogic,
  type EventObject,
  type SnapshotFrom,
} from 'xstate'
import type { Alphabet } from './alphabet.ts'
import { alphabetOf } from './alphabets/index.ts'
import {
  allNodes,
  candidatesFor,
  describeTransition,
  eventlessIn,
  stateOf,
  transitionsOf,
} from './machine-structure.ts'

/** One event, and what the machine makes of it. */
export interface MachineStep<M extends AnyStateMachine = AnyStateMachine> {
  readonly event: EventFromLogic<M>
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
export interface MachinePath<M extends AnyStateMachine = AnyStateMachine> {
  /** `reaches COMPLETED by session.start, a page, listing.exhausted`. */
  readonly title: string
  readonly steps: readonly MachineStep<M>[]
}

/** The most states that are looked at; more are a key that lets every count make a state. */
const LIMIT = 20_000

interface Edge {
  readonly from: string
  readonly to: string
  readonly step: MachineStep
  /** What a path shows that takes this edge. */
  readonly shows: readonly string[]
}

/**
 * Paths that together take every transition of a machine in every state that
 * has it, each guarded branch for itself, and see every guard refuse. Nothing is executed: no action runs,
 * no invoked actor starts, no time passes.
 *
 * The paths are few: each leads the shortest way to something that no other
 * path shows. What is not among them cannot be reached with the given events:
 * see `unreached`.
 *
 * @param alphabet what can happen; Muster's own machines bring theirs
 * @throws Error for a machine without an alphabet, and for one whose states do not end
 */
export function machinePaths<M extends AnyStateMachine>(
  machine: M,
  alphabet: Alphabet<M> = alphabetOf(machine),
): MachinePath<M>[] {
  const { start, edges } = explore(machine, alphabet as unknown as Alphabet)
  const ways = shortestWays(start, edges)
  const shown = new Set<string>()
  const paths: Edge[][] = []
  // The nearest first: what is shown by a short way needs no long one.
  const byDistance = edges.toSorted(
    (a, b) => (ways.get(a.from)?.length ?? 0) - (ways.get(b.from)?.length ?? 0),
  )
  for (const edge of byDistance) {
    if (edge.shows.every((what) => shown.has(what))) continue
    const path = [...(ways.get(edge.from) ?? []), edge]
    for (const { shows } of path) for (const what of shows) shown.add(what)
    paths.push(path)
  }
  return withoutSuperfluous(paths).map((path) => ({
    title: titleOf(path),
    steps: path.map(({ step }) => step) as unknown as MachineStep<M>[],
  }))
}

/** Everything that the paths of a machine are to show: each transition, and each guard that refuses. */
export const whatIsToShow = (machine: AnyStateMachine): string[] =>
  allNodes(machine)
    .flatMap(transitionsOf)
    .flatMap((transition) =>
      transition.guard === undefined
        ? [describeTransition(transition)]
        : [describeTransition(transition), refusal(describeTransition(transition))],
    )

/** What the paths do not show of their machine, by name; empty when they show everything. */
export function unreached(machine: AnyStateMachine, paths: readonly MachinePath[]): string[] {
  const shown = new Set(paths.flatMap(({ steps }) => steps.flatMap(shownBy)))
  return whatIsToShow(machine).filter((what) => !shown.has(what))
}

const refusal = (transition: string) => `${transition} is refused`

const shownBy = ({ taken, refused }: Pick<MachineStep, 'taken' | 'refused'>): string[] => [
  ...taken,
  ...refused.map(refusal),
]

interface Graph {
  /** The key of the initial state. */
  readonly start: string
  readonly edges: readonly Edge[]
}

/** All edges between the states that the alphabet leads to. */
function explore(machine: AnyStateMachine, alphabet: Alphabet): Graph {
  const { input, name = ({ type }) => type } = alphabet
  const keyOf = keyFunction(alphabet)
  const { scope, watch } = inertScope(machine, input)
  const states = endingStates(machine, () =>
    getAdjacencyMap(machine, {
      input,
      limit: LIMIT,
      serializeState: keyOf,
      // A refused event is an edge too: it shows the guard that refused it.
      events: (snapshot) => (snapshot.status === 'active' ? [...alphabet.events(snapshot)] : []),
      serializeEvent: (event) => JSON.stringify(event, plainError) as never,
    }),
  )
  const edgeOf = (from: string, before: AnyMachineSnapshot, event: EventObject): Edge => {
    let after = before
    const taken = watch(() => {
      after = machine.transition(before, event, scope)
    })
    const step = {
      event,
      name: name(event),
      before,
      after,
      taken,
      refused: refusedBranches(before, event, after, taken),
    }
    return { from, to: keyOf(after), step, shows: [...shownBy(step), ...inherited(step)] }
  }
  const edges = Object.entries(states).flatMap(([from, { state, transitions }]) =>
    Object.values(transitions as Record<string, { event: EventObject }>).map(({ event }) =>
      edgeOf(from, state as AnyMachineSnapshot, event),
    ),
  )
  return {
    start: Object.keys(states)[0] ?? '',
    edges: edges.filter(({ shows }) => shows.length > 0),
  }
}

/** @throws Error that says what to do where the states do not end */
function endingStates<T>(machine: AnyStateMachine, find: () => T): T {
  try {
    return find()
  } catch (thrown) {
    if (!(thrown instanceof Error) || !thrown.message.includes('limit exceeded')) throw thrown
    throw new Error(
      `machine "${machine.id}" has more than ${LIMIT} states with these events: give a "key" that leaves out what makes no difference, such as counters`,
      { cause: thrown },
    )
  }
}

/** An Error is `{}` as JSON, and two of them would be one event. */
const plainError = (_: string, value: unknown) => (value instanceof Error ? value.message : value)

const keyFunction =
  ({ key }: Alphabet) =>
  (snapshot: AnyMachineSnapshot) =>
    JSON.stringify([
      snapshot.status,
      snapshot.value,
      key === undefined ? snapshot.context : key(snapshot),
    ]) as never

/** The guarded branches that an event passed over, and those that its new state did. */
function refusedBranches(
  before: AnyMachineSnapshot,
  event: EventObject,
  after: AnyMachineSnapshot,
  taken: readonly string[],
): string[] {
  const candidates = candidatesFor(before, event)
  const first = candidates.findIndex((candidate) => taken.includes(describeTransition(candidate)))
  const passedOver = first === -1 ? candidates : candidates.slice(0, first)
  const eventless = after.status === 'active' && taken.length > 0 ? eventlessIn(after) : []
  return [...passedOver, ...eventless]
    .filter(({ guard }) => guard !== undefined)
    .map(describeTransition)
}

/**
 * A transition that a state has from the states around it is to be seen in that
 * state too: what it does may depend on what was going on there.
 */
const inherited = ({ before, taken }: MachineStep): string[] =>
  taken.map((transition) => `${transition} in ${stateOf(before)}`)

/** Where a machine's next snapshot can be computed, and seen to be, without an actor that runs. */
function inertScope(machine: AnyStateMachine, input: unknown) {
  let taken: string[] = []
  const self = createActor(machine, {
    input,
    inspect(event) {
      if (event.type === '@xstate.microstep') {
        taken.push(...event._transitions.map(describeTransition))
      }
    },
  })
  const nothing = () => undefined
  const scope = {
    self,
    logger: nothing,
    id: self.id,
    sessionId: self.sessionId,
    defer: nothing,
    system: self.system,
    stopChild: nothing,
    emit: nothing,
    actionExecutor: nothing,
  } as unknown as ActorScope<AnyMachineSnapshot, EventObject>
  return {
    scope: scope as never,
    watch(step: () => unknown): string[] {
      taken = []
      step()
      return taken
    },
  }
}

/** The shortest way to each state, from the first one. */
function shortestWays(start: string, edges: readonly Edge[]): Map<string, Edge[]> {
  const leaving = Map.groupBy(edges, ({ from }) => from)
  const ways = new Map<string, Edge[]>([[start, []]])
  const queue = [start]
  for (let state = queue.shift(); state !== undefined; state = queue.shift()) {
    for (const edge of leaving.get(state) ?? []) {
      if (ways.has(edge.to)) continue
      ways.set(edge.to, [...(ways.get(state) ?? []), edge])
      queue.push(edge.to)
    }
  }
  return ways
}

/** The paths without those that show nothing of their own, the shortest dropped first. */
function withoutSuperfluous(paths: readonly Edge[][]): Edge[][] {
  const whatShows = (path: readonly Edge[]) => new Set(path.flatMap(({ shows }) => shows))
  const counts = new Map<string, number>()
  for (const path of paths) {
    for (const what of whatShows(path)) counts.set(what, (counts.get(what) ?? 0) + 1)
  }
  return paths
    .toSorted((a, b) => a.length - b.length)
    .filter((path) => {
      const shows = [...whatShows(path)]
      if (shows.some((what) => counts.get(what) === 1)) return true
      for (const what of shows) counts.set(what, (counts.get(what) ?? 0) - 1)
      return false
    })
}

function titleOf(path: readonly Edge[]): string {
  const last = path.at(-1)
  if (last === undefined) return 'does nothing'
  const end = stateOf(last.step.after)
  return `${last.step.taken.length === 0 ? 'stays' : 'reaches'} ${end} by ${path.map(({ step }) => step.name).join(', ')}`
}
