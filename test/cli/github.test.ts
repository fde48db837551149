import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startSandboxGitHub, type SandboxGitHub } from '../../examples/sandbox/github.ts'
import { runCli, startCli } from '../support/cli.ts'
import { writeConfig } from '../support/config.ts'
import { askNumber } from '../support/database.ts'
import { itemsNamed } from '../support/scripted-source.ts'
import { STACK_TRACE } from '../support/stack-trace.ts'
import { tempFolder } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

const TOKEN = 'ghp_theTokenOfTheTestOfGithub0123456'
const env = { GITHUB_TOKEN: TOKEN }
const ACME = { login: 'acme', type: 'Organization' as const }

/** A folder with a config of one target, and the commands in it. */
function project(sandbox: SandboxGitHub, github: object, target: object = {}) {
  const folder = tempFolder()
  const db = join(folder, 'muster.db')
  const config = writeConfig(folder, {
    auth: { gh: { type: 'github', config: { token: '${GITHUB_TOKEN}' } } },
    targets: [
      {
        name: 'acme',
        source_type: 'github',
        auth_ref: 'gh',
        ...target,
        github: { base_url: sandbox.url, ...github },
      },
    ],
  })
  const run = () => runCli(['run', config, '--db', db, '--json'], { env })
  return {
    db,
    run,
    start: () => startCli(['run', config, '--db', db], { env }),
    async status() {
      const { code, stdout, stderr } = await runCli(['status', '--db', db, '--json'])
      expect(code, stderr).toBe(0)
      return JSON.parse(stdout) as Record<string, unknown>[]
    },
    async table() {
      return (await runCli(['status', '--db', db])).stdout
    },
    async names(session: unknown) {
      const { stdout } = await runCli([
        'tasks',
        '--db',
        db,
        '--jsonl',
        '--session',
        String(session),
      ])
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { resource_uri: string }).resource_uri)
        .map((uri) => uri.split('/').at(-1))
    },
  }
}

test('what a filter leaves out is skipped, and the walk is complete', async () => {
  await using sandbox = await startSandboxGitHub({
    owners: [
      {
        ...ACME,
        repositories: [
          { name: 'service', fork: false, archived: false },
          { name: 'copy', fork: true, archived: false },
          { name: 'old', fork: false, archived: true },
          { name: 'tool', fork: false, archived: false, topics: ['internal-tool'] },
        ],
      },
    ],
  })
  const filter = { forks: 'exclude', archived: false, exclude_topics: ['internal-tool'] }
  const { run, names } = project(sandbox, { org: 'acme', filter })
  const { code, stdout, stderr } = await run()
  expect(code, stderr).toBe(0)
  const [row] = JSON.parse(stdout) as Record<string, unknown>[]
  expect(row).toMatchObject({
    status: 'COMPLETED',
    completeness: 'COMPLETE',
    items_found: 4,
    items_processed: 1,
    items_skipped: 3,
    items_failed: 0,
  })
  expect(await names(row?.['session_id'])).toEqual(['service'])
})

test('a second run with only_changed makes tasks for what is new or was pushed to', async () => {
  await using sandbox = await startSandboxGitHub({
    owners: [{ ...ACME, names: ['a', 'b', 'c', 'd'] }],
  })
  const { run, names } = project(sandbox, { org: 'acme' }, { only_changed: true })
  expect((await run()).code).toBe(0)
  sandbox.push('acme/b')
  sandbox.remove('acme/c')
  sandbox.rename('acme/d', 'dd')
  sandbox.add('acme', 'e')
  const { code, stdout, stderr } = await run()
  expect(code, stderr).toBe(0)
  const [row] = JSON.parse(stdout) as Record<string, unknown>[]
  expect(row).toMatchObject({
    items_new: 1,
    items_changed: 1,
    items_unchanged: 2,
    items_missing: 1,
  })
  expect(await names(row?.['session_id'])).toEqual(['b', 'e'])
})

test('a token that is refused pauses the session; put right, it goes on', async () => {
  const names = itemsNamed('repo', 30)
  await using sandbox = await startSandboxGitHub({
    owners: [{ ...ACME, names }],
    accounts: { [TOKEN]: { login: 'ada', scopes: ['repo'] } },
    onRequest: (_, index, itself) => index === 1 && itself.revoke(TOKEN),
  })
  const { run, status, table, names: tasks } = project(sandbox, { org: 'acme', per_page: 10 })
  const refused = await run()
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/muster: acme: paused: .*credential "gh" was refused.*run again/)
  expect(refused.stderr).not.toMatch(STACK_TRACE)
  expect(refused.stderr + refused.stdout).not.toContain(TOKEN)
  const [paused] = await status()
  expect(refused.stderr).toContain(
    `go on with: muster resume ${String(paused?.['session_id'])} --db`,
  )
  expect(paused).toMatchObject({
    status: 'IN_PROGRESS',
    completeness: 'UNKNOWN',
    items_processed: 10,
    waiting_for: expect.stringContaining('credential "gh" was refused') as unknown,
    waiting_until: null,
  })
  expect(await table()).toContain('was refused')

  sandbox.accept(TOKEN)
  const { code, stdout, stderr } = await run()
  expect(code, stderr).toBe(0)
  const [row] = JSON.parse(stdout) as Record<string, unknown>[]
  expect(row).toMatchObject({
    session_id: paused?.['session_id'],
    status: 'COMPLETED',
    items_processed: 30,
    waiting_for: null,
  })
  expect(await tasks(row?.['session_id'])).toHaveLength(30)
})

test('a wait is seen by others, and outlives the process that was told of it', async () => {
  await using sandbox = await startSandboxGitHub({
    owners: [{ ...ACME, names: itemsNamed('repo', 30) }],
    faults: [null, { kind: 'primary-limit', resetSeconds: 12 }],
  })
  const { db, start, run, status } = project(sandbox, { org: 'acme', per_page: 10 })
  const first = start()
  await waitUntil('the limit is met', () => sandbox.requests.length >= 2)
  await waitUntil('the wait is stored', () => {
    return askNumber(db, 'select count(waiting_until) from sessions') === 1
  })
  first.process.kill('SIGKILL')
  await first.finished
  expect((await status())[0]).toMatchObject({
    status: 'IN_PROGRESS',
    waiting_for: expect.stringContaining('rate limited by GitHub') as unknown,
    waiting_until: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as unknown,
  })
  expect((await run()).code).toBe(0)
  expect(sandbox.requestsWhileLimited).toBe(0)
  expect((await status())[0]).toMatchObject({ status: 'COMPLETED', waiting_until: null })
})

test('what is missing is said in words, and decides the exit code', async () => {
  await using sandbox = await startSandboxGitHub({
    owners: [{ ...ACME, names: itemsNamed('repo', 12) }],
    hidden: 3,
  })
  const { run, table } = project(sandbox, { org: 'acme' })
  const { code, stdout, stderr } = await run()
  expect(code).toBe(3)
  expect(stderr).toContain('muster: acme: incomplete (count_mismatch): organisation "acme"')
  expect(JSON.parse(stdout)).toMatchObject([
    {
      status: 'PARTIALLY_COMPLETED',
      completeness: 'INCOMPLETE',
      shortfalls: [{ code: 'count_mismatch', detail: expect.any(String) as unknown }],
    },
  ])
  const [head = '', row = ''] = (await table()).split('\n')
  expect(row).toContain('count_mismatch')
  // Columns in which no session has anything would only push the others out of sight.
  expect(head).toContain('shortfalls')
  expect(head).not.toContain('waiting')
})
