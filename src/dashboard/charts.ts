import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'
import { batchMachine, enumeratorMachine, sessionMachine } from '../../machines/index.ts'
import type { Chart, ChartEdge, ChartName, ChartNode, Charts } from './wire.ts'

const MACHINES: Readonly<Record<ChartName, AnyStateMachine>> = {
  session: sessionMachine,
  enumerator: enumeratorMachine,
  batch: batchMachine,
}

const childrenOf = (node: AnyStateNode): AnyStateNode[] =>
  Object.values(node.states) as AnyStateNode[]

const nodesUnder = (node: AnyStateNode): AnyStateNode[] =>
  childrenOf(node).flatMap((child) => [child, ...nodesUnder(child)])

/** What a person calls the event: `xstate.done.actor.fetchPage` is "fetchPage done". */
export function eventLabel(eventType: string): string {
  if (eventType === '') return 'always'
  const [, outcome, child] = /^xstate\.(done|error)\.actor\.(.+)$/.exec(eventType) ?? []
  if (outcome !== undefined) return `${child} ${outcome === 'done' ? 'done' : 'failed'}`
  const delay = /^xstate\.after\.([^.]+)\./.exec(eventType)?.[1]
  return delay === undefined ? eventType : `after ${delay}`
}

function guardLabel(guard: unknown): string {
  if (guard === undefined) return ''
  const name = typeof guard === 'string' ? guard : (guard as { type?: string }).type
  return ` [${name ?? 'guard'}]`
}

const kindOf = (node: AnyStateNode): ChartNode['kind'] => {
  if (node.type === 'final') return 'final'
  return childrenOf(node).length > 0 ? 'compound' : 'atomic'
}

function nodeOf(node: AnyStateNode, root: AnyStateNode): ChartNode {
  const parent = node.parent as AnyStateNode
  return {
    id: node.id,
    label: node.key,
    parent: parent === root ? null : parent.id,
    kind: kindOf(node),
    isInitial: (parent.initial?.target as AnyStateNode[] | undefined)?.includes(node) === true,
    description: node.description ?? null,
  }
}

/** One edge for all transitions from a state to another; one without a target leads back to where it is. */
function edgesOf(nodes: readonly AnyStateNode[]): ChartEdge[] {
  const labels = new Map<AnyStateNode, Map<AnyStateNode, string[]>>()
  for (const from of nodes) {
    const targets = new Map<AnyStateNode, string[]>()
    labels.set(from, targets)
    const own = [...from.transitions.values()].flat() as AnyTransitionDefinition[]
    for (const { eventType, guard, target } of [...own, ...(from.always ?? [])]) {
      const label = `${eventLabel(eventType)}${guardLabel(guard)}`
      for (const to of (target ?? [from]) as AnyStateNode[]) {
        targets.set(to, [...(targets.get(to) ?? []), label])
      }
    }
  }
  return [...labels].flatMap(([from, targets]) =>
    [...targets].map(([to, lines]) => ({ from: from.id, to: to.id, labels: lines })),
  )
}

/** A machine as a drawing: what stands in its definition, and nothing else. */
function chartOf(name: ChartName): Chart {
  const root = MACHINES[name].root as AnyStateNode
  const nodes = nodesUnder(root)
  return {
    name,
    description: root.description ?? '',
    nodes: nodes.map((node) => nodeOf(node, root)),
    edges: edgesOf(nodes),
  }
}

/** The statecharts of what is walked, read from the machines themselves. */
export const charts = (): Charts => ({
  session: chartOf('session'),
  enumerator: chartOf('enumerator'),
  batch: chartOf('batch'),
})

/**
 * The ids of the states that a machine is in, as its chart has them; nested
 * ones come after their parents.
 *
 * @param value as an XState snapshot has it
 */
export function stateIds(machine: string, value: unknown): string[] {
  if (typeof value === 'string') return [`${machine}.${value}`]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const id = `${machine}.${key}`
    return [id, ...stateIds(id, inner)]
  })
}
