import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate'

/** Mermaid takes no dots, colons or spaces in the names of states. */
const idOf = (node: AnyStateNode): string => node.id.replaceAll(/[^A-Za-z0-9_]/g, '_')

/** What a person calls the event: `xstate.done.actor.fetchPage` is "fetchPage done". */
function eventLabel(eventType: string): string {
  const done = /^xstate\.done\.actor\.(.+)$/.exec(eventType)?.[1]
  if (done !== undefined) return done === '*' ? 'a child is done' : `${done} done`
  const failed = /^xstate\.error\.actor\.(.+)$/.exec(eventType)?.[1]
  if (failed !== undefined) return failed === '*' ? 'a child failed' : `${failed} failed`
  const delay = /^xstate\.after\.([^.]+)\./.exec(eventType)?.[1]
  return delay === undefined ? eventType : `after ${delay}`
}

function guardLabel(guard: unknown): string {
  if (guard === undefined) return ''
  const name = typeof guard === 'string' ? guard : (guard as { type?: string }).type
  return ` [${name ?? 'guard'}]`
}

/** One arrow from state to state, however many transitions there are; the label has a line for each. */
function arrowLines(nodes: readonly AnyStateNode[]): string[] {
  const arrows = new Map<string, string[]>()
  for (const node of nodes) {
    const defined: AnyTransitionDefinition[] = [
      ...[...node.transitions.values()].flat(),
      ...(node.always ?? []),
    ]
    for (const { eventType, guard, target } of defined) {
      const event = eventType === '' ? 'always' : eventLabel(eventType)
      // A colon would end the label.
      const label = `${event}${guardLabel(guard)}`.replaceAll(':', ' ')
      for (const to of (target ?? [node]) as AnyStateNode[]) {
        const arrow = `${idOf(node)} --> ${idOf(to)}`
        arrows.set(arrow, [...(arrows.get(arrow) ?? []), label])
      }
    }
  }
  return [...arrows].map(([arrow, labels]) => `  ${arrow}: ${labels.join('<br/>')}`)
}

function stateLines(node: AnyStateNode, depth: number): string[] {
  const indent = '  '.repeat(depth)
  const children = Object.values(node.states) as AnyStateNode[]
  const initial = (node.initial?.target ?? []).map(
    (target) => `${indent}[*] --> ${idOf(target as AnyStateNode)}`,
  )
  const states = children.flatMap((child) => {
    const nested = Object.keys(child.states).length > 0
    if (!nested) return [`${indent}${idOf(child)}: ${child.key}`]
    return [
      `${indent}state "${child.key}" as ${idOf(child)} {`,
      ...stateLines(child, depth + 1),
      `${indent}}`,
    ]
  })
  const ends = children
    .filter((child) => child.type === 'final')
    .map((child) => `${indent}${idOf(child)} --> [*]`)
  return [...initial, ...states, ...ends]
}

function allNodes(node: AnyStateNode): AnyStateNode[] {
  return [node, ...(Object.values(node.states) as AnyStateNode[]).flatMap(allNodes)]
}

/**
 * A statechart as a Mermaid state diagram. Transitions of the whole machine,
 * which hold in every state, are listed in a note.
 */
export function toMermaid(machine: AnyStateMachine): string {
  const root = machine.root as AnyStateNode
  const [, ...inner] = allNodes(root)
  const everywhere = [...root.transitions.values()]
    .flat()
    .map((t) => `${eventLabel(t.eventType)}${guardLabel(t.guard)}`)
  const first = inner[0]
  const note =
    everywhere.length === 0 || first === undefined
      ? []
      : [`  note left of ${idOf(first)}: in every state, ${everywhere.join(', ')}`]
  return ['stateDiagram-v2', ...stateLines(root, 1), ...arrowLines(inner), ...note, ''].join('\n')
}

/** A statechart's definition as plain JSON, as the visualizer reads it; functions become their names. */
export function toDefinition(machine: AnyStateMachine): unknown {
  return JSON.parse(
    JSON.stringify(machine.config, (_, value: unknown) =>
      typeof value === 'function' ? ('type' in value ? { type: value.type } : undefined) : value,
    ),
  )
}
