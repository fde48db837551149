import { afterEach, describe, expect, test, vi } from 'vitest'
import { announce, createInProcessBus, type BusEvents } from '../../src/delivery/event-bus.ts'

const started: BusEvents['task.started'] = { taskId: 't' }

describe('an event bus within the process', () => {
  test('hands an event to every subscriber of its type, and to no other', async () => {
    const bus = createInProcessBus()
    const taken: string[] = []
    bus.subscribe('task.started', (event) => void taken.push(`first ${event.taskId}`))
    bus.subscribe('task.started', (event) => void taken.push(`second ${event.taskId}`))
    bus.subscribe('task.failed', () => void taken.push('other'))
    await bus.publish('task.started', started)
    expect(taken).toEqual(['first t', 'second t'])
  })

  test('has published an event when every subscriber has taken it', async () => {
    const bus = createInProcessBus()
    const gate = Promise.withResolvers<void>()
    let published = false
    bus.subscribe('task.started', () => gate.promise)
    bus.subscribe('task.started', () => undefined)
    const publishing = bus.publish('task.started', started).then(() => (published = true))
    await new Promise((resolve) => setImmediate(resolve))
    expect(published).toBe(false)
    gate.resolve()
    await publishing
    expect(published).toBe(true)
  })

  test.each([
    ['throws', () => Promise.reject(new Error('scanner is full'))],
    [
      'throws at once',
      () => {
        throw new Error('scanner is full')
      },
    ],
  ])(
    'tells the publisher when a subscriber %s; the others are served all the same',
    async (_, bad) => {
      const bus = createInProcessBus()
      const taken: string[] = []
      bus.subscribe('task.started', bad)
      bus.subscribe('task.started', () => void taken.push('served'))
      await expect(bus.publish('task.started', started)).rejects.toThrow('scanner is full')
      expect(taken).toEqual(['served'])
    },
  )

  test('forgets a subscriber that unsubscribes, even while an event is handed out', async () => {
    const bus = createInProcessBus()
    const taken: string[] = []
    const end = bus.subscribe('task.started', () => {
      taken.push('first')
      end()
      bus.subscribe('task.started', () => void taken.push('late'))
    })
    expect(bus.hasSubscribers('task.started')).toBe(true)
    await bus.publish('task.started', started)
    expect(taken).toEqual(['first'])
    await bus.publish('task.started', started)
    expect(taken).toEqual(['first', 'late'])
  })

  test('knows whether anybody listens', () => {
    const bus = createInProcessBus()
    expect(bus.hasSubscribers('task.started')).toBe(false)
    const end = bus.subscribe('task.started', () => undefined)
    expect(bus.hasSubscribers('task.started')).toBe(true)
    expect(bus.hasSubscribers('task.failed')).toBe(false)
    end()
    end()
    expect(bus.hasSubscribers('task.started')).toBe(false)
  })

  test('counts a function that subscribes twice as two subscribers', async () => {
    const bus = createInProcessBus()
    let taken = 0
    const handler = () => void (taken += 1)
    const end = bus.subscribe('task.started', handler)
    bus.subscribe('task.started', handler)
    await bus.publish('task.started', started)
    expect(taken).toBe(2)
    end()
    await bus.publish('task.started', started)
    expect(taken).toBe(3)
  })

  test('takes events that nobody listens to', async () => {
    await createInProcessBus().publish('task.started', started)
  })
})

describe('an announcement', () => {
  afterEach(() => vi.restoreAllMocks())

  test('does not wait for its subscribers', () => {
    const bus = createInProcessBus()
    const taken: string[] = []
    bus.subscribe('task.started', async (event) => {
      taken.push(event.taskId)
      await new Promise(() => undefined)
    })
    announce(bus, 'task.started', started)
    expect(taken).toEqual(['t'])
  })

  test('warns of a subscriber that throws, and troubles nobody else', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const bus = createInProcessBus()
    bus.subscribe('task.started', () => Promise.reject(new Error('out of luck')))
    announce(bus, 'task.started', started)
    await new Promise((resolve) => setImmediate(resolve))
    expect(warn).toHaveBeenCalledWith(
      'a handler of "task.started" threw: out of luck',
      'MusterWarning',
    )
  })

  test('that nobody listens to is not published', () => {
    let published = 0
    const publish = async () => void (published += 1)
    announce({ ...createInProcessBus(), publish }, 'task.started', started)
    expect(published).toBe(0)
  })
})
