import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { MachineCoverage } from '../../src/testing/machine-coverage.ts'
import type { MachinePath } from '../../src/testing/machine-paths.ts'

const PAGE = fileURLToPath(new URL('../../docs/verified.md', import.meta.url))

/** One row of the page's table: how much the running actors showed of their machine. */
function rowOf({ machine, table }: MachineCoverage, paths: readonly MachinePath[]): string {
  const steps = paths.reduce((sum, path) => sum + path.steps.length, 0)
  const cells = Object.values(table).map(({ seen, total }) =>
    total === 0 ? '–' : `${seen}/${total}`,
  )
  return `| ${[machine.id, paths.length, steps, ...cells].join(' | ')} |`
}

/** What docs/verified.md says of the machine is what was seen. */
export function expectOnPage(coverage: MachineCoverage, paths: readonly MachinePath[]): void {
  expect(readFileSync(PAGE, 'utf8')).toContain(rowOf(coverage, paths))
}
