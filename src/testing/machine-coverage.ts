import type { AnyStateMachine, AnyStateNode, InspectionEvent } from 'xstate'
import {
  allNodes,
  describeTransition,
  leavesOf,
  nameOf,
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

/**
 * What running actors of a machine have done, read off XState's own account of
 * each step and off its guards: what a test believes to have covered is not asked.
 * What there is to cover is read off the machine's definition.
 */
export class MachineCoverage {
  readonly machine: AnyStateMachine
  readonly #transitions = new Set<string>()
  readonly #states = new Set<string>()
  readonly #guards = new Set<string>()

  constructor(machine: AnyStateMachine) {
    this.machine = machine
  }

  /** Give it to `createActor` or `createMuster`, or call it from an `inspect` of your own. */
  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.microstep' && event.type !== '@xstate.snapshot') return
    const { machine, _nodes = [] } = event.snapshot as {
      readonly machine?: AnyStateMachine
      readonly _nodes?: readonly AnyStateNode[]
    }
    if (machine?.id !== this.machine.id) return
    for (const node of _nodes) this.#states.add(nameOf(node))
    if (event.type !== '@xstate.microstep') return
    for (const transition of event._transitions) {
      this.#transitions.add(describeTransition(transition))
    }
  }

  /**
   * Notes from now on how the machine's guards decide, those of machines that
   * are made of it by `provide` afterwards too.
   *
   * @returns how to leave them alone again
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
    const taken = transitions.filter((t) => this.#transitions.has(describeTransition(t)))
    const entered = nodes.filter((node) => this.#states.has(nameOf(node)))
    const guards = names(transitions.map(({ guard }) => guard))
    return {
      states: compare(leavesOf(this.machine).map(nameOf), [...this.#states]),
      transitions: compare(transitions.map(describeTransition), [...this.#transitions]),
      guards: compare(
        guards.flatMap((name) => [`${name} is true`, `${name} is false`]),
        [...this.#guards],
      ),
      actions: compare(actionsOf(transitions, nodes), actionsOf(taken, entered)),
      delays: compare(delaysOf(transitions), delaysOf(taken)),
    }
  }

  /** What was not seen, by name; empty when all was. */
  get missing(): string[] {
    return Object.entries(this.table).flatMap(([kind, { missing }]) =>
      missing.map((what) => `${kind}: ${what}`),
    )
  }
}

type Acting = Pick<AnyStateNode, 'entry' | 'exit'>

/** The actions that run when these transitions are taken and these states are entered and left. */
function actionsOf(
  transitions: readonly { readonly actions: readonly unknown[] }[],
  nodes: readonly Acting[],
): string[] {
  return names([
    ...transitions.flatMap(({ actions }) => actions),
    ...nodes.flatMap(({ entry, exit }) => [...entry, ...exit] as unknown[]),
    // Timers are XState's own actions; what they do is a transition.
  ]).filter((name) => !/^xstate\.(raise|cancel)$/.test(name))
}

const delaysOf = (transitions: readonly { readonly eventType: string }[]): string[] =>
  names(transitions.map(({ eventType }) => DELAY.exec(eventType)?.[1]))

const names = (references: readonly unknown[]): string[] => [
  ...new Set(references.map(referenceOf).filter((name) => name !== '')),
]

function compare(all: readonly string[], seen: readonly string[]): Seen {
  const missing = all.filter((what) => !seen.includes(what))
  return { seen: all.length - missing.length, total: all.length, missing }
}
