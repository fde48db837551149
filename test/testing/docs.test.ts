import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { openStore } from '../../src/index.ts'
import { sessionMachine } from '../../machines/index.ts'
import { machinePaths, sourceContract, storeContract } from '../../src/testing/index.ts'
import { urlSource } from '../../src/sources/url/index.ts'
import { PROJECT } from '../support/cli.ts'
import { isLong } from '../support/effort.ts'
import { tempFolder } from '../support/temp.ts'

const PAGE = readFileSync(join(PROJECT, 'docs/testing.md'), 'utf8')
const TITLES = {
  source: sourceContract(urlSource(), { spec: {} }).map(({ title }) => title),
  store: storeContract((options) => openStore({ path: ':memory:', ...options })).map(
    ({ title }) => title,
  ),
  paths: machinePaths(sessionMachine).map(({ title }) => title),
}

/** The page's programs by the name in their first line. */
const programs = new Map(
  [...PAGE.matchAll(/^```ts\n\/\/ (\S+)\n([^]*?)^```/gm)].map(([, name = '', text = '']) => [
    name,
    text,
  ]),
)

const MODULES = {
  muster: 'src/index.ts',
  'muster/machines': 'machines/index.ts',
  'muster/testing': 'src/testing/index.ts',
  zod: 'node_modules/zod/index.js',
}

/** Writes the programs as files beside each other, importing from here what they would from the package. */
function written(): string {
  const folder = tempFolder()
  for (const [name, text] of programs) {
    const program = Object.entries(MODULES).reduce(
      (program, [module, file]) =>
        program.replace(`from '${module}'`, `from '${pathToFileURL(join(PROJECT, file)).href}'`),
      text,
    )
    writeFileSync(join(folder, name), program)
  }
  return folder
}

const runTests = (folder: string, file: string, pattern: RegExp) =>
  new Promise<string>((resolve, reject) => {
    // Within another runner's process, Node's would report to it and print nothing.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const args = ['--test', '--test-reporter=tap', `--test-name-pattern=${pattern}`, file]
    execFile(
      process.execPath,
      args,
      { cwd: folder, env: { ...env, NODE_OPTIONS: '' }, maxBuffer: 2 ** 26 },
      (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(stdout + stderr)),
    )
  })

/** What SQLite keeps of the contract is seen elsewhere: here, that the program has its cases, and that they run. */
const SOME_OF_STORE = isLong ? /./ : /^(a claim|tasks|jobs) /

test.each([
  ['numbers.test.ts', TITLES.source, /./],
  ['store.test.ts', TITLES.store.filter((title) => SOME_OF_STORE.test(title)), SOME_OF_STORE],
  ['colours.test.ts', TITLES.paths, /./],
])('%s on the page is a program that runs', async (file, titles, pattern) => {
  expect(titles.length).toBeGreaterThan(0)
  const length = programs.get(file)?.trim().split('\n').length
  expect(length).toBeLessThanOrEqual(10)
  const output = await runTests(written(), file, pattern)
  expect(output).toContain(`# pass ${titles.length}\n# fail 0\n`)
  for (const title of titles) expect(output).toContain(`- ${title}\n`)
})

test('the page has no program that is not run', () => {
  expect([...programs.keys()]).toEqual([
    'numbers.ts',
    'numbers.test.ts',
    'store.test.ts',
    'colours.test.ts',
  ])
  expect([...PAGE.matchAll(/^```ts$/gm)]).toHaveLength(programs.size)
})

test('every file that the page names is there', () => {
  const named = [...PAGE.matchAll(/`((?:src|test|machines|docs)\/[\w./-]+\.\w+)`/g)].map(
    ([, name = '']) => name,
  )
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((name) => !existsSync(join(PROJECT, name)))).toEqual([])
})
