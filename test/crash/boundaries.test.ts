import { createMuster, openStore, type Muster } from '../../src/index.ts'
import { expect, test } from 'vitest'
import { QUICK } from '../support/muster.ts'
import { itemsNamed, scriptedSource, scriptedTarget } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'

/**
 * A crash before and after every statement the walk and the delivery make. The
 * boundaries are counted by the code itself: every statement passes the hook,
 * so a new write is a new boundary without anybody naming it.
 */
class Crash extends Error {}

const ITEMS = [...itemsNamed('good', 11), 'bad-1', 'bad-2', ...itemsNamed('late', 5), 'bad-3']
const VALID = ITEMS.filter((item) => !item.startsWith('bad')).map((item) => `scripted://${item}`)
const LISTINGS = { crash: { items: ITEMS, pageSize: 4 } }

interface Attempt {
  readonly delivered: string[]
  readonly acknowledged: Set<string>
  crashed: boolean
  boundaries: number
}

/** Walks and delivers with the process "dying" at one boundary: from there on, nothing is written any more. */
async function attempt(path: string, dieAt: number, seen: Attempt): Promise<void> {
  let boundary = 0
  let dead = false
  const onStatement = (sql: string, phase: 'before' | 'after') => {
    if (dead) throw new Crash(`the process is gone (${phase} ${sql.slice(0, 40)})`)
    boundary += 1
    seen.boundaries = boundary
    if (boundary === dieAt) {
      dead = true
      seen.crashed = true
      throw new Crash(`crash ${phase} ${sql.slice(0, 60)}`)
    }
  }
  let muster: Muster | undefined
  try {
    const database = await openStore({ path, onStatement })
    muster = await createMuster({ database, ...QUICK, sources: [scriptedSource(LISTINGS)] })
    const run = muster.coordinator.enumerateTarget(scriptedTarget('crash'))
    let previous: string | undefined
    for await (const task of run.tasks) {
      // Being asked for the next means that the one before is acknowledged, durably.
      if (previous !== undefined) seen.acknowledged.add(previous)
      expect(seen.acknowledged).not.toContain(task.taskId)
      seen.delivered.push(task.resourceUri)
      previous = task.taskId
    }
    if (previous !== undefined && !dead) seen.acknowledged.add(previous)
    await run.done
  } catch (thrown) {
    if (!seen.crashed) throw thrown
  } finally {
    await muster?.close().catch(() => undefined)
  }
}

async function check(path: string, seen: Attempt): Promise<void> {
  const store = await openStore({ path })
  const { repositories } = store
  const tasks = []
  for await (const task of repositories.tasks.stream()) tasks.push(task)
  const [session, ...others] = await repositories.sessions.list(10)
  const batches = await repositories.batches.findBySessionId(session?.sessionId ?? '')
  const failed = await repositories.failedItems.find({
    sessionId: session?.sessionId ?? '',
    after: 0,
    limit: 100,
  })
  await store.close()
  expect(others).toEqual([])
  expect(tasks.map((task) => task.resourceUri)).toEqual(VALID)
  expect(new Set(tasks.map((task) => task.taskId)).size).toBe(VALID.length)
  expect(new Set(seen.delivered)).toEqual(new Set(VALID))
  expect(session).toMatchObject({
    status: 'PARTIALLY_COMPLETED',
    completeness: 'INCOMPLETE',
    metrics: { totalBatches: 5, itemsFound: 19, itemsProcessed: 16, itemsFailed: 3 },
  })
  expect(batches.map(({ number, status }) => [number, status])).toEqual([
    [1, 'SUCCEEDED'],
    [2, 'SUCCEEDED'],
    [3, 'PARTIALLY_COMPLETED'],
    [4, 'PARTIALLY_COMPLETED'],
    [5, 'PARTIALLY_COMPLETED'],
  ])
  expect(failed.map((f) => JSON.parse(f.item) as string)).toEqual(['bad-1', 'bad-2', 'bad-3'])
}

/** After a crash behind the very last acknowledgement there is nothing left to take up. */
async function isUnfinished(path: string): Promise<boolean> {
  const store = await openStore({ path })
  const unfinished = await store.findUnfinished()
  const sessions = await store.repositories.sessions.list(1)
  await store.close()
  return sessions.length === 0 || unfinished.length > 0
}

const fresh = (): Attempt => ({
  delivered: [],
  acknowledged: new Set(),
  crashed: false,
  boundaries: 0,
})

test('whatever statement the process dies before or after, nothing is lost and nothing comes twice', async () => {
  const whole = fresh()
  const path = quickDatabase()
  await attempt(path, Infinity, whole)
  await check(path, whole)
  expect(whole.boundaries).toBeGreaterThan(150)
  for (let dieAt = 1; dieAt <= whole.boundaries; dieAt += 1) {
    const seen = fresh()
    const database = quickDatabase()
    await attempt(database, dieAt, seen)
    expect(seen.crashed, `boundary ${dieAt} is reached`).toBe(true)
    if (await isUnfinished(database)) {
      await attempt(database, Infinity, { ...seen, crashed: false })
    }
    await check(database, seen)
  }
})
