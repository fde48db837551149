import { isDeepStrictEqual } from 'node:util'

/** Asks a database a question, and gets its rows. */
export type Ask = (sql: string) => unknown[]

/** Rows of these are wrong, whoever wrote them. */
const ORPHANS: Readonly<Record<string, string>> = {
  'a task without its session': `select task_id from tasks where session not in (select id from sessions)`,
  'a task without its scan target': `select task_id from tasks where target not in (select target_id from scan_targets)`,
  'a scan target without its resource': `select scan_target_id from scan_targets where target_id not in (select id from resources)`,
  'a batch without its session': `select batch_id from batches where session not in (select id from sessions)`,
  'a failed item without its session': `select id from failed_items where session not in (select id from sessions)`,
  'a session without its job': `select session_id from sessions where job not in (select id from jobs)`,
  'a job target without its job': `select job from job_targets where job not in (select id from jobs)`,
  'a job target without its scan target': `select target from job_targets where target not in (select target_id from scan_targets)`,
  'a session without its target': `select session_id from sessions
    where not exists (select 1 from targets t where t.id = target and t.target_key = sessions.target_key)`,
  'a sighting without its resource': `select resource from sightings where resource not in (select id from resources)`,
  'a sighting without its target': `select resource from sightings where target not in (select id from targets)`,
  'a sighting by no session of its target': `select resource from sightings g where not exists
    (select 1 from sessions s where s.id = g.session and s.target = g.target)`,
  'an earlier address without its resource': `select uri from aliases where resource not in (select id from resources)`,
  'an entry of the record without its session': `select id from audit where session not in (select id from sessions)`,
  'a session that was asked for something, and has ended': `select session_id from sessions where asked is not null
    and status not in ('INITIALIZED', 'IN_PROGRESS', 'STALLED')`,
  'a session that was asked for something of which its record says nothing': `select session_id from sessions s
    where asked is not null and not exists (select 1 from audit where session = s.id and event = asked || '-asked')`,
  'a session that waits for nothing until a time': `select session_id from sessions
    where waiting_reason is null and waiting_until is not null`,
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
  'items of batches that are not itemsSkipped': `select session_id from sessions s where items_skipped
    <> (select coalesce(sum(items_skipped), 0) from batches where session = s.id)`,
  'more tasks than itemsProcessed': `select session_id from sessions s where items_processed
    < (select count(*) from tasks where session = s.id)`,
  'failed items that are not itemsFailed': `select session_id from sessions s where items_failed
    <> (select count(*) from failed_items where session = s.id)`,
  'items that are neither kept, nor skipped, nor failed': `select session_id from sessions
    where items_found <> items_processed + items_skipped + items_failed`,
  'a batch whose items do not add up': `select batch_id from batches where status <> 'IN_PROGRESS'
    and expected_items <> items_processed + items_skipped + items_failed`,
  'a session that waits and has ended': `select session_id from sessions
    where waiting_reason is not null and completed_at is not null`,
  'a resource missed more often than it was looked for': `select resource from sightings g where missed >
    (select count(*) from sessions s where s.target = g.target and s.status = 'COMPLETED' and s.id > g.session)`,
  'a resource that was seen and is given up': `select id from resources where is_active = 0
    and id in (select resource from sightings where missed = 0)`,
  'a failed item without a reason, or of a batch in which none failed': `select f.id from failed_items f
    left join batches b on b.session = f.session and b.number = f.batch_number
    where b.number is null or b.items_failed = 0 or f.reason = ''`,
  'a batch that ended at another time than it was last changed': `select batch_id from batches
    where completed_at is not last_update or started_at > last_update`,
  'a task that is not in one batch': `select task_id from tasks t where 1 <> (select count(*) from batches b
    where b.session = t.session and t.seq between b.first_task and b.last_task)`,
  'a task whose scan target is not in the job': `select task_id from tasks
    join sessions s on s.id = session
    where (s.job, tasks.target) not in (select job, target from job_targets)`,
  'a task with a URI that its resource never had': `select task_id from tasks
    join resources r on r.id = target where r.uri <> tasks.uri
    and tasks.uri not in (select uri from aliases where resource = r.id)`,
}

/** Sessions that have a task for every resource, changed or not. */
const WITH_ALL_TASKS = `select * from sessions where json_extract(config, '$.onlyChanged') is not 1`

/** And these, where every item is listed once. */
const DOUBLED: Readonly<Record<string, string>> = {
  'tasks that are not itemsProcessed': `select session_id from (${WITH_ALL_TASKS}) s
    where items_processed <> (select count(*) from tasks where session = s.id)`,
  'a batch whose range holds another number of tasks than it kept': `select batch_id from batches b
    join (${WITH_ALL_TASKS}) s on s.id = b.session
    where b.items_processed <> (select count(*) from tasks t
      where t.session = b.session and t.seq between b.first_task and b.last_task)`,
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
  readonly items_skipped: number
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
    itemsSkipped: row.items_skipped,
    itemsFailed: row.items_failed,
  },
  timeline: {
    startedAt: row.started_at,
    lastUpdate: row.last_update,
    completedAt: row.completed_at,
  },
})

interface SnapshotContext extends Omit<ReturnType<typeof fromColumns>, 'value' | 'shortfalls'> {
  readonly shortfalls: readonly unknown[]
  /** Not there in a snapshot of version 1, as little as the items skipped. */
  readonly verdict?: readonly unknown[]
}

const NOTHING_SKIPPED: object = { itemsSkipped: 0 }

function fromSnapshot(data: string) {
  const { snapshot } = JSON.parse(data) as {
    snapshot: { value: string; context: SnapshotContext }
  }
  const {
    sessionId,
    failureReason,
    shortfalls,
    verdict = [],
    total,
    metrics,
    timeline,
  } = snapshot.context
  return {
    value: snapshot.value,
    sessionId,
    failureReason,
    shortfalls: [...shortfalls, ...verdict],
    total,
    metrics: { ...NOTHING_SKIPPED, ...metrics },
    timeline,
  }
}

function snapshotProblems(ask: Ask): string[] {
  const rows = ask(
    'select sessions.*, checkpoints.data from sessions join checkpoints on target_id = session_id',
  ) as SessionColumns[]
  return rows
    .map((row) => ({ columns: fromColumns(row), snapshot: fromSnapshot(row.data) }))
    .filter(({ columns, snapshot }) => !isDeepStrictEqual(columns, snapshot))
    .map((both) => `a snapshot that is not its columns: ${JSON.stringify(both)}`)
}

const rowProblems = (ask: Ask, queries: Readonly<Record<string, string>>): string[] =>
  Object.entries(queries)
    .map(([what, query]) => [what, ask(query)] as const)
    .filter(([, rows]) => rows.length > 0)
    .map(([what, rows]) => `${what}: ${JSON.stringify(rows.slice(0, 3))}`)

/**
 * What is wrong with the rows of a database, one line each: the snapshot and
 * the columns of a session say the same, the rows bear it out, and none lacks
 * what it speaks of. It holds at any moment, whoever died when.
 */
export function inconsistencies(
  ask: Ask,
  options: {
    /** Whether rows came from elsewhere, one call each, so that they do not add up. */
    readonly isImport?: boolean
    /** Whether an item can be listed twice: it is then kept twice, and is one task. */
    readonly twice?: boolean
  } = {},
): string[] {
  const { isImport = false, twice = false } = options
  return [
    ...rowProblems(ask, ORPHANS),
    ...(isImport ? [] : rowProblems(ask, MISCOUNTED)),
    ...(isImport || twice ? [] : rowProblems(ask, DOUBLED)),
    ...snapshotProblems(ask),
  ]
}
