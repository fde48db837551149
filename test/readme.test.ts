import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { generated } from '../docs/pictures.ts'
import { startSandboxGitHub } from '../examples/sandbox/github.ts'
import { parseConfigText } from '../src/config/config-file.ts'
import { createSources } from '../src/sources/factory.ts'
import { VERSION } from '../src/version.ts'
import { PROJECT, runCli } from './support/cli.ts'
import { itemsNamed } from './support/scripted-source.ts'
import { tempFolder } from './support/temp.ts'

const README = readFileSync(join(PROJECT, 'README.md'), 'utf8')
const manifest = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
  version: string
  scripts: Record<string, string>
}
const blocks = (language: string): string[] =>
  [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(
    (m) => m[1] ?? '',
  )

function runProgram(file: string, env: Record<string, string>, args: readonly string[] = []) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = spawn(process.execPath, [file, ...args], {
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.on('data', (text: Buffer) => (output.stdout += text))
    child.stderr.on('data', (text: Buffer) => (output.stderr += text))
    child.once('close', (code) => resolve({ code, ...output }))
  })
}

test('the program in the README does what it says', async () => {
  const [program] = blocks('ts')
  expect((program ?? '').trim().split('\n').length).toBeLessThanOrEqual(16)
  await using github = await startSandboxGitHub({
    owners: [{ login: 'acme', type: 'Organization', names: itemsNamed('repo', 130) }],
  })
  const folder = tempFolder()
  const file = join(folder, 'program.ts')
  const source = pathToFileURL(join(PROJECT, 'src/index.ts')).href
  writeFileSync(
    file,
    (program ?? '')
      .replace("'muster'", `'${source}'`)
      .replace('./muster.db', join(folder, 'muster.db'))
      .replace("{ org: 'acme' }", `{ org: 'acme', baseUrl: '${github.url}' }`),
  )
  const { code, stdout, stderr } = await runProgram(file, { GITHUB_TOKEN: 'ghp_forTheReadme' })
  expect(code, stderr).toBe(0)
  const lines = stdout.split('\n').filter((line) => line.startsWith('https://github.com/acme/'))
  expect(new Set(lines).size).toBe(130)
  expect(stdout).toContain("{ type: 'GITHUB', values: { token: 'ghp_forTheReadme' } }")
  expect(stdout.trim().endsWith('COMPLETED 130')).toBe(true)
})

test('the config in the README loads', () => {
  const [config] = blocks('yaml')
  const env = { GITHUB_TOKEN: 'ghp_forTheReadme', KEY: 'a-key' }
  const loaded = parseConfigText(config ?? '', {
    file: 'muster.yaml',
    sources: createSources(),
    env,
  })
  expect(loaded.targets.map((target) => target.name)).toEqual([
    'acme',
    'ghes',
    'own',
    'list',
    'dumps',
    'site',
    'logs',
  ])
})

test('the commands in the README exist', async () => {
  const [setup, tool] = blocks('sh')
  for (const script of (setup ?? '').matchAll(/npm (start|test)\b/g)) {
    expect(manifest.scripts).toHaveProperty(script[1] ?? '')
  }
  const { stdout } = await runCli(['--help'])
  const commands = [...(tool ?? '').matchAll(/^muster (\w+)/gm)].map((m) => m[1] ?? '')
  expect(commands).toEqual([
    'run',
    'status',
    'tasks',
    'plan',
    'pause',
    'cancel',
    'resume',
    'retry',
    'audit',
    'dashboard',
    'replay',
    'machines',
    'prune',
    'migrate',
    'copy',
  ])
  for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'))
})

test('the pictures are those of the machines; `npm run docs` draws them anew', () => {
  for (const { path, text } of generated()) expect(readFileSync(path, 'utf8')).toBe(text)
})

test('the version is the package’s', () => {
  expect(VERSION).toBe(manifest.version)
})

test('every file that a page names is there', () => {
  for (const page of [
    'README.md',
    'docs/flow.md',
    'docs/machines.md',
    'docs/model.md',
    'docs/hosts.md',
    'docs/events.md',
    'docs/dashboard.md',
    'docs/observability.md',
    'docs/plan.md',
  ]) {
    const text = readFileSync(join(PROJECT, page), 'utf8')
    const folder = join(PROJECT, page, '..')
    const inText = text.matchAll(/`((?:src|test|machines|examples|docs)\/[\w./-]+\.\w+)`/g)
    const links = text.matchAll(/\]\(((?:\.\.\/)?[\w./-]+\.(?:md|png|json))\)/g)
    const named = [
      ...[...inText].map((m) => join(PROJECT, m[1] ?? '')),
      ...[...links].map((m) => join(folder, m[1] ?? '')),
    ]
    for (const file of named) {
      expect(() => readFileSync(file), `${page} names ${file}`).not.toThrow()
    }
  }
})
