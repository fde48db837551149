/** Defects that were found once, each in the words of whoever would have met it. */
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { createMuster, defineSource, openStore, RetryLaterError } from '../../src/index.ts'
import { BUSY_TIMEOUT_MS } from '../../src/store/database-file.ts'
import { Rig, TIMES } from '../model/rig.ts'
import { until } from '../model/until.ts'
import { collect, musterOver, QUICK } from '../support/muster.ts'
import { itemsNamed, scriptedSource, scriptedTarget } from '../support/scripted-source.ts'
import { tempDatabase } from '../support/temp.ts'

test('a source that goes on counting in the cursor it gave loses no page', async () => {
  const counting = defineSource<object, string>({
    type: 'counting',
    spec: z.strictObject({}),
    identify: (item) => ({ key: item, uri: `counting://${item}`, name: item }),
    async *enumerate(_, from) {
      const cursor = (from as { page: number } | undefined) ?? { page: 0 }
      while (cursor.page < 5) {
        const items = [`p${cursor.page}`]
        cursor.page += 1
        yield { items, cursor }
      }
    },
  })
  const { coordinator } = await musterOver({}, { sources: [counting] })
  const run = coordinator.enumerateTarget({ name: 'c', sourceType: 'counting', counting: {} })
  expect((await collect(run.tasks)).map((t) => t.resourceUri)).toEqual(
    ['p0', 'p1', 'p2', 'p3', 'p4'].map((item) => `counting://${item}`),
  )
})

test('a controller given in place of its signal is refused, and troubles no other walk', async () => {
  const { coordinator } = await musterOver({
    a: { items: ['x'], pageSize: 1 },
    b: { items: itemsNamed('b', 30), pageSize: 3 },
  })
  const other = coordinator.enumerateTarget(scriptedTarget('b'))
  const wrong = { signal: new AbortController() as unknown as AbortSignal }
  expect(() => coordinator.enumerateTarget(scriptedTarget('a'), wrong)).toThrow('AbortSignal')
  expect((await other.done).status).toBe('COMPLETED')
  expect((await coordinator.enumerateTarget(scriptedTarget('a')).done).status).toBe('COMPLETED')
})

test('a signal that aborts after its walk is over stops no later walk, and one aborted before asks for nothing', async () => {
  let asked = 0
  const { coordinator } = await musterOver({
    a: { items: itemsNamed('a', 4), pageSize: 2, before: () => void (asked += 1) },
    b: { items: itemsNamed('b', 4), pageSize: 2, before: () => sleep(20) },
  })
  const before = coordinator.enumerateTarget(scriptedTarget('a'), { signal: AbortSignal.abort() })
  expect((await before.done).status).toBe('INITIALIZED')
  expect(asked).toBe(0)
  const first = new AbortController()
  const second = new AbortController()
  const stopped = coordinator.enumerateTarget(scriptedTarget('b'), { signal: first.signal })
  first.abort()
  await stopped.done
  const again = coordinator.enumerateTarget(scriptedTarget('b'), { signal: second.signal })
  first.abort()
  expect((await again.done).status).toBe('COMPLETED')
})

test('a walk that was cancelled goes on, though a reader has taken all there was', async () => {
  const stop = new AbortController()
  const { coordinator } = await musterOver({
    a: {
      items: itemsNamed('a', 6),
      pageSize: 2,
      before(page) {
        if (page !== 2 || stop.signal.aborted) return
        stop.abort()
        return new Promise(() => {})
      },
    },
  })
  const first = coordinator.enumerateTarget(scriptedTarget('a'), { signal: stop.signal })
  expect((await first.done).status).toBe('IN_PROGRESS')
  expect(await collect(first.tasks)).toHaveLength(2)
  const again = coordinator.enumerateTarget(scriptedTarget('a'))
  expect(again.sessionId).toBe(first.sessionId)
  expect(await collect(again.tasks)).toHaveLength(4)
})

test('two readers of one session, from two calls, are handed no task twice', async () => {
  const { coordinator } = await musterOver({ a: { items: itemsNamed('a', 12), pageSize: 4 } })
  const first = coordinator.enumerateTarget(scriptedTarget('a'))
  const one = first.tasks[Symbol.asyncIterator]()
  const taken = [(await one.next()).value?.taskId]
  await first.done
  const two = coordinator.enumerateTarget(scriptedTarget('a')).tasks[Symbol.asyncIterator]()
  for (let turn = 0; turn < 12; turn += 1) {
    const { value } = await (turn % 2 === 0 ? two : one).next()
    if (value !== undefined) taken.push(value.taskId)
  }
  expect(taken).toHaveLength(12)
  expect(new Set(taken).size).toBe(12)
})

test('two processes that deliver one session hand out no task that was acknowledged', async () => {
  const database = tempDatabase()
  const listings = { a: { items: itemsNamed('a', 10), pageSize: 5 } }
  const here = await musterOver(listings, { database })
  const run = here.coordinator.enumerateTarget(scriptedTarget('a'))
  const reader = run.tasks[Symbol.asyncIterator]()
  await reader.next()
  await run.done
  const there = await musterOver(listings, { database })
  const other = there.coordinator.enumerateTarget(scriptedTarget('a')).tasks[Symbol.asyncIterator]()
  await other.next()
  const acknowledged = new Set<string>()
  let current = (await reader.next()).value
  while (current !== undefined) {
    const next = await reader.next()
    acknowledged.add(current.taskId)
    current = next.value
  }
  expect(acknowledged.size).toBe(9)
  const late = (await other.next()).value
  expect(late === undefined || !acknowledged.has(late.taskId)).toBe(true)
})

test('two targets of one name keep their own header values', async () => {
  await using muster = await createMuster({ database: ':memory:', ...QUICK })
  const walk = (host: string, authorization: string) =>
    muster.coordinator.enumerateTarget({
      name: 'same',
      sourceType: 'url',
      url: { urls: [`https://${host}/f`], headers: { authorization } },
    })
  const [a, b] = [walk('a.example', 'secret-of-a'), walk('b.example', 'secret-of-b')]
  const headersOf = async (run: typeof a) => {
    const [task] = await collect(run.tasks)
    return (await task?.credentials())?.values['headers']
  }
  expect(await headersOf(a)).toEqual({ authorization: 'secret-of-a' })
  expect(await headersOf(b)).toEqual({ authorization: 'secret-of-b' })
})

test('a session whose credential is not defined here is left as it is', async () => {
  const database = tempDatabase()
  const listings = { a: { items: itemsNamed('a', 4), pageSize: 2, before: () => sleep(30) } }
  const auth = { mine: { type: 'github', config: { token: 'a-token-of-mine' } } } as const
  const first = await musterOver(listings, { database, auth })
  const run = first.coordinator.enumerateTarget({ ...scriptedTarget('a'), authRef: 'mine' })
  await sleep(15)
  await first.close()
  const state = await run.done
  const second = await musterOver(listings, { database })
  await expect(second.coordinator.resumeTarget(state).done).rejects.toMatchObject({
    code: 'CREDENTIAL_UNAVAILABLE',
  })
  expect((await second.repositories.sessions.load(run.sessionId))?.status).toBe(state.status)
})

test('a reader that is gone holds the walk once, not at every page', async () => {
  const listing = { items: itemsNamed('a', 60), pageSize: 3 }
  const muster = await musterOver({ a: listing }, { deliveryWindow: 5, holdMs: 100 })
  let held = 0
  muster.bus.subscribe(
    'enumerator.changed',
    ({ state }) => void (held += Number(state === 'holding')),
  )
  const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
  await run.tasks[Symbol.asyncIterator]().next()
  await run.done
  // Once more if the reader took its task while the walk was held; it was once a page.
  expect(held).toBeLessThanOrEqual(2)
})

test('a source that asks to wait until a time that is past is not asked without a pause', async () => {
  let asked = 0
  const muster = await musterOver(
    {
      a: {
        items: ['x'],
        pageSize: 1,
        before() {
          asked += 1
          if (asked < 4) throw new RetryLaterError('limited', 0)
        },
      },
    },
    { backoffMs: 60, maxBackoffMs: 60 },
  )
  const began = performance.now()
  expect((await muster.coordinator.enumerateTarget(scriptedTarget('a')).done).status).toBe(
    'COMPLETED',
  )
  expect(performance.now() - began).toBeGreaterThan(150)
})

test('a session can be taken up from the very event that says it was interrupted', async () => {
  const stop = new AbortController()
  const muster = await musterOver({
    a: { items: itemsNamed('a', 8), pageSize: 2, before: () => sleep(10) },
  })
  const again = Promise.withResolvers<string>()
  muster.bus.subscribe('session.interrupted', () => {
    muster.coordinator
      .enumerateTarget(scriptedTarget('a'))
      .done.then(({ status }) => again.resolve(status), again.reject)
  })
  const run = muster.coordinator.enumerateTarget(scriptedTarget('a'), { signal: stop.signal })
  await sleep(25)
  stop.abort()
  await run.done
  expect(await again.promise).toBe('COMPLETED')
})

test('an inspector that throws does not end the walk', async () => {
  const inspect = () => {
    throw new Error('the inspector is broken')
  }
  const muster = await createMuster({
    database: ':memory:',
    ...QUICK,
    sources: [scriptedSource({ a: { items: ['x'], pageSize: 1 } })],
    inspect,
  })
  expect((await muster.coordinator.enumerateTarget(scriptedTarget('a')).done).status).toBe(
    'COMPLETED',
  )
  await muster.close()
})

test('what a source says it left out is stored without its secrets', async () => {
  const token = 'a-token-that-nobody-may-see'
  const muster = await musterOver(
    {
      a: {
        items: ['x'],
        pageSize: 1,
        before: async (_, context) => void (await context.credentials()),
        page: () => ({ shortfalls: [{ code: 'sso', detail: `denied for ${token}` }] }),
      },
    },
    { auth: { gh: { type: 'github', config: { token } } } },
  )
  const session = await muster.coordinator.enumerateTarget({
    ...scriptedTarget('a'),
    authRef: 'gh',
  }).done
  expect(session.shortfalls).toEqual([{ code: 'sso', detail: 'denied for ***' }])
})

test('a checkpoint that is not JSON keeps nobody else from being walked or listed', async () => {
  const database = tempDatabase()
  const listings = {
    a: { items: itemsNamed('a', 8), pageSize: 2, before: () => sleep(20) },
    b: { items: ['x'], pageSize: 1 },
  }
  const first = await musterOver(listings, { database })
  const run = first.coordinator.enumerateTarget(scriptedTarget('a'))
  await sleep(30)
  await first.close()
  const file = new Database(database)
  file.prepare('update checkpoints set data = ?').run('not JSON')
  file.close()
  const second = await musterOver(listings, { database })
  expect((await second.repositories.sessions.list(5)).map((s) => s.sessionId)).toEqual([
    run.sessionId,
  ])
  const broken = second.coordinator.enumerateTarget(scriptedTarget('a'))
  const fine = second.coordinator.enumerateTarget(scriptedTarget('b'))
  await expect(broken.done).rejects.toMatchObject({ code: 'CHECKPOINT_INCOMPATIBLE' })
  expect((await fine.done).status).toBe('COMPLETED')
})

test('two Musters on one file in one process walk at once, and the host’s event loop goes on', async () => {
  const database = tempDatabase()
  const listings = {
    a: { items: itemsNamed('a', 300), pageSize: 10 },
    b: { items: itemsNamed('b', 300), pageSize: 10 },
  }
  const [one, two] = [
    await musterOver(listings, { database }),
    await musterOver(listings, { database }),
  ]
  let longest = 0
  let last = performance.now()
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 5)
  const runs = [
    one.coordinator.enumerateTarget(scriptedTarget('a')),
    two.coordinator.enumerateTarget(scriptedTarget('b')),
  ]
  const sessions = await Promise.all(runs.map((run) => run.done))
  clearInterval(timer)
  expect(sessions.map((s) => s.status)).toEqual(['COMPLETED', 'COMPLETED'])
  // SQLite's own wait would be that long at a time; what is left is the work itself.
  expect(longest).toBeLessThan(BUSY_TIMEOUT_MS / 2)
})

test('a session that failed when everything was kept already can be brought to its end', async () => {
  const rig = await Rig.start()
  const first = rig.walk('list')
  await rig.puppet.page('list', ['good-1', 'bad-1'])
  await rig.puppet.end('list')
  expect((await first.done).status).toBe('PARTIALLY_COMPLETED')

  rig.puppet.mended = true
  rig.gates.hold('findFailedItems')
  const retry = await rig.resume(first.sessionId)
  const looks = () => rig.gates.isWaiting('findFailedItems')
  await until('the failed items are looked for', looks)
  rig.gates.open('findFailedItems')
  // They are kept; then the database cannot be read until the attempts run out.
  for (const _ of [1, 2]) {
    await until('more of them are looked for', looks)
    rig.disk.failNext = /from "failed_items"/
    rig.gates.open('findFailedItems')
    await until('it was read in vain', () => rig.disk.failNext === undefined)
    await rig.settle()
    rig.time.pass(TIMES.backoffMs)
  }
  expect(await retry.done).toMatchObject({
    status: 'FAILED',
    metrics: { itemsProcessed: 2, itemsSkipped: 0, itemsFailed: 0 },
  })

  const again = await rig.resume(first.sessionId)
  expect(await again.done).toMatchObject({ status: 'COMPLETED', failureReason: null })
})

test('a statement that waits for a lock of the same process neither fails nor stops it', async () => {
  const path = tempDatabase()
  const [one, other] = [await openStore({ path }), await openStore({ path })]
  onTestFinished(async () => void (await Promise.all([one.close(), other.close()])))
  const lease = { sessionId: 'none', owner: 'me' }
  // Each of these is one statement; the round is a transaction that goes on while they wait.
  const waits = [
    () => other.acknowledgeTasks({ seqs: [1], at: 1 }),
    () => other.releaseLease(lease),
    () => other.renewLease({ ...lease, leaseMs: 1 }),
    () => other.beginDelivery({ sessionId: 'none', at: 1 }),
  ]
  for (const wait of waits) {
    const [round] = await Promise.all([one.openRound({ at: 1 }), wait()])
    expect(round.roundId).toBe(1)
  }
})
