/**
 * The limit: better-sqlite3 and nothing else, writing what the store writes.
 * Whatever can be known beforehand (identities, JSON, parameters) is made
 * before the clock starts.
 */
import { MADE_AT } from '../made/pages.ts'
import type Database from 'better-sqlite3'
import { scanTargetId, taskId } from '../../../src/domain/identity.ts'
import type { CommitPage, Identity } from '../../../src/index.ts'
import { batchColumns, sessionColumns } from '../../../src/store/rows.ts'
import { insertResources, insertRows, RawTable, RESOURCE_ID, type TableRows } from './rows.ts'

interface Keys {
  readonly id: number
  readonly job: number
  readonly target: number
}

interface PreparedPage {
  readonly resources: TableRows
  /** In the order of writing, but for the tasks. */
  readonly others: readonly TableRows[]
  readonly tasks: TableRows
  readonly session: readonly unknown[]
  readonly checkpoint: readonly unknown[]
  readonly batch: readonly unknown[]
}

const updated = (columns: readonly string[]): string =>
  columns.map((name) => `${name} = excluded.${name}`).join(', ')

/** The store's tables, with what each does about a row that is there. */
const tablesOf = (database: Database.Database) => ({
  resources: new RawTable(
    database,
    'resources',
    `on conflict (source_type, key) do update set ${updated(['uri', 'name', 'is_active', 'metadata', 'updated_at'])} returning id`,
  ),
  sightings: new RawTable(
    database,
    'sightings',
    `on conflict (target, resource) do update set ${updated(['change', 'version', 'session', 'missed'])}`,
  ),
  scanTargets: new RawTable(
    database,
    'scan_targets',
    `on conflict (target_id) do update set ${updated(['name', 'updated_at'])}`,
  ),
  tasks: new RawTable(database, 'tasks', 'on conflict do nothing'),
  jobTargets: new RawTable(database, 'job_targets', 'on conflict do nothing'),
})

type Tables = ReturnType<typeof tablesOf>

/** What the store writes for each kept item, by table. */
function rowsOf(page: CommitPage, { id, job, target }: Keys) {
  const { sourceType, sessionId } = page.session
  const at = page.at
  const metadata = (item: Identity) => JSON.stringify(item.metadata ?? {})
  return {
    resources: page.kept.map((item) => ({
      source_type: sourceType,
      key: item.key,
      uri: item.uri,
      name: item.name,
      is_active: 1,
      metadata: metadata(item),
      created_at: at,
      updated_at: at,
    })),
    sightings: page.kept.map(({ version = null }) => ({
      target,
      resource: RESOURCE_ID,
      version,
      session: id,
      change: 'new',
      missed: 0,
    })),
    scanTargets: page.kept.map((item) => ({
      target_id: RESOURCE_ID,
      scan_target_id: scanTargetId(sourceType, item.key),
      target_type: sourceType,
      name: item.name,
      metadata: '{}',
      created_at: at,
      updated_at: at,
    })),
    tasks: page.kept.map((item) => ({
      task_id: taskId(sessionId, scanTargetId(sourceType, item.key)),
      session: id,
      target: RESOURCE_ID,
      uri: item.uri,
      metadata: metadata(item),
      created_at: at,
      status: 'PENDING',
      items_processed: 0,
    })),
    jobTargets: page.kept.map(() => ({ job, target: RESOURCE_ID })),
  }
}

function prepared(page: CommitPage, keys: Keys, tables: Tables): PreparedPage {
  const rows = rowsOf(page, keys)
  const { fence, session, batch } = page
  return {
    resources: tables.resources.prepare(rows.resources),
    others: [
      tables.sightings.prepare(rows.sightings),
      tables.scanTargets.prepare(rows.scanTargets),
      tables.jobTargets.prepare(rows.jobTargets),
    ],
    tasks: tables.tasks.prepare(rows.tasks),
    session: [
      ...Object.values(sessionColumns(session)),
      fence.revision + 1,
      MADE_AT.now() + fence.leaseMs,
      fence.sessionId,
      fence.revision,
      fence.owner,
    ],
    checkpoint: [
      JSON.stringify(page.checkpoint),
      session.timeline.lastUpdate.getTime(),
      fence.sessionId,
    ],
    batch: [keys.id, ...Object.values(batchColumns(batch))],
  }
}

/** The statements of which a page needs one each. */
function statementsOf(database: Database.Database, page: CommitPage) {
  const sets = Object.keys(sessionColumns(page.session)).map((name) => `${name} = ?`)
  const tasks = ['first_task', 'last_task', 'tasks_made']
  const batch = ['session', ...Object.keys(batchColumns(page.batch)), ...tasks]
  return {
    begin: database.prepare('begin immediate'),
    commit: database.prepare('commit'),
    lastTask: database.prepare('select max(seq) from tasks').pluck(),
    session: database.prepare(
      `update sessions set ${sets.join(', ')}, revision = ?, lease_until = ? where session_id = ? and revision = ? and lease_owner = ?`,
    ),
    checkpoint: database.prepare(
      'update checkpoints set data = ?, updated_at = ? where target_id = ?',
    ),
    batch: database.prepare(
      `insert into batches (${batch.join(', ')}) values (${batch.map(() => '?').join(', ')})`,
    ),
  }
}

/**
 * Prepares everything, and returns what writes it: one transaction a page.
 *
 * @param database on a file that `claimedDatabase` made
 */
export function rawWriter(database: Database.Database, pages: readonly CommitPage[]): () => void {
  const [first] = pages
  if (first === undefined) return () => undefined
  const keys = database
    .prepare('select id, job, target from sessions where session_id = ?')
    .get(first.session.sessionId) as Keys
  const tables = tablesOf(database)
  const statements = statementsOf(database, first)
  const ready = pages.map((page) => prepared(page, keys, tables))
  return () => {
    let lastTask = Number(statements.lastTask.get() ?? 0)
    for (const page of ready) {
      statements.begin.run()
      statements.session.run(page.session)
      statements.checkpoint.run(page.checkpoint)
      const ids = insertResources(page.resources)
      for (const rows of page.others) insertRows(rows, ids)
      const before = lastTask
      lastTask = insertRows(page.tasks, ids)
      statements.batch.run([...page.batch, before + 1, lastTask, lastTask - before])
      statements.commit.run()
    }
  }
}
