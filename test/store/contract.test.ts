import { copyFileSync, existsSync } from 'node:fs'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { storeContract } from '../../src/testing/index.ts'
import { quickDatabase } from '../support/temp.ts'
import { identities, identity, OTHER_OWNER, TestWalk } from './fixtures.ts'

describe('the store in a file', () => {
  for (const { title, run } of storeContract((options) =>
    openStore({ path: quickDatabase(), ...options }),
  )) {
    test(title, run)
  }
})

describe('the store in memory', () => {
  for (const { title, run } of storeContract((options) =>
    openStore({ path: ':memory:', ...options }),
  )) {
    test(title, run)
  }
})

/** Every row of every table as another program sees it, without the store in between. */
function dump(path: string): Record<string, unknown[]> {
  const copy = quickDatabase()
  copyFileSync(path, copy)
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`)
  const database = new Database(copy)
  const tables = database
    .prepare(`select name from sqlite_master where type = 'table' order by name`)
    .pluck()
    .all() as string[]
  const rows = tables.map((table) => [table, database.prepare(`select * from "${table}"`).all()])
  database.close()
  return Object.fromEntries(rows) as Record<string, unknown[]>
}

describe('a page in the tables of the file', () => {
  async function prepared() {
    const path = quickDatabase()
    let failAt = Infinity
    let statements = 0
    const store = await openStore({
      path,
      onStatement: (sql, phase) => {
        if (phase === 'after' || sql === 'rollback') return
        statements += 1
        if (statements >= failAt) throw new Error('cut off')
      },
    })
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('repo', 12), rejected: [{ item: '"x"', reason: 'bad' }] })
    return {
      path,
      store,
      walk,
      cutOffAt(statement: number) {
        statements = 0
        failAt = statement
      },
      statements: () => statements,
    }
  }

  const page = {
    kept: [...identities('repo', 3), ...identities('new', 111)],
    rejected: [{ item: '"y"', reason: 'worse' }],
    retriedItems: [1],
  }

  test('of a walk that was taken over leaves every table as it was', async () => {
    const { path, store, walk } = await prepared()
    const taken = await TestWalk.claim(store, walk.sessionId, OTHER_OWNER)
    const before = dump(path)
    expect(Object.keys(before).length).toBeGreaterThan(9)
    await expect(walk.page(page)).rejects.toThrow('was taken over by another process')
    expect(dump(path)).toEqual(before)
    await taken.page({ kept: [identity('new')] })
    expect(dump(path)).not.toEqual(before)
    await store.close()
  })

  test('that breaks off at any statement leaves every table as it was, and can be committed again', async () => {
    const counting = await prepared()
    counting.cutOffAt(Infinity)
    await counting.walk.page(page)
    const whole = counting.statements()
    await counting.store.close()
    expect(whole).toBeGreaterThan(10)

    const { path, store, walk, cutOffAt } = await prepared()
    const before = dump(path)
    for (let statement = 1; statement <= whole; statement += 1) {
      cutOffAt(statement)
      await expect(walk.page(page)).rejects.toThrow('cut off')
      cutOffAt(Infinity)
      expect(dump(path), `cut off at statement ${statement}`).toEqual(before)
    }
    expect(await walk.page(page)).toBe(111)
    await store.close()
  })

  test('acknowledging several tasks that breaks off acknowledges none', async () => {
    const { path, store, walk, cutOffAt } = await prepared()
    const tasks = await store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 10 })
    const seqs = tasks.map(({ seq }) => seq)
    const before = dump(path)
    cutOffAt(1)
    await expect(store.acknowledgeTasks({ seqs, at: 1 })).rejects.toThrow('cut off')
    cutOffAt(Infinity)
    expect(dump(path)).toEqual(before)
    await store.close()
  })
})
