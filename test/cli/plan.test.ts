import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { createMuster } from '../../src/muster.ts'
import { runMain } from '../support/cli-in-process.ts'
import { writeConfig } from '../support/config.ts'
import { ask, dump } from '../support/database.ts'
import { itemsNamed } from '../support/scripted-source.ts'
import { tempFolder } from '../support/temp.ts'

const TOKEN = 'ghp_theTokenOfTheTestsOfThePlan012345678'
process.env['PLAN_TOKEN'] = TOKEN
const auth = { gh: { type: 'github', config: { token: '${PLAN_TOKEN}' } } }

const OWNERS = [
  { login: 'acme', type: 'Organization' as const, names: itemsNamed('r', 230) },
  { login: 'ada', type: 'User' as const, names: ['a', 'b'] },
]

interface Shown {
  readonly targets: readonly (Readonly<Record<string, unknown>> & { readonly name: string })[]
  readonly total: Readonly<Record<string, unknown>>
  readonly note: string | null
}

async function planned(config: string, db: string, code = 0): Promise<Shown> {
  const outcome = await runMain(['plan', config, '--db', db, '--json'])
  expect(outcome.code, outcome.stderr).toBe(code)
  expect(outcome.stdout).not.toContain(TOKEN)
  return JSON.parse(outcome.stdout) as Shown
}

test('tells of each target what a run does, finds and takes, and changes nothing', async () => {
  const folder = tempFolder()
  const db = join(folder, 'muster.db')
  await using sandbox = await startSandboxGitHub({ owners: OWNERS, tokens: [TOKEN] })
  const github = (name: string, part: object) => ({
    name,
    source_type: 'github',
    auth_ref: 'gh',
    github: { base_url: sandbox.url, ...part },
  })
  const url = { name: 'urls', source_type: 'url', url: { urls: ['https://a.example/1'] } }
  const targets = [github('acme', { org: 'acme' }), github('ada', { user: 'ada' }), url]
  const config = writeConfig(folder, { auth, targets })
  const files = readdirSync(folder)

  const first = await planned(config, db)
  expect(first.targets).toMatchObject([
    { name: 'acme', action: 'start', items: 230, items_from: 'service', requests: 3, last: null },
    { name: 'ada', action: 'start', items: 2, requests: 1, asked: 2 },
    { name: 'urls', action: 'start', items: 1, items_from: 'list', requests: 0, asked: 0 },
  ])
  expect(first.total).toMatchObject({ targets: 3, items_left: 233, requests: 4, problems: 0 })
  expect(first.total['asked']).toBe(sandbox.requests.length)
  expect(first.note).toContain('no history')
  expect(readdirSync(folder)).toEqual(files)

  expect((await runMain(['run', config, '--db', db])).code).toBe(0)
  const before = dump(db)
  const second = await planned(config, db)
  expect(second.targets[0]).toMatchObject({
    action: 'start',
    last: { status: 'COMPLETED', items: 230, comparison: { new: 230, changed: 0, missing: 0 } },
  })
  expect(dump(db)).toEqual(before)

  // A host that has its database open is told the same.
  await using muster = await createMuster({ database: db, config })
  const told = await muster.plan()
  expect(told.targets.map(({ name, items, requests }) => ({ name, items, requests }))).toEqual(
    second.targets.map(({ name, items, requests }) => ({ name, items, requests })),
  )

  const { stdout } = await runMain(['plan', config, '--db', db])
  expect(stdout).toContain('230 items (as the service counts them)')
  expect(stdout).toMatch(/graphql: 4,9\d\d of 5,000 are left until .*, 250 of them left to others/)
  expect(stdout).toMatch(
    /3 targets: 233 items, 4 requests, under a minute\n\d requests sent for this plan; nothing was written\n$/,
  )
})

test('one target that cannot be planned is told with code 1, and the others are planned', async () => {
  const folder = tempFolder()
  await using sandbox = await startSandboxGitHub({ owners: OWNERS, tokens: [TOKEN] })
  const github = { base_url: sandbox.url }
  const config = writeConfig(folder, {
    auth,
    targets: [
      { name: 'gone', source_type: 'github', auth_ref: 'gh', github: { ...github, org: 'nobody' } },
      { name: 'acme', source_type: 'github', auth_ref: 'gh', github: { ...github, org: 'acme' } },
    ],
  })
  const { targets, total } = await planned(config, join(folder, 'none.db'), 1)
  expect(targets).toMatchObject([
    { name: 'gone', problem: { code: 'NOT_FOUND' }, requests: null, asked: 2 },
    { name: 'acme', problem: null, items: 230 },
  ])
  expect(total).toMatchObject({ problems: 1, asked: sandbox.requests.length })
})

test('pages that were not full last time are not full next time, where nobody counts', async () => {
  const folder = tempFolder()
  const db = join(folder, 'muster.db')
  const [acme, ada] = OWNERS
  await using sandbox = await startSandboxGitHub({
    owners: [{ ...acme!, members: ['ada'] }, ada!],
    tokens: [TOKEN],
  })
  const github = { base_url: sandbox.url, org: 'acme', members: true }
  const config = writeConfig(folder, {
    auth,
    targets: [{ name: 'crowd', source_type: 'github', auth_ref: 'gh', github }],
  })
  expect((await runMain(['run', config, '--db', db])).code).toBe(0)
  const { targets } = await planned(config, db)
  const [pages] = ask<{ total_batches: number }>(db, 'select total_batches from sessions')
  expect(pages?.total_batches).toBeGreaterThan(3)
  expect(targets).toMatchObject([
    { items: 232, items_from: 'last session', requests: pages?.total_batches },
  ])
})

test('a config with a fault is told with code 2', async () => {
  const folder = tempFolder()
  const config = writeConfig(folder, { targets: [{ name: 'x', source_type: 'url' }] })
  const { code, stdout, stderr } = await runMain(['plan', config, '--db', join(folder, 'm.db')])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain('target "x", url: is missing')
})

test('tells what is gone on with, what is paused, and what waits; and asks nobody who is to be left alone', async () => {
  const folder = tempFolder()
  const db = join(folder, 'muster.db')
  await using sandbox = await startSandboxGitHub({ owners: OWNERS, tokens: [TOKEN] })
  const names = ['going', 'paused', 'waiting', 'sharing']
  const config = writeConfig(folder, {
    auth: { ...auth, other: auth.gh },
    targets: names.map((name) => ({
      name,
      source_type: 'github',
      auth_ref: name === 'going' ? 'other' : 'gh',
      github: { base_url: sandbox.url, org: 'acme' },
    })),
  })
  expect((await runMain(['run', config, '--db', db])).code).toBe(0)
  const until = Date.now() + 3_600_000
  const database = new Database(db)
  const leave = (name: string, columns: string) =>
    database.exec(`update sessions set status = 'IN_PROGRESS', completed_at = null, items_found = 100,
      total_batches = 1, ${columns} where target_name = '${name}'`)
  leave('going', 'waiting_reason = null')
  leave('paused', "asked = 'pause'")
  leave('waiting', `waiting_reason = 'for its limit', waiting_until = ${until}`)
  database.close()
  const asked = sandbox.requests.length

  const { targets } = await planned(config, db)
  const of = Object.fromEntries(targets.map((target) => [target.name, target]))
  expect(of['going']).toMatchObject({
    action: 'continue',
    session: { pages: 1, items: 100 },
    items: 230,
    items_left: 130,
    requests: 2,
    asked: 3,
  })
  expect(of['paused']).toMatchObject({ action: 'paused', requests: 0, duration_ms: 0, asked: 0 })
  const at = new Date(until).toISOString()
  // Nobody was asked, and what is left is known by how far it came: 100 of 230 items on one page.
  expect(of['waiting']).toMatchObject({
    action: 'wait',
    session: { until: at },
    items_left: 130,
    requests: 2,
    bottleneck: 'limit',
    asked: 0,
  })
  expect(Number(of['waiting']?.['duration_ms'])).toBeGreaterThan(3_500_000)
  expect(of['waiting']?.['not_asked']).toContain(`waits until ${at}`)
  // The limit is the credential's, so that it holds for the others that use it.
  expect(of['sharing']).toMatchObject({ action: 'start', items: 230, items_from: 'last session' })
  expect(of['sharing']?.['not_asked']).toContain('as target "waiting" was told')
  expect(Number(of['sharing']?.['duration_ms'])).toBeGreaterThan(3_500_000)
  expect(sandbox.requests.length - asked).toBe(3)
})
