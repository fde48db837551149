import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/open.ts'
import type { Store } from '../../src/store/store.ts'
import { describePostgres, postgresUrl } from '../support/postgres.ts'
import { identities, LEASE_MS, OWNER, TestWalk } from './fixtures.ts'

/** Rows of each large table: to read them all would be seen in the plan's cost. */
const ROWS = 100_000

/** A walk that has got far, with most of its tasks acknowledged. */
const FILL = [
  `insert into resources (source_type, key, uri, name, is_active, metadata, created_at, updated_at)
    select 'github', 'old-' || i, 'https://old.example/' || i, 'old', 1, '{}', 1, 1
    from generate_series(1, ${ROWS}) as i`,
  `insert into scan_targets
      (target_id, scan_target_id, target_type, name, metadata, created_at, updated_at)
    select id, 'target of ' || id, 'github', name, '{}', 1, 1 from resources where name = 'old'`,
  `insert into tasks (task_id, session, target, uri, metadata, created_at, acknowledged_at)
    select 'task of ' || id, 1, id, uri, '{}', 1, case when id % 10 = 0 then null else 1 end
    from resources where name = 'old'`,
  `insert into sightings (target, resource, session, change, missed)
    select 1, id, 1, 'new', 0 from resources where name = 'old'`,
  `insert into job_targets (job, target) select 1, id from resources where name = 'old'`,
  'analyze',
]

const LARGE = ['tasks', 'resources', 'scan_targets', 'sightings', 'job_targets']

/** How PostgreSQL does a statement whatever its values are: the plan that it keeps. */
async function planOf(client: pg.Client, statement: string): Promise<string> {
  const places = [...statement.matchAll(/\$(\d+)/g)].map(([, place]) => Number(place))
  const nulls = Array.from({ length: Math.max(0, ...places) }, () => 'null').join(', ')
  await client.query(`prepare asked as ${statement}`)
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(
    `explain execute asked${nulls && ` (${nulls})`}`,
  )
  await client.query('deallocate asked')
  return rows.map((row) => row['QUERY PLAN']).join('\n')
}

/** What a dashboard asks every second. */
async function askReports({ repositories: { audit, reports } }: Store, sessionId: string) {
  await reports.sessions({ limit: 50, group: 'attention', search: 'acme', sort: 'items' })
  await reports.session(sessionId)
  await reports.counts()
  await reports.tasks()
  await reports.tasks(sessionId)
  await reports.batches({ sessionId, limit: 50 })
  await reports.budgets()
  await audit.find({ sessionId })
  await audit.latest({ sessionId, limit: 50 })
}

describePostgres('a walk of many resources on PostgreSQL', () => {
  test('reads no large table as a whole for a step of its own', { timeout: 120_000 }, async () => {
    const url = await postgresUrl()
    const statements = new Set<string>()
    let isAsked = false
    const onStatement = (sql: string) => void (isAsked && statements.add(sql))
    const store = await openPostgresStore({ url, onStatement })
    onTestFinished(() => store.close())
    const walk = await TestWalk.begin(store, 'acme')
    const client = new pg.Client(url)
    await client.connect()
    onTestFinished(() => client.end())
    for (const sql of FILL) await client.query(sql)
    isAsked = true
    const sighted = { onlyChanged: true }
    const page = { kept: identities('repo', 3), rejected: [{ item: 'x', reason: 'y' }] }
    await walk.page({ ...page, sighted })
    await walk.page({ ...page, delivering: true, retriedItems: [1] })
    const { sessionId } = walk
    const tasks = await store.takeTasks({ sessionId, after: 0, limit: 500 })
    const seqs = tasks.map(({ seq }) => seq)
    await store.findOutstanding(seqs)
    await store.acknowledgeTasks({ seqs, at: 1 })
    await store.takeScanTargets({ sessionId, afterBatch: 0 })
    await store.findSeen({ sessionId, keys: ['repo-1', 'repo-2'] })
    await store.findUnfinished()
    await store.findUnfinished('acme')
    await store.steerSession({ sessionId, ask: 'pause', by: 'somebody' })
    await store.asksOf(OWNER)
    await askReports(store, sessionId)
    await store.claimSessions({
      owner: OWNER,
      leaseMs: LEASE_MS,
      isGone: () => true,
      limit: 5,
      sourceTypes: ['github'],
      except: [],
      announcing: true,
    })
    await store.repositories.tasks.getById(tasks[0]?.taskId ?? '')
    await store.repositories.githubRepos.getByUrl('https://old.example/7')
    isAsked = false
    // As the store's own connections have it.
    await client.query(
      'set plan_cache_mode = force_generic_plan; set jit = off; set random_page_cost = 1.1; set enable_seqscan = off',
    )
    const asked = [...statements].filter((sql) => /^(select|insert|update|delete|with)/.test(sql))
    expect(asked.length).toBeGreaterThan(15)
    for (const sql of asked) {
      const plan = await planOf(client, sql)
      for (const table of LARGE)
        expect(plan, sql).not.toMatch(new RegExp(`Seq Scan on ${table}\\b`))
    }
  })
})
