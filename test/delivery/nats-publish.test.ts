import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { waitUntil } from '../support/wait-until.ts'
import { ownNats, publishAll, Space, taskOf, tasksOf } from './nats.ts'

const nats = ownNats()

describe('publishing to NATS', () => {
  test('has the broker keep an event of one id once, whoever publishes it', async () => {
    const space = new Space(nats.server)
    const [one, other] = [await space.bus(), await space.bus()]
    await publishAll(one, tasksOf('a', 3))
    await publishAll(other, tasksOf('a', 5))
    expect((await space.envelopes()).map(({ id }) => id)).toEqual([
      'a-0',
      'a-1',
      'a-2',
      'a-3',
      'a-4',
    ])
    await one.publish('task.started', { taskId: 'a-0' })
    await one.publish('task.started', { taskId: 'a-0' })
    expect(await space.stored()).toHaveLength(7)
  })

  test('keeps the order of a session, though many are on their way at once', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus()
    const [a, b] = [tasksOf('a', 1_500), tasksOf('b', 1_500)]
    await Promise.all([publishAll(bus, a), publishAll(bus, b)])
    const stored = await space.envelopes()
    for (const tasks of [a, b]) {
      const of = stored.filter(({ sessionId }) => sessionId === tasks[0]?.sessionId)
      expect(of.map(({ id }) => id)).toEqual(tasks.map(({ taskId }) => taskId))
    }
  })

  test('names the subject after the type and what the event is about', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus()
    await bus.publish('task.created', { task: taskOf('a', 1) })
    await bus.publish('task.failed', { taskId: 'a-1', error: 'no' }, { sessionId: 'a' })
    await bus.publish('task.started', { taskId: 'b.*> 1' })
    await bus.publish('rule.published', { ruleId: 'r', definition: {} })
    await bus.publish('session.interrupted', { sessionId: 'a', targetName: 't', error: null })
    const subjects = async (stream: string) =>
      (await space.stored(stream)).map(({ subject }) => subject.replace(`${space.prefix}.`, ''))
    expect(await subjects(space.stream)).toEqual([
      'task.created.a',
      'task.failed.a',
      'task.started.b____1',
      'rule.published.r',
    ])
    expect(await subjects(space.sessions)).toEqual(['session.interrupted.a'])
  })

  test('refuses an event that is larger than the server takes, and goes on', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus()
    const large = { ...taskOf('a', 0), metadata: { text: 'x'.repeat(1_100_000) } }
    const refused = bus.publish('task.created', { task: large })
    await expect(refused).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    await bus.publish('task.created', { task: taskOf('a', 1) })
    expect(await space.stored()).toHaveLength(1)
  })
})

describe('a server that is restarted', () => {
  test('gets every event, once and in order', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus()
    // Nothing holds reports, so that more are to be sent than can be on their way at once.
    const tasks = tasksOf('a', 4_000)
    let acknowledged = 0
    const killed = Promise.withResolvers<void>()
    const publishing = Promise.all(
      tasks.map(async (task) => {
        await bus.publish('task.started', task, { id: task.taskId, sessionId: 'a' })
        acknowledged += 1
        if (acknowledged === 300) killed.resolve(nats.server.kill())
      }),
    )
    await killed.promise
    const before = acknowledged
    expect(before).toBeLessThan(tasks.length)
    await sleep(50)
    await nats.server.restart()
    await publishing
    expect((await space.envelopes()).map(({ id }) => id)).toEqual(tasks.map(({ taskId }) => taskId))
  })

  test('is waited for, until the bus is closed', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus({ drainMs: 50 })
    await nats.server.kill()
    const publishing = bus.publish('task.started', { taskId: 'a' })
    const refused = expect(publishing).rejects.toMatchObject({ code: 'CLOSED' })
    await bus.close()
    await refused
    await nats.server.restart()
    await expect(bus.publish('task.started', { taskId: 'a' })).rejects.toMatchObject({
      code: 'CLOSED',
    })
  })
})

describe('back-pressure', () => {
  test('holds tasks while nobody takes them, and nothing else; nothing is lost', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus({ maxPending: 20 })
    const tasks = tasksOf('a', 100)
    let published = 0
    const publishing = Promise.all(
      tasks.map(async (task) => {
        await bus.publish('task.created', { task }, { id: task.taskId })
        published += 1
      }),
    )
    await waitUntil('as many are published as may be', () => published === 20)
    await bus.publish('task.started', { taskId: 'a-0' })
    await sleep(300)
    expect(await space.stored()).toHaveLength(21)
    expect(published).toBe(20)
    const taken: string[] = []
    const scanner = await space.bus()
    scanner.subscribe('task.created', ({ task }) => void taken.push(task.taskId))
    await publishing
    await waitUntil('all are taken', () => taken.length === 100)
    expect(taken).toEqual(tasks.map(({ taskId }) => taskId))
  })

  test('lets go of a publisher whose signal aborts, and of all when the bus is closed', async () => {
    const space = new Space(nats.server)
    const bus = await space.bus({ maxPending: 1 })
    await publishAll(bus, tasksOf('a', 1))
    const leaving = new AbortController()
    const { signal } = leaving
    const left = bus.publish('task.created', { task: taskOf('a', 1) }, { signal })
    const held = bus.publish('task.created', { task: taskOf('a', 2) })
    leaving.abort(new Error('no longer ours'))
    await expect(left).rejects.toThrow('no longer ours')
    const closed = expect(held).rejects.toMatchObject({ code: 'CLOSED' })
    await bus.close()
    await closed
    expect(await space.stored()).toHaveLength(1)
  })
})
