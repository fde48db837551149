import Table from 'cli-table3'

/** What became of the crashes of one scenario. */
export interface Outcome {
  readonly scenario: string
  boundaries: number
  /** Crashes that took back a transaction, to the very rows before it. */
  rolledBack: number
  /** Crashes that took back nothing. */
  kept: number
  /** Crashes after which the next process came to the truth. */
  resumed: number
}

export const noOutcome = (scenario: string): Outcome => ({
  scenario,
  boundaries: 0,
  rolledBack: 0,
  kept: 0,
  resumed: 0,
})

const HEAD = ['scenario', 'boundaries', 'rolled back', 'kept', 'resumed to truth']

/** The outcomes as a table, with their sum. */
export function outcomeTable(outcomes: readonly Outcome[]): string {
  const sum = noOutcome('all')
  const table = new Table({
    head: HEAD,
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right', 'right', 'right'],
  })
  for (const outcome of outcomes) {
    sum.boundaries += outcome.boundaries
    sum.rolledBack += outcome.rolledBack
    sum.kept += outcome.kept
    sum.resumed += outcome.resumed
  }
  for (const o of [...outcomes, sum]) {
    table.push([o.scenario, o.boundaries, o.rolledBack, o.kept, o.resumed])
  }
  return table.toString()
}
