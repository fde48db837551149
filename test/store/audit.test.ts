import Database from 'better-sqlite3'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { openStore } from '../../src/store/open.ts'
import { MIGRATIONS as POSTGRES_MIGRATIONS } from '../../src/store/postgres/migrations.ts'
import { openPostgresStore } from '../../src/store/postgres/open.ts'
import { ask } from '../support/database.ts'
import { describePostgres, postgresUrl } from '../support/postgres.ts'
import { quickDatabase } from '../support/temp.ts'
import { makeVersion1 } from '../support/version-1.ts'
import { OWNER, TestWalk } from './fixtures.ts'

const REFUSED = 'the record of a session is added to, and never changed'

/** What would make the record say something else. */
const CHANGES = [
  `update audit set detail = 'another'`,
  `update audit set at = 0 where event = 'claimed'`,
  `update audit set session = session + 1`,
]

test('a SQLite database refuses to change the record, whoever asks', async () => {
  const path = quickDatabase()
  const store = await openStore({ path })
  await TestWalk.begin(store, 'acme')
  await store.close()
  const before = ask(path, 'select * from audit')
  expect(before).toHaveLength(2)
  const database = new Database(path)
  for (const change of CHANGES) expect(() => database.exec(change)).toThrow(REFUSED)
  database.close()
  expect(ask(path, 'select * from audit')).toEqual(before)
})

describe('a database of version 4', () => {
  const version4 = async () => {
    const path = quickDatabase()
    await makeVersion1(path)
    await (await openStore({ path, migrations: MIGRATIONS.slice(0, 4) })).close()
    const database = new Database(path)
    database.exec(`insert into budgets values ('c', 'limit core', 7, 100, 60, 0, 0, ${Date.now()})`)
    database.close()
    return path
  }

  test('has all that it had, is asked for nothing, and its record begins', async () => {
    const path = await version4()
    expect(ask(path, 'pragma user_version')).toEqual([{ user_version: 4 }])
    const store = await openStore({ path })
    onTestFinished(() => store.close())
    const { sessions, audit, reports } = store.repositories
    const listed = await sessions.list(9)
    expect(listed.map(({ asked }) => asked)).toEqual(listed.map(() => null))
    const { sessionId } = listed.find(({ status }) => status === 'IN_PROGRESS') ?? {}
    if (sessionId === undefined) throw new Error('no session of version 4 is in the middle')
    expect(await audit.find({ sessionId })).toEqual([])
    expect(await reports.budgets()).toMatchObject([
      { label: null, resource: 'core', remaining: 60 },
    ])
    await store.steerSession({ sessionId, ask: 'pause', by: 'somebody' })
    await TestWalk.claim(store, sessionId).catch(() => undefined)
    expect((await audit.find({ sessionId })).map(({ event }) => event)).toEqual([
      'pause-asked',
      'paused',
    ])
  })

  test('knows how many tasks its batches made', async () => {
    const path = await version4()
    const store = await openStore({ path })
    onTestFinished(() => store.close())
    const { reports, tasks } = store.repositories
    for (const { sessionId } of await store.repositories.sessions.list(9)) {
      expect((await reports.tasks(sessionId)).total).toBe(await tasks.count({ sessionId }))
    }
    expect((await reports.tasks()).total).toBeGreaterThan(5)
  })
})

describePostgres('the record on PostgreSQL', () => {
  test('is refused to be changed, whoever asks, and counts on after what was deleted', async () => {
    const url = await postgresUrl()
    const store = await openPostgresStore({ url })
    onTestFinished(() => store.close())
    const walk = await TestWalk.begin(store, 'acme')
    const client = new pg.Client(url)
    await client.connect()
    onTestFinished(() => client.end())
    for (const change of CHANGES) await expect(client.query(change)).rejects.toThrow(REFUSED)
    const { rows } = await client.query('select event, by from audit order by id')
    expect(rows).toEqual([
      { event: 'created', by: null },
      { event: 'claimed', by: OWNER },
    ])
    await client.query('delete from audit')
    await store.releaseLease({ sessionId: walk.sessionId, owner: OWNER, left: 'why' })
    const [entry] = await store.repositories.audit.find({ sessionId: walk.sessionId })
    expect(entry?.id).toBe(3)
  })

  test('begins in a database of version 1, whose batches have made their tasks', async () => {
    const url = await postgresUrl()
    const before = POSTGRES_MIGRATIONS.slice(0, 1)
    await (await openPostgresStore({ url, migrations: before })).close()
    const client = new pg.Client(url)
    await client.connect()
    onTestFinished(() => client.end())
    // Tasks of another walk lie between those of the second.
    for (const [number, kept, last] of [
      [1, 0, null],
      [2, 3, 9],
      [3, 3, 2],
    ]) {
      await client.query(
        `insert into batches (session, number, batch_id, status, expected_items, items_processed,
          items_skipped, items_failed, started_at, last_update, first_task, last_task)
          values (1, $1, $5, 'SUCCEEDED', 3, $2, 0, 0, 1, 1, $4, $3)`,
        [number, kept, last, last === null ? null : 1, `b${number}`],
      )
    }
    await (await openPostgresStore({ url })).close()
    const { rows } = await client.query('select tasks_made from batches order by number')
    expect(rows.map((row) => Number(row.tasks_made))).toEqual([0, 3, 2])
  })
})
