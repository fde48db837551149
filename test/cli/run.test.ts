import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { startSandboxGitHub, type SandboxGitHub } from '../../examples/sandbox/github.ts'
import { runMain } from '../support/cli-in-process.ts'
import { PROJECT, runCli, startCli } from '../support/cli.ts'
import { writeConfig } from '../support/config.ts'
import { ask, askNumber, dump } from '../support/database.ts'
import { itemsNamed } from '../support/scripted-source.ts'
import { STACK_TRACE } from '../support/stack-trace.ts'
import { tempFolder } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

const TOKEN = 'ghp_theTokenOfTheTestsOfTheCommandLine'
const env = { GITHUB_TOKEN: TOKEN }
const auth = { gh: { type: 'github', config: { token: '${GITHUB_TOKEN}' } } }

const STATUS_COLUMNS = [
  'session_id',
  'target',
  'source_type',
  'status',
  'completeness',
  'items_found',
  'items_processed',
  'items_failed',
  'total_batches',
  'failed_batches',
  'started_at',
  'completed_at',
  'failure_reason',
  'items_skipped',
  'items_new',
  'items_changed',
  'items_unchanged',
  'items_missing',
  'shortfalls',
  'waiting_until',
  'waiting_for',
  'asked',
]
const TASK_COLUMNS = [
  'task_id',
  'session_id',
  'scan_target_id',
  'source_type',
  'resource_uri',
  'metadata',
]
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

interface SessionRow {
  readonly session_id: string
  readonly target: string
  readonly status: string
  readonly [column: string]: unknown
}
interface TaskRow {
  readonly task_id: string
  readonly session_id: string
  readonly resource_uri: string
  readonly [column: string]: unknown
}

const github = (sandbox: SandboxGitHub, name: string, part: object) => ({
  name,
  source_type: 'github',
  github: { base_url: sandbox.url, ...part },
})

async function status(db: string): Promise<SessionRow[]> {
  const { stdout, code, stderr } = await runMain(['status', '--db', db, '--json'])
  expect(code, stderr).toBe(0)
  return JSON.parse(stdout) as SessionRow[]
}

const parseLines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TaskRow)

async function tasksOf(db: string, ...options: string[]): Promise<TaskRow[]> {
  const { stdout, code, stderr } = await runMain(['tasks', '--db', db, '--jsonl', ...options])
  expect(code, stderr).toBe(0)
  return parseLines(stdout)
}

const urisOf = (tasks: readonly TaskRow[]) => tasks.map((task) => task.resource_uri)

/** What the sandbox says an owner has, as addresses. */
const truth = (sandbox: SandboxGitHub, login: string) =>
  sandbox.repositories(login).map((r) => `https://github.com/${r.full_name}`)

const resourceCounts = (db: string) => ({
  resources: askNumber(db, 'select count(*) from resources'),
  scanTargets: askNumber(db, 'select count(*) from scan_targets'),
})

describe('one config with everything in it', () => {
  const OWNERS = [
    { login: 'with-token', type: 'Organization' as const, names: itemsNamed('graph', 230) },
    { login: 'without', type: 'Organization' as const, names: itemsNamed('rest', 120) },
    { login: 'somebody', type: 'User' as const, names: itemsNamed('own', 35) },
  ]
  const LISTED = ['octokit/rest.js', 'https://github.com/octokit/core.js.git', 'OCTOKIT/rest.js']
  const FILED = Array.from({ length: 1_200 }, (_, i) => `https://files.example/${i}.warc.gz`)

  async function everything(folder: string) {
    const sandbox = await startSandboxGitHub({ owners: OWNERS, tokens: [TOKEN] })
    writeFileSync(join(folder, 'urls.txt'), `# the files\n\n${FILED.join('\r\n')}\n`)
    const config = writeConfig(folder, {
      auth,
      targets: [
        { ...github(sandbox, 'graphql', { org: 'with-token' }), auth_ref: 'gh' },
        github(sandbox, 'rest', { org: 'without' }),
        { ...github(sandbox, 'user', { user: 'somebody', per_page: 10 }), auth_ref: 'gh' },
        { name: 'listed', source_type: 'github', github: { repo_list: LISTED } },
        {
          name: 'urls',
          source_type: 'url',
          url: { urls: ['https://one.example/', 'http://two.example/?a=1#b'] },
        },
        { name: 'filed', source_type: 'url', url: { urls_file: 'urls.txt' } },
      ],
    })
    const expected = {
      graphql: truth(sandbox, 'with-token'),
      rest: truth(sandbox, 'without'),
      user: truth(sandbox, 'somebody'),
      listed: ['https://github.com/octokit/rest.js', 'https://github.com/octokit/core.js'],
      urls: ['https://one.example/', 'http://two.example/?a=1'],
      filed: FILED,
    }
    return { sandbox, config, expected }
  }

  test('is walked to its end, told in the documented columns, and walked again without doubles', async () => {
    const folder = tempFolder()
    const db = join(folder, 'muster.db')
    const { sandbox, config, expected } = await everything(folder)
    await using _ = sandbox
    const names = Object.keys(expected)

    const first = await runCli(['run', config, '--db', db, '--json'], { env })
    expect(first.code, first.stderr).toBe(0)
    expect(sandbox.requests.some((r) => r.path === '/graphql' && r.authorized)).toBe(true)
    expect(sandbox.requests.some((r) => r.path.startsWith('/orgs/without') && !r.authorized)).toBe(
      true,
    )

    // The rows of a run are those of a status; both are JSON and nothing else.
    const shown = await runCli(['status', '--db', db, '--json'])
    expect(shown).toMatchObject({ code: 0, stderr: '' })
    const rows = JSON.parse(shown.stdout) as SessionRow[]
    const byName = (a: SessionRow, b: SessionRow) => a.target.localeCompare(b.target)
    expect((JSON.parse(first.stdout) as SessionRow[]).toSorted(byName)).toEqual(
      rows.toSorted(byName),
    )
    /** Of a first session: everything is new; of a list each line counts, and each repository is one. */
    const comparisonOf = (target: string) => {
      const isCompared = target !== 'urls' && target !== 'filed'
      const known = isCompared ? 0 : null
      return {
        items_new: isCompared ? new Set(expected[target as keyof typeof expected]).size : null,
        items_changed: known,
        items_unchanged: known,
        items_missing: known,
      }
    }
    const found = {
      graphql: [230, 3],
      rest: [120, 2],
      user: [35, 4],
      listed: [3, 1],
      urls: [2, 1],
      filed: [1_200, 3],
    }
    expect(Object.fromEntries(rows.map((row) => [row.target, row]))).toEqual(
      Object.fromEntries(
        Object.entries(found).map(([target, [items, batches]]) => [
          target,
          {
            session_id: expect.stringMatching(UUID),
            target,
            source_type: target === 'urls' || target === 'filed' ? 'url' : 'github',
            status: 'COMPLETED',
            completeness: 'COMPLETE',
            items_found: items,
            items_processed: items,
            items_failed: 0,
            total_batches: batches,
            failed_batches: 0,
            started_at: expect.stringMatching(TIME),
            completed_at: expect.stringMatching(TIME),
            failure_reason: null,
            items_skipped: 0,
            ...comparisonOf(target),
            shortfalls: [],
            waiting_for: null,
            waiting_until: null,
            asked: null,
          },
        ]),
      ),
    )
    for (const row of rows) expect(Object.keys(row)).toEqual(STATUS_COLUMNS)

    // The tasks are the source's truth: each session's, and all of them, in every form.
    const all = await runCli(['tasks', '--db', db, '--jsonl'])
    expect(all).toMatchObject({ code: 0, stderr: '' })
    const tasks = parseLines(all.stdout)
    for (const task of tasks) expect(Object.keys(task)).toEqual(TASK_COLUMNS)
    expect(new Set(tasks.map((task) => task.task_id)).size).toBe(tasks.length)
    for (const { session_id, target } of rows) {
      const own = await tasksOf(db, '--session', session_id)
      expect(urisOf(own), target).toEqual(expected[target as keyof typeof expected])
      expect(own).toEqual(tasks.filter((task) => task.session_id === session_id))
    }
    expect(tasks).toHaveLength(
      names.reduce((sum, name) => sum + expected[name as 'urls'].length, 0),
    )
    expect(JSON.parse((await runMain(['tasks', '--db', db, '--json'])).stdout)).toEqual(tasks)
    const table = (await runMain(['tasks', '--db', db])).stdout.trimEnd().split('\n')
    expect(table.map((line) => line.split('\t')[4])).toEqual(['resource_uri', ...urisOf(tasks)])

    // A reader that has seen enough closes the pipe; that is no error.
    const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
    const script = `{ "$0" "$1" tasks --db "$2" --jsonl; echo "exit $?" >&2; } | head -1`
    const piped = spawnSync('sh', ['-c', script, process.execPath, main, db], {
      cwd: PROJECT,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    expect(piped.stderr.trim()).toBe('exit 0')
    expect(parseLines(piped.stdout)).toEqual(tasks.slice(0, 1))

    // The same config again finds the same resources, in a new session a target.
    const counts = resourceCounts(db)
    const second = await runCli(['run', config, '--db', db], { env })
    expect(second.code, second.stderr).toBe(0)
    expect(resourceCounts(db)).toEqual(counts)
    const again = await status(db)
    const before = new Set(rows.map((row) => row.session_id))
    const fresh = again.filter((row) => !before.has(row.session_id))
    expect(fresh.map((row) => row.target).toSorted()).toEqual(names.toSorted())
    expect(again).toHaveLength(2 * names.length)
    for (const { session_id, target } of fresh) {
      const own = await tasksOf(db, '--session', session_id)
      expect(urisOf(own), target).toEqual(expected[target as keyof typeof expected])
    }
  })
})

describe('the exit code says how it went', () => {
  test('3 when some items could not be kept, each with its reason', async () => {
    const folder = tempFolder()
    const db = join(folder, 'muster.db')
    const listed = ['https://a.example/1', 'not a URL', 'https://a.example/2', 'ftp://a.example/3']
    const config = writeConfig(folder, {
      targets: [{ name: 'some', source_type: 'url', url: { urls: listed } }],
    })
    const { code, stderr } = await runCli(['run', config, '--db', db])
    expect(code, stderr).toBe(3)
    const [row] = await status(db)
    expect(row).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      completeness: 'INCOMPLETE',
      items_found: 4,
      items_processed: 2,
      items_failed: 2,
    })
    expect(urisOf(await tasksOf(db))).toEqual(['https://a.example/1', 'https://a.example/2'])
    const failed = ask<{ item: string; reason: string }>(
      db,
      'select item, reason from failed_items order by id',
    )
    expect(failed.map(({ item }) => JSON.parse(item) as string)).toEqual([
      'not a URL',
      'ftp://a.example/3',
    ])
    for (const { reason } of failed) expect(reason).toMatch(/https?:\/\//)
  })

  test('1 when a target does not exist, and the other targets are complete all the same', async () => {
    const folder = tempFolder()
    const db = join(folder, 'muster.db')
    await using sandbox = await startSandboxGitHub({
      owners: [{ login: 'here', type: 'Organization', names: itemsNamed('r', 30) }],
      tokens: [TOKEN],
    })
    const config = writeConfig(folder, {
      auth,
      targets: [
        { ...github(sandbox, 'gone', { org: 'not-here' }), auth_ref: 'gh' },
        github(sandbox, 'gone-too', { user: 'nobody' }),
        { ...github(sandbox, 'here', { org: 'here' }), auth_ref: 'gh' },
        { name: 'urls', source_type: 'url', url: { urls: ['https://a.example/1'] } },
      ],
    })
    const { code, stderr } = await runCli(['run', config, '--db', db], { env })
    expect(code, stderr).toBe(1)
    const rows = Object.fromEntries((await status(db)).map((row) => [row.target, row]))
    expect(rows['here']).toMatchObject({ status: 'COMPLETED', items_processed: 30 })
    expect(rows['urls']).toMatchObject({ status: 'COMPLETED', items_processed: 1 })
    expect(rows['gone']).toMatchObject({ status: 'FAILED', completeness: 'INCOMPLETE' })
    expect(rows['gone']?.['failure_reason']).toMatch(/organisation "not-here".*404|NOT_FOUND/)
    expect(rows['gone-too']?.['failure_reason']).toMatch(/user "nobody".*404/)
    expect(urisOf(await tasksOf(db)).toSorted()).toEqual(
      [...truth(sandbox, 'here'), 'https://a.example/1'].toSorted(),
    )
  })
})

/** A reading of the list that shares nothing with the tool's: the forms that stand in it, and no others. */
const REPOSITORY =
  /^(?:(?:git\+)?(?:(?:https?|git|ssh):\/\/)+(?:git@)?(?:www\.)?github\.com[/:]+|git@github\.com:\/?|github:|(?:www\.)?github\.com\/)?([a-z\d][a-z\d-]*(?:_[a-z\d]+)?)\/([\w.-]{1,100}?)(?:\.git)?(?:\/?|[/#?].*)$/i

test('a list as people keep it: every line is kept or has its reason, and doubles are one', async () => {
  const folder = tempFolder()
  const db = join(folder, 'muster.db')
  const list = fileURLToPath(new URL('../fixtures/repo-list-messy.txt', import.meta.url))
  const lines = readFileSync(list, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const expected = new Set(
    lines.flatMap((line) => {
      const [, owner, name] = REPOSITORY.exec(line) ?? []
      return owner === undefined ? [] : [`https://github.com/${owner}/${name}`.toLowerCase()]
    }),
  )
  const config = writeConfig(folder, {
    targets: [{ name: 'messy', source_type: 'github', github: { repo_list_file: list } }],
  })

  const first = await runCli(['run', config, '--db', db])
  expect(first.code, first.stderr).toBe(3)
  const [row] = await status(db)
  const kept = Number(row?.['items_processed'])
  const failed = Number(row?.['items_failed'])
  expect({ kept: kept > 0, failed: failed > 0 }).toEqual({ kept: true, failed: true })
  expect(kept + failed, 'every line is accounted for').toBe(lines.length)
  expect(row?.['items_found']).toBe(lines.length)

  const uris = urisOf(await tasksOf(db)).map((uri) => uri.toLowerCase())
  expect(kept, 'the list holds doubles').toBeGreaterThan(uris.length)
  expect(uris.toSorted(), 'one task a repository').toEqual([...expected].toSorted())
  expect(resourceCounts(db)).toEqual({ resources: expected.size, scanTargets: expected.size })

  const reasons = ask<{ reason: string }>(db, 'select reason from failed_items')
  expect(reasons).toHaveLength(failed)
  // A reason says what is wrong and what would be right: never only "invalid".
  for (const { reason } of reasons) expect(reason.length).toBeGreaterThan(20)

  const counts = resourceCounts(db)
  const second = await runCli(['run', config, '--db', db])
  expect(second.code, second.stderr).toBe(3)
  expect(resourceCounts(db), 'the second run finds nothing new').toEqual(counts)
  expect(await status(db)).toHaveLength(2)
})

describe('a walk that is interrupted', () => {
  const PER_PAGE = 10
  const PAGES = 16
  const slow = () =>
    startSandboxGitHub({
      owners: [
        { login: 'slow', type: 'Organization', names: itemsNamed('slow', PER_PAGE * PAGES) },
        { login: 'quick', type: 'Organization', names: itemsNamed('quick', 5) },
      ],
      tokens: [TOKEN],
      latencyMs: 40,
    })
  const target = (sandbox: SandboxGitHub, org: string) => ({
    ...github(sandbox, org, { org, per_page: PER_PAGE }),
    auth_ref: 'gh',
  })
  const logins = (sandbox: SandboxGitHub) =>
    sandbox.requests.map(
      ({ body }) => (JSON.parse(body) as { variables: { login: string } }).variables.login,
    )

  const started = (sandbox: SandboxGitHub, db: string) => {
    const config = writeConfig(tempFolder(), { auth, targets: [target(sandbox, 'slow')] })
    return { config, cli: startCli(['run', config, '--db', db], { env }) }
  }

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)(
    'by %s exits with %i, can be resumed, and completes when run again',
    async (signal, exitCode) => {
      const db = join(tempFolder(), 'muster.db')
      await using sandbox = await slow()
      const { cli, config } = started(sandbox, db)
      await waitUntil('a few pages are asked for', () => sandbox.requests.length > 5)
      cli.process.kill(signal)
      const asked = sandbox.requests.length
      const stopped = await cli.finished
      expect(stopped, stopped.stderr).toMatchObject({ code: exitCode, signal: null })
      expect(stopped.stderr).toMatch(`${signal}: finishing the page in hand`)
      expect(stopped.stderr).toMatch('stopped, can be resumed')
      expect(stopped.stderr).not.toMatch(STACK_TRACE)

      expect(sandbox.requests.length, 'no more is asked for').toBeLessThanOrEqual(asked + 1)
      const pages = askNumber(db, 'select count(*) from batches')
      expect(urisOf(await tasksOf(db))).toEqual(truth(sandbox, 'slow').slice(0, pages * PER_PAGE))
      expect(await status(db)).toMatchObject([
        { status: 'IN_PROGRESS', completeness: 'UNKNOWN', completed_at: null },
      ])
      expect(ask(db, 'select lease_owner from sessions')).toEqual([{ lease_owner: null }])

      const again = await runCli(['run', config, '--db', db], { env })
      expect(again.code, again.stderr).toBe(0)
      // One that was asked for ahead and dropped, and the last page that was kept, looked at once more.
      expect(sandbox.requests.length, 'kept pages are not asked for again').toBeLessThan(PAGES + 3)
      expect(urisOf(await tasksOf(db))).toEqual(truth(sandbox, 'slow'))
      expect(await status(db)).toMatchObject([{ status: 'COMPLETED', total_batches: PAGES }])
    },
  )

  test('by a signal keeps the page that is in hand; going on, the last one is looked at once more', async () => {
    const db = join(tempFolder(), 'muster.db')
    await using sandbox = await slow()
    const { cli, config } = started(sandbox, db)
    await waitUntil('a few pages are asked for', () => sandbox.requests.length > 5)
    cli.process.kill('SIGINT')
    await cli.finished
    // The page in hand is kept; one that was asked for ahead of it is not.
    const dropped = sandbox.requests.length - askNumber(db, 'select count(*) from batches')
    expect([0, 1]).toContain(dropped)
    await runCli(['run', config, '--db', db], { env })
    expect(sandbox.requests).toHaveLength(PAGES + 1 + dropped)
  })

  test('by a signal waits for the page in hand; a second signal ends it at once', async () => {
    const db = join(tempFolder(), 'muster.db')
    let hang = true
    await using sandbox = await startSandboxGitHub({
      owners: [{ login: 'slow', type: 'Organization', names: itemsNamed('slow', 30) }],
      tokens: [TOKEN],
      faults: (_, index) => (hang && index === 2 ? { kind: 'hang' } : undefined),
    })
    const { cli, config } = started(sandbox, db)
    await waitUntil('the second page hangs', () => sandbox.requests.length === 2)
    cli.process.kill('SIGINT')
    const early = await Promise.race([cli.finished, sleep(500)])
    expect(early, 'the page in hand is waited for').toBeUndefined()
    cli.process.kill('SIGINT')
    const { code, signal } = await cli.finished
    expect({ code, signal }).toEqual({ code: null, signal: 'SIGINT' })
    hang = false
    const again = await runCli(['run', config, '--db', db], { env })
    expect(again.code, again.stderr).toBe(0)
    expect(urisOf(await tasksOf(db))).toEqual(truth(sandbox, 'slow'))
  })

  test('by kill -9 goes on where it was, and does not walk again what was complete', async () => {
    const folder = tempFolder()
    const db = join(folder, 'muster.db')
    await using sandbox = await slow()
    const config = writeConfig(folder, {
      auth,
      targets: [target(sandbox, 'quick'), target(sandbox, 'slow')],
    })
    const cli = startCli(['run', config, '--db', db], { env })
    const pagesOf = (login: string) => logins(sandbox).filter((asked) => asked === login).length
    await waitUntil('slow is under way', () => pagesOf('slow') > 10)
    cli.process.kill('SIGKILL')
    await cli.finished
    expect(pagesOf('quick')).toBe(1)
    expect(ask(db, 'select target_name, status from sessions order by target_name')).toEqual([
      { target_name: 'quick', status: 'COMPLETED' },
      { target_name: 'slow', status: 'IN_PROGRESS' },
    ])

    const again = await runCli(['run', config, '--db', db, '--json'], { env })
    expect(again.code, again.stderr).toBe(0)
    expect(pagesOf('quick'), 'quick was not asked for again').toBe(1)
    expect(
      pagesOf('slow'),
      'a page in hand and one ahead were lost with the process, and the one before is looked at once more',
    ).toBeLessThanOrEqual(PAGES + 3)
    const rows = JSON.parse(again.stdout) as SessionRow[]
    expect(rows.map((row) => [row.target, row.status]).toSorted()).toEqual([
      ['quick', 'COMPLETED'],
      ['slow', 'COMPLETED'],
    ])
    expect(await status(db)).toHaveLength(2)
    expect(urisOf(await tasksOf(db)).toSorted()).toEqual(
      [...truth(sandbox, 'quick'), ...truth(sandbox, 'slow')].toSorted(),
    )

    // The round is over now: a third run is a new one.
    const third = await runCli(['run', config, '--db', db], { env })
    expect(third.code, third.stderr).toBe(0)
    expect(pagesOf('quick')).toBe(2)
  })
})

test('resume takes up a FAILED session when its organisation has appeared, and completes it', async () => {
  const folder = tempFolder()
  const db = join(folder, 'muster.db')
  let appeared = false
  await using sandbox = await startSandboxGitHub({
    owners: [{ login: 'late', type: 'Organization', names: itemsNamed('late', 25) }],
    tokens: [TOKEN],
    faults: () => (appeared ? undefined : { kind: 'not-found' }),
  })
  const config = writeConfig(folder, {
    auth,
    targets: [{ ...github(sandbox, 'late', { org: 'late', per_page: 10 }), auth_ref: 'gh' }],
  })
  const failed = await runCli(['run', config, '--db', db], { env })
  expect(failed.code, failed.stderr).toBe(1)
  const [row] = await status(db)
  expect(row).toMatchObject({
    status: 'FAILED',
    items_found: 0,
    failure_reason: expect.stringMatching('late') as unknown,
  })
  const id = String(row?.session_id)

  appeared = true
  const before = dump(db)
  const without = await runMain(['resume', id, '--db', db])
  expect(without).toMatchObject({ code: 2, stdout: '' })
  expect(without.stderr).toMatch(/uses the credential "gh".*--config/)
  expect(dump(db), 'without the config nothing is changed').toEqual(before)

  const resumed = await runCli(['resume', id, '--db', db, '--config', config, '--json'], { env })
  expect(resumed.code, resumed.stderr).toBe(0)
  expect(JSON.parse(resumed.stdout)).toMatchObject([
    {
      session_id: id,
      target: 'late',
      status: 'COMPLETED',
      completeness: 'COMPLETE',
      items_processed: 25,
    },
  ])
  expect(await status(db)).toMatchObject([
    { session_id: id, status: 'COMPLETED', failure_reason: null },
  ])
  expect(urisOf(await tasksOf(db))).toEqual(truth(sandbox, 'late'))
})
