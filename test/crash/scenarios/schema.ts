import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { sql } from 'kysely'
import { MIGRATIONS, type Migration } from '../../../src/store/migrations.ts'
import { APPLICATION_ID } from '../../../src/store/sqlite.ts'
import { itemsNamed, scriptedTarget } from '../../support/scripted-source.ts'
import { makeVersion1 } from '../../support/version-1.ts'
import type { Life } from '../life.ts'
import { musterAt } from '../places.ts'
import type { Problems, Scenario } from '../scenario.ts'
import { column } from './kit.ts'

const LISTINGS = { crash: { items: itemsNamed('old', 5), pageSize: 3 } }

async function openAndClose(life: Life): Promise<void> {
  const store = await life.store()
  await store.close()
}

function isCurrent(database: Database.Database): void {
  assert.equal(database.pragma('application_id', { simple: true }), APPLICATION_ID)
  assert.equal(database.pragma('user_version', { simple: true }), MIGRATIONS.length)
  assert.equal(database.pragma('journal_mode', { simple: true }), 'wal')
}

export const creationScenario: Scenario = {
  title: 'a database is made',
  isOfFiles: true,
  // Not even a file.
  prepare: async () => undefined,
  live: openAndClose,
  truth: isCurrent,
}

export const emptyFileScenario: Scenario = {
  title: 'a database is made of an empty file',
  isOfFiles: true,
  prepare: async (path) => writeFileSync(path, ''),
  live: openAndClose,
  truth: isCurrent,
}

/** Each thing that the rows of version 1 say, in whichever version they are now. */
const VERSION_1 = [
  'select session_id, job, target_key, status, items_found, config from sessions order by id',
  'select session, number, status, expected_items, items_failed from batches order by 1, 2',
  'select seq, task_id, session, uri from tasks order by seq',
  'select source_type, key, uri, name, metadata from resources order by id',
  'select id, session, item, reason from failed_items order by id',
  'select target_id, data from checkpoints order by id',
]

/** What they come to in the file of version 1; it is never edited. */
const DIGEST = 'd2e0987ccd78d72183cc4241af286bd2155d09a12b7e34dcaffab4b136592e0a'

const digestOf = (database: Database.Database): string =>
  createHash('sha256')
    .update(JSON.stringify(VERSION_1.map((sql) => database.prepare(sql).raw().all())))
    .digest('hex')

/** A crash leaves the one schema or the other, and every row. */
const upgradeOf1: Scenario = {
  title: 'a database of schema version 1, in the middle of a session, is brought up to date',
  isOfFiles: true,
  async prepare(path) {
    await makeVersion1(path)
    const database = new Database(path)
    // Who got and acknowledged what, before this process, is nothing that its facts can tell.
    database.exec('update tasks set acknowledged_at = null')
    database.close()
  },
  live: openAndClose,
  whole(database) {
    const version = database.pragma('user_version', { simple: true }) as number
    const hasTargets = column(
      database,
      `select name from sqlite_master where name in ('targets', 'sightings', 'aliases', 'answers')`,
    ).length
    return [
      ...(hasTargets === (version === 1 ? 0 : 4) ? [] : [`version ${version} is not whole`]),
      ...(digestOf(database) === DIGEST ? [] : ['rows were lost or changed']),
    ]
  },
  truth(database) {
    isCurrent(database)
    assert.equal(digestOf(database), DIGEST)
    assert.equal(column(database, 'select distinct target from sessions').length, 4)
  },
}

/** From each schema that was released to the present one. */
export const upgradeScenarios: readonly Scenario[] = [upgradeOf1]

const ROWS = 40

/** Steps as they may come: rows are made, moved from table to table, and the old table goes. */
const STEPS: readonly Migration[] = [
  {
    name: 'labels',
    async up(db) {
      await sql`create table labels (id integer primary key, name text not null)`.execute(db)
      for (let id = 1; id <= ROWS; id += 1) {
        await sql`insert into labels values (${id}, ${`label ${id}`})`.execute(db)
      }
      await sql`update sessions set target_name = 'of step 1'`.execute(db)
    },
  },
  {
    name: 'labels move into tags',
    async up(db) {
      await sql`create table tags (tag text primary key, label integer) without rowid`.execute(db)
      await sql`insert into tags select name, id from labels where id % 2 = 0`.execute(db)
      await sql`delete from labels where id % 2 = 0`.execute(db)
      await sql`insert into tags select name, id from labels`.execute(db)
      await sql`delete from labels`.execute(db)
      await sql`update sessions set target_name = 'of step 2'`.execute(db)
    },
  },
  {
    name: 'labels go',
    async up(db) {
      await sql`drop table labels`.execute(db)
      await sql`alter table tags rename to marks`.execute(db)
      await sql`alter table marks add column weight integer not null default 1`.execute(db)
      await sql`update sessions set target_name = 'of step 3'`.execute(db)
    },
  },
]

const MOVED = Array.from({ length: ROWS }, (_, i) => `label ${i + 1}`).toSorted()

/** What a database of each version of these steps holds, and nothing in between. */
const AT_STEP: readonly {
  readonly tables: string[]
  readonly rows: string | null
  readonly name: string
}[] = [
  { tables: [], rows: null, name: 'crash' },
  { tables: ['labels'], rows: 'select name from labels order by 1', name: 'of step 1' },
  { tables: ['labels', 'tags'], rows: 'select tag from tags order by 1', name: 'of step 2' },
  {
    tables: ['marks'],
    rows: 'select tag from marks where weight = 1 order by 1',
    name: 'of step 3',
  },
]

function stepProblems(database: Database.Database): Problems {
  const version = database.pragma('user_version', { simple: true }) as number
  const expected = AT_STEP[version - MIGRATIONS.length]
  const found = {
    tables: column(
      database,
      `select name from sqlite_master where name in ('labels', 'tags', 'marks') order by 1`,
    ),
    name: column(database, 'select target_name from sessions')[0],
  }
  if (expected === undefined) return [`version ${version}`]
  const isWhole =
    String(found.tables) === String(expected.tables) &&
    found.name === expected.name &&
    (expected.rows === null || String(column(database, expected.rows)) === String(MOVED))
  return isWhole ? [] : [`version ${version} is not whole: ${JSON.stringify(found)}`]
}

/** A crash in the middle of a step leaves the version before it whole; the next open goes on. */
export const migrationScenario: Scenario = {
  title: 'three steps of a schema, which move rows',
  isOfFiles: true,
  async prepare(path) {
    const { muster, close } = await musterAt(path, LISTINGS)
    await muster.coordinator.enumerateTarget(scriptedTarget('crash')).done
    await close()
  },
  async live(life) {
    const store = await life.store({ migrations: [...MIGRATIONS, ...STEPS] })
    await store.close()
  },
  whole: stepProblems,
  truth(database) {
    assert.deepEqual(stepProblems(database), [])
    assert.equal(database.pragma('user_version', { simple: true }), MIGRATIONS.length + 3)
    assert.equal(column(database, 'select uri from tasks').length, 5)
  },
}
