/**
 * The statecharts of the README and of docs/machines, drawn from the machines
 * themselves: `npm run docs` writes them, and a test fails when they are stale.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { AnyStateMachine } from 'xstate'
import {
  batchMachine,
  coordinatorMachine,
  enumeratorMachine,
  orchestratorMachine,
  sessionMachine,
} from '../machines/index.ts'
import { toMermaid } from '../src/observe/mermaid.ts'

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

const CHARTS: readonly (readonly [name: string, machine: AnyStateMachine])[] = [
  ['session', sessionMachine],
  ['batch', batchMachine],
  ['enumerator', enumeratorMachine],
  ['coordinator', coordinatorMachine],
  ['orchestrator', orchestratorMachine],
]

const fenced = (machine: AnyStateMachine) => `\`\`\`mermaid\n${toMermaid(machine)}\`\`\`\n`

/** The README with its picture drawn anew. */
function readme(): string {
  const text = readFileSync(at('README.md'), 'utf8')
  const picture = `<!-- session:begin -->\n${fenced(sessionMachine)}<!-- session:end -->`
  return text.replace(/<!-- session:begin -->[^]*<!-- session:end -->/, () => picture)
}

function machinesPage(): string {
  const sections = CHARTS.map(([name, machine]) => {
    const { description = '' } = machine.config
    return `## ${name}\n\n${description}\n\n${fenced(machine)}`
  })
  const intro =
    'Drawn from the machines themselves (`npm run docs`). What each event does in each state, and the invariants, are in [machines/SPEC.md](../machines/SPEC.md).'
  return `# The statecharts\n\n${intro}\n\n${sections.join('\n')}`
}

/** Every generated file with its text as it should be. */
export const generated = (): readonly { readonly path: string; readonly text: string }[] => [
  { path: at('README.md'), text: readme() },
  { path: at('docs/machines.md'), text: machinesPage() },
]

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, text } of generated()) writeFileSync(path, text)
}
