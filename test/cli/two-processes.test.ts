import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startSandboxGitHub, type SandboxGitHub } from '../../examples/sandbox/github.ts'
import { runCli, startCli } from '../support/cli.ts'
import { writeConfig } from '../support/config.ts'
import { ask } from '../support/database.ts'
import { startHost } from '../support/host.ts'
import { itemsNamed } from '../support/scripted-source.ts'
import { STACK_TRACE } from '../support/stack-trace.ts'
import { tempFolder } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

const TOKEN = 'ghp_theTokenOfTheTestOfTwoProcesses'
const env = { GITHUB_TOKEN: TOKEN }
const PER_PAGE = 10
const PAGES = 16
const LEASE_MS = 500

const startGithub = () =>
  startSandboxGitHub({
    owners: [
      { login: 'quick', type: 'Organization', names: itemsNamed('quick', 5) },
      { login: 'shared', type: 'Organization', names: itemsNamed('shared', PER_PAGE * PAGES) },
    ],
    tokens: [TOKEN],
    latencyMs: 50,
  })

function setUp(github: SandboxGitHub, orgs: readonly string[] = ['shared']) {
  const folder = tempFolder()
  const config = writeConfig(folder, {
    auth: { gh: { type: 'github', config: { token: '${GITHUB_TOKEN}' } } },
    targets: orgs.map((org) => ({
      name: org,
      source_type: 'github',
      auth_ref: 'gh',
      github: { org, per_page: PER_PAGE, base_url: github.url },
    })),
  })
  return { config, db: join(folder, 'muster.db') }
}

/**
 * Whether the first process waits for an answer, everything that came before
 * it stored: stopped in the middle of a write it would lock the database.
 */
function isAtRest(github: SandboxGitHub, db: string): boolean {
  return ask(db, 'select number from batches').length === github.requests.length - 1
}

/** The tasks are the truth, in order, and the batches are numbered without a gap or a double. */
function expectWhole(db: string, github: SandboxGitHub) {
  const expected = github.repositories('shared').map((r) => `https://github.com/${r.full_name}`)
  const tasks = ask<{ uri: string }>(db, 'select uri from tasks order by seq')
  expect(tasks.map(({ uri }) => uri)).toEqual(expected)
  const batches = ask<{ number: number; status: string }>(
    db,
    'select number, status from batches order by session, number',
  )
  expect(batches).toEqual(
    Array.from({ length: PAGES }, (_, i) => ({ number: i + 1, status: 'SUCCEEDED' })),
  )
  expect(ask(db, 'select status, items_processed, total_batches from sessions')).toEqual([
    { status: 'COMPLETED', items_processed: expected.length, total_batches: PAGES },
  ])
}

test('a second run on the same database says that the first one walks, and changes nothing of it', async () => {
  await using github = await startGithub()
  const { config, db } = setUp(github)
  const first = startCli(['run', config, '--db', db], { env })
  await waitUntil('the first walks', () => github.requests.length > 2 && isAtRest(github, db))
  // It walks for as long as the second looks: its lease is far from its end.
  first.process.kill('SIGSTOP')
  const holder = ask(db, 'select session_id, lease_owner from sessions')
  const second = await runCli(['run', config, '--db', db, '--json'], { env })
  expect(second.code, second.stderr).toBe(1)
  expect(second.stderr).toMatch(/^muster: shared: .*(walked|held) by/m)
  expect(second.stderr).toContain(String(holder[0]?.['lease_owner']))
  expect(second.stderr).not.toMatch(STACK_TRACE)
  expect(JSON.parse(second.stdout), 'the second has no session of its own').toEqual([])
  expect(
    ask(db, 'select session_id, lease_owner from sessions'),
    'the lease is the first’s',
  ).toEqual(holder)

  first.process.kill('SIGCONT')
  const { code, stderr } = await first.finished
  expect(code, stderr).toBe(0)
  expect(github.requests, 'the second asked GitHub for nothing').toHaveLength(PAGES)
  expectWhole(db, github)
})

test('a second run does not end the round of the first: what that had completed is not walked again', async () => {
  await using github = await startGithub()
  const { config, db } = setUp(github, ['quick', 'shared'])
  const asked = (login: string) =>
    github.requests.filter(({ body }) => body.includes(`"${login}"`)).length
  const first = startCli(['run', config, '--db', db], { env })
  await waitUntil('the first walks', () => asked('shared') > 2 && isAtRest(github, db))
  first.process.kill('SIGSTOP')
  const second = await runCli(['run', config, '--db', db], { env })
  expect(second.code, second.stderr).toBe(1)
  first.process.kill('SIGKILL')
  await first.finished
  const third = await runCli(['run', config, '--db', db], { env })
  expect(third.code, third.stderr).toBe(0)
  expect(asked('quick'), 'requests for quick').toBe(1)
})

test.each([
  ['is told so by its heartbeat', { deaf: false }],
  ['is refused its commit', { deaf: true }],
])(
  'a process that froze while another took over %s, writes nothing, and says why',
  async (_, how) => {
    await using github = await startGithub()
    const { config, db } = setUp(github)
    const frozen = startHost({ config, db, leaseMs: LEASE_MS, ...how }, env)
    await waitUntil('the first walks', () => github.requests.length > 4 && isAtRest(github, db))
    frozen.kill('SIGSTOP')
    await sleep(LEASE_MS + 250)
    const [before] = ask<{ lease_owner: string }>(db, 'select lease_owner from sessions')
    expect(before?.lease_owner, 'the frozen process holds the lease').toContain(`/${frozen.pid}/`)

    const second = startCli(['run', config, '--db', db], { env })
    const pages = () => ask(db, 'select number from batches').length
    const kept = pages()
    await waitUntil('the second walks', () => pages() > kept + 2, { everyMs: 20 })
    // Woken in the middle of the other's walk, with an answer in hand that it would like to keep.
    frozen.kill('SIGCONT')
    const woken = await frozen
    const { code, stderr } = await second.finished
    expect(code, stderr).toBe(0)

    expect(woken.exitCode, woken.stderr).toBe(1)
    expect(JSON.parse(woken.stdout)).toEqual({
      statuses: [],
      failures: [
        {
          targetName: 'shared',
          code: 'LEASE_LOST',
          message: expect.stringMatching(/taken over by another process/) as unknown,
          retryable: true,
        },
      ],
    })
    expect(woken.stderr, 'no stack trace').not.toMatch(STACK_TRACE)
    expectWhole(db, github)
  },
)

test('a process that froze until another had finished keeps to what the other found', async () => {
  await using github = await startGithub()
  const { config, db } = setUp(github)
  const frozen = startHost({ config, db, leaseMs: LEASE_MS, deaf: true }, env)
  await waitUntil('the first walks', () => github.requests.length > 4 && isAtRest(github, db))
  frozen.kill('SIGSTOP')
  await sleep(LEASE_MS + 250)
  const second = await runCli(['run', config, '--db', db], { env })
  expect(second.code, second.stderr).toBe(0)
  const finished = ask(db, 'select * from sessions')
  frozen.kill('SIGCONT')
  const woken = await frozen
  expect(woken.exitCode, woken.stderr).toBe(1)
  expect(woken.stdout).toMatch(/LEASE_LOST/)
  expect(ask(db, 'select * from sessions'), 'the session is as the second left it').toEqual(
    finished,
  )
  expectWhole(db, github)
})
