import { writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startSandboxGitHub, type SandboxGitHub } from '../../examples/sandbox/github.ts'
import { openStore } from '../../src/index.ts'
import { runCli, startCli } from '../support/cli.ts'
import { effort } from '../support/effort.ts'
import { itemsNamed } from '../support/scripted-source.ts'
import { tempFolder } from '../support/temp.ts'

/** Kills of one test run; as many as one likes with MUSTER_KILLS. */
const KILLS = Number(process.env['MUSTER_KILLS'] ?? effort(3, 150))
const TOKEN = 'ghp_thisIsTheTokenOfTheKillTest'
const PER_PAGE = 10
const OWNERS = [
  { login: 'many', type: 'Organization' as const, names: itemsNamed('many', 400) },
  { login: 'few', type: 'Organization' as const, names: itemsNamed('few', 95) },
]

function writeConfig(folder: string, github: SandboxGitHub): string {
  const config = join(folder, 'muster.yaml')
  const target = (org: string) =>
    `  - { name: ${org}, source_type: github, auth_ref: gh, github: { org: ${org}, per_page: ${PER_PAGE}, base_url: "${github.url}" } }`
  const auth = 'auth: { gh: { type: github, config: { token: "${GITHUB_TOKEN}" } } }'
  writeFileSync(config, `${auth}\ntargets:\n${target('many')}\n${target('few')}\n`)
  return config
}

/** Whether every session of the database is at its end. */
async function allEnded(path: string): Promise<boolean> {
  const store = await openStore({ path })
  const sessions = await store.repositories.sessions.list(10)
  await store.close()
  return sessions.length === OWNERS.length && sessions.every((s) => s.status === 'COMPLETED')
}

/** How long this machine takes from starting the tool to a first page; the kills must fall before, in and after the walk. */
async function startUpMs(): Promise<number> {
  const folder = tempFolder()
  const config = join(folder, 'one.yaml')
  const page = '{ name: one, source_type: url, url: { urls: ["https://data.example/1"] } }'
  writeFileSync(config, `targets:\n  - ${page}\n`)
  const run = (db: string) => runCli(['run', config, '--db', join(folder, db)])
  await run('warm.db')
  const began = performance.now()
  expect((await run('cold.db')).code).toBe(0)
  return performance.now() - began
}

async function check(path: string, github: SandboxGitHub): Promise<void> {
  const store = await openStore({ path })
  const { sessions, batches, tasks } = store.repositories
  const found = await sessions.list(10)
  expect(found.map((s) => s.targetName).toSorted()).toEqual(['few', 'many'])
  for (const session of found) {
    const expected = github
      .repositories(session.targetName)
      .map((r) => `https://github.com/${r.full_name}`)
    const uris = []
    const { sessionId } = session
    for await (const task of tasks.stream({ sessionId })) uris.push(task.resourceUri)
    expect(uris).toEqual(expected)
    const rows = await batches.findBySessionId(sessionId)
    expect(rows.map((b) => b.number)).toEqual(rows.map((_, i) => i + 1))
    expect(rows.every((b) => b.status === 'SUCCEEDED')).toBe(true)
    expect(rows.reduce((sum, b) => sum + b.metrics.itemsProcessed, 0)).toBe(expected.length)
    expect(session).toMatchObject({
      status: 'COMPLETED',
      completeness: 'COMPLETE',
      metrics: {
        totalBatches: Math.ceil(expected.length / PER_PAGE),
        itemsFound: expected.length,
        itemsProcessed: expected.length,
        itemsSkipped: 0,
        itemsFailed: 0,
      },
    })
  }
  await store.close()
}

test(`after ${KILLS} kills at random moments every repository has its task, once`, async () => {
  await using github = await startSandboxGitHub({
    owners: OWNERS,
    tokens: [TOKEN],
    latencyMs: 15,
  })
  const startUp = await startUpMs()
  let kills = 0
  let walks = 0
  while (kills < KILLS) {
    const folder = tempFolder()
    const config = writeConfig(folder, github)
    const db = join(folder, 'muster.db')
    for (;;) {
      const cli = startCli(['run', config, '--db', db], { env: { GITHUB_TOKEN: TOKEN } })
      // From before the database exists to well into the walk.
      const moment = startUp * (0.5 + Math.random() * 2.5)
      const ended = await Promise.race([cli.finished, sleep(moment)])
      if (ended === undefined) {
        cli.process.kill('SIGKILL')
        kills += 1
      }
      const { code, stderr } = await cli.finished
      if (code !== null) expect(code, stderr).toBe(0)
      if (code === 0 || (await allEnded(db))) break
      if (kills >= KILLS * 10) throw new Error('the walk does not get on between kills')
    }
    await check(db, github)
    walks += 1
  }
  expect(walks).toBeGreaterThan(0)
}, 900_000)
