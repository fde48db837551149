import type {
  AnyActorRef,
  AnyEventObject,
  AnyMachineSnapshot,
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  InspectionEvent,
} from 'xstate'
import {
  allNodes,
  candidatesFor,
  describeTransition,
  eventlessIn,
  guardOf,
  leavesOf,
  nameOf,
  passedOver,
  referenceOf,
  transitionsOf,
} from './machine-structure.ts'

/** How much of a machine was seen, of one kind of its parts. */
export interface Seen {
  readonly seen: number
  readonly total: number
  /** What was not seen, by name. */
  readonly missing: readonly string[]
}

/** What can be covered in a machine. */
export type CoverageKind = 'states' | 'transitions' | 'guards' | 'actions' | 'delays'

const DELAY = /^xstate\.after\.(.+?)\./

/** What XState says of one step of an actor. */
type Microstep = Extract<InspectionEvent, { type: '@xstate.microstep' }>

/**
 * What running actors of a machine have done, read off XState's own account of
 * each of their steps: what a test believes to have covered is not asked. What
 * there is to cover is read off the machine's definition.
 *
 * An action counts as seen when its transition was taken, or its state entered
 * or left; a guard when a branch that it guards was taken, and when one was
 * tried and passed over.
 */
export class MachineCoverage {
  readonly machine: AnyStateMachine
  readonly #transitions = new Set<string>()
  readonly #states = new Set<string>()
  readonly #guards = new Set<string>()
  readonly #actions = new Set<string>()
  /** Each actor as it was last seen. */
  readonly #last = new WeakMap<object, AnyMachineSnapshot>()

  constructor(machine: AnyStateMachine) {
    this.machine = machine
  }

  /** Give it to `createActor` or `createMuster`, or call it from an `inspect` of your own. */
  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.microstep' && event.type !== '@xstate.snapshot') return
    const snapshot = event.snapshot as AnyMachineSnapshot
    // A machine that was provided with other parts has the same config; a name can be another's.
    if (snapshot.machine?.config !== this.machine.config) return
    const actor = event.actorRef as AnyActorRef
    const before = this.#last.get(actor)
    this.#last.set(actor, snapshot)
    this.#note(before, snapshot)
    if (event.type === '@xstate.microstep') this.#take(event, before)
    // A whole step ends here: whatever would happen by itself was tried.
    else if (snapshot.status === 'active') this.#decide(eventlessIn(snapshot), false)
  }

  /**
   * Counts, from now on, how the machine's named guards decide wherever they are
   * asked: in `snapshot.can(event)` too, of which an actor knows nothing. What a
   * generator of paths asks counts as well, so generate the paths before.
   *
   * @returns how to leave the guards alone again
   */
  watchGuards(): () => void {
    const { guards } = this.machine.implementations
    const originals = { ...guards }
    for (const [name, guard] of Object.entries(originals)) {
      if (guard === undefined) continue
      guards[name] = (...args: Parameters<typeof guard>) => {
        const holds = guard(...args)
        this.#guards.add(`${name} is ${holds}`)
        return holds
      }
    }
    return () => void Object.assign(guards, originals)
  }

  /** How much was seen so far, of each kind. */
  get table(): Record<CoverageKind, Seen> {
    const nodes = allNodes(this.machine)
    const transitions = nodes.flatMap(transitionsOf)
    const guarded = transitions.filter(({ guard }) => guard !== undefined)
    return {
      states: compare(leavesOf(this.machine).map(nameOf), this.#states),
      transitions: compare(transitions.map(describeTransition), this.#transitions),
      guards: compare(
        guarded.flatMap((of) => [`${guardOf(of)} is true`, `${guardOf(of)} is false`]),
        this.#guards,
      ),
      actions: compare(
        [...transitions.flatMap(actionsOf), ...nodes.flatMap(actionsAround)],
        this.#actions,
      ),
      delays: compare(
        transitions.flatMap(delayOf),
        new Set([...this.#transitions].flatMap((name) => DELAY.exec(eventIn(name))?.[1] ?? [])),
      ),
    }
  }

  /** What was not seen, by name; empty when all was. */
  get missing(): string[] {
    return Object.entries(this.table).flatMap(([kind, { missing }]) =>
      missing.map((what) => `${kind}: ${what}`),
    )
  }

  /** The states that were entered and left, with what is done there. */
  #note(before: AnyMachineSnapshot | undefined, after: AnyMachineSnapshot): void {
    const names = (snapshot: AnyMachineSnapshot | undefined) =>
      new Set((snapshot?._nodes as readonly AnyStateNode[] | undefined)?.map(nameOf))
    const [left, entered] = [names(before), names(after)]
    for (const name of entered) this.#states.add(name)
    for (const node of allNodes(this.machine)) {
      const [was, is] = [left.has(nameOf(node)), entered.has(nameOf(node))]
      if (is && !was) this.#act([...node.entry, ...initialActions(node, left, entered)])
      if (was && !is) this.#act(node.exit)
    }
  }

  #take({ event, _transitions: taken }: Microstep, before: AnyMachineSnapshot | undefined): void {
    for (const transition of taken) {
      this.#transitions.add(describeTransition(transition))
      this.#act(transition.actions)
    }
    this.#decide(taken, true)
    if (before === undefined) return
    const isEventless = taken.some(({ eventType }) => eventType === '')
    const candidates = isEventless
      ? eventlessIn(before)
      : candidatesFor(before, event as AnyEventObject)
    this.#decide(passedOver(candidates, taken), false)
  }

  #act(actions: readonly unknown[]): void {
    for (const action of actions) this.#actions.add(referenceOf(action))
  }

  #decide(transitions: readonly AnyTransitionDefinition[], holds: boolean): void {
    for (const transition of transitions) {
      if (transition.guard !== undefined) this.#guards.add(`${guardOf(transition)} is ${holds}`)
    }
  }
}

/** Timers are XState's own actions; what they do is a transition. */
const isNamed = (name: string): boolean => !/^xstate\.(raise|cancel)$/.test(name)

const actionsOf = ({ actions }: AnyTransitionDefinition): string[] =>
  actions.map(referenceOf).filter(isNamed)

/** What is done on the way into a state, and out of it. */
const actionsAround = ({ entry, exit, initial }: AnyStateNode): string[] =>
  [...entry, ...exit, ...(initial?.actions ?? [])].map(referenceOf).filter(isNamed)

/** What is done when a state is entered without saying where in it. */
function initialActions(
  { initial }: AnyStateNode,
  left: ReadonlySet<string>,
  entered: ReadonlySet<string>,
): readonly unknown[] {
  const targets = (initial?.target ?? []) as readonly AnyStateNode[]
  const isEntered = targets.every((node) => entered.has(nameOf(node)) && !left.has(nameOf(node)))
  return isEntered ? (initial?.actions ?? []) : []
}

const delayOf = ({ eventType }: AnyTransitionDefinition): string[] => {
  const name = DELAY.exec(eventType)?.[1]
  return name === undefined ? [] : [name]
}

/** The event in the name of a transition. */
const eventIn = (name: string): string => / --(\S+)/.exec(name)?.[1] ?? ''

function compare(of: readonly string[], seen: ReadonlySet<string>): Seen {
  const all = [...new Set(of)]
  const missing = all.filter((what) => !seen.has(what))
  return { seen: all.length - missing.length, total: all.length, missing }
}
