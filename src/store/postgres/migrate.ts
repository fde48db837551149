import { sql, type Kysely } from 'kysely'
import { StoreError } from '../../domain/errors.ts'
import type { Migration } from '../migrations.ts'
import type { Schema } from '../schema.ts'
import { MIGRATING } from './engine.ts'

/** The oldest server that has what the store uses (postgresql.org/support/versioning). */
const OLDEST_SERVER = 130_000

/** How long to wait for another host that makes the tables. */
const MIGRATING_MS = 60_000

/** Where the version is written; it also tells that the tables beside it are ours. */
const VERSIONS = 'muster_versions'

/** Tables that are made; another program's of one of these names would be taken for ours. */
const NAMES = [
  'sessions',
  'checkpoints',
  'targets',
  'jobs',
  'rounds',
  'leaders',
  'batches',
  'failed_items',
  'resources',
  'scan_targets',
  'sightings',
  'aliases',
  'answers',
  'tasks',
  'job_targets',
  'rules',
  'budgets',
  'audit',
]

interface Server {
  readonly version: number
  readonly encoding: string
  readonly isReadOnly: boolean
  readonly schema: string | null
}

async function lookAt(db: Kysely<Schema>): Promise<Server> {
  const { rows } = await sql<Server>`select current_setting('server_version_num')::int as version,
    current_setting('server_encoding') as encoding,
    current_setting('transaction_read_only')::boolean as "isReadOnly",
    current_schema()::text as schema`.execute(db)
  return rows[0] as Server
}

function check({ version, encoding, isReadOnly, schema }: Server, shown: string): void {
  if (version < OLDEST_SERVER) {
    throw new StoreError(
      'STORE_FAILED',
      `database ${shown} is on PostgreSQL ${Math.floor(version / 10_000)}, expected ${OLDEST_SERVER / 10_000} or newer: update the server`,
    )
  }
  if (encoding !== 'UTF8') {
    throw new StoreError(
      'STORE_FAILED',
      `database ${shown} has the encoding ${encoding}, expected UTF8: create one with "createdb --encoding=UTF8 --template=template0"`,
    )
  }
  if (isReadOnly) {
    throw new StoreError(
      'STORE_READ_ONLY',
      `database ${shown} can only be read here: name the primary server, and a database whose default_transaction_read_only is off`,
    )
  }
  if (schema === null) {
    throw new StoreError(
      'STORE_FAILED',
      `database ${shown} has none of the schemas of its search_path: create one, or name one in the URL (?options=-c%20search_path%3DNAME)`,
    )
  }
}

/** The tables and views of our names that are in the schema. */
async function takenNames(db: Kysely<Schema>): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`select relname::text as name from pg_class
    where relnamespace = current_schema()::regnamespace
    and relname = any(${[VERSIONS, ...NAMES]}::text[])
    order by 1`.execute(db)
  return rows.map(({ name }) => name)
}

/**
 * The version of a database that is ours, or 0 where our tables have room.
 *
 * @throws StoreError for one that is newer or another program's; it is then left as it was
 */
export async function versionOf(
  db: Kysely<Schema>,
  shown: string,
  latest: number,
): Promise<number> {
  const taken = await takenNames(db)
  if (taken.length === 0) return 0
  if (!taken.includes(VERSIONS)) {
    throw new StoreError(
      'STORE_FOREIGN',
      `database ${shown} has tables of another program where Muster's would be (${taken.join(', ')}): name another database, or a schema of its own in the URL (?options=-c%20search_path%3DNAME); it was not changed`,
    )
  }
  const { rows } = await sql<{ version: number | null }>`select max(version)::int as version
    from ${sql.table(VERSIONS)}`.execute(db)
  const version = rows[0]?.version ?? 0
  if (version <= latest) return version
  throw new StoreError(
    'STORE_NEWER',
    `database ${shown} has schema version ${version}, this Muster knows up to ${latest}: update Muster, or name another database; it was not changed`,
  )
}

/** Whatever a host does while another makes the tables, it does after it. */
async function alone(trx: Kysely<Schema>): Promise<void> {
  await sql.raw(`set local lock_timeout = ${MIGRATING_MS}`).execute(trx)
  await MIGRATING.execute(trx)
}

/**
 * Brings the schema up to date: any number of hosts at once, one of them alone
 * does each step, which commits with its number.
 *
 * @throws StoreError when the database cannot be used; it is then left as it was
 */
export async function migrate(
  db: Kysely<Schema>,
  shown: string,
  migrations: readonly Migration[],
): Promise<void> {
  check(await lookAt(db), shown)
  const version = await versionOf(db, shown, migrations.length)
  for (const [index, { name, up }] of migrations.entries()) {
    if (index < version) continue
    await db.transaction().execute(async (trx) => {
      await alone(trx)
      // Another host may have done it while this one waited.
      if ((await versionOf(trx, shown, migrations.length)) > index) return
      await sql`create table if not exists ${sql.table(VERSIONS)} (
        version bigint primary key, name text not null, made_at timestamptz not null default now()
      )`.execute(trx)
      await up(trx as unknown as Kysely<unknown>)
      await sql`insert into ${sql.table(VERSIONS)} (version, name)
        values (${index + 1}, ${name})`.execute(trx)
    })
  }
}
