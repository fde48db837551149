import { sql, type Kysely } from 'kysely'
import { IS_KEPT } from './audit.ts'
import { addBudgets } from './budgets.ts'

/** One step of the schema; it runs inside a transaction of its own. */
export interface Migration {
  readonly name: string
  up(db: Kysely<unknown>): Promise<void>
}

async function createSessions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sessions')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('session_id', 'text', (c) => c.notNull().unique())
    .addColumn('job', 'integer', (c) => c.notNull())
    .addColumn('target_name', 'text', (c) => c.notNull())
    .addColumn('target_key', 'text', (c) => c.notNull())
    .addColumn('source_type', 'text', (c) => c.notNull())
    .addColumn('config', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('failure_reason', 'text')
    .addColumn('completeness', 'text', (c) => c.notNull())
    .addColumn('shortfalls', 'text', (c) => c.notNull())
    .addColumn('total', 'integer')
    .addColumn('total_batches', 'integer', (c) => c.notNull())
    .addColumn('failed_batches', 'integer', (c) => c.notNull())
    .addColumn('items_found', 'integer', (c) => c.notNull())
    .addColumn('items_processed', 'integer', (c) => c.notNull())
    .addColumn('items_failed', 'integer', (c) => c.notNull())
    .addColumn('started_at', 'integer', (c) => c.notNull())
    .addColumn('last_update', 'integer', (c) => c.notNull())
    .addColumn('completed_at', 'integer')
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('lease_owner', 'text')
    .addColumn('lease_until', 'integer')
    .addColumn('delivery_started_at', 'integer')
    .execute()
  // One unfinished session a target: two processes that start at once cannot both walk it.
  await sql`create unique index sessions_active on sessions (target_key)
    where status in ('INITIALIZED', 'IN_PROGRESS', 'STALLED')`.execute(db)
  await db.schema.createIndex('sessions_by_target').on('sessions').column('target_key').execute()
  await db.schema
    .createTable('checkpoints')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('target_id', 'text', (c) => c.notNull().unique())
    .addColumn('data', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'integer', (c) => c.notNull())
    .execute()
}

async function createBatches(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('batches')
    .addColumn('session', 'integer', (c) => c.notNull())
    .addColumn('number', 'integer', (c) => c.notNull())
    .addColumn('batch_id', 'text', (c) => c.notNull())
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('position', 'text')
    .addColumn('expected_items', 'integer', (c) => c.notNull())
    .addColumn('items_processed', 'integer', (c) => c.notNull())
    .addColumn('items_failed', 'integer', (c) => c.notNull())
    .addColumn('error_details', 'text')
    .addColumn('started_at', 'integer', (c) => c.notNull())
    .addColumn('last_update', 'integer', (c) => c.notNull())
    .addColumn('completed_at', 'integer')
    .addColumn('first_task', 'integer')
    .addColumn('last_task', 'integer')
    .addPrimaryKeyConstraint('batches_pk', ['session', 'number'])
    .execute()
  await db.schema.createIndex('batches_by_id').on('batches').column('batch_id').unique().execute()
  await db.schema
    .createTable('failed_items')
    // Items that were tried again are deleted; who reads on from an id must not miss a later one under it.
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('session', 'integer', (c) => c.notNull())
    .addColumn('batch_number', 'integer', (c) => c.notNull())
    .addColumn('item', 'text', (c) => c.notNull())
    .addColumn('reason', 'text', (c) => c.notNull())
    .addColumn('failed_at', 'integer', (c) => c.notNull())
    .execute()
  await db.schema
    .createIndex('failed_items_by_session')
    .on('failed_items')
    .columns(['session', 'id'])
    .execute()
}

async function createResources(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('resources')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('source_type', 'text', (c) => c.notNull())
    .addColumn('key', 'text', (c) => c.notNull())
    .addColumn('uri', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('is_active', 'integer', (c) => c.notNull())
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('updated_at', 'integer', (c) => c.notNull())
    .addUniqueConstraint('resources_identity', ['source_type', 'key'])
    .execute()
  // A repository is also looked up by its URL; a URL's key is the URL, and an object's key its URI.
  await sql`create index resources_github_uri on resources (uri)
    where source_type = 'github'`.execute(db)
  await db.schema
    .createTable('scan_targets')
    .addColumn('target_id', 'integer', (c) => c.primaryKey())
    .addColumn('scan_target_id', 'text', (c) => c.notNull().unique())
    .addColumn('target_type', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('last_scan_at', 'integer')
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('updated_at', 'integer', (c) => c.notNull())
    .execute()
}

async function createTasks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('tasks')
    .addColumn('seq', 'integer', (c) => c.primaryKey())
    .addColumn('task_id', 'text', (c) => c.notNull().unique())
    .addColumn('session', 'integer', (c) => c.notNull())
    .addColumn('target', 'integer', (c) => c.notNull())
    .addColumn('uri', 'text', (c) => c.notNull())
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('acknowledged_at', 'integer')
    .addColumn('status', 'text', (c) => c.notNull())
    .addColumn('items_processed', 'integer', (c) => c.notNull())
    .addColumn('error', 'text')
    .addColumn('progress_at', 'integer')
    .execute()
  // The task row is its own outbox: this index holds just what is still to be delivered.
  await sql`create index tasks_outstanding on tasks (session, seq)
    where acknowledged_at is null`.execute(db)
  await db.schema
    .createTable('jobs')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('job_id', 'text', (c) => c.notNull().unique())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('rounds')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('started_at', 'integer', (c) => c.notNull())
    .addColumn('after_session', 'integer', (c) => c.notNull())
    .addColumn('resumed', 'text', (c) => c.notNull())
    .addColumn('completed_at', 'integer')
    .execute()
  await sql`create table job_targets (
    job integer not null, target integer not null, primary key (job, target)
  ) without rowid`.execute(db)
  await db.schema
    .createTable('rules')
    .addColumn('rule_id', 'text', (c) => c.primaryKey().notNull())
    .addColumn('definition', 'text', (c) => c.notNull())
    .addColumn('hash', 'text', (c) => c.notNull())
    .addColumn('updated_at', 'integer', (c) => c.notNull())
    .execute()
}

/** What one session tells the next: sightings, earlier addresses, remembered answers. */
async function addInventory(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('targets')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('target_key', 'text', (c) => c.notNull().unique())
    .execute()
  for (const table of ['sessions', 'batches']) {
    await db.schema
      .alterTable(table)
      .addColumn('items_skipped', 'integer', (c) => c.notNull().defaultTo(0))
      .execute()
  }
  const columns = {
    target: 'integer',
    comparison: 'text',
    waiting_reason: 'text',
    waiting_until: 'integer',
  } as const
  for (const [column, type] of Object.entries(columns)) {
    await db.schema.alterTable('sessions').addColumn(column, type).execute()
  }
  await sql`insert into targets (target_key) select distinct target_key from sessions`.execute(db)
  await sql`update sessions set target =
    (select id from targets where targets.target_key = sessions.target_key)`.execute(db)
  await sql`create table sightings (
    target integer not null, resource integer not null, version text, session integer not null,
    change text not null, missed integer not null, primary key (target, resource)
  ) without rowid`.execute(db)
  // Who else sees a resource: without it each one that is given up would cost a look at all of them.
  await db.schema.createIndex('sightings_by_resource').on('sightings').column('resource').execute()
  await sql`create table aliases (
    resource integer not null, uri text not null, recorded_at integer not null,
    primary key (uri, resource)
  ) without rowid`.execute(db)
  await db.schema.createIndex('aliases_by_resource').on('aliases').column('resource').execute()
  await db.schema
    .createTable('answers')
    .addColumn('key', 'text', (c) => c.primaryKey().notNull())
    .addColumn('value', 'text', (c) => c.notNull())
    .addColumn('stored_at', 'integer', (c) => c.notNull())
    .execute()
  await db.schema.createIndex('answers_by_age').on('answers').column('stored_at').execute()
}

/**
 * Scan targets and tasks without an index on their identities; see `lookups.ts`.
 * SQLite takes a unique column's index off by making the table anew. Whoever
 * imported two tasks for one resource of a session keeps the first.
 */
async function dropIdentityIndexes(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('scan_targets_anew')
    .addColumn('target_id', 'integer', (c) => c.primaryKey())
    .addColumn('scan_target_id', 'text', (c) => c.notNull())
    .addColumn('target_type', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('last_scan_at', 'integer')
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('updated_at', 'integer', (c) => c.notNull())
    .execute()
  await db.schema
    .createTable('tasks_anew')
    .addColumn('seq', 'integer', (c) => c.primaryKey())
    .addColumn('task_id', 'text', (c) => c.notNull())
    .addColumn('session', 'integer', (c) => c.notNull())
    .addColumn('target', 'integer', (c) => c.notNull())
    .addColumn('uri', 'text', (c) => c.notNull())
    .addColumn('metadata', 'text', (c) => c.notNull())
    .addColumn('created_at', 'integer', (c) => c.notNull())
    .addColumn('acknowledged_at', 'integer')
    .addColumn('status', 'text', (c) => c.notNull().defaultTo('PENDING'))
    .addColumn('items_processed', 'integer', (c) => c.notNull().defaultTo(0))
    .addColumn('error', 'text')
    .addColumn('progress_at', 'integer')
    .addUniqueConstraint('tasks_of_session', ['session', 'target'])
    .execute()
  for (const table of ['scan_targets', 'tasks']) {
    await sql`insert or ignore into ${sql.table(`${table}_anew`)}
      select * from ${sql.table(table)} order by 1`.execute(db)
    await db.schema.dropTable(table).execute()
    await db.schema.alterTable(`${table}_anew`).renameTo(table).execute()
  }
  await sql`create index tasks_outstanding on tasks (session, seq)
    where acknowledged_at is null`.execute(db)
  await sql`create table lookups (
    kind text not null, id text not null, row integer not null, primary key (kind, id)
  ) without rowid`.execute(db)
  await db.schema
    .createTable('lookup_marks')
    .addColumn('kind', 'text', (c) => c.primaryKey().notNull())
    .addColumn('entered', 'integer', (c) => c.notNull())
    .execute()
}

/** What several hosts have to tell each other. */
async function addHosts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable('sessions')
    .addColumn('announcement_owed', 'integer', (c) => c.notNull().defaultTo(0))
    .execute()
  await db.schema.alterTable('sessions').addColumn('credential', 'text').execute()
  await sql`update sessions set credential = config ->> 'authRef'`.execute(db)
  // Whether a job is another session's too, when one is pruned.
  await db.schema.createIndex('sessions_by_job').on('sessions').column('job').execute()
  await db.schema
    .createTable('leaders')
    .addColumn('name', 'text', (c) => c.primaryKey().notNull())
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('lease_until', 'integer', (c) => c.notNull())
    .execute()
  await addBudgets(db)
}

/** What people see of the sessions, and what they ask of them. */
async function addSteering(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('sessions').addColumn('asked', 'text').execute()
  // Whoever walks asks once a second: this index holds just those of which something is asked.
  await sql`create index sessions_asked on sessions (lease_owner) where asked is not null`.execute(
    db,
  )
  await db.schema
    .createTable('audit')
    // The greatest can be deleted; who reads on from an id must not miss a later one under it.
    .addColumn('id', 'integer', (c) => c.primaryKey().autoIncrement())
    .addColumn('session', 'integer', (c) => c.notNull())
    .addColumn('at', 'integer', (c) => c.notNull())
    .addColumn('event', 'text', (c) => c.notNull())
    .addColumn('detail', 'text')
    .addColumn('by', 'text')
    .execute()
  await db.schema.createIndex('audit_by_session').on('audit').columns(['session', 'id']).execute()
  await sql`create trigger audit_is_kept before update on audit
    begin select raise(abort, ${sql.lit(IS_KEPT)}); end`.execute(db)
  await db.schema.alterTable('budgets').addColumn('label', 'text').execute()
  await db.schema
    .alterTable('batches')
    .addColumn('tasks_made', 'integer', (c) => c.notNull().defaultTo(0))
    .execute()
  await sql`update batches set tasks_made = last_task - first_task + 1
    where first_task is not null`.execute(db)
}

/** In order; a database's version is the number of those that have run. Never edit one that was released. */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: 'the model',
    async up(db) {
      await createSessions(db)
      await createBatches(db)
      await createResources(db)
      await createTasks(db)
    },
  },
  { name: 'the inventory', up: addInventory },
  { name: 'identities are looked up on demand', up: dropIdentityIndexes },
  { name: 'more than one host', up: addHosts },
  { name: 'seen and steered', up: addSteering },
]
