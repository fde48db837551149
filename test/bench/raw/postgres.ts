/**
 * The limit on PostgreSQL: its driver, and one statement a page that writes
 * what the store writes, as one would write it by hand. Whatever can be known
 * beforehand (identities, JSON, lists) is made before the clock starts.
 */
import pg from 'pg'
import { scanTargetId, taskId } from '../../../src/domain/identity.ts'
import type { CommitPage } from '../../../src/index.ts'
import { batchColumns, sessionColumns } from '../../../src/store/rows.ts'

const NOW = '(extract(epoch from clock_timestamp()) * 1000)::bigint'

/** What is unique of a key: the store takes keys of any length, those of the bench are short. */
async function uniqueKey(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ expression: string }>(
    `select pg_get_indexdef('resources_identity'::regclass, 2, false) as expression`,
  )
  return rows[0]?.expression ?? ''
}

/** Places from one number on, for so many values. */
const places = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `$${from + index}`)

/** The values of a page in the order of the statement's places. */
function valuesOf(page: CommitPage): unknown[] {
  const { fence, session, batch, kept, at } = page
  const targets = kept.map(({ key }) => scanTargetId(session.sourceType, key))
  return [
    fence.sessionId,
    fence.revision,
    fence.owner,
    fence.leaseMs,
    JSON.stringify(page.checkpoint),
    session.timeline.lastUpdate.getTime(),
    session.sourceType,
    at,
    kept.map(({ key }) => key),
    kept.map(({ uri }) => uri),
    kept.map(({ name }) => name),
    kept.map(({ metadata }) => JSON.stringify(metadata ?? {})),
    kept.map(({ version = null }) => version),
    targets,
    targets.map((target) => taskId(session.sessionId, target)),
    ...Object.values(sessionColumns(session)),
    ...Object.values(batchColumns(batch)),
  ]
}

/** Places before those of the columns of session and batch. */
const OWN = 15

function statementOf({ session, batch }: CommitPage, key: string): string {
  const set = Object.keys(sessionColumns(session))
  const columns = Object.keys(batchColumns(batch))
  const sets = places(OWN + 1, set.length).map((place, index) => `${set[index]} = ${place}`)
  return `with fenced as (
    update sessions set ${sets.join(', ')}, revision = $2 + 1, lease_until = ${NOW} + $4::bigint
    where session_id = $1 and revision = $2 and lease_owner = $3 and lease_until > ${NOW}
    returning id, job, target),
  saved as (
    update checkpoints set data = $5, updated_at = $6 from fenced where target_id = $1),
  items as (
    select * from unnest($9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
      $14::text[], $15::text[]) with ordinality
      as item (key, uri, name, metadata, version, scan_target_id, task_id, place)),
  stored as (
    insert into resources
      (source_type, key, uri, name, is_active, metadata, created_at, updated_at)
    select $7::text, key, uri, name, 1, metadata, $8::bigint, $8::bigint
    from fenced, items order by key
    on conflict (source_type, ${key}) do update set uri = excluded.uri, name = excluded.name,
      is_active = 1, metadata = excluded.metadata, updated_at = excluded.updated_at
    returning id, key),
  rows as materialized (select stored.id, items.* from stored join items using (key)),
  sighted as (
    insert into sightings (target, resource, version, session, change, missed)
    select fenced.target, rows.id, rows.version, fenced.id, 'new', 0 from fenced, rows
    on conflict (target, resource) do update set version = excluded.version,
      session = excluded.session, change = excluded.change, missed = 0),
  targeted as (
    insert into scan_targets
      (target_id, scan_target_id, target_type, name, metadata, created_at, updated_at)
    select id, scan_target_id, $7::text, name, '{}', $8::bigint, $8::bigint from rows
    on conflict (target_id) do update set name = excluded.name, updated_at = excluded.updated_at),
  made as (
    insert into tasks (task_id, session, target, uri, metadata, created_at)
    select task_id, fenced.id, rows.id, uri, metadata, $8::bigint from fenced, rows order by place
    on conflict do nothing returning seq),
  associated as (
    insert into job_targets (job, target) select fenced.job, rows.id from fenced, rows
    on conflict do nothing)
  insert into batches (session, first_task, last_task, tasks_made, ${columns.join(', ')})
  select fenced.id, made.first, made.last, made.tasks, ${places(OWN + 1 + set.length, columns.length).join(', ')}
  from fenced, (select min(seq) as first, max(seq) as last, count(*) as tasks from made) as made`
}

/**
 * Writes the pages of a database's one session.
 *
 * @returns milliseconds
 * @throws Error when a page was not written
 */
export async function commitRawOnPostgres(
  url: string,
  pages: readonly CommitPage[],
): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const [first] = pages
    if (first === undefined) return 0
    const text = statementOf(first, await uniqueKey(client))
    const ready = pages.map(valuesOf)
    globalThis.gc?.()
    const from = performance.now()
    for (const values of ready) {
      const { rowCount } = await client.query({ name: 'page', text, values })
      if (rowCount !== 1) throw new Error('the raw baseline was refused a page')
    }
    return performance.now() - from
  } finally {
    await client.end()
  }
}
