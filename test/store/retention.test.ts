import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { pruneAll } from '../../src/store/retention.ts'
import type { Pruned } from '../../src/store/store.ts'
import { openStoreInThread } from '../../src/store/thread/index.ts'
import { ask, askNumber, dump } from '../support/database.ts'
import { collect, musterOver } from '../support/muster.ts'
import { planOf } from '../support/plan.ts'
import { itemsNamed, scriptedTarget } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'

const SESSIONS = 20
const TASKS = 5_000

/** A target with sessions that are over, each with as many acknowledged tasks; the last is the newest. */
async function grown({ sessions = SESSIONS, tasks = TASKS } = {}): Promise<string> {
  const path = quickDatabase()
  const muster = await musterOver({ old: { items: ['a'], pageSize: 1 } }, { database: path })
  const run = muster.coordinator.enumerateTarget(scriptedTarget('old'))
  await collect(run.tasks)
  await run.done
  await muster.close()
  const database = new Database(path)
  const row = database.prepare('select * from sessions').get() as Record<string, unknown>
  const columns = Object.keys(row).filter((column) => !['id', 'session_id'].includes(column))
  database.transaction(() => {
    database.exec('update sessions set completed_at = 1000')
    for (let n = 2; n <= sessions; n += 1) {
      database.exec(`insert into sessions (id, session_id, ${columns.join()})
        select ${n}, 's${n}', ${columns.join()} from sessions where id = 1`)
    }
    database.exec(`insert into tasks (task_id, session, target, uri, metadata, created_at, acknowledged_at)
      with recursive t (n) as (select 0 union all select n + 1 from t where n < ${sessions * tasks - 1})
      select 't' || n, 1 + n / ${tasks}, 2 + n % ${tasks}, 'u', '{}', 0, 0 from t`)
  })()
  database.exec('analyze')
  database.close()
  return path
}

/** After the end of what is old, and long before that of what is walked now. */
const LATER = 2_000

test('a step looks at what it deletes, not at all tasks there are', async () => {
  const path = await grown()
  const statements = new Set<string>()
  const store = await openStore({ path, onStatement: (sql) => void statements.add(sql) })
  statements.clear()
  const { next, ...counts } = await store.prune({ before: LATER, limit: 10 })
  expect(counts).toMatchObject({ sessions: 0, tasks: 10 })
  expect(next).not.toBeNull()
  await store.close()
  const database = new Database(path, { readonly: true })
  const asked = [...statements].filter((sql) => /^(select|delete|update)/i.test(sql))
  const plans = asked.map((sql) => ({ sql, plan: planOf(database, sql).join('\n') }))
  database.close()
  expect(plans.filter(({ sql }) => /\btasks\b/.test(sql)).length).toBeGreaterThan(1)
  // All numbers up to the last are all tasks, too.
  const all = /SCAN (tasks|sessions|batches|sightings)\b|SEARCH tasks .*\(rowid[<>]/
  const scans = plans.filter(({ plan }) => all.test(plan))
  expect(scans).toEqual([])
})

test('is done in steps, however much there is', async () => {
  const path = await grown({ sessions: 4, tasks: 50 })
  const store = await openStore({ path })
  const steps: Pruned[] = []
  const counting = {
    prune: async (params: Parameters<typeof store.prune>[0]) => {
      expect(params.limit).toBe(30)
      const step = await store.prune(params)
      steps.push(step)
      return step
    },
  }
  const counts = await pruneAll(counting, { before: new Date(LATER), limit: 30, pauseMs: 0 })
  // Three sessions of 50, the walked task of the first, and the newest but for the last task of all.
  expect(counts).toEqual({ sessions: 3, tasks: 3 * 50 + 1 + 49, batches: 1, failedItems: 0 })
  expect(steps.every(({ tasks }) => tasks <= 30)).toBe(true)
  expect(ask(path, 'select id from sessions')).toEqual([{ id: 4 }])
  expect(ask(path, 'select session from tasks')).toEqual([{ session: 4 }])
  await store.close()
})

test('leaves a session alone that was written since it was looked at', async () => {
  const path = await grown({ sessions: 3, tasks: 20 })
  const other = new Database(path)
  let isDue = true
  const onStatement = (sql: string) => {
    if (!isDue || sql !== 'begin immediate') return
    isDue = false
    other.exec('update sessions set revision = revision + 1 where id = 1')
  }
  const db = await openStore({ path, onStatement })
  expect(isDue, 'opening needs no transaction').toBe(true)
  expect(await pruneAll(db, { before: LATER })).toMatchObject({ sessions: 1 })
  expect(ask(path, 'select id from sessions')).toEqual([{ id: 1 }, { id: 3 }])
  expect(await pruneAll(db, { before: LATER })).toMatchObject({ sessions: 1 })
  await db.close()
  other.close()
})

test('a signal ends it after the step in hand', async () => {
  const path = await grown({ sessions: 4, tasks: 50 })
  const store = await openStore({ path })
  const ending = new AbortController()
  const counting = {
    prune: (params: Parameters<typeof store.prune>[0]) => {
      ending.abort()
      return store.prune(params)
    },
  }
  const options = { before: LATER, limit: 10, signal: ending.signal }
  expect(await pruneAll(counting, options)).toMatchObject({ sessions: 0, tasks: 10 })
  await store.close()
})

test.each([
  ['before', { before: Number.NaN }, 'before is NaN: expected a date, or milliseconds'],
  ['before', { before: new Date('never') }, 'expected a date, or milliseconds'],
  ['limit', { before: 0, limit: 0 }, 'limit is 0: expected a whole number of rows from 1'],
  ['limit', { before: 0, limit: 1.5 }, 'limit is 1.5: expected a whole number'],
])('%s that is none is refused', async (_, options, message) => {
  const prune = () => Promise.reject(new Error('was asked'))
  await expect(pruneAll({ prune }, options)).rejects.toThrow(message)
})

test('can be done by a database in a thread of its own', async () => {
  const path = await grown({ sessions: 3, tasks: 20 })
  const store = await openStoreInThread({ path })
  expect(await pruneAll(store, { before: LATER })).toMatchObject({ sessions: 2 })
  await store.close()
})

test('a walk of another process goes on meanwhile and loses nothing', async () => {
  const path = await grown({ sessions: 10, tasks: 300 })
  const items = itemsNamed('new', 400)
  const listings = { walked: { items, pageSize: 5 } }
  const muster = await musterOver(listings, { database: path, leaseMs: 500 })
  const store = await openStore({ path })
  const run = muster.coordinator.enumerateTarget(scriptedTarget('walked'))
  let isDone = false
  const pruning = pruneAll(store, { before: LATER, limit: 20, pauseMs: 1 }).then((counts) => {
    isDone = true
    return counts
  })
  const delivered: string[] = []
  let during = 0
  for await (const task of run.tasks) {
    delivered.push(task.resourceUri)
    if (!isDone) during += 1
  }
  expect(await run.done).toMatchObject({ status: 'COMPLETED' })
  expect(during).toBeGreaterThan(0)
  expect(new Set(delivered).size).toBe(400)
  expect(delivered).toHaveLength(400)
  expect(await pruning).toMatchObject({ sessions: 9 })
  expect(
    askNumber(
      path,
      `select count(*) from tasks t join sessions s on s.id = t.session
    where target_name = 'walked'`,
    ),
  ).toBe(400)
  await store.close()
})

test('leaves no entry of what was looked up, and no number is given out again', async () => {
  const path = await grown({ sessions: 3, tasks: 20 })
  const store = await openStore({ path })
  await store.repositories.tasks.getById('t5')
  expect(askNumber(path, `select count(*) from lookups where kind = 'task'`)).toBe(61)
  const last = askNumber(path, 'select max(seq) from tasks')
  await pruneAll(store, { before: LATER })
  expect(ask(path, `select row from lookups where kind = 'task'`)).toEqual([{ row: last }])
  expect(askNumber(path, 'select max(seq) from tasks')).toBe(last)
  expect(await store.repositories.tasks.getById('t5')).toBeNull()
  const before = dump(path)
  await pruneAll(store, { before: LATER })
  expect(dump(path)).toEqual(before)
  await store.close()
})
