/**
 * Checks the package as its users get it: packed, installed into an empty
 * project, imported by each of its names, type-checked and run.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'muster-package-'))
const run = (command: string, args: readonly string[], cwd: string) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

const PROGRAM = `
import { createMuster, defineSource, MusterError } from 'muster'
import { sessionMachine } from 'muster/machines'
import { sourceContract } from 'muster/testing'

const source = defineSource<{ n: number }, number>({
  type: 'numbers',
  spec: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as { n: number } }) } },
  identify: (item) => ({ key: String(item), uri: \`numbers://\${item}\`, name: String(item) }),
  async *enumerate({ n }, cursor) {
    for (let from = (cursor as number | undefined) ?? 0; from < n; from += 10)
      yield { items: Array.from({ length: 10 }, (_, i) => from + i), cursor: from + 10 }
  },
})
await using muster = await createMuster({ database: ':memory:', sources: [source] })
const run = muster.coordinator.enumerateTarget({ name: 'n', sourceType: 'numbers', numbers: { n: 30 } })
let tasks = 0
for await (const task of run.tasks) tasks += task.resourceUri.startsWith('numbers://') ? 1 : 0
const { status } = await run.done
if (tasks !== 30 || status !== 'COMPLETED') throw new MusterError('STORE_FAILED', \`\${tasks} \${status}\`)
const resuming = sourceContract(source, { spec: { n: 30 } }).filter(({ title }) => title.startsWith('resuming'))
for (const { run } of resuming) await run()
const dashboard = await muster.dashboard({ port: 0 })
for (const file of ['', 'app.js', 'app.css']) {
  const answer = await fetch(new URL(file, dashboard.url))
  if (!answer.ok) throw new MusterError('NOT_SUPPORTED', \`the dashboard has no "\${file}": \${await answer.text()}\`)
}
await dashboard.close()
console.log('the package works:', tasks, 'tasks,', Object.keys(sessionMachine.states).length, 'states')
`

/** The programs for authors of plug-ins, as they would write them down from the page. */
const PAGE = readFileSync(join(PROJECT, 'docs/testing.md'), 'utf8')
const examples = [...PAGE.matchAll(/^```ts\n\/\/ (\S+)\n([^]*?)^```/gm)]

try {
  const packed = run('npm', ['pack', '--silent', '--pack-destination', folder], PROJECT).trim()
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'empty', type: 'module', private: true }),
  )
  // The examples of the page describe their specs with zod, which the package does not bring.
  run('npm', ['install', '--silent', '--no-audit', '--no-fund', `./${packed}`, 'zod@4'], folder)
  writeFileSync(join(folder, 'program.ts'), PROGRAM)
  for (const [, name = '', text = ''] of examples) writeFileSync(join(folder, name), text)
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        target: 'es2024',
        lib: ['es2024', 'esnext.disposable'],
        module: 'nodenext',
        skipLibCheck: true,
        allowImportingTsExtensions: true,
        types: ['node'],
        typeRoots: [join(PROJECT, 'node_modules/@types')],
      },
      files: ['program.ts', ...examples.map(([, name]) => name)],
    }),
  )
  run(process.execPath, [join(PROJECT, 'node_modules/typescript/bin/tsc'), '-p', '.'], folder)
  process.stdout.write(run(process.execPath, ['program.ts'], folder))
  run(process.execPath, ['--test', ...examples.map(([, name = '']) => name)], folder)
  console.log('the programs of docs/testing.md pass:', examples.length)
  const cli = join(folder, 'node_modules/.bin/muster')
  process.stdout.write(`muster ${run(process.execPath, [cli, '--version'], folder)}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
