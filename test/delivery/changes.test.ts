import { describe, expect, test } from 'vitest'
import { Changes, follow } from '../../src/delivery/changes.ts'

/** Whether a promise has been settled by now. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  await new Promise((resolve) => setImmediate(resolve))
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending
}

describe('a reader that waits for a change', () => {
  test('sleeps until one comes, and then for the next one', async () => {
    const changes = new Changes()
    const first = changes.next()
    expect(await isPending(first)).toBe(true)
    changes.notify()
    await first
    expect(await isPending(changes.next())).toBe(true)
  })

  test('does not miss one that comes while it looks', async () => {
    const changes = new Changes()
    const taken = changes.next()
    changes.notify()
    await taken
  })

  test('is woken together with all others', async () => {
    const changes = new Changes()
    const waiting = [changes.next(), changes.next(), changes.next()]
    changes.notify()
    await Promise.all(waiting)
  })

  test('never sleeps again once nothing will change any more', async () => {
    const changes = new Changes()
    const before = changes.next()
    changes.close()
    expect(changes.closed).toBe(true)
    await before
    await changes.next()
    changes.notify()
    await changes.next()
  })
})

describe('following what changes', () => {
  /** A list that grows, and is read from where the last look ended. */
  function growing() {
    const changes = new Changes()
    const items: number[] = []
    let read = 0
    let looks = 0
    return {
      changes,
      add(...more: number[]) {
        items.push(...more)
        changes.notify()
      },
      looks: () => looks,
      take: async (duringLook?: () => void) => {
        looks += 1
        const found = items.slice(read, read + 2)
        read += found.length
        duringLook?.()
        await Promise.resolve()
        return found
      },
    }
  }

  test('yields all there is, in order, and ends when it is closed', async () => {
    const list = growing()
    list.add(1, 2, 3, 4, 5)
    list.changes.close()
    const found: number[] = []
    for await (const item of follow(list.changes, () => list.take())) found.push(item)
    expect(found).toEqual([1, 2, 3, 4, 5])
  })

  test('wakes for what is added later', async () => {
    const list = growing()
    const items = follow(list.changes, () => list.take())
    const next = items.next()
    expect(await isPending(next)).toBe(true)
    list.add(7)
    expect(await next).toEqual({ done: false, value: 7 })
    const last = items.next()
    expect(await isPending(last)).toBe(true)
    list.changes.close()
    expect(await last).toEqual({ done: true, value: undefined })
  })

  test('finds what is added while it looks and finds nothing', async () => {
    const list = growing()
    let once = true
    const items = follow(list.changes, () =>
      list.take(() => {
        if (once) list.add(1)
        once = false
      }),
    )
    expect(await items.next()).toEqual({ done: false, value: 1 })
  })

  test('finds what was added just before it was closed', async () => {
    const list = growing()
    let looks = 0
    const items = follow(list.changes, () =>
      list.take(() => {
        looks += 1
        if (looks > 1) return
        list.add(1)
        list.changes.close()
      }),
    )
    expect(await items.next()).toEqual({ done: false, value: 1 })
    expect(await items.next()).toEqual({ done: true, value: undefined })
  })

  test('does not look while nothing changes', async () => {
    const list = growing()
    const items = follow(list.changes, () => list.take())
    const next = items.next()
    expect(await isPending(next)).toBe(true)
    expect(list.looks()).toBe(1)
    list.add(1)
    await next
  })
})
