import { join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { startSandboxGitHub, type SandboxGitHub } from '../../examples/sandbox/github.ts'
import { runMain } from '../support/cli-in-process.ts'
import { runCli, startCli, type Running } from '../support/cli.ts'
import { writeConfig } from '../support/config.ts'
import { ask, databaseBytes } from '../support/database.ts'
import { itemsNamed } from '../support/scripted-source.ts'
import { secretsIn } from '../support/secret-forms.ts'
import { STACK_TRACE } from '../support/stack-trace.ts'
import { tempFolder } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

const TOKEN = 'ghp_theTokenOfTheTestsOfSteering'
const env = { GITHUB_TOKEN: TOKEN }
const PAGES = 12
const PER_PAGE = 10
/** So that a walk takes longer than another process needs to pause it, however busy the machine is. */
const SLOWLY_MS = 1_500
/** Requests that are answered quickly: those before the first pages. */
const QUICK_REQUESTS = 3

beforeEach(() => void vi.stubEnv('GITHUB_TOKEN', TOKEN))

interface Setting {
  readonly github: SandboxGitHub
  readonly config: string
  readonly db: string
  /** Lets the service answer at once from now on. */
  hurry(): void
}

async function setUp(): Promise<Setting & AsyncDisposable> {
  const options = {
    owners: [
      { login: 'acme', type: 'Organization' as const, names: itemsNamed('r', PAGES * PER_PAGE) },
    ],
    tokens: [TOKEN],
    latencyMs: 0,
    onRequest: (_: unknown, index: number) => {
      if (index >= QUICK_REQUESTS && !isHurried) options.latencyMs = SLOWLY_MS
    },
  }
  let isHurried = false
  const github = await startSandboxGitHub(options)
  const folder = tempFolder()
  const config = writeConfig(folder, {
    auth: { gh: { type: 'github', config: { token: '${GITHUB_TOKEN}' } } },
    targets: [
      {
        name: 'acme',
        source_type: 'github',
        auth_ref: 'gh',
        github: { org: 'acme', per_page: PER_PAGE, base_url: github.url },
      },
    ],
  })
  return {
    github,
    config,
    db: join(folder, 'muster.db'),
    hurry() {
      isHurried = true
      options.latencyMs = 0
    },
    [Symbol.asyncDispose]: () => github.close(),
  }
}

const sessionIn = (db: string) => ask<Record<string, unknown>>(db, 'select * from sessions')[0]

/** Starts a run, and waits until it has stored a page. */
async function running({ config, db }: Setting): Promise<Running & { readonly sessionId: string }> {
  const run = startCli(['run', config, '--db', db], { env })
  await waitUntil('a page is stored', () => {
    try {
      return ask(db, 'select 1 from batches').length > 0
    } catch {
      return false
    }
  })
  return { ...run, sessionId: String(sessionIn(db)?.['session_id']) }
}

/** Everything once, as the service has it. */
function expectWhole({ github, db }: Setting): void {
  const expected = github.repositories('acme').map((r) => `https://github.com/${r.full_name}`)
  const tasks = ask<{ uri: string }>(db, 'select uri from tasks order by seq')
  expect(tasks.map(({ uri }) => uri)).toEqual(expected)
  expect(sessionIn(db)).toMatchObject({ status: 'COMPLETED', asked: null, items_processed: 120 })
}

test('a session that another process walks is paused, stays so over a second run, and is resumed to the exact truth', async () => {
  await using setting = await setUp()
  const { github, config, db, hurry } = setting
  const run = await running(setting)
  const { sessionId } = run
  const paused = await runCli(['pause', sessionId, '--db', db])
  expect(paused.code, paused.stderr).toBe(0)
  expect(paused.stderr).toMatch(/^muster: acme: paused; "muster resume \S+" goes on with it$/m)
  expect(paused.stdout).toContain('paused on request')
  const first = await run.finished
  expect(first.code, first.stderr).toBe(3)
  expect(first.stderr).toContain(`"muster resume ${sessionId}"`)
  expect(first.stderr).not.toMatch(STACK_TRACE)
  expect(sessionIn(db)).toMatchObject({
    status: 'IN_PROGRESS',
    asked: 'pause',
    waiting_reason: 'paused on request',
    lease_owner: null,
  })
  const asked = github.requests.length
  const pages = ask(db, 'select 1 from batches').length
  expect(pages).toBeLessThan(PAGES)

  const status = await runMain(['status', '--db', db, '--json'])
  expect(JSON.parse(status.stdout)).toMatchObject([
    {
      session_id: sessionId,
      asked: 'pause',
      waiting_for: 'paused on request',
      waiting_until: null,
    },
  ])
  const second = await runMain(['run', config, '--db', db])
  expect(second.code, second.stderr).toBe(3)
  expect(second.stderr).toMatch(/^muster: acme: paused: .*"muster resume /m)
  expect(github.requests.length, 'nothing is asked for').toBe(asked)

  hurry()
  const resumed = await runMain(['resume', sessionId, '--db', db, '--config', config])
  expect(resumed.code, resumed.stderr).toBe(0)
  expectWhole(setting)

  const audit = await runMain(['audit', sessionId, '--db', db])
  const lines = audit.stdout.trimEnd().split('\n')
  expect(lines.map((line) => /^\S+Z {2}(\S+)/.exec(line)?.[1])).toEqual([
    'created',
    'claimed',
    'started',
    'pause-asked',
    'paused',
    'left',
    'pause-lifted',
    'claimed',
    'ended',
    undefined,
  ])
  expect(lines.at(-1)).toBe('target "acme" is COMPLETED, COMPLETE: nothing is known to be missing')
  const data = await runMain(['audit', sessionId, '--db', db, '--json'])
  expect(JSON.parse(data.stdout)).toMatchObject([
    { event: 'created' },
    ...Array.from({ length: 8 }, () => ({})),
  ])
  expect(secretsIn(databaseBytes(db), { TOKEN })).toEqual([])
}, 60_000)

test('a process that is killed while it finishes its page leaves the session paused, and nothing is lost', async () => {
  await using setting = await setUp()
  const { config, db, hurry } = setting
  const run = await running(setting)
  const { sessionId } = run
  run.process.kill('SIGSTOP')
  // It is asked while the other one cannot see it, and the tool does not wait for one that is as good as dead.
  const pausing = runMain(['pause', sessionId, '--db', db])
  await waitUntil('it is asked', () => sessionIn(db)?.['asked'] === 'pause')
  run.process.kill('SIGKILL')
  const paused = await pausing
  expect(paused.code, paused.stderr).toBe(0)
  expect(paused.stderr).toMatch(/^muster: acme: paused; /m)
  hurry()
  const again = await runMain(['run', config, '--db', db])
  expect(again.code, again.stderr).toBe(3)
  const resumed = await runMain(['resume', sessionId, '--db', db, '--config', config])
  expect(resumed.code, resumed.stderr).toBe(0)
  expectWhole(setting)
}, 60_000)

test('a session that another process walks is cancelled, and says why it ended', async () => {
  await using setting = await setUp()
  const { config, db, hurry } = setting
  const run = await running(setting)
  const { sessionId } = run
  const cancelled = await runMain(['cancel', sessionId, '--db', db, '--json'])
  expect(cancelled.code, cancelled.stderr).toBe(0)
  expect(JSON.parse(cancelled.stdout)).toMatchObject([
    {
      session_id: sessionId,
      status: 'FAILED',
      failure_reason: 'cancelled on request',
      asked: null,
    },
  ])
  const first = await run.finished
  expect(first.code, first.stderr).toBe(1)
  const audit = await runMain(['audit', sessionId, '--db', db])
  expect(audit.stdout.trimEnd().split('\n').at(-1)).toMatch(
    /^target "acme" is FAILED, INCOMPLETE: cancelled on request; cancelled: /,
  )
  for (const command of ['pause', 'cancel', 'retry']) {
    const options = command === 'retry' ? ['--config', config] : []
    const refused = await runMain([command, sessionId, '--db', db, ...options])
    expect(refused, command).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toContain('is FAILED')
  }
  hurry()
  const resumed = await runMain(['resume', sessionId, '--db', db, '--config', config])
  expect(resumed.code, resumed.stderr).toBe(0)
  expectWhole(setting)
}, 60_000)

test('what cannot be steered is refused with 2, and nothing is made', async () => {
  await using setting = await setUp()
  const { db, config } = setting
  for (const command of ['pause', 'cancel', 'retry', 'audit']) {
    const absent = await runMain([command, 'nobody', '--db', db])
    expect(absent, command).toMatchObject({ code: 2, stdout: '' })
    expect(absent.stderr).toContain('does not exist')
  }
  setting.hurry()
  const run = await runMain(['run', config, '--db', db])
  expect(run.code, run.stderr).toBe(0)
  for (const command of ['pause', 'cancel', 'retry', 'audit']) {
    const unknown = await runMain([command, 'nobody', '--db', db])
    expect(unknown, command).toMatchObject({ code: 2, stdout: '' })
    expect(unknown.stderr).toMatch(/session "?nobody"? is not in/)
    expect(unknown.stderr).not.toMatch(STACK_TRACE)
  }
  const foreign = join(tempFolder(), 'foreign.db')
  const { default: Database } = await import('better-sqlite3')
  const made = new Database(foreign)
  made.exec('create table sessions (id integer)')
  made.close()
  for (const command of ['pause', 'cancel', 'audit']) {
    const refused = await runMain([command, 'nobody', '--db', foreign])
    expect(refused, command).toMatchObject({ code: 2, stdout: '' })
  }
}, 60_000)
