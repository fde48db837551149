import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startSandboxGitHub, type Fault } from '../../examples/sandbox/github.ts'
import { runCli } from '../support/cli.ts'
import { writeConfig } from '../support/config.ts'
import { ask } from '../support/database.ts'
import { itemsNamed } from '../support/scripted-source.ts'
import { tempFolder } from '../support/temp.ts'

const TOKEN = 'ghp_theTokenOfTheTestOfTheLimits'
const NAMES = itemsNamed('repository', 5_000)

/** One of each kind that a long listing meets, with the shortest waits that GitHub's headers can tell. */
const BAD_DAY: readonly Fault[] = [
  { kind: 'secondary-limit', status: 429, retryAfterSeconds: 1 },
  { kind: 'primary-limit', status: 403, resetSeconds: 1 },
  { kind: 'secondary-limit', status: 403, retryAfterSeconds: 1 },
  { kind: 'server-error', status: 502 },
  { kind: 'reset-in-body' },
  { kind: 'truncated-json' },
]

/** The faults with pages between them that go well, and one right at the start. */
const spread = (faults: readonly Fault[]): (Fault | null)[] =>
  faults.flatMap((fault) => [fault, null, null, null, null, null])

async function walk(options: { readonly token: boolean; readonly faults: readonly Fault[] }) {
  const folder = tempFolder()
  const db = join(folder, 'muster.db')
  await using github = await startSandboxGitHub({
    owners: [
      { login: 'large', type: 'Organization', names: NAMES },
      { login: 'beside', type: 'Organization', names: itemsNamed('beside', 500) },
    ],
    tokens: [TOKEN],
    faults: spread(options.faults),
  })
  const target = (org: string, per_page: number) => ({
    name: org,
    source_type: 'github',
    github: { org, per_page, base_url: github.url },
    ...(options.token ? { auth_ref: 'gh' } : {}),
  })
  // The small one shares the credential, so it has to wait for what the large one is told.
  const targets = [target('large', 100), target('beside', 25)]
  const auth = { gh: { type: 'github', config: { token: '${GITHUB_TOKEN}' } } }
  const config = writeConfig(folder, { auth, targets })
  const { code, stdout, stderr } = await runCli(['run', config, '--db', db, '--json'], {
    env: { GITHUB_TOKEN: TOKEN },
  })
  expect(code, stderr).toBe(0)
  const rows = JSON.parse(stdout) as { session_id: string; target: string }[]
  expect(rows).toHaveLength(2)
  for (const row of rows) {
    const expected = github.repositories(row.target).map((r) => `https://github.com/${r.full_name}`)
    expect(row).toMatchObject({
      status: 'COMPLETED',
      completeness: 'COMPLETE',
      items_processed: expected.length,
      items_failed: 0,
    })
    const tasks = ask<{ uri: string }>(
      db,
      `select uri from tasks join sessions on sessions.id = tasks.session
       where session_id = '${row.session_id}' order by seq`,
    )
    expect(
      tasks.map(({ uri }) => uri),
      'each repository once, in order',
    ).toEqual(expected)
  }
  expect(
    github.requests.flatMap(({ fault }) => fault ?? []),
    'the faults that were met',
  ).toEqual(options.faults.map(({ kind }) => kind))
  expect(github.requestsWhileLimited, 'requests while told to wait').toBe(0)
  // Nobody looks on, and all is well in the end: trouble on the way is a matter of --verbose.
  expect(stderr).toBe('')
  return github
}

// Both wait most of the time, so they wait together.
test('5,000 repositories are each found once on a bad day of GitHub, by GraphQL and by REST', async () => {
  const [graphql, rest] = await Promise.all([
    walk({ token: true, faults: [...BAD_DAY, { kind: 'graphql-limit', resetSeconds: 1 }] }),
    walk({ token: false, faults: BAD_DAY }),
  ])
  expect(graphql.requests.every(({ path }) => path === '/graphql')).toBe(true)
  expect(rest.requests.every(({ path, authorized }) => path !== '/graphql' && !authorized)).toBe(
    true,
  )
  // Each is counted before and after; a page that failed is asked for again, and the one before it looked at.
  expect(rest.requests.length).toBeLessThanOrEqual(2 * 2 + 50 + 20 + 3 * BAD_DAY.length)
})
