import { describe, expect, test } from 'vitest'
import { TASKS_A_WINDOW } from '../../src/delivery/task-feed.ts'
import { Delivery, isPending, nameOf, next, nextWindow } from './delivery.ts'

const namesOf = (page: number, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${page}-${from + i}`)

describe('a window', () => {
  test('holds what is there, in order and at most so many, and is acknowledged in one go', async () => {
    const delivery = await Delivery.start()
    const pages = [400, 400, 2 * TASKS_A_WINDOW - 700]
    for (const page of pages) await delivery.commit(page)
    delivery.changes.close()
    const windows: string[][] = []
    for await (const window of delivery.feed.windows()) windows.push(window.map(nameOf))
    expect(windows.map(({ length }) => length)).toEqual([TASKS_A_WINDOW, TASKS_A_WINDOW, 100])
    expect(windows.flat()).toEqual(pages.flatMap((count, page) => namesOf(page, 0, count)))
    expect(await delivery.outstanding()).toEqual([])
    expect(delivery.calls.filter((call) => call === 'acknowledgeTasks')).toHaveLength(3)
    // What was read just now is not asked about again.
    expect(delivery.calls).not.toContain('findOutstanding')
  })

  test('does not wait to be full, and is never empty', async () => {
    const delivery = await Delivery.start()
    const reader = delivery.feed.windows()
    const first = nextWindow(reader)
    expect(await isPending(first)).toBe(true)
    await delivery.commit(2)
    expect(await first).toEqual(['0-0', '0-1'])
    const second = nextWindow(reader)
    expect(await isPending(second)).toBe(true)
    // A page may have made none.
    await delivery.commit(0)
    expect(await isPending(second)).toBe(true)
    await delivery.commit(3)
    expect(await second).toEqual(['2-0', '2-1', '2-2'])
    delivery.changes.close()
    expect(await nextWindow(reader)).toBeUndefined()
    expect(delivery.drained).toBe(1)
  })

  test('is acknowledged when the next one is asked for', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(7)
    const reader = delivery.feed.windows(3)
    expect(await nextWindow(reader)).toEqual(namesOf(0, 0, 3))
    expect(await delivery.outstanding()).toEqual(namesOf(0, 0, 7))
    expect(await nextWindow(reader)).toEqual(namesOf(0, 3, 6))
    expect(await delivery.outstanding()).toEqual(namesOf(0, 3, 7))
    expect(await nextWindow(reader)).toEqual(['0-6'])
    expect(await isPending(reader.next())).toBe(true)
    // Asking was enough to acknowledge.
    expect(await delivery.outstanding()).toEqual([])
  })

  test.each(['break', 'throw', 'return'] as const)(
    'whose loop is left by %s comes again whole, with the same ids',
    async (leaving) => {
      const delivery = await Delivery.start()
      await delivery.commit(5)
      const ids: string[][] = []
      const leave = async () => {
        for await (const window of delivery.feed.windows(2)) {
          ids.push(window.map(({ taskId }) => taskId))
          if (ids.length === 1) continue
          if (leaving === 'break') break
          if (leaving === 'return') return
          throw new Error('the host failed')
        }
      }
      if (leaving === 'throw') await expect(leave()).rejects.toThrow('the host failed')
      else await leave()
      expect(await delivery.outstanding()).toEqual(namesOf(0, 2, 5))
      const { value } = await delivery.feed.windows(2).next()
      expect(value?.map(({ taskId }) => taskId)).toEqual(ids[1])
    },
  )

  test('that a process had in hand comes again in the next, and no other task does', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(7)
    const reader = delivery.feed.windows(3)
    await reader.next()
    await reader.next()
    delivery.open()
    expect(await nextWindow(delivery.feed.windows())).toEqual(namesOf(0, 3, 7))
  })

  test('is not acknowledged once the store is being closed', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(3)
    const reader = delivery.feed.windows()
    await reader.next()
    delivery.closed.abort()
    delivery.changes.close()
    expect(await nextWindow(reader)).toBeUndefined()
    expect(await delivery.outstanding()).toEqual(namesOf(0, 0, 3))
    expect(delivery.drained).toBe(0)
  })

  test('whose acknowledgement fails comes again whole', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(5)
    const reader = delivery.feed.windows(3)
    await reader.next()
    delivery.failNext = 'acknowledgeTasks'
    await expect(reader.next()).rejects.toThrow('acknowledgeTasks failed')
    expect(await delivery.outstanding()).toEqual(namesOf(0, 0, 5))
    const again = delivery.feed.windows(3)
    expect(await nextWindow(again)).toEqual(namesOf(0, 0, 3))
    expect(await nextWindow(again)).toEqual(namesOf(0, 3, 5))
  })

  test('whose acknowledgement was kept though it is said to have failed does not come again', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(5)
    delivery.changes.close()
    const reader = delivery.feed.windows(3)
    await reader.next()
    delivery.failNext = 'acknowledgeTasks'
    delivery.hasDoneSo = true
    await expect(reader.next()).rejects.toThrow('acknowledgeTasks failed')
    const again = delivery.feed.windows(3)
    expect(await nextWindow(again)).toEqual(namesOf(0, 3, 5))
    expect(await nextWindow(again)).toBeUndefined()
    expect(delivery.drained).toBe(1)
  })

  test('counts with all its tasks in the delivery window', async () => {
    const delivery = await Delivery.start(10)
    await delivery.commit(30)
    const reader = delivery.feed.windows(15)
    await reader.next()
    expect(delivery.feed.isFull).toBe(true)
    const room = delivery.feed.room()
    expect(await isPending(room)).toBe(true)
    await reader.next()
    await room
    expect(delivery.feed.isFull).toBe(false)
    await delivery.commit(11)
    expect(delivery.feed.isFull).toBe(true)
    const released = delivery.feed.room()
    await reader.return()
    // Given back, and nobody is there to take them.
    await released
    const other = delivery.feed.windows(15)
    await other.next()
    expect(delivery.feed.isFull).toBe(true)
    await other.next()
    expect(delivery.feed.isFull).toBe(false)
  })
})

describe('readers of windows and of single tasks', () => {
  test('share the tasks: each is handed to one of them', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(100)
    delivery.changes.close()
    const single = async () => {
      const taken: string[] = []
      for await (const task of delivery.feed.tasks()) taken.push(nameOf(task))
      return taken
    }
    const windows = async () => {
      const taken: string[] = []
      for await (const window of delivery.feed.windows(7)) taken.push(...window.map(nameOf))
      return taken
    }
    const shares = await Promise.all([single(), windows(), single(), windows()])
    for (const share of shares) expect(share.length).toBeGreaterThan(3)
    expect(shares.flat().toSorted()).toEqual(namesOf(0, 0, 100).toSorted())
    expect(await delivery.outstanding()).toEqual([])
    expect(delivery.drained).toBeGreaterThan(0)
  })

  test('take up from each other what was given back, in its order', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(6)
    const [single, windows] = [delivery.feed.tasks(), delivery.feed.windows(3)]
    expect(await next(single)).toBe('0-0')
    expect(await nextWindow(windows)).toEqual(namesOf(0, 1, 4))
    await windows.return()
    await single.return()
    expect(await nextWindow(delivery.feed.windows())).toEqual(namesOf(0, 0, 6))
  })

  test('wait for each other: the session is not drained while one holds a window', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(3)
    delivery.changes.close()
    const [windows, single] = [delivery.feed.windows(2), delivery.feed.tasks()]
    await windows.next()
    await single.next()
    expect(await next(single)).toBeUndefined()
    expect(delivery.drained).toBe(0)
    expect(await nextWindow(windows)).toBeUndefined()
    expect(delivery.drained).toBe(1)
  })

  test('are woken by a window that another one gives back', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(3)
    const leaving = delivery.feed.windows()
    await leaving.next()
    const waiting = next(delivery.feed.tasks())
    expect(await isPending(waiting)).toBe(true)
    await leaving.return()
    expect(await waiting).toBe('0-0')
  })
})

describe('what was read ahead and was acknowledged by another process since', () => {
  test('is not handed out, alone or in a window', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(9)
    const single = delivery.feed.tasks()
    expect(await next(single)).toBe('0-0')
    expect(await delivery.acknowledgeElsewhere(1, 3)).toEqual(['0-1', '0-2'])
    expect(await next(single)).toBe('0-3')
    expect(await delivery.acknowledgeElsewhere(2, 4)).toEqual(['0-5', '0-6'])
    expect(await nextWindow(delivery.feed.windows())).toEqual(['0-4', '0-7', '0-8'])
  })

  test('does not hide what is behind it in the database', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(TASKS_A_WINDOW + 2)
    delivery.changes.close()
    const single = delivery.feed.tasks()
    await next(single)
    await delivery.acknowledgeElsewhere(1, TASKS_A_WINDOW)
    expect(await next(single)).toBe(`0-${TASKS_A_WINDOW}`)
    expect(await nextWindow(delivery.feed.windows())).toEqual([`0-${TASKS_A_WINDOW + 1}`])
  })

  test('leaves room in the delivery window, and can be the last there was', async () => {
    const delivery = await Delivery.start(2)
    await delivery.commit(5)
    const single = delivery.feed.tasks()
    await next(single)
    expect(delivery.feed.isFull).toBe(true)
    await delivery.acknowledgeElsewhere(1, 5)
    const waiting = next(single)
    expect(await isPending(waiting)).toBe(true)
    await delivery.commit(2)
    expect(delivery.feed.isFull).toBe(false)
    expect(await waiting).toBe('1-0')
    await delivery.acknowledgeElsewhere(1)
    delivery.changes.close()
    expect(await next(single)).toBeUndefined()
    expect(delivery.drained).toBe(1)
  })

  test('was given back: it is looked up again', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(4)
    const windows = delivery.feed.windows()
    await windows.next()
    await windows.return()
    await delivery.acknowledgeElsewhere(0, 2)
    expect(await nextWindow(delivery.feed.windows())).toEqual(['0-2', '0-3'])
  })

  test('was given back while another reader was reading', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(2)
    const leaving = delivery.feed.windows()
    await leaving.next()
    await delivery.acknowledgeElsewhere(0)
    await delivery.commit(1)
    const other = nextWindow(delivery.feed.windows())
    await leaving.return()
    const taken = (await other) ?? []
    expect(taken).not.toContain('0-0')
    expect(await delivery.outstanding()).toEqual(['0-1', '1-0'])
  })

  test('is looked up again after the look that failed', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(3)
    delivery.changes.close()
    const single = delivery.feed.tasks()
    await next(single)
    delivery.failNext = 'findOutstanding'
    await expect(single.next()).rejects.toThrow('findOutstanding failed')
    expect(await delivery.outstanding()).toEqual(['0-1', '0-2'])
    const again = delivery.feed.windows()
    expect(await nextWindow(again)).toEqual(['0-1', '0-2'])
    expect(await nextWindow(again)).toBeUndefined()
    expect(delivery.drained).toBe(1)
  })

  test('is as good as in hand while it is looked up: no other reader calls the session drained', async () => {
    const delivery = await Delivery.start()
    await delivery.commit(2)
    delivery.changes.close()
    const single = delivery.feed.tasks()
    await next(single)
    const gate = Promise.withResolvers<void>()
    delivery.before = async (step) => {
      if (step === 'findOutstanding') await gate.promise
    }
    const looking = next(single)
    expect(await isPending(looking)).toBe(true)
    expect(await next(delivery.feed.tasks())).toBeUndefined()
    expect(delivery.drained).toBe(0)
    gate.resolve()
    expect(await looking).toBe('0-1')
    expect(await next(single)).toBeUndefined()
    expect(delivery.drained).toBe(1)
  })
})
