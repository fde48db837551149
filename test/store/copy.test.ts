import { linkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { copyDatabase } from '../../src/store/copy/index.ts'
import { COPIED_TABLES, NOT_COPIED } from '../../src/store/copy/tables.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { HARD_JSON, HARD_TEXTS } from '../../src/testing/store-contract/samples.ts'
import { ask, askNumber } from '../support/database.ts'
import { collect, musterOver } from '../support/muster.ts'
import { describePostgres, postgresUrl } from '../support/postgres.ts'
import { itemsNamed, scriptedTarget } from '../support/scripted-source.ts'
import { quickDatabase, tempFolder } from '../support/temp.ts'
import {
  everythingIn,
  identities,
  identity,
  OWNER,
  sessionNamed,
  T0,
  TestWalk,
} from './fixtures.ts'

/** More rows than are copied at a time. */
const MANY = 700

/** A store with rows in every table that is copied, and texts that a careless copy would change. */
async function fill(store: Store): Promise<void> {
  const { roundId } = await store.openRound({ at: T0 })
  await store.closeRound({ roundId, at: T0 })
  const walk = await TestWalk.begin(store, 'acme')
  const hard = HARD_TEXTS.map((text, i) =>
    identity(`hard-${i}-${text}`, { name: text, metadata: HARD_JSON }),
  )
  const rejected = HARD_TEXTS.map((text) => ({ item: text, reason: text }))
  const sighted = { onlyChanged: false }
  await walk.page({
    kept: [...identities('repo', MANY), ...hard],
    rejected,
    sighted,
    delivering: true,
  })
  const moved = identities('repo', 3).map((of) => ({ ...of, uri: `${of.uri}/moved` }))
  await walk.page({ kept: moved, sighted })
  const tasks = await store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 10 })
  await store.acknowledgeTasks({ seqs: tasks.slice(2).map(({ seq }) => seq), at: T0 })
  await walk.advance({ status: 'FAILED', failureReason: 'so it is' })
  await store.recordWaiting({
    sessionId: walk.sessionId,
    owner: OWNER,
    waiting: { reason: 'x', until: null },
  })
  await store.releaseLease({ sessionId: walk.sessionId, owner: OWNER })
  const begun = await TestWalk.begin(store, 'begun')
  await store.steerSession({ sessionId: begun.sessionId, ask: 'pause', by: HARD_TEXTS[4] })
  await store.repositories.rules.save({
    ruleId: 'r',
    definition: HARD_JSON,
    hash: 'h',
    updatedAt: new Date(T0),
  })
  for (const [i, text] of HARD_TEXTS.entries())
    await store.repositories.answers.set(`${text}-${i}`, HARD_JSON)
  await store.shareBudget({
    credential: 'c',
    label: HARD_TEXTS[2],
    spent: { kind: 'rest', points: 3 },
    limits: [
      {
        resource: 'core',
        told: { limit: 5000, remaining: 12, resetAt: T0 },
        underWay: 1,
        blockedMs: 0,
      },
    ],
    blockedMs: 10,
  } as never)
  await store.lead({ owner: OWNER, leaseMs: 1, isGone: () => false })
}

async function filled(): Promise<string> {
  const path = quickDatabase()
  // Its leases have run out by now.
  const store = await openStore({ path, clock: { now: () => T0 - 1e12 } })
  await fill(store)
  await store.close()
  return path
}

const rowsOf = (path: string) =>
  Object.fromEntries(
    COPIED_TABLES.map(({ name, key }) => [
      name,
      ask(path, `select * from ${name} order by ${key.join()}`),
    ]),
  )

const released = (path: string) => {
  const { sessions = [], ...others } = rowsOf(path)
  return {
    ...others,
    sessions: sessions.map((row) => ({ ...row, lease_owner: null, lease_until: null })),
  }
}

async function client(url: string): Promise<pg.Client> {
  const connected = new pg.Client({ connectionString: url })
  await connected.connect()
  onTestFinished(() => connected.end())
  return connected
}

const sessionRows = async (url: string): Promise<number> =>
  Number((await (await client(url)).query('select count(*) from sessions')).rows[0].count)

describe('a SQLite database is copied', () => {
  test('to another: every row, but for leases and the lead', async () => {
    const [from, to] = [await filled(), quickDatabase()]
    expect(askNumber(from, 'select count(*) from leaders')).toBe(1)
    expect(askNumber(from, 'select count(*) from sessions where lease_owner is not null')).toBe(1)
    const before = rowsOf(from)
    const copied = await copyDatabase({ from, to })
    for (const [name, rows] of Object.entries(before)) {
      expect(rows.length, `${name} has rows`).toBeGreaterThan(0)
      expect(copied[name]).toBe(rows.length)
    }
    expect(rowsOf(from)).toEqual(before)
    expect(rowsOf(to)).toEqual(released(from))
    for (const table of NOT_COPIED) expect(askNumber(to, `select count(*) from ${table}`)).toBe(0)
  })

  test('only if it is there, and has something in it', async () => {
    const [none, to] = [quickDatabase(), quickDatabase()]
    await expect(copyDatabase({ from: none, to })).rejects.toThrow(`${none} does not exist: check`)
    expect(() => ask(none, 'select 1')).toThrow('unable to open')
    expect(() => ask(to, 'select 1')).toThrow('unable to open')
    await expect(copyDatabase({ from: join(none, 'x'), to })).rejects.toThrow('does not exist')
    const nowhere = join(tempFolder(), 'no', 'muster.db')
    await expect(copyDatabase({ from: await filled(), to: nowhere })).rejects.toThrow(
      'does not exist: create the folder',
    )
  })

  test('not to one that has something in it, which stays as it is', async () => {
    const [from, to] = [await filled(), quickDatabase()]
    const store = await openStore({ path: to })
    await store.repositories.rules.save({
      ruleId: 'r',
      definition: {},
      hash: 'h',
      updatedAt: new Date(T0),
    })
    await store.close()
    const before = rowsOf(to)
    await expect(copyDatabase({ from, to })).rejects.toThrow(
      `${to} is not empty (it has rows in rules): name an empty one`,
    )
    expect(rowsOf(to)).toEqual(before)
  })

  test.each([
    ['its own name', (path: string) => path],
    ['a symbolic link', (path: string) => (symlinkSync(path, `${path}.link`), `${path}.link`)],
    ['a hard link', (path: string) => (linkSync(path, `${path}.hard`), `${path}.hard`)],
  ])('not to itself, by %s', async (_, nameOf) => {
    const from = await filled()
    await expect(copyDatabase({ from, to: nameOf(from) })).rejects.toThrow(
      'is the one that is to be copied',
    )
  })

  test('not while a session of it is being walked', async () => {
    const [from, to] = [quickDatabase(), quickDatabase()]
    const store = await openStore({ path: from })
    const walk = await TestWalk.begin(store, 'acme')
    const copying = copyDatabase({ from, to })
    await expect(copying).rejects.toMatchObject({ code: 'LEASE_HELD' })
    await expect(copying).rejects.toThrow(
      `(target "acme") is being walked by ${OWNER}: stop all processes`,
    )
    const looking = { from, to: quickDatabase(), whileWalked: true }
    expect(await copyDatabase(looking)).toMatchObject({ sessions: 1 })
    await store.releaseLease({ sessionId: walk.sessionId, owner: OWNER })
    await store.close()
    expect(await copyDatabase({ from, to })).toMatchObject({ sessions: 1 })
  })
})

describePostgres('to and from PostgreSQL', () => {
  test('goes every table that is made, and every column of it', async () => {
    const whole = await filled()
    const url = await postgresUrl()
    await (await openDatabase(url)).close()
    const { rows } = await (
      await client(url)
    ).query(
      `select table_name as table, column_name as column from information_schema.columns
        where table_schema = current_schema() and table_name <> 'muster_versions'`,
    )
    const ours = ask<{ table: string; column: string }>(
      whole,
      `select m.name as "table", c.name as "column" from sqlite_master m, pragma_table_info(m.name) c
        where m.type = 'table' and m.name not like 'sqlite_%'`,
    )
    const named = (of: readonly { table: string; column: string }[]) =>
      of.map(({ table, column }) => `${table}.${column}`).toSorted()
    expect(new Set(ours.map(({ table }) => table))).toEqual(
      new Set([...COPIED_TABLES.map(({ name }) => name), ...NOT_COPIED]),
    )
    expect(named(rows)).toEqual(named(ours.filter(({ table }) => !table.startsWith('lookup'))))
  })

  test('nothing is lost or changed on the way there and back', async () => {
    const whole = await filled()
    const [url, back] = [await postgresUrl(), quickDatabase()]
    const copied = await copyDatabase({ from: whole, to: url })
    expect(await copyDatabase({ from: url, to: back })).toEqual(copied)
    expect(rowsOf(back)).toEqual(released(whole))
    const [had, has] = [await openStore({ path: back }), await openDatabase(url)]
    expect(await everythingIn(has)).toEqual(await everythingIn(had))
    await had.close()
    await has.close()
  })

  test('what comes later is numbered after what was copied', async () => {
    const whole = await filled()
    const url = await postgresUrl()
    await copyDatabase({ from: whole, to: url })
    const store = await openDatabase(url, { clock: { now: () => T0 } })
    const known = askNumber(whole, 'select max(seq) from tasks')
    const walk = await TestWalk.begin(store, sessionNamed('later'))
    await walk.page({ kept: identities('later', 3), rejected: [{ item: 'x', reason: 'y' }] })
    const [first] = await store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 1 })
    expect(first?.seq).toBeGreaterThan(known)
    await store.openRound({ at: T0 })
    await store.close()
  })

  test('a walk that was interrupted goes on there, and its tasks come as they were owed', async () => {
    const [from, url] = [quickDatabase(), await postgresUrl()]
    const items = itemsNamed('item', 30)
    const listings = { acme: { items, pageSize: 5 } }
    const before = await musterOver(listings, { database: from })
    const stopping = new AbortController()
    const run = before.coordinator.enumerateTarget(scriptedTarget('acme'), {
      signal: stopping.signal,
    })
    const delivered: string[] = []
    for await (const { resourceUri } of run.tasks) {
      delivered.push(resourceUri)
      if (delivered.length === 7) break
    }
    stopping.abort()
    await run.done.catch(() => undefined)
    await before.close()
    const acknowledged = askNumber(
      from,
      'select count(*) from tasks where acknowledged_at is not null',
    )
    expect(acknowledged).toBeGreaterThan(0)
    await copyDatabase({ from, to: url })
    const after = await musterOver(listings, { database: url })
    const again = after.coordinator.enumerateTarget(scriptedTarget('acme'))
    const rest = (await collect(again.tasks)).map(({ resourceUri }) => resourceUri)
    expect(again.sessionId).toBe(run.sessionId)
    expect(await again.done).toMatchObject({ status: 'COMPLETED', metrics: { itemsProcessed: 30 } })
    expect(
      [...delivered.slice(0, acknowledged), ...rest].map((uri) => uri.split('/').at(-1)),
    ).toEqual(items)
  })

  test('one that fails leaves the other empty, and can be done again', async () => {
    const whole = await filled()
    const url = await postgresUrl()
    await (await openDatabase(url)).close()
    const connected = await client(url)
    // Nearly at its end.
    await connected.query(`create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'refused'; end $$`)
    await connected.query('create trigger refuse before insert on rules execute function refuse()')
    await expect(copyDatabase({ from: whole, to: url })).rejects.toThrow('refused')
    expect(await sessionRows(url)).toBe(0)
    await connected.query('drop trigger refuse on rules')
    expect(await copyDatabase({ from: whole, to: url })).toMatchObject({ sessions: 2 })
  })

  test('one whose rows are not there afterwards is undone', async () => {
    const whole = await filled()
    const url = await postgresUrl()
    await (await openDatabase(url)).close()
    const connected = await client(url)
    await connected.query('create rule vanish as on insert to rules do instead nothing')
    await expect(copyDatabase({ from: whole, to: url })).rejects.toThrow(
      'has 0 rows in rules instead of 1',
    )
    expect(await sessionRows(url)).toBe(0)
  })

  test('one whose connection is lost leaves the other empty, and can be done again', async () => {
    const whole = await filled()
    const url = await postgresUrl()
    await (await openDatabase(url)).close()
    const connected = await client(url)
    await connected.query(`create function cut() returns trigger language plpgsql as
      $$ begin perform pg_terminate_backend(pg_backend_pid()); return new; end $$`)
    await connected.query('create trigger cut before insert on rules execute function cut()')
    await expect(copyDatabase({ from: whole, to: url })).rejects.toMatchObject({
      code: 'STORE_BUSY',
    })
    expect(await sessionRows(url)).toBe(0)
    await connected.query('drop trigger cut on rules')
    expect(await copyDatabase({ from: whole, to: url })).toMatchObject({ sessions: 2 })
  })

  test('not from an empty server, whose tables are not made by that', async () => {
    const url = await postgresUrl()
    await expect(copyDatabase({ from: url, to: quickDatabase() })).rejects.toThrow(
      'is empty: there is nothing to copy',
    )
    const { rows } = await (
      await client(url)
    ).query(`select 1 from pg_class where relname = 'sessions'`)
    expect(rows).toEqual([])
  })

  test('not to itself, by another spelling; not over others; not while it is walked', async () => {
    const whole = await filled()
    const url = await postgresUrl()
    const store = await openDatabase(url)
    const walk = await TestWalk.begin(store, 'acme')
    await expect(copyDatabase({ from: url, to: `${url}?application_name=x` })).rejects.toThrow(
      'is the one that is to be copied',
    )
    await expect(copyDatabase({ from: whole, to: url })).rejects.toThrow(
      'is not empty (it has rows in sessions)',
    )
    await expect(copyDatabase({ from: url, to: quickDatabase() })).rejects.toMatchObject({
      code: 'LEASE_HELD',
    })
    await store.releaseLease({ sessionId: walk.sessionId, owner: OWNER })
    await store.close()
    expect(await copyDatabase({ from: url, to: quickDatabase() })).toMatchObject({ sessions: 1 })
  })
})
