/** Governors of several processes, which know of each other by a real store alone. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RetryLaterError, StoreError } from '../../../src/domain/errors.ts'
import { createGovernor, type Governor } from '../../../src/sources/github/governor.ts'
import type { Share } from '../../../src/sources/github/sharing.ts'
import { openStore } from '../../../src/store/open.ts'
import { quickDatabase } from '../../support/temp.ts'
import { stoppedClock, thrownBy } from './access-support.ts'

/** The points of a minute that the governors leave to GitHub's count of them. */
const REST_POINTS = 810
const GRAPHQL_POINTS = 1_800
const MINUTE_MS = 60_000

type Clock = ReturnType<typeof stoppedClock>

/** An answer as far as it tells of limits. */
const answer = (remaining: number, resetSeconds: number, body: unknown = {}) => ({
  status: 200,
  headers: {
    'x-ratelimit-limit': '100',
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(resetSeconds),
  },
  body,
})

interface Asking {
  readonly resource?: string
  readonly reserve?: number
  readonly signal?: AbortSignal
}

/** A process: a governor and a connection to the store of its own. */
class Host {
  readonly governor: Governor = createGovernor()
  readonly clock: Clock
  readonly share: Share | undefined

  constructor(clock: Clock, share: Share | undefined) {
    this.clock = clock
    this.share = share
  }

  ask({ resource = 'core', reserve = 0, signal }: Asking = {}) {
    const { clock, share } = this
    const until = signal ?? new AbortController().signal
    return { resource, reserve, clock, share, signal: until, what: 'organisation "octo"' }
  }

  /** Sends a request, whose answer tells what is given. */
  send(asking: Asking = {}, told?: ReturnType<typeof answer>): Promise<void> {
    const ask = this.ask(asking)
    return this.governor.pass(async () => {
      this.governor.spend(ask.resource, this.clock.now())
      if (told !== undefined) this.governor.learn(told, ask.resource)
    }, ask)
  }
}

/** Processes with clocks that may differ, over one SQLite file. */
async function hosts(count: number, { skews = [0, 0, 0], isShared = true } = {}) {
  const path = quickDatabase()
  const clock = stoppedClock()
  const made = Array.from({ length: count }, async (_, at) => {
    // The clock of the database is one, whatever the hosts' own clocks say.
    const store = await openStore({ path, clock })
    onTestFinished(() => store.close())
    const own = { ...clock, now: () => clock.now() + (skews[at] ?? 0) }
    const share: Share = (report) => store.shareBudget({ ...report, credential: 'c' })
    return new Host(own, isShared ? share : undefined)
  })
  return { clock, hosts: (await Promise.all(made)) as [Host, Host, ...Host[]] }
}

/** When requests were sent by all hosts for some minutes of the clock, each as often as it may. */
async function sendAll(clock: Clock, all: readonly Host[], resource: string) {
  const sent: number[] = []
  const end = clock.now() + 3.2 * MINUTE_MS
  while (clock.now() < end) {
    const outcomes = await Promise.allSettled(
      all.flatMap((host) => Array.from({ length: 8 }, () => host.send({ resource }))),
    )
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') sent.push(clock.now())
      else if (!(outcome.reason instanceof RetryLaterError)) throw outcome.reason
    }
    clock.pass(1_250)
  }
  return sent
}

/** The most that were sent within any minute. */
const mostInAMinute = (sent: readonly number[]): number =>
  Math.max(...sent.map((at) => sent.filter((one) => at <= one && one < at + MINUTE_MS).length))

describe('the points of a minute', () => {
  test('are never exceeded by several hosts together, and are used', async () => {
    const { clock, hosts: all } = await hosts(3, { skews: [0, 3_000_000, -3_000_000] })
    for (const host of all) host.governor.learn(answer(100_000, 4e9), 'core')
    const sent = await sendAll(clock, all, 'core')
    const most = mostInAMinute(sent)
    expect(most).toBeLessThanOrEqual(REST_POINTS)
    expect(most).toBeGreaterThan(REST_POINTS * 0.97)
    // A slot of the count is longer than a moment: it may cost a sixth, and no more.
    expect(sent.length).toBeGreaterThan(REST_POINTS * 3 * 0.8)
  })

  test('are exceeded by hosts that do not share them', async () => {
    const { clock, hosts: all } = await hosts(3, { isShared: false })
    for (const host of all) host.governor.learn(answer(100_000, 4e9), 'core')
    expect(mostInAMinute(await sendAll(clock, all, 'core'))).toBeGreaterThan(REST_POINTS)
  })

  test('are counted by what a query cost, as soon as the next one is sent', async () => {
    const { hosts: all } = await hosts(2)
    const [one, other] = all
    const costly = answer(100_000, 4e9, { data: { rateLimit: { cost: GRAPHQL_POINTS } } })
    await one.send({ resource: 'graphql' }, costly)
    await other.send({ resource: 'graphql' }, answer(100_000, 4e9))
    one.clock.pass(1_000)
    expect(await thrownBy(one.send({ resource: 'graphql' }))).toMatchObject({
      code: 'RATE_LIMITED',
      message: expect.stringContaining('points a minute') as string,
    })
  })

  test('of one API are not the other’s', async () => {
    const { hosts: all } = await hosts(2)
    const [one, other] = all
    for (const { governor } of all) {
      for (const resource of ['core', 'graphql']) governor.learn(answer(100_000, 4e9), resource)
    }
    for (let at = 0; at < REST_POINTS; at += 1) await one.send()
    expect(await thrownBy(other.send())).toBeInstanceOf(RetryLaterError)
    await other.send({ resource: 'graphql' })
  })

  test('of a request that a redirect made two are two', async () => {
    const { hosts: all } = await hosts(2)
    const [one, other] = all
    for (const { governor } of all) governor.learn(answer(100_000, 4e9), 'core')
    const redirected = () =>
      one.governor.pass(async () => {
        for (const _ of [1, 2]) one.governor.spend('core', one.clock.now())
      }, one.ask())
    for (let at = 0; at < REST_POINTS / 2; at += 1) await redirected()
    // The last one's second point is not told yet.
    await other.send()
    expect(await thrownBy(other.send())).toBeInstanceOf(RetryLaterError)
  })
})

describe('a limit met by one host', () => {
  const limited = (host: Host, ms: number, resource?: string) =>
    host.governor.pass(async () => {
      host.governor.limited(host.clock.now() + ms, resource)
    }, host.ask())

  test.each([
    { who: 'everything', resource: undefined, held: ['core', 'graphql'], free: [] },
    { who: 'a resource', resource: 'graphql', held: ['graphql'], free: ['core'] },
  ])('of $who holds the others at once, by their own clocks', async ({ resource, held, free }) => {
    const { clock, hosts: all } = await hosts(2, { skews: [-500_000, 500_000] })
    const [one, other] = all
    await limited(one, 30_000, resource)
    const retryAt = other.clock.now() + 30_000
    // Not each of the resources has been asked for here: a request is turned away as it comes.
    for (const resource of held) {
      const error = await thrownBy(other.send({ resource }))
      expect(error).toMatchObject({ code: 'RATE_LIMITED', retryAt })
      expect(other.governor.wait(other.ask({ resource }))?.until).toBe(retryAt)
    }
    for (const resource of free) await other.send({ resource })
    clock.pass(30_000)
    for (const resource of [...held, ...free]) await other.send({ resource })
  })

  test('that is shorter does not end a longer one early', async () => {
    const { clock, hosts: all } = await hosts(2)
    const [one, other] = all
    await Promise.all([limited(one, 60_000), limited(other, 10_000)])
    clock.pass(59_999)
    expect(await thrownBy(other.send())).toBeInstanceOf(RetryLaterError)
    clock.pass(1)
    await other.send()
  })

  test('is what is thrown, though the store fails then', async () => {
    let calls = 0
    const host = new Host(stoppedClock(), async () => {
      if ((calls += 1) > 1) throw new StoreError('STORE_FAILED', 'the connection is gone')
      return { minute: [], limits: [], blockedMs: 0 }
    })
    const met = host.governor.pass(async () => {
      host.governor.limited(host.clock.now() + 1_000)
      throw new Error('limited')
    }, host.ask())
    await expect(met).rejects.toThrow('limited')
    expect(calls).toBe(2)
  })
})

describe('what an answer told one host', () => {
  test('is known to the others: what is left, and why they wait', async () => {
    const { clock, hosts: all } = await hosts(2)
    const [one, other] = all
    const reset = clock.now() / 1000 + 600
    await one.send({}, answer(12, reset))
    await one.send({}, answer(11, reset))
    expect(other.governor.left(other.ask())).toBe(Infinity)
    await one.send({}, answer(10, reset))
    await other.send()
    // Of the 11 that the store knows of, one is for the request that the first has under way.
    expect(other.governor.left(other.ask())).toBe(10)
    expect(other.governor.wait(other.ask({ reserve: 10 }))).toMatchObject({
      until: (reset + 1) * 1000,
      why: expect.stringContaining('1 to requests of other hosts') as string,
    })
    expect(await thrownBy(other.send({ reserve: 10 }))).toBeInstanceOf(RetryLaterError)
    await other.send({ reserve: 9 })
  })

  test('leaves a point to each request that another has under way', async () => {
    const { clock, hosts: all } = await hosts(3)
    const reset = clock.now() / 1000 + 600
    const [one, other, third] = all as unknown as [Host, Host, Host]
    await one.send({}, answer(2, reset))
    const gate = Promise.withResolvers<void>()
    let begun = 0
    const hold = (host: Host) =>
      host.governor.pass(async () => {
        begun += 1
        await gate.promise
      }, host.ask())
    const held = [hold(one), hold(other)]
    while (begun < 2) await sleep(1)
    expect(await thrownBy(third.send())).toBeInstanceOf(RetryLaterError)
    gate.resolve()
    await Promise.all(held)
  })

  test('is counted once, however many requests follow each other', async () => {
    const { clock, hosts: all } = await hosts(2)
    const [one, other] = all
    const reset = clock.now() / 1000 + 600
    for (let at = 0; at < 20; at += 1) await one.send({}, answer(90, reset))
    await other.send()
    expect(other.governor.left(other.ask())).toBe(89)
  })

  test('of a window that is over holds nobody', async () => {
    const { clock, hosts: all } = await hosts(2)
    const [one, other] = all
    await one.send({}, answer(0, clock.now() / 1000 + 60))
    clock.pass(61_000)
    await one.send()
    await other.send()
    expect(other.governor.left(other.ask())).toBe(100)
  })
})

describe('a store that fails', () => {
  const failing = (share: Share) => new Host(stoppedClock(), share)

  test('lets nothing be sent, is worth another try, and holds nobody up afterwards', async () => {
    const { hosts: all } = await hosts(1)
    let isBroken = true
    const broken = new StoreError('STORE_FAILED', 'the connection is gone')
    const host = failing(async (report) => {
      if (isBroken) throw broken
      return (all[0].share as Share)(report)
    })
    expect(await thrownBy(host.send())).toMatchObject({
      code: 'SOURCE_UNAVAILABLE',
      retryable: true,
      cause: broken,
      message: expect.stringContaining('organisation "octo"') as string,
    })
    expect(host.governor.pending).toBe(0)
    isBroken = false
    await host.send()
  })

  test('or hangs does not keep who no longer wants the page, nor those behind', async () => {
    let isHanging = true
    const { hosts: all } = await hosts(1)
    const host = failing((report) =>
      isHanging ? new Promise(() => undefined) : (all[0].share as Share)(report),
    )
    const abort = new AbortController()
    const hung = host.send({ signal: abort.signal })
    const behind = host.send()
    await sleep(5)
    isHanging = false
    abort.abort(new Error('no longer wanted'))
    await expect(hung).rejects.toThrow('no longer wanted')
    await behind
    expect(host.governor.pending).toBe(0)
  })
})
