import { expect, test } from 'vitest'
import type { Task } from '../../src/index.ts'
import { ask, askNumber } from '../support/database.ts'
import { collect, musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedTarget } from '../support/scripted-source.ts'
import { tempDatabase } from '../support/temp.ts'

const LEFT = 'select count(*) from tasks where acknowledged_at is null'
const idsOf = (window: readonly Task[]): string[] => window.map(({ taskId }) => taskId)

test('a host takes a walk’s tasks in windows, each as it would take it alone', async () => {
  const path = tempDatabase()
  const items = itemsNamed('a', 1_150)
  const muster = await musterOver({ a: { items, pageSize: 230 } }, { database: path })
  const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
  await run.done
  const windows = await collect(run.taskWindows)
  expect(windows.map(({ length }) => length)).toEqual([500, 500, 150])
  const tasks = windows.flat()
  expect(tasks.map(({ resourceUri }) => resourceUri)).toEqual(items.map((i) => `scripted://${i}`))
  expect(await tasks[0]?.credentials()).toMatchObject({ type: 'UNAUTHENTICATED' })
  expect(tasks.map(({ credentials: _, ...record }) => record)).toEqual(
    await collect(muster.repositories.tasks.stream()),
  )
  expect(askNumber(path, LEFT)).toBe(0)
  // One moment a window: they were acknowledged together.
  const moments = ask(path, 'select count(*) n from tasks group by acknowledged_at')
  expect(moments.length).toBeLessThanOrEqual(3)
})

test('a process that ends in the middle leaves exactly what is not acknowledged to the next', async () => {
  const database = tempDatabase()
  const listings = { a: { items: itemsNamed('a', 1_150), pageSize: 230 } }
  const first = await musterOver(listings, { database })
  const run = first.coordinator.enumerateTarget(scriptedTarget('a'))
  await run.done
  const before: string[][] = []
  for await (const window of run.taskWindows) {
    before.push(idsOf(window))
    if (before.length === 2) break
  }
  expect(askNumber(database, LEFT)).toBe(650)
  await first.close()

  const second = await musterOver(listings, { database })
  const again = second.coordinator.enumerateTarget(scriptedTarget('a'))
  expect(again.sessionId).toBe(run.sessionId)
  const after = (await collect(again.taskWindows)).map(idsOf)
  expect(after.map(({ length }) => length)).toEqual([500, 150])
  expect(after[0]).toEqual(before[1])
  expect(new Set([...before, ...after].flat()).size).toBe(1_150)
  expect(askNumber(database, LEFT)).toBe(0)
  // All is delivered: the next call is a new walk.
  const fresh = second.coordinator.enumerateTarget(scriptedTarget('a'))
  expect(fresh.sessionId).not.toBe(run.sessionId)
  await fresh.done
})

test('windows come while the walk goes on, and hold it where the host is behind', async () => {
  const pages: number[] = []
  const listing = {
    items: itemsNamed('a', 100),
    pageSize: 10,
    before: (page: number) => void pages.push(page),
  }
  const muster = await musterOver({ a: listing }, { deliveryWindow: 15, holdMs: 60_000 })
  const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
  const held = Promise.withResolvers<void>()
  muster.bus.subscribe('enumerator.changed', ({ state }) => {
    if (state === 'holding') held.resolve()
  })
  const reader = run.taskWindows[Symbol.asyncIterator]()
  const { value: first = [] } = await reader.next()
  expect(first.length).toBeGreaterThan(0)
  await held.promise
  expect(pages.length).toBeLessThan(8)
  const taken = [...first]
  for (;;) {
    const { value, done } = await reader.next()
    if (done === true) break
    expect(value.length).toBeGreaterThan(0)
    taken.push(...value)
  }
  expect(new Set(idsOf(taken)).size).toBe(100)
  expect(taken).toHaveLength(100)
  expect((await run.done).status).toBe('COMPLETED')
})

test('a window that is in hand when Muster is closed comes again', async () => {
  const database = tempDatabase()
  const listings = { a: { items: itemsNamed('a', 12), pageSize: 5 } }
  const first = await musterOver(listings, { database })
  const run = first.coordinator.enumerateTarget(scriptedTarget('a'))
  await run.done
  const reader = run.taskWindows[Symbol.asyncIterator]()
  const { value: inHand = [] } = await reader.next()
  await first.close()
  expect(await reader.next()).toEqual({ done: true, value: undefined })
  expect(askNumber(database, LEFT)).toBe(12)

  const second = await musterOver(listings, { database })
  const again = second.coordinator.enumerateTarget(scriptedTarget('a'))
  expect((await collect(again.taskWindows)).map(idsOf)).toEqual([idsOf(inHand)])
})
