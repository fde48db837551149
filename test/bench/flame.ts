/** A function, how long it and all that it called took, and what it called. */
export interface Frame {
  readonly name: string
  time: number
  readonly children: Map<string, Frame>
}

const WIDTH = 1_200
const ROW = 18
/** Narrower than this nobody can see it. */
const NARROWEST = 1.5
const PIXELS_A_LETTER = 6.2

const COLOURS: readonly (readonly [RegExp, string])[] = [
  [/^garbage collector/, '#b0b0b0'],
  [/^SQLite/, '#e8705a'],
  [/^store/, '#f2a65a'],
  [/^(delivery|enumeration)/, '#7fb069'],
  [/^(machines|xstate)/, '#6c8ead'],
  [/^the source/, '#d8d8d8'],
]

const colourOf = (name: string): string =>
  COLOURS.find(([pattern]) => pattern.test(name))?.[1] ?? '#f5d491'

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

interface Place {
  readonly x: number
  readonly depth: number
}

interface Drawing {
  readonly total: number
  depth: number
  readonly boxes: string[]
}

function draw(frame: Frame, { x, depth }: Place, drawing: Drawing): void {
  const width = (frame.time / drawing.total) * WIDTH
  if (width < NARROWEST) return
  drawing.depth = Math.max(drawing.depth, depth)
  const share = ((frame.time / drawing.total) * 100).toFixed(1)
  const label = `${frame.name} ${share}%`
  const letters = Math.floor(width / PIXELS_A_LETTER)
  const shown = label.length <= letters ? label : frame.name.slice(0, Math.max(0, letters - 1))
  const y = depth * ROW
  drawing.boxes.push(
    `<g><title>${escaped(label)}</title><rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${ROW - 1}" fill="${colourOf(frame.name)}"/>` +
      (letters > 3
        ? `<text x="${(x + 3).toFixed(1)}" y="${y + 13}">${escaped(shown)}</text>`
        : '') +
      '</g>',
  )
  let left = x
  for (const child of [...frame.children.values()].toSorted((a, b) => b.time - a.time)) {
    draw(child, { x: left, depth: depth + 1 }, drawing)
    left += (child.time / drawing.total) * WIDTH
  }
}

/** An SVG: as wide as its share of the time, the callers above, the widest first. */
export function flameGraph(root: Frame): string {
  const drawing: Drawing = { total: root.time, depth: 0, boxes: [] }
  draw(root, { x: 0, depth: 0 }, drawing)
  const height = (drawing.depth + 1) * ROW
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="monospace" font-size="10">\n${drawing.boxes.join('\n')}\n</svg>\n`
}
