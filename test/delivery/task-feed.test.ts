import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OutstandingTask } from '../../src/store/store.ts'
import { calm, Delivery, isPending, nameOf, next, type Step } from './delivery.ts'

describe('a task', () => {
  test('is acknowledged when the next one is asked for', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(3)
    const reader = delivery.feed.tasks()
    expect(await next(reader)).toBe('0-0')
    expect(await delivery.outstanding()).toEqual(['0-0', '0-1', '0-2'])
    expect(await next(reader)).toBe('0-1')
    expect(await delivery.outstanding()).toEqual(['0-1', '0-2'])
  })

  test('is acknowledged when the end is asked for', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(1)
    delivery.changes.close()
    const taken: string[] = []
    for await (const task of delivery.feed.tasks()) taken.push(nameOf(task))
    expect(taken).toEqual(['0-0'])
    expect(await delivery.outstanding()).toEqual([])
  })

  test.each(['break', 'throw', 'return'] as const)(
    'whose loop is left by %s is not acknowledged, and comes first the next time',
    async (leaving) => {
      const delivery = await Delivery.start()
      await delivery.commit(5)
      const leave = async () => {
        for await (const task of delivery.feed.tasks()) {
          if (nameOf(task) !== '0-2') continue
          if (leaving === 'break') break
          if (leaving === 'return') return
          throw new Error('the host failed')
        }
      }
      if (leaving === 'throw') await expect(leave()).rejects.toThrow('the host failed')
      else await leave()
      expect(await delivery.outstanding()).toEqual(['0-2', '0-3', '0-4'])
      const reader = delivery.feed.tasks()
      expect([await next(reader), await next(reader)]).toEqual(['0-2', '0-3'])
    },
  )

  test('that was given back comes again in another process', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(3)
    const reader = delivery.feed.tasks()
    await next(reader)
    await next(reader)
    delivery.open()
    expect(await next(delivery.feed.tasks())).toBe('0-1')
  })

  test('carries the same identity each time it is handed out', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(1)
    const first = await delivery.feed.tasks().next()
    delivery.open()
    expect(await delivery.feed.tasks().next()).toEqual(first)
  })

  test('whose acknowledgement fails comes again first', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(3)
    const reader = delivery.feed.tasks()
    await next(reader)
    delivery.failNext = 'acknowledgeTasks'
    await expect(reader.next()).rejects.toThrow('acknowledgeTasks failed')
    expect(await delivery.outstanding()).toEqual(['0-0', '0-1', '0-2'])
    const again = delivery.feed.tasks()
    expect([await next(again), await next(again)]).toEqual(['0-0', '0-1'])
  })

  test('is not acknowledged once the store is being closed', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(3)
    const reader = delivery.feed.tasks()
    await next(reader)
    delivery.closed.abort()
    delivery.changes.close()
    expect(await next(reader)).toBeUndefined()
    expect(await delivery.outstanding()).toEqual(['0-0', '0-1', '0-2'])
    expect(await next(delivery.feed.tasks())).toBeUndefined()
    expect(delivery.drained).toBe(0)
  })
})

describe('a reader', () => {
  test('takes everything in order, through more than one window of the database', async () => {
    const delivery = await Delivery.start()
    for (let page = 0; page < 3; page += 1) await delivery.commit(400)
    delivery.changes.close()
    const taken: string[] = []
    for await (const task of delivery.feed.tasks()) taken.push(nameOf(task))
    const expected = [0, 1, 2].flatMap((page) =>
      Array.from({ length: 400 }, (_, i) => `${page}-${i}`),
    )
    expect(taken).toEqual(expected)
    expect(await delivery.outstanding()).toEqual([])
  })

  test('that waits is woken by tasks that are committed', async () => {
    const delivery = await Delivery.start()
    const reader = delivery.feed.tasks()
    const waiting = next(reader)
    expect(await isPending(waiting)).toBe(true)
    await delivery.commit(2)
    expect(await waiting).toBe('0-0')
    expect(await next(reader)).toBe('0-1')
    const again = next(reader)
    expect(await isPending(again)).toBe(true)
    // Asking was enough to acknowledge.
    expect(await delivery.outstanding()).toEqual([])
    await delivery.commit(1)
    expect(await again).toBe('1-0')
  })

  test('ends when the walk is over and everything is taken, and not before', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(2)
    const reader = delivery.feed.tasks()
    await next(reader)
    delivery.changes.close()
    expect(await next(reader)).toBe('0-1')
    expect(delivery.drained).toBe(0)
    expect(await next(reader)).toBeUndefined()
    expect(delivery.drained).toBe(1)
  })

  test('that waits ends when the walk is over', async () => {
    const delivery = await Delivery.start()
    const waiting = next(delivery.feed.tasks())
    expect(await isPending(waiting)).toBe(true)
    delivery.changes.close()
    expect(await waiting).toBeUndefined()
  })

  test('that waits ends when the store is being closed; who knows whether all was delivered', async () => {
    const delivery = await Delivery.start()
    const waiting = next(delivery.feed.tasks())
    expect(await isPending(waiting)).toBe(true)
    delivery.closed.abort()
    delivery.changes.close()
    expect(await waiting).toBeUndefined()
    expect(delivery.drained).toBe(0)
  })

  test('shares the tasks with another one: each is handed to one of them', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(100)
    delivery.changes.close()
    const read = async () => {
      const taken: string[] = []
      for await (const task of delivery.feed.tasks()) {
        taken.push(nameOf(task))
        await Promise.resolve()
      }
      return taken
    }
    const [one, two] = await Promise.all([read(), read()])
    expect(one?.length).toBeGreaterThan(10)
    expect(two?.length).toBeGreaterThan(10)
    const all = [...(one ?? []), ...(two ?? [])]
    expect(new Set(all).size).toBe(100)
    expect(all).toHaveLength(100)
    expect(await delivery.outstanding()).toEqual([])
  })

  test('that waits is handed what another one gave back', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(1)
    const leaving = delivery.feed.tasks()
    await next(leaving)
    const waiting = next(delivery.feed.tasks())
    expect(await isPending(waiting)).toBe(true)
    await leaving.return()
    expect(await waiting).toBe('0-0')
  })

  test('takes what two others gave back in the order in which it was found', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(4)
    const [one, two] = [delivery.feed.tasks(), delivery.feed.tasks()]
    expect([await next(one), await next(two)]).toEqual(['0-0', '0-1'])
    await one.return()
    await two.return()
    const reader = delivery.feed.tasks()
    expect([await next(reader), await next(reader), await next(reader)]).toEqual([
      '0-0',
      '0-1',
      '0-2',
    ])
  })

  test('does not call the session drained while another one holds a task', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(2)
    delivery.changes.close()
    const [one, two] = [delivery.feed.tasks(), delivery.feed.tasks()]
    await next(one)
    await next(two)
    expect(await next(one)).toBeUndefined()
    expect(delivery.drained).toBe(0)
    await two.return()
    expect(delivery.drained).toBe(0)
    const last = delivery.feed.tasks()
    expect(await next(last)).toBe('0-1')
    expect(await next(last)).toBeUndefined()
    expect(delivery.drained).toBe(1)
  })

  test('is noted in the database once, when it asks for its first task', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(1)
    const reader = delivery.feed.tasks()
    delivery.feed.tasks()
    expect(delivery.begun).toBe(0)
    await delivery.walk.advance({ status: 'COMPLETED' })
    expect(await delivery.store.findUnfinished()).toEqual([])
    await next(reader)
    delivery.changes.close()
    await next(delivery.feed.tasks())
    expect(delivery.begun).toBe(1)
    expect(await delivery.store.findUnfinished()).toHaveLength(1)
  })
})

describe('a store that fails for a moment', () => {
  test.each(['beginDelivery', 'takeTasks'] as const)(
    'in %s fails that reader alone: the next one gets every task',
    async (step) => {
      const delivery = await Delivery.start()
      await delivery.commit(2)
      delivery.changes.close()
      delivery.failNext = step
      await expect(delivery.feed.tasks().next()).rejects.toThrow(`${step} failed`)
      const reader = delivery.feed.tasks()
      expect([await next(reader), await next(reader), await next(reader)]).toEqual([
        '0-0',
        '0-1',
        undefined,
      ])
      expect(delivery.drained).toBe(1)
    },
  )

  test('does not end a reader that waited beside the one it failed', async () => {
    const delivery = await Delivery.start()
    const [one, two] = [delivery.feed.tasks(), delivery.feed.tasks()]
    const waiting = [one.next(), two.next()] as const
    expect(await isPending(Promise.race(waiting))).toBe(true)
    delivery.failNext = 'takeTasks'
    await delivery.commit(1)
    const outcomes = await Promise.allSettled(waiting)
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const served = outcomes.find(({ status }) => status === 'fulfilled')
    expect(served).toMatchObject({ value: { done: false, value: { seq: 1 } } })
    expect(delivery.drained).toBe(0)
    expect(await delivery.outstanding()).toEqual(['0-0'])
  })
})

describe('the delivery window', () => {
  test('is full when somebody takes tasks and is further behind than it allows', async () => {
    const delivery = await Delivery.start(10)
    await delivery.commit(12)
    // Nobody takes tasks: a stream that is not read holds up nothing.
    expect(delivery.feed.isFull).toBe(false)
    const reader = delivery.feed.tasks()
    await next(reader)
    expect(delivery.feed.isFull).toBe(true)
    await next(reader)
    expect(delivery.feed.isFull).toBe(false)
  })

  test('has room as soon as enough is taken', async () => {
    const delivery = await Delivery.start(10)
    await delivery.commit(13)
    const reader = delivery.feed.tasks()
    await next(reader)
    const room = delivery.feed.room()
    expect(await isPending(room)).toBe(true)
    await next(reader)
    expect(await isPending(room)).toBe(true)
    await next(reader)
    await room
    expect(delivery.feed.isFull).toBe(false)
  })

  test('has room at once when it is not full', async () => {
    const delivery = await Delivery.start(10)
    await delivery.feed.room()
    await delivery.commit(30)
    await delivery.feed.room()
  })

  test('is released when the reader leaves, or fails', async () => {
    const delivery = await Delivery.start(10)
    await delivery.commit(30)
    const reader = delivery.feed.tasks()
    await next(reader)
    const room = delivery.feed.room()
    expect(await isPending(room)).toBe(true)
    await reader.return()
    await room

    const failing = delivery.feed.tasks()
    await next(failing)
    const again = delivery.feed.room()
    expect(await isPending(again)).toBe(true)
    delivery.failNext = 'acknowledgeTasks'
    await expect(failing.next()).rejects.toThrow('failed')
    await again
  })

  test('is released when the reader fails before it has a task', async () => {
    const delivery = await Delivery.start(10)
    delivery.feed.committed(30)
    const waiting = delivery.feed.tasks().next()
    const room = delivery.feed.room()
    expect(await isPending(Promise.race([waiting, room]))).toBe(true)
    delivery.failNext = 'takeTasks'
    delivery.changes.notify()
    await expect(waiting).rejects.toThrow('takeTasks failed')
    await room
  })

  test('is not kept full by a task that is taken, given back and taken again', async () => {
    const delivery = await Delivery.start(10)
    await delivery.commit(12)
    for (let i = 0; i < 5; i += 1) {
      const reader = delivery.feed.tasks()
      await next(reader)
      expect(delivery.feed.isFull).toBe(true)
      await reader.return()
    }
    const reader = delivery.feed.tasks()
    await next(reader)
    await next(reader)
    expect(delivery.feed.isFull).toBe(false)
  })

  test('lets a walk go that is over', async () => {
    const delivery = await Delivery.start(10)
    await delivery.commit(30)
    await next(delivery.feed.tasks())
    expect(delivery.feed.isFull).toBe(true)
    const room = delivery.feed.room()
    expect(await isPending(room)).toBe(true)
    delivery.changes.close()
    await room
  })
})

describe('whatever happens in whatever order', () => {
  /** How many tasks each reader asks for at a time; null for one that asks for single tasks. */
  const READERS = [null, null, 2, 3, 500] as const

  type Action =
    | { readonly do: 'commit'; readonly tasks: number }
    | { readonly do: 'next' | 'leave'; readonly reader: number }
    | { readonly do: 'fail'; readonly step: Step; readonly hasDoneSo: boolean }
    | { readonly do: 'elsewhere'; readonly from: number; readonly count: number }
    | { readonly do: 'reopen' }

  const reader = fc.nat({ max: READERS.length - 1 })
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), tasks: fc.nat(4) }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant('next' as const), reader }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), reader }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('fail' as const),
        step: fc.constantFrom<Step>(
          'beginDelivery',
          'takeTasks',
          'findOutstanding',
          'acknowledgeTasks',
        ),
        hasDoneSo: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('elsewhere' as const),
        from: fc.nat(4),
        count: fc.nat(3),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
  )

  /** Runs the actions against a feed, and checks each delivery against what the database says. */
  class Run {
    readonly #delivery: Delivery
    readonly #wrong: string[] = []
    readonly #delivered = new Set<string>()
    readonly #elsewhere = new Set<string>()
    #readers: AsyncGenerator<OutstandingTask | readonly OutstandingTask[], void, void>[] = []
    /** What each reader has in hand. */
    #inHand: (readonly string[])[] = []
    #waiting: (Promise<void> | undefined)[] = []

    constructor(delivery: Delivery) {
      this.#delivery = delivery
      this.#open()
    }

    async do(action: Action): Promise<void> {
      const delivery = this.#delivery
      if (action.do === 'commit') await delivery.commit(action.tasks)
      else if (action.do === 'fail') {
        delivery.failNext = action.step
        delivery.hasDoneSo = action.hasDoneSo
      } else if (action.do === 'elsewhere') await this.#acknowledgeElsewhere(action)
      else if (action.do === 'next') await this.#next(action.reader)
      else if (action.do === 'leave') await this.#leave(action.reader)
      else await this.#reopen()
    }

    /** Lets every reader go, and takes the rest, as a host does that runs once more to the end. */
    async finish(): Promise<void> {
      this.#delivery.failNext = undefined
      this.#delivery.changes.close()
      await Promise.all(this.#waiting)
      for (const index of READERS.keys()) await this.#leave(index)
      this.#delivery.drained = 0
      this.#replace(0)
      while (await this.#step(0));
      expect(this.#wrong).toEqual([])
      expect(await this.#delivery.outstanding()).toEqual([])
      expect(this.#delivered.union(this.#elsewhere).size).toBe(this.#delivery.committed)
      expect(this.#delivery.drained).toBe(1)
    }

    /** Asks for a task; a reader that finds none goes on waiting while others act. */
    async #next(index: number): Promise<void> {
      this.#waiting[index] ??= this.#step(index).then(
        () => void (this.#waiting[index] = undefined),
        () => this.#replace(index),
      )
      await isPending(this.#waiting[index] as Promise<void>)
    }

    /** @returns whether a task was handed out */
    async #step(index: number): Promise<boolean> {
      const reader = this.#readers[index]
      // Asking gives up what was in hand, be it acknowledged or given back.
      this.#inHand[index] = []
      const { done, value } = (await reader?.next()) ?? { done: true, value: undefined }
      if (done === true || value === undefined) return false
      const names = [value].flat().map(nameOf)
      const outstanding = await this.#delivery.outstanding()
      if (names.length === 0) this.#wrong.push('a window has nothing in it')
      if (names.length > (READERS[index] ?? 1)) this.#wrong.push(`${names.length} tasks at once`)
      for (const name of names) {
        if (!outstanding.includes(name)) this.#wrong.push(`${name} came after it was acknowledged`)
        if (this.#inHand.flat().includes(name)) this.#wrong.push(`${name} is in two hands`)
        this.#delivered.add(name)
      }
      this.#inHand[index] = names
      return true
    }

    /** Another process delivers too: what is in a hand here is left to it. */
    async #acknowledgeElsewhere({ from, count }: { from: number; count: number }): Promise<void> {
      // Nobody can tell of a task that is on its way whether it was acknowledged first.
      await calm()
      const inHand = new Set(this.#inHand.flat())
      const free = (await this.#delivery.outstanding()).findIndex((name) => !inHand.has(name))
      if (free === -1) return
      const names = await this.#delivery.acknowledgeElsewhere(free + from, free + from + count)
      for (const name of names) this.#elsewhere.add(name)
    }

    async #leave(index: number): Promise<void> {
      // A loop that waits for a task cannot be left.
      if (this.#waiting[index] !== undefined) return
      this.#inHand[index] = []
      await this.#readers[index]?.return()
      this.#replace(index)
    }

    async #reopen(): Promise<void> {
      this.#delivery.closed.abort()
      this.#delivery.changes.close()
      await Promise.all(this.#waiting)
      this.#delivery.open()
      this.#delivery.drained = 0
      this.#open()
    }

    #open(): void {
      this.#readers = READERS.map((_, index) => this.#reader(index))
      this.#inHand = READERS.map(() => [])
      this.#waiting = []
    }

    #replace(index: number): void {
      this.#waiting[index] = undefined
      this.#readers[index] = this.#reader(index)
    }

    #reader(index: number) {
      const { feed } = this.#delivery
      const size = READERS[index] ?? null
      return size === null ? feed.tasks() : feed.windows(size)
    }
  }

  test('every task is delivered at least once, and none after it was acknowledged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40, size: 'medium' }), async (actions) => {
        const run = new Run(await Delivery.start(3))
        for (const each of actions) await run.do(each)
        await run.finish()
      }),
      { numRuns: 80 },
    )
  })
})
