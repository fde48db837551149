import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '@nats-io/transport-node'
import { trackProgress } from '../../src/orchestration/progress.ts'
import { openStore } from '../../src/store/open.ts'
import { collect, identities, T0, TestWalk } from '../store/fixtures.ts'
import { waitUntil } from '../support/wait-until.ts'
import { ownNats, publishAll, Space, taskOf, tasksOf } from './nats.ts'

const nats = ownNats()

const warnings: string[] = []
beforeEach(() => {
  warnings.length = 0
  const warn = vi.spyOn(process, 'emitWarning')
  warn.mockImplementation((warning) => void warnings.push(String(warning)))
  return () => warn.mockRestore()
})

describe('a subscription', () => {
  test('gets what was published before it', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus()
    await publishAll(bus, tasksOf('a', 30))
    const taken: string[] = []
    bus.subscribe('task.created', ({ task }) => void taken.push(task.taskId))
    await waitUntil('all are taken', () => taken.length === 30)
    expect(taken).toEqual(tasksOf('a', 30).map(({ taskId }) => taskId))
    await waitUntilEmpty(space)
  })

  test('handles the events of a session one after the other, those of several at once', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus({ concurrency: 20 })
    const tasks = [...tasksOf('a', 6), ...tasksOf('b', 6)]
    await publishAll(bus, tasks)
    const atWork = new Map<string, number>()
    let most = 0
    const taken: string[] = []
    bus.subscribe('task.created', async ({ task: { sessionId, taskId } }) => {
      expect(atWork.get(sessionId) ?? 0).toBe(0)
      atWork.set(sessionId, 1)
      most = Math.max(
        most,
        [...atWork.values()].reduce((sum, n) => sum + n, 0),
      )
      await sleep(10)
      atWork.set(sessionId, 0)
      taken.push(taskId)
    })
    await waitUntil('all are taken', () => taken.length === tasks.length)
    expect(most).toBe(2)
    for (const session of ['a', 'b']) {
      const of = taken.filter((id) => id.startsWith(session))
      expect(of).toEqual(tasksOf(session, 6).map(({ taskId }) => taskId))
    }
  })

  test('handles as many at once as it may, where order does not matter', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus({ concurrency: 3, inOrder: false })
    await publishAll(bus, tasksOf('a', 12))
    let [atWork, most, taken] = [0, 0, 0]
    bus.subscribe('task.created', async () => {
      most = Math.max(most, (atWork += 1))
      await sleep(20)
      atWork -= 1
      taken += 1
    })
    await waitUntil('all are taken', () => taken === 12)
    expect(most).toBe(3)
  })

  test('hands an event to every handler of the process, and to one process of a consumer', async () => {
    const space = new Space(nats.server)
    const [one, other] = [await space.bus(), await space.bus()]
    const taken: string[] = []
    one.subscribe('task.created', ({ task }) => void taken.push(`1 ${task.taskId}`))
    one.subscribe('task.created', ({ task }) => void taken.push(`2 ${task.taskId}`))
    other.subscribe('task.created', ({ task }) => void taken.push(`1 ${task.taskId}`))
    other.subscribe('task.created', ({ task }) => void taken.push(`2 ${task.taskId}`))
    await publishAll(one, tasksOf('a', 50))
    await waitUntil('all are taken', () => taken.length >= 100)
    expect(new Set(taken).size).toBe(100)
    expect(taken).toHaveLength(100)
  })

  test('whose handler throws hands the event to another process', async () => {
    const space = new Space(nats.server)
    const [broken, sound] = [
      await space.bus({ concurrency: 1 }),
      await space.bus({ concurrency: 1 }),
    ]
    let thrown = 0
    broken.subscribe('task.created', () => {
      thrown += 1
      throw new Error('disk is full')
    })
    await publishAll(broken, tasksOf('a', 3))
    await waitUntil('one was refused', () => thrown > 0)
    const taken = new Set<string>()
    sound.subscribe('task.created', ({ task }) => void taken.add(task.taskId))
    await waitUntil('all are taken', () => taken.size === 3)
    expect(warnings.join()).toContain('a handler of "task.created" threw')
    await waitUntilEmpty(space)
  })

  test('goes on after the server was away', async () => {
    const space = new Space(nats.server)
    // An acknowledgement that was on its way is lost with the server; the event then comes again.
    const [host, scanner] = [await space.bus(), await space.bus({ ackWaitMs: 2_000 })]
    const taken = new Set<string>()
    scanner.subscribe('task.created', ({ task }) => void taken.add(task.taskId))
    await publishAll(host, tasksOf('a', 5))
    await waitUntil('the first are taken', () => taken.size === 5)
    await nats.server.kill()
    await nats.server.restart()
    await publishAll(host, tasksOf('b', 5))
    await waitUntil('the others are taken too', () => taken.size === 10)
    await waitUntilEmpty(space)
  })

  test('goes on after somebody deleted its consumer', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus()
    const taken = new Set<string>()
    bus.subscribe('task.created', ({ task }) => void taken.add(task.taskId))
    await publishAll(bus, tasksOf('a', 1))
    await waitUntil('the first is taken', () => taken.size === 1)
    await waitUntilEmpty(space)
    const jsm = await space.manager()
    await jsm.consumers.delete(space.stream, 'muster-task-created')
    await publishAll(bus, tasksOf('b', 1))
    await waitUntil('the other is taken too', () => taken.size === 2)
  })

  test('that ends while the broker hands out gives back what it has not begun', async () => {
    const space = new Space(nats.server)
    const [one, other] = [
      await space.bus({ ackWaitMs: 2_000 }),
      await space.bus({ ackWaitMs: 2_000 }),
    ]
    await publishAll(one, tasksOf('a', 4))
    // Of several that are given back together, nats-server 2.9.10 may hold one for that long.
    const taken = new Set<string>()
    const gate = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    one.subscribe('task.created', async ({ task }) => {
      begun.resolve()
      await gate.promise
      taken.add(`one ${task.taskId}`)
    })
    await begun.promise
    // What is on its way to a process that leaves comes back only when the broker has waited.
    await sleep(200)
    const closing = one.close()
    other.subscribe('task.created', ({ task }) => void taken.add(`other ${task.taskId}`))
    gate.resolve()
    await closing
    await waitUntil('all are taken', () => taken.size === 4)
    expect([...taken].toSorted()).toEqual(['one a-0', 'other a-1', 'other a-2', 'other a-3'])
    await waitUntilEmpty(space)
  })

  test('keeps an event for as long as its handler works, and no longer when its process is gone', async () => {
    const space = new Space(nats.server)
    const [slow, other] = [
      await space.bus({ ackWaitMs: 1_000, drainMs: 0 }),
      await space.bus({ ackWaitMs: 1_000 }),
    ]
    const [left, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    slow.subscribe('task.created', () => {
      begun.resolve()
      return left.promise
    })
    await publishAll(other, tasksOf('a', 1))
    await begun.promise
    const taken: string[] = []
    other.subscribe('task.created', ({ task }) => void taken.push(task.taskId))
    await sleep(2_500)
    expect(taken).toEqual([])
    await slow.close()
    await waitUntil('the other has it', () => taken.length === 1)
    left.resolve()
  })
})

describe('what is no event of this version', () => {
  test('is left to a newer process, or dropped where it can never be read', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus()
    const nc = await connect({ servers: nats.server.url })
    onTestFinished(() => nc.close())
    nc.publish(
      `${space.prefix}.task.created.a`,
      JSON.stringify({ v: 2, id: 'new', type: 'task.created' }),
    )
    nc.publish(`${space.prefix}.task.created.a`, 'hello')
    await nc.flush()
    const taken: string[] = []
    bus.subscribe('task.created', ({ task }) => void taken.push(task.taskId))
    await publishAll(bus, tasksOf('a', 1))
    await waitUntil('the event is taken', () => taken.length === 1)
    await waitUntilHas(space, 1)
    expect((await space.stored()).map((message) => message.json())).toMatchObject([{ id: 'new' }])
    expect(warnings).toEqual([
      expect.stringContaining('an event of version 2 came'),
      expect.stringContaining('is no event of Muster'),
    ])
  })
})

describe("a session's events", () => {
  test('are kept for each consumer that comes later', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus()
    const event = { sessionId: 'a', targetName: 'acme', error: null }
    await bus.publish('session.interrupted', event, { id: 'a:interrupted' })
    for (const consumer of ['dashboard', 'audit']) {
      const taken: unknown[] = []
      const later = await space.bus({ consumer })
      later.subscribe('session.interrupted', (got) => void taken.push(got))
      await waitUntil(`${consumer} has it`, () => taken.length === 1)
      expect(taken).toEqual([event])
    }
  })
})

describe('a report', () => {
  test('of a scanner completes its task, once the database has taken it', async () => {
    const space = new Space(nats.server)
    const [host, scanner] = [await space.bus(), await space.bus()]
    const store = await openStore({ path: ':memory:' })
    onTestFinished(() => store.close())
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('repo', 1) })
    const [task] = await collect(store.repositories.tasks.stream({ sessionId: walk.sessionId }))
    if (task === undefined) throw new Error('the page made no task')
    let failures = 1
    const recordProgress: typeof store.recordProgress = async (progress) => {
      if ((failures -= 1) >= 0) throw new Error('the database is busy')
      return store.recordProgress(progress)
    }
    const { repositories } = store
    const stop = trackProgress({
      bus: host,
      store: { repositories, recordProgress },
      clock: { now: () => T0 },
    })
    onTestFinished(stop)
    scanner.subscribe('task.created', async ({ task: { taskId } }) => {
      await scanner.publish('task.completed', { taskId, itemsProcessed: 7 })
    })
    await host.publish('task.created', { task }, { id: task.taskId })
    await waitUntilEmpty(space)
    expect(await repositories.tasks.progress(task.taskId)).toMatchObject({
      status: 'COMPLETED',
      itemsProcessed: 7,
    })
    expect(failures).toBeLessThan(0)
  })
})

describe('another consumer of work', () => {
  test('than the first is told that there can be only one', async () => {
    const space = new Space(nats.server)
    const [one, other] = [await space.bus(), await space.bus({ consumer: 'other' })]
    const taken: string[] = []
    one.subscribe('task.created', ({ task }) => void taken.push(task.taskId))
    await publishAll(one, [taskOf('a', 1)])
    await waitUntil('it is taken', () => taken.length === 1)
    other.subscribe('task.created', () => undefined)
    await waitUntil('it warns', () => warnings.length === 1)
    expect(warnings[0]).toContain('have to have the same consumer, which here is "other"')
  })
})

/** Until nothing of the work is left on the broker. */
const waitUntilEmpty = (space: Space): Promise<void> => waitUntilHas(space, 0)

async function waitUntilHas(space: Space, count: number): Promise<void> {
  const jsm = await space.manager()
  for (let tries = 0; tries < 1_000; tries += 1) {
    const { state } = await jsm.streams.info(space.stream)
    if (state.messages === count) return
    await sleep(20)
  }
  throw new Error(`the stream does not come to ${count} messages`)
}
