import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { MachineId } from './machines.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/**
 * The tests that have to notice a mistake in a machine: those that run it. They
 * are asked one after the other, the quickest first.
 *
 * What compares the definition with a page or a picture is not asked: it would
 * notice everything, and say nothing about what the machine does.
 */
const SUITES: Record<MachineId, readonly string[]> = {
  session: [
    'test/machines/session.test.ts',
    'test/model/total-table.test.ts',
    'test/model/session.test.ts',
  ],
  batch: [
    'test/machines/batch.test.ts',
    'test/model/total-table.test.ts',
    'test/model/batch.test.ts',
  ],
  enumerator: ['test/machines/enumerator.test.ts', 'test/model/enumerator.test.ts'],
  coordinator: ['test/machines/coordinator.test.ts', 'test/model/coordinator.test.ts'],
  orchestrator: ['test/machines/orchestrator.test.ts', 'test/model/orchestrator.test.ts'],
}

/** Tests within them that look at the definition, not at what it does. */
const LOOKING_ONLY = [
  'the table knows every state and event',
  'every state of the machine is one of these',
  'taken through every one of its transitions',
  'the page says how much that is',
]

/** The names of the tests that are asked. */
export const ASKED = `^(?!.*(${LOOKING_ONLY.join('|')}))`

export type Depth = 'machines' | 'all'

/** The files of a machine's tests; `machines` for those alone that need nothing but the machine. */
export const suitesOf = (machine: MachineId, depth: Depth): string[] =>
  SUITES[machine]
    .filter((suite) => depth === 'all' || suite.startsWith('test/machines/'))
    .map((suite) => `${ROOT}${suite}`)
    .filter((suite) => existsSync(suite))
