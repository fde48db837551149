import { existsSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { LogMerger } from '../../src/store/merging/index.ts'
import { openStore } from '../../src/store/open.ts'
import { identities, TestWalk } from './fixtures.ts'
import { quickDatabase } from '../support/temp.ts'

/** A database whose log nobody merges but the thread. */
function unmerged(path: string) {
  const database = new Database(path)
  database.pragma('journal_mode = WAL')
  database.pragma('wal_autocheckpoint = 0')
  database.exec('create table filler (text)')
  const insert = database.prepare('insert into filler values (?)')
  return { database, commit: () => void insert.run('x'.repeat(40_000)) }
}

const workersOf = () =>
  process.getActiveResourcesInfo().filter((name) => /Worker|MessagePort/.test(name)).length

test('the log is merged into the file by a thread, which leaves nothing behind', async () => {
  const path = quickDatabase()
  const { database, commit } = unmerged(path)
  const merger = new LogMerger(path)
  const before = statSync(path).size
  const handles = workersOf()
  for (let i = 0; i < 39; i += 1) {
    commit()
    merger.committed()
  }
  expect(statSync(path).size).toBe(before)
  commit()
  merger.committed()
  while (statSync(path).size < before + 1_000_000) await sleep(5)
  await merger.close()
  expect(workersOf()).toBe(handles)
  database.close()
  expect(existsSync(`${path}-wal`)).toBe(false)
})

test('it is asked again once it has answered, and not before', async () => {
  const path = quickDatabase()
  const { database, commit } = unmerged(path)
  const merger = new LogMerger(path)
  const commitSome = () => {
    for (let i = 0; i < 40; i += 1) {
      commit()
      merger.committed()
    }
  }
  const merged = () => statSync(path).size
  commitSome()
  while (merged() < 1_000_000) await sleep(5)
  while (merged() < 8_000_000) {
    commitSome()
    await sleep(20)
  }
  await merger.close()
  database.close()
})

test('a database whose thread cannot be had is written as ever', async () => {
  const path = quickDatabase()
  const merger = new LogMerger(`${path}/nowhere`)
  for (let i = 0; i < 40; i += 1) merger.committed()
  await sleep(300)
  for (let i = 0; i < 80; i += 1) merger.committed()
  await merger.close()
})

test('a thread that ends for want of a file while it is closed is closed all the same', async () => {
  const merger = new LogMerger(`${quickDatabase()}/nowhere`)
  for (let i = 0; i < 40; i += 1) merger.committed()
  // At once: the thread has not come so far as to look for the file.
  await merger.close()
})

test('a store that has written much has one file again when it is closed', async () => {
  const path = quickDatabase()
  const store = await openStore({ path })
  const walk = await TestWalk.begin(store, 'acme')
  for (let page = 0; page < 90; page += 1) await walk.page({ kept: identities(`p${page}`, 20) })
  await store.close()
  expect(existsSync(`${path}-wal`)).toBe(false)
  const database = new Database(path, { readonly: true })
  expect(database.prepare('select count(*) from tasks').pluck().get()).toBe(1_800)
  database.close()
})
