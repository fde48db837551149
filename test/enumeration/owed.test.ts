import { expect, test } from 'vitest'
import { createMuster, openStore } from '../../src/index.ts'
import { scriptedSource, scriptedTarget } from '../support/scripted-source.ts'
import { tempDatabase } from '../support/temp.ts'

test('a host that dies before its first task is owed it, though the walk is over', async () => {
  const path = tempDatabase()
  const sources = [scriptedSource({ a: { items: ['a@1', 'b@1'], pageSize: 10 } })]
  const target = { ...scriptedTarget('a'), onlyChanged: true }
  const store = await openStore({ path })
  // The process gets no further than the page's commit: what a reader would write comes too late.
  const dying = { ...store, beginDelivery: () => new Promise<void>(() => undefined) }
  const first = await createMuster({ database: dying, sources })
  const run = first.coordinator.enumerateTarget(target)
  void run.tasks[Symbol.asyncIterator]().next()
  expect((await run.done).status).toBe('COMPLETED')
  await store.close()

  await using second = await createMuster({ database: path, sources })
  const again = second.coordinator.enumerateTarget(target)
  const taken: string[] = []
  for await (const task of again.tasks) taken.push(task.resourceUri)
  expect(again.sessionId).toBe(run.sessionId)
  expect(taken).toEqual(['scripted://a', 'scripted://b'])
})
