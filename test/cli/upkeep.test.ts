import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { MIGRATIONS as POSTGRES_MIGRATIONS } from '../../src/store/postgres/migrations.ts'
import { runMain, type MainOutcome } from '../support/cli-in-process.ts'
import { runCli } from '../support/cli.ts'
import { writeConfig } from '../support/config.ts'
import { ask, askNumber, dump } from '../support/database.ts'
import { describePostgres, postgresUrl } from '../support/postgres.ts'
import { tempFolder } from '../support/temp.ts'
import { makeVersion1 } from '../support/version-1.ts'

const LIST = ['https://files.example/a.zip', 'https://files.example/b.zip']

const configOf = (folder: string) =>
  writeConfig(folder, {
    targets: [{ name: 'list', source_type: 'url', url: { urls: LIST } }],
  })

async function succeeds(argv: readonly string[], code = 0): Promise<string> {
  const outcome: MainOutcome = await runMain(argv)
  expect(outcome.code, outcome.stderr).toBe(code)
  return outcome.stdout
}

/** A database whose target was walked twice, the first time long ago; all its tasks are taken. */
async function walkedTwice(): Promise<string> {
  const folder = tempFolder()
  const db = join(folder, 'muster.db')
  const config = configOf(folder)
  for (let i = 0; i < 2; i += 1) {
    await succeeds(['run', config, '--db', db])
    const database = new Database(db)
    if (i === 0) database.exec('update sessions set completed_at = 1000, last_update = 1000')
    database.exec('update tasks set acknowledged_at = 1000; update rounds set completed_at = 1000')
    database.close()
  }
  expect(askNumber(db, 'select count(*) from sessions')).toBe(2)
  return db
}

/** Rows of a printed table: the words of each line. */
const wordsOf = (stdout: string): string[][] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))

test('prune deletes what is older, and says how much', async () => {
  const db = await walkedTwice()
  const nothing = { sessions: 0, tasks: 0, batches: 0, failed_items: 0 }
  const prune = (age: string) => ['prune', '--older-than', age, '--db', db]
  expect(JSON.parse(await succeeds([...prune('99y'), '--json']))).toEqual(nothing)
  expect(wordsOf(await succeeds(prune('30d')))).toEqual([
    Object.keys(nothing),
    ['1', '2', '1', '0'],
  ])
  expect(JSON.parse(await succeeds([...prune('30d'), '--json']))).toEqual(nothing)
  expect(ask(db, 'select id from sessions')).toEqual([{ id: 2 }])
  expect(ask(db, 'select distinct session from tasks')).toEqual([{ session: 2 }])
})

test('copy says how many rows of which table, and leaves the first as it was', async () => {
  const db = await walkedTwice()
  const to = join(tempFolder(), 'to.db')
  const before = dump(db)
  const rows = wordsOf(await succeeds(['copy', db, to]))
  expect(rows[0]).toEqual(['table', 'rows'])
  expect(rows).toContainEqual(['sessions', '2'])
  expect(rows).toContainEqual(['tasks', '4'])
  expect(dump(db)).toEqual(before)
  const again = join(tempFolder(), 'again.db')
  const told = JSON.parse(await succeeds(['copy', db, again, '--json'])) as object
  expect(Object.entries(told).map(([table, n]) => [table, String(n)])).toEqual(rows.slice(1))
  expect(await runMain(['copy', db, to])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining(`${to} is not empty`),
  })
})

test('migrate brings a database up to date, and --check changes nothing', async () => {
  const db = join(tempFolder(), 'muster.db')
  await makeVersion1(db)
  const before = dump(db)
  const latest = MIGRATIONS.length
  const check = ['migrate', '--check', '--db', db]
  expect(JSON.parse(await succeeds([...check, '--json'], 3))).toEqual({
    database: db,
    version: 1,
    latest,
  })
  expect(dump(db)).toEqual(before)
  const row = { database: db, from: 1, to: latest }
  expect(JSON.parse(await succeeds(['migrate', '--db', db, '--json']))).toEqual(row)
  expect(ask(db, 'pragma user_version')).toEqual([{ user_version: latest }])
  expect(wordsOf(await succeeds(['migrate', '--db', db]))).toEqual([
    ['database', 'from', 'to'],
    [db, String(latest), String(latest)],
  ])
  await succeeds(check)
})

test('the environment names the database where the command line does not', async () => {
  const db = await walkedTwice()
  const env = { MUSTER_DATABASE_URL: db }
  const [named, told] = await Promise.all([
    runCli(['status', '--json'], { env, cwd: tempFolder() }),
    runCli(['status', '--json', '--db', './none.db'], { env, cwd: tempFolder() }),
  ])
  expect(named.code, named.stderr).toBe(0)
  expect(JSON.parse(named.stdout)).toHaveLength(2)
  expect(told).toMatchObject({ code: 2, stderr: expect.stringContaining('none.db does not exist') })
})

describePostgres('on PostgreSQL', () => {
  const PASSWORD = 'pa55word-never-shown'

  /** The server asks for no password: what is given is only not to be shown. */
  async function withPassword(): Promise<{ readonly url: string; readonly shown: string }> {
    const url = new URL(await postgresUrl())
    url.password = PASSWORD
    const shown = new URL(url.href)
    shown.password = ''
    return { url: url.href, shown: shown.href }
  }

  test('every command does what it does on a file, and shows no password', async () => {
    const { url, shown } = await withPassword()
    const config = configOf(tempFolder())
    const outputs: string[] = []
    const tell = async (argv: readonly string[], code = 0) => {
      const { stdout, stderr, ...outcome } = await runMain(argv)
      outputs.push(stdout, stderr)
      expect(outcome.code, stderr).toBe(code)
      return { stdout, stderr }
    }
    const db = ['--db', url]
    const latest = POSTGRES_MIGRATIONS.length
    expect((await tell(['status', ...db], 2)).stderr).toContain(`${shown} has no tables of Muster`)
    const check = await tell(['migrate', '--check', '--json', ...db], 3)
    expect(JSON.parse(check.stdout)).toEqual({ database: shown, version: 0, latest })
    const made = await tell(['migrate', '--json', ...db])
    expect(JSON.parse(made.stdout)).toEqual({ database: shown, from: 0, to: latest })
    await tell(['migrate', '--check', ...db])
    await tell(['run', config, ...db])
    const sessions = JSON.parse((await tell(['status', '--json', ...db])).stdout)
    expect(sessions).toMatchObject([{ target: 'list', status: 'COMPLETED', items_processed: 2 }])
    const { stdout } = await tell(['tasks', '--jsonl', ...db])
    const uris = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).resource_uri)
    expect(uris).toEqual(LIST)
    await tell(['prune', '--older-than', '1d', ...db])
    for (const unknown of [
      ['tasks', '--session', 'x'],
      ['resume', 'x'],
    ]) {
      expect((await tell([...unknown, ...db], 2)).stderr).toContain(`"x" is not in ${shown}:`)
    }
    const back = join(tempFolder(), 'back.db')
    await tell(['copy', url, back])
    expect(ask(back, 'select uri from tasks order by seq').map((row) => row['uri'])).toEqual(LIST)
    expect((await tell(['copy', back, url], 2)).stderr).toContain(`${shown} is not empty`)
    expect(outputs.join('\n')).not.toContain(PASSWORD)
  })
})
