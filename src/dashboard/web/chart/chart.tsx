/** A statechart as a picture, with the states lit that the actor is in; and the same in words. */
import type { Chart, ChartEdge, TransitionView } from '../../wire.ts'
import { layOut, type Layout, type PlacedEdge, type PlacedNode, type Point } from './layout.ts'

const layouts = new WeakMap<Chart, Layout>()

const layoutOf = (chart: Chart): Layout => {
  const known = layouts.get(chart) ?? layOut(chart)
  layouts.set(chart, known)
  return known
}

/** A curve through the points: each bend is rounded towards the middle of its line. */
function curve(points: readonly Point[]): string {
  const [first, ...rest] = points
  if (first === undefined) return ''
  const last = rest.at(-1) ?? first
  const bends = rest.slice(0, -1).map((bend, i) => {
    const next = rest[i + 1] ?? last
    const isLast = i === rest.length - 2
    const to = isLast ? next : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 }
    return `Q${bend.x},${bend.y} ${to.x},${to.y}`
  })
  return `M${first.x},${first.y} ${bends.length === 0 ? `L${last.x},${last.y}` : bends.join(' ')}`
}

export const nameOf = (chart: Chart, id: string): string =>
  chart.nodes.find((node) => node.id === id)?.label ?? id

/** Nested states by their innermost names, which is what people say. */
export function namesOf(chart: Chart, states: readonly string[]): string {
  const parents = new Set(chart.nodes.map(({ parent }) => parent))
  const inner = states.filter((id) => !parents.has(id) || !states.some((other) => other !== id))
  return (inner.length > 0 ? inner : states).map((id) => nameOf(chart, id)).join(', ') || 'none'
}

/** Whether a transition took this edge: from a state it left, or one around it, to one it entered. */
const isTaken = ({ from, to }: Pick<ChartEdge, 'from' | 'to'>, last: TransitionView | undefined) =>
  last !== undefined &&
  last.from.includes(from) &&
  last.to.includes(to) &&
  // Where nothing was left, the edges between what it was in before and is in still do not count.
  (!last.from.includes(to) || last.from.join() === last.to.join())

const Edge = ({
  edge,
  kind,
  name,
}: {
  readonly edge: PlacedEdge
  readonly kind: 'plain' | 'open' | 'taken'
  readonly name: string
}) => (
  <path
    class={`edge edge-${kind}`}
    d={curve(edge.points)}
    marker-end={`url(#arrow-${name}-${kind})`}
  />
)

const Node = ({ placed, isLit }: { readonly placed: PlacedNode; readonly isLit: boolean }) => {
  const { node, x, y, width, height } = placed
  const left = x - width / 2
  const top = y - height / 2
  const isOuter = node.kind === 'compound'
  return (
    <g
      class={`state state-${node.kind} ${isLit ? 'is-lit' : ''}`}
      data-state={node.id}
      data-lit={isLit}
    >
      {node.description !== null && <title>{`${node.label}: ${node.description}`}</title>}
      <rect x={left} y={top} width={width} height={height} rx={isOuter ? 10 : 8} />
      {node.kind === 'final' && (
        <rect class="inner" x={left + 3} y={top + 3} width={width - 6} height={height - 6} rx={6} />
      )}
      {node.isInitial && <circle cx={left + 8} cy={top + 8} r={2.4} class="initial" />}
      <text x={x} y={isOuter ? top + 14 : y} class={isOuter ? 'outer-name' : 'name'}>
        {isLit && !isOuter ? `● ${node.label}` : node.label}
      </text>
    </g>
  )
}

const KINDS = ['plain', 'open', 'taken'] as const

const Arrows = ({ name }: { readonly name: string }) => (
  <defs>
    {KINDS.map((kind) => (
      <marker
        key={kind}
        id={`arrow-${name}-${kind}`}
        class={`arrow arrow-${kind}`}
        viewBox="0 0 8 8"
        refX="7"
        refY="4"
        markerWidth="7"
        markerHeight="7"
        markerUnits="userSpaceOnUse"
        orient="auto"
      >
        <path d="M0,0.8 L7.4,4 L0,7.2 z" />
      </marker>
    ))}
  </defs>
)

/** Every transition there is, for those who cannot see the picture, or want to know by what. */
const InWords = ({ chart }: { readonly chart: Chart }) => (
  <details class="in-words">
    <summary>Every transition in words</summary>
    <ul>
      {chart.edges.map(({ from, to, labels }) => (
        <li key={`${from} ${to}`}>
          <strong>{nameOf(chart, from)}</strong> → <strong>{nameOf(chart, to)}</strong>:{' '}
          {labels.join(', ')}
        </li>
      ))}
    </ul>
  </details>
)

export function ChartPicture({
  chart,
  states,
  last,
}: {
  readonly chart: Chart
  /** Ids of the states it is in. */
  readonly states: readonly string[]
  /** The transition that led there. */
  readonly last?: TransitionView | undefined
}) {
  const layout = layoutOf(chart)
  const { width, height, nodes, edges, exits, exitsAt } = layout
  const kindOf = (edge: PlacedEdge) =>
    isTaken(edge, last) ? 'taken' : states.includes(edge.from) ? 'open' : 'plain'
  // What stands out is drawn last, on top.
  const ordered = edges.toSorted((a, b) => KINDS.indexOf(kindOf(a)) - KINDS.indexOf(kindOf(b)))
  return (
    <>
      <div class="chart" role="region" tabIndex={0} aria-label={`Statechart of the ${chart.name}`}>
        <svg
          role="img"
          aria-label={`${chart.name}: now in ${namesOf(chart, states)}. States: ${chart.nodes.map(({ label }) => label).join(', ')}.`}
          viewBox={`0 0 ${width} ${height}`}
          width={width}
          height={height}
        >
          <Arrows name={chart.name} />
          {nodes
            .filter(({ node }) => node.kind === 'compound')
            .map((placed) => (
              <Node key={placed.node.id} placed={placed} isLit={states.includes(placed.node.id)} />
            ))}
          {ordered.map((edge) => (
            <Edge
              key={`${edge.from} ${edge.to}`}
              edge={edge}
              kind={kindOf(edge)}
              name={chart.name}
            />
          ))}
          {nodes
            .filter(({ node }) => node.kind !== 'compound')
            .map((placed) => (
              <Node key={placed.node.id} placed={placed} isLit={states.includes(placed.node.id)} />
            ))}
          {exits.length > 0 && (
            <text class="exits" x={width / 2} y={exitsAt + 20}>
              ends that most states lead to
            </text>
          )}
        </svg>
      </div>
      <InWords chart={chart} />
    </>
  )
}
