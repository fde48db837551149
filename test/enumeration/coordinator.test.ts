import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { DEFAULT_SETTINGS, openStore, RetryLaterError, SourceError } from '../../src/index.ts'
import { collect, musterOver, QUICK } from '../support/muster.ts'
import { itemsNamed, scriptedSource, scriptedTarget } from '../support/scripted-source.ts'
import { tempDatabase } from '../support/temp.ts'

const uris = (items: readonly string[]) => items.map((item) => `scripted://${item}`)
const hang = () => new Promise<never>(() => {})

describe('a walk', () => {
  test('keeps every item, in order, and hands each on once', async () => {
    const items = itemsNamed('a', 25)
    const { coordinator } = await musterOver({ a: { items, pageSize: 10 } })
    const run = coordinator.enumerateTarget(scriptedTarget('a'))
    const tasks = await collect(run.tasks)
    expect(tasks.map((task) => task.resourceUri)).toEqual(uris(items))
    expect(tasks[0]).toMatchObject({
      sessionId: run.sessionId,
      sourceType: 'scripted',
      metadata: { item: 'a-00000' },
    })
    const session = await run.done
    expect(session).toMatchObject({
      status: 'COMPLETED',
      completeness: 'COMPLETE',
      total: 25,
      metrics: {
        totalBatches: 3,
        itemsFound: 25,
        itemsProcessed: 25,
        itemsSkipped: 0,
        itemsFailed: 0,
      },
    })
    expect(await coordinator.resumeTarget(session).done).toMatchObject({ status: 'COMPLETED' })
  })

  test('needs nobody who reads: `done` comes all the same', async () => {
    const listing = { items: itemsNamed('a', 30), pageSize: 10 }
    const { coordinator, repositories } = await musterOver({ a: listing }, { deliveryWindow: 1 })
    expect(await coordinator.enumerateTarget(scriptedTarget('a')).done).toMatchObject({
      status: 'COMPLETED',
    })
    expect(await repositories.tasks.count()).toBe(30)
  })

  test('of an empty listing is complete', async () => {
    const { coordinator } = await musterOver({ a: { items: [], pageSize: 10 } })
    const run = coordinator.enumerateTarget(scriptedTarget('a'))
    expect(await collect(run.tasks)).toEqual([])
    expect(await run.done).toMatchObject({ status: 'COMPLETED', metrics: { totalBatches: 0 } })
  })

  test('streams scan targets a batch at a time, and the failed items as errors', async () => {
    const items = ['x', 'bad-1', 'y', 'bad-2', 'z']
    const { coordinator, repositories } = await musterOver({ a: { items, pageSize: 2 } })
    const run = coordinator.enumerateTarget(scriptedTarget('a'))
    const [batches, errors] = await Promise.all([collect(run.scanTargets), collect(run.errors)])
    expect(batches.map((batch) => batch.length)).toEqual([1, 1, 1])
    expect(errors.map(({ code, item, message }) => [code, item, message])).toEqual([
      ['ITEM_REJECTED', '"bad-1"', '"bad-1" is bad'],
      ['ITEM_REJECTED', '"bad-2"', '"bad-2" is bad'],
    ])
    const [id] = batches[0] ?? []
    expect(await repositories.scanTargets.getById(id ?? '')).toMatchObject({ name: 'x' })
  })

  test('ends as FAILED when every item failed, and as PARTIALLY_COMPLETED when some did', async () => {
    const { coordinator } = await musterOver({
      none: { items: ['bad-1', 'bad-2', 'bad-3'], pageSize: 2 },
      some: { items: ['bad-1', 'bad-2', 'good'], pageSize: 2 },
    })
    const none = await coordinator.enumerateTarget(scriptedTarget('none')).done
    expect(none).toMatchObject({ status: 'FAILED', failureReason: 'every item failed' })
    const some = await coordinator.enumerateTarget(scriptedTarget('some')).done
    expect(some).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      completeness: 'INCOMPLETE',
      metrics: {
        totalBatches: 2,
        failedBatches: 1,
        itemsProcessed: 1,
        itemsSkipped: 0,
        itemsFailed: 2,
      },
    })
  })

  test('is partial when its source says that something was left out', async () => {
    const shortfall = { code: 'sso', detail: 'two organisations want single sign-on' }
    const { coordinator } = await musterOver({
      a: { items: ['x'], pageSize: 1, page: () => ({ shortfalls: [shortfall] }) },
    })
    expect(await coordinator.enumerateTarget(scriptedTarget('a')).done).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      shortfalls: [shortfall],
    })
  })
})

describe('a source in trouble', () => {
  test('is asked again after an error, and nothing comes twice', async () => {
    let errors = 0
    const items = itemsNamed('a', 20)
    const { coordinator, repositories } = await musterOver({
      a: {
        items,
        pageSize: 5,
        before(page) {
          if (page === 3 && errors++ < 3) throw new Error('the network sneezed')
        },
      },
    })
    const run = coordinator.enumerateTarget(scriptedTarget('a'))
    expect((await collect(run.tasks)).map((t) => t.resourceUri)).toEqual(uris(items))
    expect((await run.done).status).toBe('COMPLETED')
    expect(await repositories.batches.findBySessionId(run.sessionId)).toHaveLength(4)
  })

  test('fails the session when the attempts run out, and can be resumed on purpose from there', async () => {
    let down = true
    const items = itemsNamed('a', 20)
    const { coordinator, repositories } = await musterOver({
      a: {
        items,
        pageSize: 5,
        before(page) {
          if (page === 3 && down) throw new Error('the network is down')
        },
      },
    })
    const first = coordinator.enumerateTarget(scriptedTarget('a'))
    const [failed, errors] = await Promise.all([first.done, collect(first.errors)])
    expect(failed).toMatchObject({
      status: 'FAILED',
      failureReason: 'the network is down',
      metrics: { totalBatches: 3, failedBatches: 1, itemsProcessed: 10 },
    })
    expect(errors.at(-1)).toMatchObject({ code: 'SOURCE_FAILED', message: 'the network is down' })
    down = false
    const again = coordinator.resumeTarget(failed)
    expect(again.sessionId).toBe(first.sessionId)
    expect((await again.done).status).toBe('COMPLETED')
    const batches = await repositories.batches.findBySessionId(first.sessionId)
    expect(batches.map((b) => b.status)).toEqual([
      'SUCCEEDED',
      'SUCCEEDED',
      'FAILED',
      'SUCCEEDED',
      'SUCCEEDED',
    ])
    expect(await repositories.tasks.count()).toBe(20)
  })

  test('that refuses for good fails the session at once', async () => {
    let asked = 0
    const { coordinator } = await musterOver({
      a: {
        items: ['x'],
        pageSize: 1,
        before() {
          asked += 1
          throw new SourceError('NOT_FOUND', 'organisation "a" is unknown')
        },
      },
    })
    const session = await coordinator.enumerateTarget(scriptedTarget('a')).done
    expect(session).toMatchObject({
      status: 'FAILED',
      failureReason: 'organisation "a" is unknown',
    })
    expect(asked).toBe(1)
  })

  test('that asks for a wait is left alone until then, and the session is never called stalled', async () => {
    const asked: number[] = []
    const statuses = new Set<string>()
    let retryAt = 0
    const muster = await musterOver(
      {
        a: {
          items: itemsNamed('a', 4),
          pageSize: 2,
          before(page) {
            asked.push(Date.now())
            if (page !== 2 || retryAt !== 0) return
            retryAt = Date.now() + 300
            throw new RetryLaterError('limited', retryAt)
          },
        },
      },
      // Far shorter than the wait: waiting must not look like a hung request.
      { stallMs: 100 },
    )
    const waits: unknown[] = []
    muster.bus.subscribe('enumerator.changed', ({ state, until, reason }) => {
      waits.push([state, until === retryAt, reason])
    })
    muster.bus.subscribe('session.progressed', ({ session }) => void statuses.add(session.status))
    expect((await muster.coordinator.enumerateTarget(scriptedTarget('a')).done).status).toBe(
      'COMPLETED',
    )
    expect(waits).toEqual([['waiting', true, 'limited']])
    expect(asked).toHaveLength(3)
    expect(asked[2]).toBeGreaterThanOrEqual(retryAt)
    expect(statuses).toEqual(new Set(['IN_PROGRESS']))
  })

  test('that gives no answer is noticed, and the page is asked for again', async () => {
    let asked = 0
    const seen: string[] = []
    const muster = await musterOver(
      {
        a: {
          items: itemsNamed('a', 4),
          pageSize: 2,
          before: (page) => (page === 2 && asked++ === 0 ? hang() : undefined),
        },
      },
      { stallMs: 60 },
    )
    muster.bus.subscribe('enumerator.changed', ({ state }) => void seen.push(state))
    const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
    expect(await run.done).toMatchObject({
      status: 'COMPLETED',
      metrics: { totalBatches: 2, failedBatches: 0 },
    })
    expect(seen).toEqual(['stalling', 'backingOff'])
  })

  test('that never answers fails the session in the end', async () => {
    const { coordinator } = await musterOver(
      { a: { items: ['x'], pageSize: 1, before: hang } },
      { stallMs: 30, maxAttempts: 2 },
    )
    expect(await coordinator.enumerateTarget(scriptedTarget('a')).done).toMatchObject({
      status: 'FAILED',
      failureReason: 'the request hung',
    })
  })

  test('that gives the same cursor twice is not walked for ever', async () => {
    const { coordinator } = await musterOver({
      a: { items: itemsNamed('a', 9), pageSize: 3, page: () => ({ cursor: 3 }) },
    })
    const session = await coordinator.enumerateTarget(scriptedTarget('a')).done
    expect(session.status).toBe('FAILED')
    expect(session.failureReason).toContain('same cursor twice')
  })

  test('does not touch another target', async () => {
    const { coordinator } = await musterOver({
      broken: {
        items: ['x'],
        pageSize: 1,
        before() {
          throw new SourceError('FORBIDDEN', 'no')
        },
      },
      fine: { items: itemsNamed('f', 50), pageSize: 5 },
    })
    const broken = coordinator.enumerateTarget(scriptedTarget('broken'))
    const fine = coordinator.enumerateTarget(scriptedTarget('fine'))
    expect((await broken.done).status).toBe('FAILED')
    expect((await fine.done).status).toBe('COMPLETED')
  })
})

describe('failed items', () => {
  test('are tried again on purpose, alone, and what succeeds becomes a task', async () => {
    const path = tempDatabase()
    const items = [...itemsNamed('a', 7), 'bad-1', 'bad-2', 'bad-3']
    const first = await musterOver({ a: { items, pageSize: 4 } }, { database: path })
    const partial = await first.coordinator.enumerateTarget(scriptedTarget('a')).done
    expect(partial.status).toBe('PARTIALLY_COMPLETED')
    const { length } = await first.repositories.batches.findBySessionId(partial.sessionId)
    await first.close()

    let listed = 0
    const mended = scriptedSource({ a: { items, pageSize: 4, before: () => void (listed += 1) } })
    const accept = mended.identify.bind(mended) as (item: string, spec: unknown) => never
    const second = await musterOver(
      {},
      {
        database: path,
        sources: [
          {
            ...mended,
            identify: ((item: string, spec: unknown) =>
              accept(item === 'bad-3' ? item : item.replace('bad', 'mended'), spec)) as never,
          },
        ],
      },
    )
    const resumed = await second.coordinator.resumeTarget(partial).done
    expect(listed).toBe(0)
    expect(resumed).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      metrics: {
        itemsFound: 10,
        itemsProcessed: 9,
        itemsSkipped: 0,
        itemsFailed: 1,
        totalBatches: length + 1,
      },
    })
    expect(await second.repositories.tasks.count()).toBe(9)
    const left = await second.repositories.failedItems.find({
      sessionId: partial.sessionId,
      after: 0,
      limit: 10,
    })
    expect(left.map((f) => f.item)).toEqual(['"bad-3"'])
  })
})

describe('stopping', () => {
  test('by signal leaves a session that the next call goes on with', async () => {
    const stop = new AbortController()
    let asked = 0
    const listing = {
      items: itemsNamed('a', 20),
      pageSize: 5,
      before: (page: number) => {
        asked += 1
        if (page !== 3 || stop.signal.aborted) return
        stop.abort()
        return hang()
      },
    }
    const { coordinator } = await musterOver({ a: listing })
    const first = coordinator.enumerateTarget(scriptedTarget('a'), { signal: stop.signal })
    expect(await first.done).toMatchObject({
      status: 'IN_PROGRESS',
      completeness: 'UNKNOWN',
      metrics: { totalBatches: 2 },
    })
    const again = coordinator.enumerateTarget(scriptedTarget('a'))
    expect(again.sessionId).toBe(first.sessionId)
    expect((await again.done).status).toBe('COMPLETED')
    expect(asked).toBe(5)
  })

  test('by close finishes the page in hand and starts no other', async () => {
    let asked = 0
    const release = Promise.withResolvers<void>()
    const path = tempDatabase()
    const muster = await musterOver(
      {
        a: {
          items: itemsNamed('a', 20),
          pageSize: 5,
          before: (page) => ((asked = page) === 2 ? release.promise : undefined),
        },
      },
      { database: path },
    )
    let stored = 0
    muster.bus.subscribe('session.progressed', () => void (stored += 1))
    const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
    // The second page is asked for while the first one is stored.
    while (asked < 2 || stored < 1) await new Promise((resolve) => setTimeout(resolve, 5))
    const closed = muster.close()
    release.resolve()
    await closed
    expect(await run.done).toMatchObject({ status: 'IN_PROGRESS', metrics: { totalBatches: 2 } })
    expect(asked).toBe(2)
    expect(() => muster.coordinator.enumerateTarget(scriptedTarget('a'))).toThrow('closed')
    const store = await openStore({ path })
    const [session] = await store.repositories.sessions.list(1)
    expect(session?.metrics.totalBatches).toBe(2)
    await store.close()
  })

  test('twice, or while nothing walks, is fine', async () => {
    const muster = await musterOver({})
    await Promise.all([muster.close(), muster.close()])
    await muster.close()
  })
})

describe('delivery', () => {
  test('goes on where a host left it, in another process too', async () => {
    const path = tempDatabase()
    const listings = { a: { items: itemsNamed('a', 12), pageSize: 5 } }
    const first = await musterOver(listings, { database: path })
    const run = first.coordinator.enumerateTarget(scriptedTarget('a'))
    const before: string[] = []
    for await (const task of run.tasks) {
      before.push(task.taskId)
      if (before.length === 5) break
    }
    await run.done
    await first.close()

    const second = await musterOver(listings, { database: path })
    const again = second.coordinator.enumerateTarget(scriptedTarget('a'))
    expect(again.sessionId).toBe(run.sessionId)
    const after = (await collect(again.tasks)).map((task) => task.taskId)
    expect(after[0]).toBe(before[4])
    expect(new Set([...before, ...after]).size).toBe(12)
    expect(after).toHaveLength(8)
    // All is delivered: the next call is a new walk, with tasks of its own.
    const fresh = second.coordinator.enumerateTarget(scriptedTarget('a'))
    expect(fresh.sessionId).not.toBe(run.sessionId)
    expect(await collect(fresh.tasks)).toHaveLength(12)
  })

  test('holds the walk while a host is behind, and not for ever', async () => {
    const pages: number[] = []
    const listing = {
      items: itemsNamed('a', 100),
      pageSize: 10,
      before: (page: number) => void pages.push(page),
    }
    const muster = await musterOver({ a: listing }, { deliveryWindow: 15, holdMs: 150 })
    const held: string[] = []
    muster.bus.subscribe('enumerator.changed', ({ state }) => void held.push(state))
    const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
    const reader = run.tasks[Symbol.asyncIterator]()
    await reader.next()
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(pages.length).toBeLessThan(5)
    // The reader never comes back; its tasks are stored, so the walk goes on without it.
    expect((await run.done).status).toBe('COMPLETED')
    expect(held[0]).toBe('holding')
  })
})

test('two calls for one target share one walk', async () => {
  const { coordinator, repositories } = await musterOver({
    a: { items: itemsNamed('a', 20), pageSize: 5 },
  })
  const one = coordinator.enumerateTarget(scriptedTarget('a'))
  const two = coordinator.enumerateTarget(scriptedTarget('a'))
  expect(two.sessionId).toBe(one.sessionId)
  await Promise.all([one.done, two.done])
  expect(await repositories.sessions.list(10)).toHaveLength(1)
})

test('many targets are walked with a bounded number of requests at a time', async () => {
  let out = 0
  let most = 0
  const listings = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [
      `t${i}`,
      {
        items: itemsNamed(`t${i}`, 6),
        pageSize: 2,
        async before() {
          most = Math.max(most, ++out)
          await new Promise((resolve) => setTimeout(resolve, 2))
          out -= 1
        },
      },
    ]),
  )
  const { coordinator } = await musterOver(listings, { concurrency: 3 })
  const runs = Object.keys(listings).map((name) =>
    coordinator.enumerateTarget(scriptedTarget(name)),
  )
  const sessions = await Promise.all(runs.map((run) => run.done))
  expect(sessions.every((s) => s.status === 'COMPLETED')).toBe(true)
  expect(most).toBe(3)
})

test('the defaults are what the documentation says', () => {
  expect(DEFAULT_SETTINGS).toMatchObject({ concurrency: 4, leaseMs: 30_000 })
  expect(QUICK.maxAttempts).toBeLessThan(DEFAULT_SETTINGS.maxAttempts)
})

test('a request that is slow to notice its abort does not drop the one after it', async () => {
  const answered: number[] = []
  let asked = 0
  const muster = await musterOver(
    {
      a: {
        items: itemsNamed('a', 6),
        pageSize: 2,
        async before(page, { signal }) {
          if (page !== 2) return
          const attempt = (asked += 1)
          if (attempt === 1) {
            // Hangs past the watchdog, and fails while the second attempt is out.
            await new Promise((resolve) => setTimeout(resolve, 150))
            throw new Error('the first attempt ends at last')
          }
          await sleep(60, undefined, { signal })
          answered.push(attempt)
        },
      },
    },
    { stallMs: 130, backoffMs: 1 },
  )
  const { status } = await muster.coordinator.enumerateTarget(scriptedTarget('a')).done
  expect(status).toBe('COMPLETED')
  expect(answered).toEqual([2])
})

test('an item with half a character in its name is a failed item, and its neighbours are kept', async () => {
  const { coordinator } = await musterOver({ a: { items: ['x', 'half-\uD83D', 'y'], pageSize: 3 } })
  expect(await coordinator.enumerateTarget(scriptedTarget('a')).done).toMatchObject({
    status: 'PARTIALLY_COMPLETED',
    metrics: { itemsProcessed: 2, itemsSkipped: 0, itemsFailed: 1 },
  })
})
