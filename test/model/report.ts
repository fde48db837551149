import type { MachineCoverage } from '../../src/testing/machine-coverage.ts'

/** One line of the coverage table: how much running actors showed of their machine. */
export function report({ machine, table }: MachineCoverage): void {
  const cells = Object.entries(table).map(([kind, { seen, total }]) => `${kind} ${seen}/${total}`)
  console.log(`${machine.id}: ${cells.join(', ')}`)
}
