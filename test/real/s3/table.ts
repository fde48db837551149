import Table from 'cli-table3'
import type { Compared, Walked } from './walking.ts'

export interface Row extends Compared, Walked {
  readonly what: string
}

const HEAD = [
  ['what', 'put', 'found', 'lost', 'doubled', 'foreign', 'skipped', 'requests', 'kills'],
  ['seconds', 'MiB at 10,000', 'peak MiB', 'session'],
].flat()

const whole = (n: number | undefined): string =>
  n === undefined ? '' : Math.round(n).toLocaleString('en')

const cellsOf = (row: Row): string[] => [
  row.what,
  ...[row.expected, row.found, row.lost, row.doubled, row.foreign, row.skipped].map(whole),
  ...[row.requests, row.kills].map(whole),
  row.seconds.toFixed(1),
  ...[row.rssMibAt10000, row.peakRssMib].map(whole),
  row.end,
]

const isExact = ({ lost, doubled, foreign, end }: Row): boolean =>
  lost + doubled + foreign === 0 && end === 'COMPLETED COMPLETE'

/** Prints what came of the walks. @returns whether all of them were exact */
export function report(rows: readonly Row[]): boolean {
  const table = new Table({ head: HEAD, style: { head: [], border: [] } })
  table.push(...rows.map(cellsOf))
  console.log(table.toString())
  for (const { what, samples } of rows)
    for (const sample of samples) console.log(`${what}: ${sample}`)
  const isAll = rows.every(isExact)
  console.log(isAll ? 'every walk was exact' : 'NOT EXACT')
  return isAll
}
