import Database from 'better-sqlite3'
import { isDeepStrictEqual } from 'node:util'
import type { Facts } from './life.ts'
import type { Problems, Scenario } from './scenario.ts'

/** Rows of these, and nothing else, are wrong. */
const ORPHANS: Readonly<Record<string, string>> = {
  'a task without its session': `select task_id from tasks where session not in (select id from sessions)`,
  'a task without its scan target': `select task_id from tasks where target not in (select target_id from scan_targets)`,
  'a scan target without its resource': `select scan_target_id from scan_targets where target_id not in (select id from resources)`,
  'a batch without its session': `select batch_id from batches where session not in (select id from sessions)`,
  'a failed item without its session': `select id from failed_items where session not in (select id from sessions)`,
  'a session without its job': `select session_id from sessions where job not in (select id from jobs)`,
  'a job target without its job': `select job from job_targets where job not in (select id from jobs)`,
  'a job target without its scan target': `select target from job_targets where target not in (select target_id from scan_targets)`,
  'a session without its checkpoint': `select session_id from sessions where session_id not in (select target_id from checkpoints)`,
  'a completed task whose scan target knows of no scan': `select task_id from tasks
    join scan_targets on target_id = target where status = 'COMPLETED' and last_scan_at is null`,
}

/** These too, where the rows were made by walks. */
const MISCOUNTED: Readonly<Record<string, string>> = {
  'batches that are not totalBatches': `select session_id, total_batches from sessions s
    where total_batches <> (select count(*) from batches where session = s.id)
      or total_batches <> (select coalesce(max(number), 0) from batches where session = s.id)`,
  'failed batches that are not failedBatches': `select session_id from sessions s where failed_batches
    <> (select count(*) from batches where session = s.id and status = 'FAILED')`,
  'items of batches that are not itemsProcessed': `select session_id from sessions s where items_processed
    <> (select coalesce(sum(items_processed), 0) from batches where session = s.id)`,
  'tasks that are not itemsProcessed': `select session_id from sessions s where items_processed
    <> (select count(*) from tasks where session = s.id)`,
  'failed items that are not itemsFailed': `select session_id from sessions s where items_failed
    <> (select count(*) from failed_items where session = s.id)`,
  'items that are neither kept nor failed': `select session_id from sessions
    where items_found <> items_processed + items_failed`,
  'a task that is not in one batch': `select task_id from tasks t where 1 <> (select count(*) from batches b
    where b.session = t.session and t.seq between b.first_task and b.last_task)`,
  'a batch whose range holds another number of tasks than it kept': `select batch_id from batches b
    where items_processed <> (select count(*) from tasks t
      where t.session = b.session and t.seq between b.first_task and b.last_task)`,
  'a task whose scan target is not in the job': `select task_id from tasks
    join sessions s on s.id = session
    where (s.job, target) not in (select job, target from job_targets)`,
}

interface SessionColumns {
  readonly session_id: string
  readonly status: string
  readonly failure_reason: string | null
  readonly shortfalls: string
  readonly total: number | null
  readonly total_batches: number
  readonly failed_batches: number
  readonly items_found: number
  readonly items_processed: number
  readonly items_failed: number
  readonly started_at: number
  readonly last_update: number
  readonly completed_at: number | null
  readonly data: string
}

/** What the columns of a session say, in the words of its snapshot. */
const fromColumns = (row: SessionColumns) => ({
  value: row.status,
  sessionId: row.session_id,
  failureReason: row.failure_reason,
  shortfalls: JSON.parse(row.shortfalls) as unknown,
  total: row.total,
  metrics: {
    totalBatches: row.total_batches,
    failedBatches: row.failed_batches,
    itemsFound: row.items_found,
    itemsProcessed: row.items_processed,
    itemsFailed: row.items_failed,
  },
  timeline: {
    startedAt: row.started_at,
    lastUpdate: row.last_update,
    completedAt: row.completed_at,
  },
})

function fromSnapshot(data: string) {
  const { snapshot } = JSON.parse(data) as {
    snapshot: { value: string; context: Omit<ReturnType<typeof fromColumns>, 'value'> }
  }
  const { sessionId, failureReason, shortfalls, total, metrics, timeline } = snapshot.context
  return { value: snapshot.value, sessionId, failureReason, shortfalls, total, metrics, timeline }
}

function snapshotProblems(database: Database.Database): Problems {
  const rows = database
    .prepare('select * from sessions join checkpoints on target_id = session_id')
    .all() as SessionColumns[]
  return rows
    .filter((row) => !isDeepStrictEqual(fromColumns(row), fromSnapshot(row.data)))
    .map((row) => `session ${row.session_id}: its snapshot is not its columns`)
}

/** What was acknowledged stays so, and nothing is acknowledged that nobody has got. */
function deliveryProblems(database: Database.Database, facts: Facts): Problems {
  const acknowledged = new Set(
    database.prepare('select task_id from tasks where acknowledged_at is not null').pluck().all(),
  )
  const got = new Set(facts.of('got'))
  return [
    ...facts
      .of('acknowledged')
      .filter((task) => !acknowledged.has(task))
      .map((task) => `task ${task} was acknowledged, and would come again`),
    ...[...acknowledged]
      .filter((task) => !got.has(task as string))
      .map((task) => `task ${task as string} is acknowledged, and nobody has got it`),
  ]
}

function rowProblems(database: Database.Database, queries: Readonly<Record<string, string>>) {
  return Object.entries(queries)
    .map(([what, query]) => [what, database.prepare(query).all()] as const)
    .filter(([, rows]) => rows.length > 0)
    .map(([what, rows]) => `${what}: ${JSON.stringify(rows.slice(0, 3))}`)
}

const hasTables = (database: Database.Database) =>
  database.prepare('select count(*) from sqlite_master').pluck().get() !== 0

function fileProblems(database: Database.Database): Problems {
  const integrity = database.pragma('integrity_check', { simple: true }) as string
  const version = database.pragma('user_version', { simple: true }) as number
  return [
    ...(integrity === 'ok' ? [] : [`the file is damaged: ${integrity}`]),
    ...(database.pragma('foreign_key_check') as unknown[]).map((row) => JSON.stringify(row)),
    // The tables and their version come in one commit.
    ...(hasTables(database) === version > 0 ? [] : [`version ${version} and its tables differ`]),
  ]
}

/** What is wrong with a database right after a crash; a whole one has no problems. */
export function problemsOf(path: string, scenario: Scenario, facts: Facts): Problems {
  return look(path, (database) => {
    const file = fileProblems(database)
    if (file.length > 0 || !hasTables(database)) return file
    return [
      ...rowProblems(database, ORPHANS),
      ...(scenario.isImport ? [] : rowProblems(database, MISCOUNTED)),
      ...snapshotProblems(database),
      ...deliveryProblems(database, facts),
      ...(scenario.whole?.(database, facts) ?? []),
    ]
  })
}

/** Looks at a database without the store, for reading only. */
export function look<T>(path: string, at: (database: Database.Database) => T): T {
  const database = new Database(path, { readonly: true })
  try {
    return at(database)
  } finally {
    database.close()
  }
}

/** Every row of every table: two equal contents are two equal histories. */
export function contentOf(database: Database.Database): string {
  const tables = database
    .prepare(`select name from sqlite_master where type = 'table' order by name`)
    .pluck()
    .all() as string[]
  return JSON.stringify([
    database.pragma('user_version'),
    tables.map((name) => [name, database.prepare(`select * from "${name}"`).raw().all()]),
  ])
}
