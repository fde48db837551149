import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { PROJECT } from '../support/cli.ts'
import { itemsNamed } from '../support/scripted-source.ts'
import { tempFolder } from '../support/temp.ts'

const README = readFileSync(join(PROJECT, 'README.md'), 'utf8')
const [program = '', loop = ''] = [...README.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, t]) => t)
const QUEUE = `const queue = { add: async (tasks) => tasks.forEach((t) => console.log('queued', t)) }\n`

test('the loop over windows in the README puts every task into the queue', async () => {
  await using github = await startSandboxGitHub({
    owners: [{ login: 'acme', type: 'Organization', names: itemsNamed('repo', 130) }],
  })
  const folder = tempFolder()
  const file = join(folder, 'program.mjs')
  expect(loop).toContain('run.taskWindows')
  // In the place of the loop over single tasks.
  const text = program
    .replace(/^for await [^]*?^}\n/m, () => QUEUE + loop)
    .replace("'muster'", `'${pathToFileURL(join(PROJECT, 'src/index.ts')).href}'`)
    .replace('./muster.db', join(folder, 'muster.db'))
    .replace("{ org: 'acme' }", `{ org: 'acme', baseUrl: '${github.url}' }`)
  writeFileSync(file, text)
  const env = { ...process.env, NODE_OPTIONS: '', GITHUB_TOKEN: 'ghp_forTheReadme' }
  const { stdout } = await promisify(execFile)(process.execPath, [file], { env })
  const uris = [...stdout.matchAll(/resourceUri: '(.*)'/g)].map(([, uri]) => uri)
  expect(new Set(uris).size).toBe(130)
  expect(uris).toHaveLength(130)
  expect(stdout.trim().endsWith('COMPLETED 130')).toBe(true)
})
