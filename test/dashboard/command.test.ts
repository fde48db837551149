import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startSandboxGitHub } from '../../examples/sandbox/github.ts'
import type { SessionDetail, SessionPage } from '../../src/dashboard/wire.ts'
import { runCli, startCli, type CliOptions } from '../support/cli.ts'
import { runMain } from '../support/cli-in-process.ts'
import { writeConfig } from '../support/config.ts'
import { ask as askDatabase } from '../support/database.ts'
import { ask, follow, get } from '../support/dashboard.ts'
import { itemsNamed } from '../support/scripted-source.ts'
import { STACK_TRACE } from '../support/stack-trace.ts'
import { tempFolder } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

const GITHUB_TOKEN = 'ghp_theTokenOfTheDashboardCommand01'
const SHOWN_TOKEN = 'the-token-of-the-dashboard-command'
const env = { GITHUB_TOKEN, SHOWN_TOKEN }

/** Starts the tool and waits for the address that it prints. */
async function serve(args: readonly string[], from: 'stdout' | 'stderr', options: CliOptions) {
  const running = startCli(args, options)
  onTestFinished(() => void running.process.kill('SIGKILL'))
  let text = ''
  running.process[from]?.on('data', (part: string) => (text += part))
  const url = () => /http:\/\/\S+/.exec(text)?.[0]
  await waitUntil(`"muster ${args[0]}" printed its address`, () => url() !== undefined)
  return { ...running, url: url() ?? '' }
}

async function project() {
  const github = await startSandboxGitHub({
    owners: [{ login: 'acme', type: 'Organization', names: itemsNamed('repo', 600) }],
    tokens: [GITHUB_TOKEN],
    latencyMs: 150,
  })
  onTestFinished(() => github[Symbol.asyncDispose]())
  const folder = tempFolder()
  const config = writeConfig(folder, {
    auth: { gh: { type: 'github', config: { token: '${GITHUB_TOKEN}' } } },
    targets: [
      {
        name: 'acme',
        source_type: 'github',
        auth_ref: 'gh',
        github: { org: 'acme', per_page: 3, base_url: github.url },
      },
    ],
  })
  return { folder, config, db: join(folder, 'muster.db'), github }
}

test.each<[string, readonly string[], string]>([
  ['a database that is not there', [], 'does not exist'],
  ['a token that is not there', ['--token-env', 'NOT_SET'], 'NOT_SET is not set'],
  ['a port that is none', ['--port', '99999'], 'expected a port'],
])('%s is refused, and nothing is made', async (_, args, words) => {
  const db = join(tempFolder(), 'none.db')
  const { code, stdout, stderr } = await runMain(['dashboard', '--db', db, ...args])
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(words)
  expect(stderr).not.toMatch(STACK_TRACE)
  expect(existsSync(db)).toBe(false)
})

test('a run shows its walk live, another process sees and pauses it, and walks nothing', async () => {
  const { config, db, github } = await project()
  const run = await serve(['run', config, '--db', db, '--dashboard', '0'], 'stderr', { env })
  const beside = await follow(run)
  const { rows } = await beside.until(
    'sessions',
    (page) => (page.rows[0]?.metrics.itemsFound ?? 0) > 0,
  )
  const id = rows[0]?.sessionId ?? ''
  const inside = await get<SessionDetail>(run, `/api/sessions/${id}`)
  expect(inside.actors.map(({ seen }) => seen)).toEqual(['live', 'live', 'live'])

  const args = ['dashboard', '--db', db, '--port', '0', '--token-env', 'SHOWN_TOKEN', '--json']
  const looking = await serve(args, 'stdout', { env })
  const headers = {
    authorization: `Bearer ${SHOWN_TOKEN}`,
    'content-type': 'application/json',
  }
  const asked = (method: string, path: string) =>
    ask(new URL(path, looking.url.replace(/".*/, '')), { method, headers })
  const seen = JSON.parse((await asked('GET', `/api/sessions/${id}`)).text) as SessionDetail
  expect(seen.session.walkedBy).toBe(inside.session.walkedBy)
  expect(seen.actors.map(({ seen: how }) => how)).toEqual(['stored', 'stored', 'stored'])
  expect((await asked('POST', `/api/sessions/${id}/pause`)).status).toBe(200)
  const ended = await run.finished
  expect(ended.stderr).toContain('paused')

  // Nobody walks it now, and the one that looks leaves it at that, until it is lifted, and after.
  const requests = github.requests.length
  expect((await asked('POST', `/api/sessions/${id}/resume`)).text).toContain(
    'the next run takes it up',
  )
  const page = JSON.parse((await asked('GET', '/api/sessions')).text) as SessionPage
  expect(page.rows).toMatchObject([{ status: 'IN_PROGRESS', walkedBy: null, asked: null }])
  expect((await asked('POST', `/api/sessions/${id}/retry`)).status).toBe(409)
  looking.process.kill('SIGTERM')
  const { code, stdout, stderr } = await looking.finished
  expect([code, stderr]).toEqual([0, expect.stringContaining('--config FILE')])
  expect(JSON.parse(stdout)).toHaveProperty('url')
  expect(github.requests.length).toBe(requests)
  const record = askDatabase<{ event: string }>(db, 'select event from audit order by id')
  expect(record.map(({ event }) => event)).toEqual(
    expect.arrayContaining(['pause-asked', 'left', 'pause-lifted']),
  )

  for (const text of [ended.stdout, ended.stderr, stderr]) expect(text).not.toContain(SHOWN_TOKEN)
})

test('a run whose dashboard cannot be served walks nothing', async () => {
  const { config, db, github } = await project()
  const taken = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const args = ['run', config, '--db', db, '--dashboard', String(port)]
  const { code, stderr } = await runCli(args, { env })
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining(`port ${port} of 127.0.0.1 is in use: give another with --dashboard`),
  ])
  expect(github.requests).toEqual([])
})
