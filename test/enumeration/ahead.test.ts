import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import PQueue from 'p-queue'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Position } from '../../machines/index.ts'
import { StoreError } from '../../src/domain/errors.ts'
import { RetryLaterError, type EnumerateContext, type Muster } from '../../src/index.ts'
import type { FetchedPage } from '../../src/enumeration/page-reader.ts'
import { ReadAhead } from '../../src/enumeration/read-ahead.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { collect, musterOver, QUICK } from '../support/muster.ts'
import { itemsNamed, scriptedTarget, type Scripted } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

const never = new AbortController().signal
const after = (cursor: number): Position => ({ at: 'after', cursor })
const hang = () => new Promise<never>(() => {})

const page = (cursor: number): FetchedPage => ({
  items: [`i${cursor}`],
  position: after(cursor),
  total: null,
  shortfalls: [],
  again: false,
  retriedItems: [],
})

interface Asked {
  readonly position: Position
  readonly signal: AbortSignal
  readonly answer: PromiseWithResolvers<FetchedPage | null>
}

/** Pages that come when the test gives them; it remembers what was asked for. */
function pagesOnDemand(concurrency = 1) {
  const asked: Asked[] = []
  let discarded = 0
  const pages = {
    next(position: Position, signal: AbortSignal) {
      const answer = Promise.withResolvers<FetchedPage | null>()
      asked.push({ position, signal, answer })
      return answer.promise
    },
    discard: () => void (discarded += 1),
  }
  const queue = new PQueue({ concurrency })
  return {
    asked,
    queue,
    ahead: new ReadAhead({ pages, queue }),
    discarded: () => discarded,
    answer: (at: number, found: FetchedPage | null) => asked[at]?.answer.resolve(found),
  }
}

/** What nobody heard of while the test ran. */
function unheard(): unknown[] {
  const reasons: unknown[] = []
  const listener = (reason: unknown) => void reasons.push(reason)
  process.on('unhandledRejection', listener)
  onTestFinished(() => void process.off('unhandledRejection', listener))
  return reasons
}

/** Takes a slot of the queue until it is given back. */
function occupied(queue: PQueue) {
  const slot = Promise.withResolvers<void>()
  void queue.add(() => slot.promise)
  return slot
}

describe('a page that was asked for ahead', () => {
  test('is handed to whoever asks next, who is told at once that its request is out', async () => {
    const { ahead, asked, answer } = pagesOnDemand()
    const told: string[] = []
    await ahead.begin(after(1))
    answer(0, page(2))
    const next = ahead.next(after(1), never, () => told.push('out'))
    expect(told).toEqual(['out'])
    expect(await next).toEqual(page(2))
    expect(asked).toMatchObject([{ position: after(1) }])
    answer(1, null)
    const another = ahead.next(after(2), never, () => told.push('out again'))
    answer(1, null)
    expect(await another).toBeNull()
    expect(asked).toMatchObject([{ position: after(1) }, { position: after(2) }])
    expect(told).toEqual(['out', 'out again'])
  })

  test('is one and no more, however often it is begun', async () => {
    const { ahead, asked } = pagesOnDemand(4)
    await ahead.begin(after(1))
    await ahead.begin(after(1))
    expect(asked).toHaveLength(1)
  })

  test.each<Position>([
    { at: 'start' },
    { at: 'end' },
    { at: 'retrying', after: 0, until: 3, resumeAt: { at: 'end' } },
  ])('is none where what comes next is known by the commit: $at', async (position) => {
    const { ahead, asked } = pagesOnDemand()
    await ahead.begin(position)
    expect(asked).toEqual([])
  })

  test('lets its request leave before the commit begins, and does not wait for the answer', async () => {
    const log: string[] = []
    const pages = {
      async next() {
        // As Node's fetch does on a connection that has just been read from.
        await turnOfTheLoop()
        await turnOfTheLoop()
        log.push('sent')
        return hang()
      },
      discard: () => {},
    }
    const ahead = new ReadAhead({ pages, queue: new PQueue() })
    await ahead.begin(after(1))
    log.push('commit')
    expect(log).toEqual(['sent', 'commit'])
  })

  test('waits for a slot like any other; who asks is told when it has one', async () => {
    const { ahead, asked, queue, answer } = pagesOnDemand()
    const slot = occupied(queue)
    await ahead.begin(after(1))
    let told = 0
    const next = ahead.next(after(1), never, () => void (told += 1))
    await turnOfTheLoop()
    expect([asked.length, told, queue.size]).toEqual([0, 0, 1])
    slot.resolve()
    await turnOfTheLoop()
    expect([asked.length, told]).toEqual([1, 1])
    answer(0, page(2))
    expect(await next).toEqual(page(2))
  })

  test('fails for whoever asks next, and for nobody before', async () => {
    const reasons = unheard()
    const { ahead, asked, answer } = pagesOnDemand()
    await ahead.begin(after(1))
    asked[0]?.answer.reject(new Error('sneeze'))
    await turnOfTheLoop()
    await expect(ahead.next(after(1), never, () => {})).rejects.toThrow('sneeze')
    const retry = ahead.next(after(1), never, () => {})
    answer(1, page(2))
    expect(await retry).toEqual(page(2))
    await ahead.begin(after(2))
    asked[2]?.answer.reject(new Error('heard by nobody'))
    await turnOfTheLoop()
    ahead.discard()
    await turnOfTheLoop()
    expect(reasons).toEqual([])
  })

  test('is aborted with its asker, with the reason, and gives its slot back', async () => {
    const { ahead, asked, queue } = pagesOnDemand()
    await ahead.begin(after(1))
    const stop = new AbortController()
    const next = ahead.next(after(1), stop.signal, () => {})
    stop.abort(new Error('hung'))
    await expect(next).rejects.toThrow('hung')
    expect(asked[0]?.signal.reason).toBe(stop.signal.reason)
    await queue.onIdle()
  })

  test('leaves the queue when it is dropped there, and is never asked for', async () => {
    const { ahead, asked, queue, discarded } = pagesOnDemand()
    const slot = occupied(queue)
    await ahead.begin(after(1))
    expect(queue.size).toBe(1)
    ahead.discard()
    expect(queue.size).toBe(0)
    slot.resolve()
    await queue.onIdle()
    expect([asked.length, discarded()]).toEqual([0, 1])
  })
})

describe('who leaves a listing', () => {
  const limit = new RetryLaterError('limited', 1)

  test('hears what the page ahead failed with, if it has, without patience too', async () => {
    const { ahead, asked, discarded } = pagesOnDemand()
    await ahead.begin(after(1))
    asked[0]?.answer.reject(limit)
    await turnOfTheLoop()
    expect(await ahead.leave(0)).toBe(limit)
    expect(discarded()).toBe(1)
  })

  test('waits in patience for a request that is out, and no longer', async () => {
    const { ahead, asked } = pagesOnDemand()
    await ahead.begin(after(1))
    const left = ahead.leave(20_000)
    expect(asked[0]?.signal.aborted).toBe(false)
    asked[0]?.answer.reject(limit)
    expect(await left).toBe(limit)
    await ahead.begin(after(1))
    expect(await ahead.leave(5)).toBeUndefined()
    expect(asked[1]?.signal.aborted).toBe(true)
  })

  test('waits for nothing else', async () => {
    const { ahead, asked, queue } = pagesOnDemand()
    expect(await ahead.leave(1e9)).toBeUndefined()
    await ahead.begin(after(1))
    expect(await ahead.leave(0)).toBeUndefined()
    expect(asked[0]?.signal.aborted).toBe(true)
    await queue.onIdle()
    occupied(queue)
    await ahead.begin(after(1))
    expect(await ahead.leave(1e9)).toBeUndefined()
    expect(queue.size).toBe(0)
  })
})

/** A database whose page commits pass through the test's hands. */
async function storeWhose(
  commitPage: (go: () => ReturnType<Store['commitPage']>, number: number) => Promise<unknown>,
  path = quickDatabase(),
): Promise<Store> {
  const store = await openStore({ path })
  let number = 0
  return {
    ...store,
    commitPage: (params) =>
      commitPage(() => store.commitPage(params), (number += 1)) as ReturnType<Store['commitPage']>,
  }
}

const LISTING: Scripted = { items: itemsNamed('a', 8), pageSize: 2 }

/** A listing that writes down what is asked of it. */
function watched(before: (page: number, context: EnumerateContext) => unknown = () => undefined) {
  const asked: number[] = []
  const listing: Scripted = {
    ...LISTING,
    before: (number, context) => {
      asked.push(number)
      return before(number, context) as Promise<void>
    },
  }
  return { asked, listing }
}

const walk = (muster: Muster, list = 'a') =>
  muster.coordinator.enumerateTarget(scriptedTarget(list))

describe('the pages of a walk', () => {
  test('are read one ahead and no more: the next is asked for while one is stored', async () => {
    const log: string[] = []
    const { listing } = watched((number) => log.push(`ask ${number}`))
    const database = await storeWhose(async (go, number) => {
      log.push(`commit ${number}`)
      // Time enough to ask for many more.
      for (let i = 0; i < 20; i += 1) await turnOfTheLoop()
      const committed = await go()
      log.push(`committed ${number}`)
      return committed
    })
    const muster = await musterOver({ a: listing }, { database })
    expect((await walk(muster).done).status).toBe('COMPLETED')
    expect(log).toEqual([
      'ask 1',
      ...[1, 2, 3].flatMap((n) => [`ask ${n + 1}`, `commit ${n}`, `committed ${n}`]),
      'commit 4',
      'committed 4',
    ])
  })

  test('are announced in the order in which they were without', async () => {
    const seen: string[] = []
    const muster = await musterOver(
      { a: LISTING },
      {
        inspect: (event) => {
          if (event.type !== '@xstate.event') return
          const { id } = event.actorRef as unknown as { id: string }
          if (id.startsWith('enumerator:')) seen.push(event.event.type)
        },
      },
    )
    muster.bus.subscribe('session.progressed', () => void seen.push('progressed'))
    await walk(muster).done
    const one = ['request.started', 'xstate.done.actor.fetchPage']
    const stored = ['progressed', 'xstate.done.actor.commitPage']
    expect(seen.filter((type) => type !== '@xstate.init' && type !== 'xstate.init')).toEqual([
      ...Array.from({ length: 4 }, () => [...one, ...stored]).flat(),
      ...one,
      'xstate.done.actor.recordEnd',
    ])
  })

  test('may come in one array that is filled anew', async () => {
    const items: string[] = []
    const { listing } = watched()
    const reused: Scripted = {
      ...listing,
      before: (number) => {
        items.splice(0, 2, ...LISTING.items.slice((number - 1) * 2, number * 2))
      },
      page: () => ({ items }),
    }
    const muster = await musterOver({ a: reused })
    const run = walk(muster)
    await run.done
    const uris = (await collect(run.tasks)).map(({ resourceUri }) => resourceUri)
    expect(uris).toEqual(LISTING.items.map((item) => `scripted://${item}`))
  })

  test('of two sessions in a queue of one come in turn, one request at a time', async () => {
    const order: string[] = []
    let [out, most] = [0, 0]
    const listing = (name: string): Scripted => ({
      items: itemsNamed(name, 8),
      pageSize: 2,
      before: async () => {
        order.push(name)
        most = Math.max(most, (out += 1))
        await turnOfTheLoop()
        out -= 1
      },
    })
    const muster = await musterOver({ a: listing('a'), b: listing('b') }, { concurrency: 1 })
    const runs = [walk(muster, 'a'), walk(muster, 'b')]
    for (const run of runs) expect((await run.done).status).toBe('COMPLETED')
    expect(most).toBe(1)
    const texts = order.join('')
    expect(texts).not.toMatch(/aaa|bbb/)
    expect([...texts].toSorted().join('')).toBe('aaaabbbb')
  })
})

describe('a request ahead that', () => {
  test('fails is an attempt like any other', async () => {
    const { asked, listing } = watched((number) => {
      if (number === 3) throw new Error('sneeze')
    })
    const muster = await musterOver({ a: listing }, { maxAttempts: 3 })
    const state = await walk(muster).done
    expect(state).toMatchObject({
      status: 'FAILED',
      metrics: { totalBatches: 3, failedBatches: 1 },
    })
    expect(asked).toEqual([1, 2, 3, 3, 3])
  })

  test('meets a limit is waited for, and nothing is asked meanwhile', async () => {
    let limited = 0
    let early = 0
    const { asked, listing } = watched((number) => {
      if (Date.now() < limited) early += 1
      if (number !== 2 || limited > 0) return
      limited = Date.now() + 60
      throw new RetryLaterError('limited', limited)
    })
    const muster = await musterOver({ a: listing })
    const states: string[] = []
    muster.bus.subscribe('enumerator.changed', ({ state }) => void states.push(state))
    expect((await walk(muster).done).status).toBe('COMPLETED')
    expect(states).toEqual(['waiting'])
    expect(early).toBe(0)
    expect(asked).toEqual([1, 2, 2, 3, 4])
  })

  test('hangs is noticed once it is waited for, and asked again', async () => {
    const signals: AbortSignal[] = []
    const { asked, listing } = watched((number, { signal }) => {
      if (number !== 3 || signals.length > 0) return
      signals.push(signal)
      return hang()
    })
    const muster = await musterOver({ a: listing }, { stallMs: 30 })
    const states: string[] = []
    muster.bus.subscribe('enumerator.changed', ({ state }) => void states.push(state))
    expect((await walk(muster).done).status).toBe('COMPLETED')
    expect(states).toEqual(['stalling', 'backingOff'])
    expect(signals[0]?.aborted).toBe(true)
    expect(asked).toEqual([1, 2, 3, 3, 4])
  })
})

describe('a page ahead is dropped, and the listing goes on at what was committed,', () => {
  /** What the next process asks for, and what it makes of the session. */
  async function goesOn(path: string, asked: readonly number[], twice = 1) {
    const rest = watched()
    const muster = await musterOver({ a: rest.listing }, { database: path })
    expect(await walk(muster).done).toMatchObject({
      status: 'COMPLETED',
      metrics: { totalBatches: 4, itemsProcessed: 8 },
    })
    expect(await muster.repositories.tasks.count()).toBe(8)
    expect(asked.length + rest.asked.length).toBe(4 + twice)
  }

  test('where the commit fails: its request is aborted, and nothing is asked any more', async () => {
    const path = quickDatabase()
    const signals: AbortSignal[] = []
    const { asked, listing } = watched((number, { signal }) => {
      if (number !== 3) return
      signals.push(signal)
      return hang()
    })
    const database = await storeWhose((go, number) => {
      if (number !== 2) return go()
      throw new StoreError('STORE_FAILED', 'the disk is full')
    }, path)
    const muster = await musterOver({ a: listing }, { database })
    await expect(walk(muster).done).rejects.toThrow('the disk is full')
    expect(signals[0]?.aborted).toBe(true)
    for (let i = 0; i < 20; i += 1) await turnOfTheLoop()
    expect(asked).toEqual([1, 2, 3])
    await muster.close()
    await database.close()
    // The page that was not stored, and the one after it.
    await goesOn(path, asked, 2)
  })

  test('but not where the commit is only tried again: it is asked for once', async () => {
    let busy = 2
    const { asked, listing } = watched()
    const database = await storeWhose((go, number) => {
      if (number !== 2 && (busy === 2 || busy <= 0)) return go()
      if ((busy -= 1) < 0) return go()
      throw new StoreError('STORE_BUSY', 'locked')
    })
    const muster = await musterOver({ a: listing }, { database })
    expect((await walk(muster).done).status).toBe('COMPLETED')
    expect(busy).toBeLessThanOrEqual(0)
    expect(asked).toEqual([1, 2, 3, 4])
  })

  test.each(['close', 'drain', 'signal'] as const)(
    'where %s comes meanwhile: a request that hangs, deaf to its signal, holds nobody up',
    async (how) => {
      const path = quickDatabase()
      const { asked, listing } = watched((number) => (number === 3 ? hang() : undefined))
      const [signal, drain] = [new AbortController(), new AbortController()]
      const stopping = Promise.withResolvers<void>()
      const database = await storeWhose(async (go, number) => {
        if (number === 2) {
          stopping.resolve()
          // Until the walk has heard of it.
          for (let i = 0; i < 20; i += 1) await turnOfTheLoop()
        }
        return go()
      }, path)
      const muster = await musterOver({ a: listing }, { database, stallMs: 600_000 })
      const run = muster.coordinator.enumerateTarget(scriptedTarget('a'), {
        signal: signal.signal,
        drain: drain.signal,
      })
      await stopping.promise
      const closed = how === 'close' ? muster.close() : undefined
      if (how === 'drain') drain.abort()
      if (how === 'signal') signal.abort()
      expect(await run.done).toMatchObject({
        status: 'IN_PROGRESS',
        metrics: { totalBatches: 2 },
      })
      await (closed ?? muster.close())
      await database.close()
      await goesOn(path, asked)
    },
  )

  test('and none is begun by who is asked to stop before the commit', async () => {
    const gate = Promise.withResolvers<void>()
    const { asked, listing } = watched((number) => (number === 2 ? gate.promise : undefined))
    const muster = await musterOver({ a: listing })
    let stored = 0
    muster.bus.subscribe('session.progressed', () => void (stored += 1))
    const run = walk(muster)
    await waitUntil('page 2 is out', () => asked.length === 2 && stored === 1)
    const closed = muster.close()
    gate.resolve()
    await closed
    expect((await run.done).metrics.totalBatches).toBe(2)
    expect(asked).toEqual([1, 2])
  })

  test('and a limit that it met is left to the next process', async () => {
    const path = quickDatabase()
    const until = Date.now() + 3_600_000
    const answer = Promise.withResolvers<never>()
    const { listing } = watched((number) => (number === 3 ? answer.promise : undefined))
    const stopping = Promise.withResolvers<void>()
    const database = await storeWhose(async (go, number) => {
      if (number === 2) {
        stopping.resolve()
        for (let i = 0; i < 20; i += 1) await turnOfTheLoop()
      }
      return go()
    }, path)
    const muster = await musterOver({ a: listing }, { database })
    const run = walk(muster)
    await stopping.promise
    const closed = muster.close()
    setTimeout(() => answer.reject(new RetryLaterError('limited', until)), 30)
    const waiting = { reason: 'limited', until: new Date(until) }
    expect(await run.done).toMatchObject({ metrics: { totalBatches: 2 }, waiting })
    await closed
    const store = await openStore({ path })
    expect(await store.repositories.sessions.load(run.sessionId)).toMatchObject({ waiting })
    await Promise.all([store.close(), database.close()])
  })
})

describe('while the host is behind', () => {
  test('one page is in hand, and no other is asked for', async () => {
    const { asked, listing } = watched()
    const muster = await musterOver({ a: listing }, { deliveryWindow: 1, holdMs: 600_000 })
    const run = walk(muster)
    const tasks = run.tasks[Symbol.asyncIterator]()
    let held = false
    muster.bus.subscribe('enumerator.changed', ({ state }) => void (held ||= state === 'holding'))
    await tasks.next()
    await waitUntil('the walk is held', () => held)
    for (let i = 0; i < 200; i += 1) await turnOfTheLoop()
    const state = await muster.repositories.sessions.load(run.sessionId)
    expect(state?.metrics.totalBatches).toBe(2)
    expect(asked).toEqual([1, 2, 3])
    let taken = 1
    for (; (await tasks.next()).done !== true; taken += 1);
    expect(taken).toBe(8)
    expect((await run.done).status).toBe('COMPLETED')
    expect(asked).toEqual([1, 2, 3, 4])
  })

  test('that is known before a commit, no page is asked for during it', async () => {
    const gate = Promise.withResolvers<void>()
    const { asked, listing } = watched((number) => (number === 2 ? gate.promise : undefined))
    const log: string[] = []
    const database = await storeWhose(async (go, number) => {
      if (number === 2) log.push(`${asked.length} asked for`)
      return go()
    })
    const wide = { ...listing, items: itemsNamed('a', 12), pageSize: 4 }
    const muster = await musterOver({ a: wide }, { database, deliveryWindow: 1 })
    let stored = 0
    muster.bus.subscribe('session.progressed', () => void (stored += 1))
    const run = walk(muster)
    await waitUntil('page 2 is out', () => asked.length === 2 && stored === 1)
    // Somebody comes to take tasks, four of which are committed, and takes the first.
    const tasks = run.tasks[Symbol.asyncIterator]()
    await tasks.next()
    gate.resolve()
    for (; (await tasks.next()).done !== true;);
    await run.done
    expect(log).toEqual(['2 asked for'])
  })
})

test('failed items that are tried again are read one page after the other', async () => {
  const listing: Scripted = { items: ['bad-1', ...itemsNamed('a', 3), 'bad-2'], pageSize: 1 }
  const path = quickDatabase()
  const first = await musterOver({ a: listing }, { database: path })
  const partial = await walk(first).done
  expect(partial.status).toBe('PARTIALLY_COMPLETED')
  const log: string[] = []
  const store = await openStore({ path })
  onTestFinished(() => store.close())
  const { failedItems } = store.repositories
  const database: Store = {
    ...store,
    repositories: {
      ...store.repositories,
      failedItems: {
        lastId: (id) => failedItems.lastId(id),
        find: (params) => {
          log.push('find')
          return failedItems.find(params)
        },
      },
    },
    commitPage: async (params) => {
      const committed = await store.commitPage(params)
      log.push('committed')
      return committed
    },
  }
  await first.close()
  const second = await musterOver({ a: { ...listing, mended: true } }, { database, ...QUICK })
  expect((await second.coordinator.resumeTarget(partial).done).status).toBe('COMPLETED')
  expect(log).toEqual(['find', 'committed', 'find'])
})
