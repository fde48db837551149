import Table from 'cli-table3'
import { isMissing, type Line, type Row } from './figure.ts'
import { held, verdictOf, type Goal } from './goals.ts'
import { median, spreadOf, type Spread } from './statistics.ts'

const HEAD = ['what', 'ours', 'baseline', 'ratio', 'min–max', 'must', 'aim', 'verdict'] as const

/** How ours was held against the baseline, in each round. */
export const spreadOfRow = ({ samples, measure }: Row): Spread =>
  spreadOf(samples.map(({ ours, base }) => held(measure, ours, base)))

/** Three digits that count, with thousands apart. */
export function written(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en', { minimumFractionDigits: 0, maximumFractionDigits: digits })
}

const signed = (value: number): string => (value >= 0 ? `+${written(value)}` : written(value))

const heldAs = ({ measure }: Pick<Row, 'measure'>, value: number): string =>
  measure === 'ratio' ? value.toFixed(2) : signed(value)

function limit({ measure, better }: Goal, value: number): string {
  const sign = better === 'higher' ? '≥' : '≤'
  return `${sign} ${heldAs({ measure }, value)}`
}

const medianOf = (row: Row, who: 'ours' | 'base'): string =>
  `${written(median(row.samples.map((sample) => sample[who])))} ${row.unit}`

function cells(row: Row, judged: boolean): string[] {
  const spread = spreadOfRow(row)
  const { goal } = row
  return [
    row.what,
    medianOf(row, 'ours'),
    `${medianOf(row, 'base')}\n${row.against}`,
    heldAs(row, spread.median),
    `${heldAs(row, spread.min)} – ${heldAs(row, spread.max)}`,
    goal === undefined ? '' : limit(goal, goal.must),
    goal === undefined ? '' : limit(goal, goal.aim),
    goal === undefined ? '' : judged ? verdictOf(goal, spread.median) : 'not judged',
  ]
}

/** The lines as a table for a terminal; a quick run is not judged. */
export function renderTable(lines: readonly Line[], judged: boolean): string {
  const table = new Table({
    head: [...HEAD],
    style: { head: [], border: [] },
    colWidths: [36, null, 30, null, null, null, null, 12] as number[],
    wordWrap: true,
  })
  for (const line of lines) {
    if (isMissing(line)) table.push([line.what, { colSpan: HEAD.length - 1, content: line.why }])
    else table.push(cells(line, judged))
  }
  return table.toString()
}
