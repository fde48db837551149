/**
 * Where everything of a statechart is drawn. Dagre places states and bends
 * edges; what it does not know is done around it: an edge of a state that holds
 * others is led to one of those, and cut off at the border of the outer one.
 */
import dagre from '@dagrejs/dagre'
import type { Chart, ChartEdge, ChartNode } from '../../wire.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Box extends Point {
  readonly width: number
  readonly height: number
}

export interface PlacedNode extends Box {
  readonly node: ChartNode
}

export interface PlacedEdge {
  readonly from: string
  readonly to: string
  readonly points: readonly Point[]
}

export interface Layout {
  readonly width: number
  readonly height: number
  /** Outer states first, so that inner ones are drawn on them. */
  readonly nodes: readonly PlacedNode[]
  readonly edges: readonly PlacedEdge[]
  /** Ends that most states lead to: drawn in a row of their own, without the edges. */
  readonly exits: readonly string[]
  /** The height at which their row begins. */
  readonly exitsAt: number
}

const CHARACTER = 7.4
/** Room at both ends, and for the dot before a lit state's name. */
const PAD = 42
const HEIGHT = 34
const GAP = 12
const MARGIN = 10
/** From how many states an end is led to before its edges hide more than they show. */
const CROWD = 5

const widthOf = ({ label }: ChartNode): number => Math.round(label.length * CHARACTER + PAD)

const isInside = (nodes: ReadonlyMap<string, ChartNode>, id: string, outer: string): boolean => {
  const parent = nodes.get(id)?.parent ?? null
  return parent !== null && (parent === outer || isInside(nodes, parent, outer))
}

/** The state that stands for one that holds others: the first where an edge comes in, the last where one goes out. */
function leafOf(chart: Chart, id: string, end: 'from' | 'to'): string {
  const inner = chart.nodes.filter(({ parent }) => parent === id)
  if (inner.length === 0) return id
  const first = inner.find(({ isInitial }) => isInitial) ?? inner[0]
  const chosen = end === 'to' ? first : inner.at(-1)
  return chosen === undefined ? id : leafOf(chart, chosen.id, end)
}

function exitsOf({ nodes, edges }: Chart): string[] {
  const sources = (id: string) =>
    new Set(edges.filter(({ to, from }) => to === id && from !== id).map(({ from }) => from)).size
  return nodes.flatMap(({ id, kind }) => (kind === 'final' && sources(id) >= CROWD ? [id] : []))
}

const contains = (box: Box, { x, y }: Point): boolean =>
  Math.abs(x - box.x) <= box.width / 2 && Math.abs(y - box.y) <= box.height / 2

/** Where the line from a point inside a box to one outside crosses its border. */
function crossing(box: Box, inside: Point, outside: Point): Point {
  const dx = outside.x - inside.x
  const dy = outside.y - inside.y
  const toX = box.x + (Math.sign(dx) * box.width) / 2 - inside.x
  const toY = box.y + (Math.sign(dy) * box.height) / 2 - inside.y
  const t = Math.min(dx === 0 ? 1 : toX / dx, dy === 0 ? 1 : toY / dy, 1)
  return { x: inside.x + dx * t, y: inside.y + dy * t }
}

/** The points without those that lie in the box that the edge begins at. */
function cutStart(points: readonly Point[], box: Box | undefined): readonly Point[] {
  if (box === undefined) return points
  const out = points.findIndex((point) => !contains(box, point))
  const inside = points[out - 1]
  const outside = points[out]
  if (inside === undefined || outside === undefined) return points
  return [crossing(box, inside, outside), ...points.slice(out)]
}

function drawnEdges(chart: Chart, exits: readonly string[]): readonly ChartEdge[] {
  const nodes = new Map(chart.nodes.map((node) => [node.id, node]))
  return chart.edges.filter(
    ({ from, to }) =>
      from !== to &&
      !exits.includes(to) &&
      !isInside(nodes, from, to) &&
      !isInside(nodes, to, from),
  )
}

export function layOut(chart: Chart): Layout {
  const exits = exitsOf(chart)
  const graph = new dagre.graphlib.Graph({ compound: true, multigraph: true })
  graph.setGraph({
    rankdir: 'TB',
    nodesep: 22,
    ranksep: 40,
    edgesep: 14,
    marginx: MARGIN,
    marginy: MARGIN,
  })
  const placed = chart.nodes.filter(({ id }) => !exits.includes(id))
  for (const node of placed)
    graph.setNode(node.id, node.kind === 'compound' ? {} : { width: widthOf(node), height: HEIGHT })
  for (const { id, parent } of placed) if (parent !== null) graph.setParent(id, parent)
  const edges = drawnEdges(chart, exits)
  for (const { from, to } of edges) {
    const ends = [leafOf(chart, from, 'from'), leafOf(chart, to, 'to')] as const
    graph.setEdge(ends[0], ends[1], {}, `${from} ${to}`)
  }
  dagre.layout(graph)

  const boxes = new Map<string, PlacedNode>()
  for (const node of placed) {
    const { x = 0, y = 0, width = 0, height = 0 } = graph.node(node.id) as Partial<Box>
    boxes.set(node.id, { node, x, y, width, height })
  }
  const routed = edges.map(({ from, to }) => {
    const ends = [leafOf(chart, from, 'from'), leafOf(chart, to, 'to')] as const
    const { points = [] } = graph.edge(ends[0], ends[1], `${from} ${to}`) as { points?: Point[] }
    const outer = (id: string, leaf: string) => (id === leaf ? undefined : boxes.get(id))
    const begun = cutStart(points, outer(from, ends[0]))
    const ended = cutStart(begun.toReversed(), outer(to, ends[1])).toReversed()
    return { from, to, points: ended }
  })
  const size = graph.graph() as { width?: number; height?: number }
  const row = exitRow(chart, exits, size)
  const nodes = [...boxes.values(), ...row.nodes].toSorted(
    (a, b) => Number(b.node.kind === 'compound') - Number(a.node.kind === 'compound'),
  )
  return {
    width: Math.ceil(row.width),
    height: Math.ceil(row.height),
    nodes,
    edges: routed,
    exits,
    exitsAt: size.height ?? 0,
  }
}

function exitRow(
  chart: Chart,
  exits: readonly string[],
  { width = 0, height = 0 }: { width?: number; height?: number },
): { readonly nodes: readonly PlacedNode[]; readonly width: number; readonly height: number } {
  if (exits.length === 0) return { nodes: [], width, height }
  const ends = chart.nodes.filter(({ id }) => exits.includes(id))
  const across = ends.reduce((sum, node) => sum + widthOf(node) + GAP, -GAP)
  const y = height + 30 + HEIGHT / 2
  let x = Math.max(MARGIN, (width - across) / 2)
  const nodes = ends.map((node) => {
    const box = { node, x: x + widthOf(node) / 2, y, width: widthOf(node), height: HEIGHT }
    x += widthOf(node) + GAP
    return box
  })
  return { nodes, width: Math.max(width, across + 2 * MARGIN), height: y + HEIGHT / 2 + MARGIN }
}
