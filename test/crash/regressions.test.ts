import { writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { StoreError } from '../../src/domain/errors.ts'
import { createMuster, openStore } from '../../src/index.ts'
import { databaseBytes } from '../support/database.ts'
import { QUICK } from '../support/muster.ts'
import { itemsNamed, scriptedSource, scriptedTarget } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'
import { putFiles } from './files.ts'
import { tear } from './torn.ts'

/** What these tests found, each by its name. */

async function refusal(opening: Promise<unknown>): Promise<StoreError> {
  const thrown: unknown = await opening.catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(StoreError)
  return thrown as StoreError
}

test('an empty file does not make SQLite throw away the log that holds everything', async () => {
  const { files } = await tear()
  const path = quickDatabase()
  putFiles(path, { main: Buffer.alloc(0), wal: files.wal })
  const before = databaseBytes(path)
  const { code, message } = await refusal(openStore({ path }))
  expect([code, message]).toEqual([
    'STORE_CORRUPT',
    `database ${path} is missing or empty, and its log ${path}-wal is not: restore both from a backup, or move the log away to begin anew; nothing was changed`,
  ])
  expect(databaseBytes(path)).toEqual(before)
})

test('a log whose database was deleted is not called a folder without rights', async () => {
  const { files } = await tear()
  const path = quickDatabase()
  putFiles(path, { wal: files.wal })
  expect((await refusal(openStore({ path }))).code).toBe('STORE_CORRUPT')
})

test('a journal beside a log is not called a file without rights', async () => {
  const { files } = await tear()
  const path = quickDatabase()
  putFiles(path, { ...files, journal: Buffer.from('another database’s') })
  const before = databaseBytes(path)
  const { code, message } = await refusal(openStore({ path }))
  expect(code).toBe('STORE_CORRUPT')
  expect(message).toMatch(/a log and a rollback journal beside it/)
  expect(databaseBytes(path)).toEqual(before)
})

test('a damaged page that is met after something was written is not said to have changed nothing', async () => {
  const path = quickDatabase()
  await (await openStore({ path })).close()
  const database = new Database(path)
  const roots = database.prepare(`select rootpage from sqlite_master where name = 'tasks'`).pluck()
  const page = roots.get() as number
  database.close()
  const { main } = { main: databaseBytes(path) }
  main.fill(0xff, (page - 1) * 4096, page * 4096)
  writeFileSync(path, main)
  const muster = await createMuster({
    database: path,
    ...QUICK,
    sources: [scriptedSource({ a: { items: itemsNamed('a', 3), pageSize: 3 } })],
  })
  const { code, message } = await refusal(
    muster.coordinator.enumerateTarget(scriptedTarget('a')).done,
  )
  await muster.close()
  expect(databaseBytes(path)).not.toEqual(main)
  expect(code).toBe('STORE_CORRUPT')
  expect(message).toMatch(/is damaged.*restore it from a backup/)
  expect(message).not.toContain('not changed')
})

/** A session whose delivery has begun goes on with it after a crash; one that nobody reads is walked anew. */
test('a delivery that began before its session could be stored is taken up all the same', async () => {
  const path = quickDatabase()
  const store = await openStore({ path })
  let isBusy = true
  const createSession: typeof store.createSession = async (params) => {
    if (!isBusy) return store.createSession(params)
    isBusy = false
    throw new StoreError('STORE_BUSY', 'another process has the lock', { retryable: true })
  }
  const listings = { a: { items: itemsNamed('a', 3), pageSize: 3 } }
  const options = { ...QUICK, sources: [scriptedSource(listings)] }
  const muster = await createMuster({ ...options, database: { ...store, createSession } })
  const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
  const reader = run.tasks[Symbol.asyncIterator]()
  const first = await reader.next()
  await run.done
  // The process dies with the first task in hand.
  expect(await store.findUnfinished()).toMatchObject([{ sessionId: run.sessionId }])
  await reader.return?.()
  await muster.close()
  const next = await createMuster({ ...options, database: path })
  const again = next.coordinator.enumerateTarget(scriptedTarget('a'))
  const { value } = await again.tasks[Symbol.asyncIterator]().next()
  expect(value?.taskId).toBe(first.value?.taskId)
  await next.close()
})
