import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Reserve, reservedOf } from '../../../src/sources/github/allowance.ts'
import { createGovernor } from '../../../src/sources/github/governor.ts'
import { createGovernors } from '../../../src/sources/github/governors.ts'
import { stoppedClock } from './access-support.ts'

interface Given {
  readonly clock?: ReturnType<typeof stoppedClock>
  readonly signal?: AbortSignal
  readonly resource?: string
  readonly reserve?: Reserve
}

const asking = (given: Given = {}) => ({
  clock: stoppedClock(0),
  signal: new AbortController().signal,
  resource: 'core',
  reserve: 0,
  what: 'organisation "octo"',
  ...given,
})

/** An answer as far as it tells of limits. */
const answer = (limit: Record<string, string | number>, body: unknown = {}) => ({
  status: 200,
  headers: Object.fromEntries(
    Object.entries(limit).map(([name, value]) => [`x-ratelimit-${name}`, String(value)]),
  ),
  body,
})
const sent = async () => 'sent'

describe('turns', () => {
  test('come one at a time, in order', async () => {
    const governor = createGovernor()
    const events: string[] = []
    const request = (name: string) => async () => {
      events.push(`${name} begins`)
      await sleep(5)
      events.push(`${name} ends`)
      return name
    }
    const results = ['a', 'b', 'c'].map((name) => governor.pass(request(name), asking()))
    expect(governor.pending).toBe(3)
    await expect(Promise.all(results)).resolves.toEqual(['a', 'b', 'c'])
    expect(events).toEqual(['a', 'b', 'c'].flatMap((n) => [`${n} begins`, `${n} ends`]))
    expect(governor.pending).toBe(0)
  })

  test('go on after a request that fails', async () => {
    const governor = createGovernor()
    const failing = governor.pass(() => Promise.reject(new Error('broken')), asking())
    const next = governor.pass(sent, asking())
    await expect(failing).rejects.toThrow('broken')
    await expect(next).resolves.toBe('sent')
  })

  test('are given up by who leaves the queue, whom nobody overtakes or waits for', async () => {
    const governor = createGovernor()
    const abort = new AbortController()
    const events: string[] = []
    const first = governor.pass(async () => {
      await sleep(30)
      events.push('first')
    }, asking())
    const leaver = governor.pass(
      async () => events.push('leaver'),
      asking({ signal: abort.signal }),
    )
    const last = governor.pass(async () => events.push('last'), asking())
    abort.abort(new Error('left'))
    await expect(leaver).rejects.toThrow('left')
    await Promise.all([first, last])
    expect(events).toEqual(['first', 'last'])
  })

  test('that are given up as they come are handed on', async () => {
    const governor = createGovernor()
    const abort = new AbortController()
    // The first ends its turn and the second leaves in the same moment.
    const first = governor.pass(async () => queueMicrotask(() => abort.abort(new Error('left'))), {
      ...asking(),
    })
    const leaver = governor.pass(sent, asking({ signal: abort.signal }))
    const last = governor.pass(sent, asking())
    await first
    await leaver.catch(() => undefined)
    await expect(last).resolves.toBe('sent')
    expect(governor.pending).toBe(0)
  })

  test('are not waited for by who has left before', async () => {
    const signal = AbortSignal.abort(new Error('left'))
    await expect(createGovernor().pass(sent, asking({ signal }))).rejects.toThrow('left')
  })

  test('that do not come soon are to be asked for again, which is no hanging request', async () => {
    const governor = createGovernor({ maxWaitMs: 10 })
    const slow = governor.pass(() => sleep(60), asking())
    const late = governor.pass(sent, asking())
    await expect(late).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAt: 1_000 })
    await expect(late).rejects.toThrow('organisation "octo": waiting for its turn')
    await slow
    await expect(governor.pass(sent, asking())).resolves.toBe('sent')
  })

  test('are held up by a request that hangs for one turn only', async () => {
    const governor = createGovernor({ maxTurnMs: 20 })
    const { promise, reject } = Promise.withResolvers<string>()
    const hung = governor.pass(() => promise, asking())
    await expect(governor.pass(sent, asking())).resolves.toBe('sent')
    reject(new Error('ended'))
    await expect(hung).rejects.toThrow('ended')
    expect(governor.pending).toBe(0)
  })

  test('are not handed on twice by a request that ends after its turn', async () => {
    const governor = createGovernor({ maxTurnMs: 20 })
    const { promise, resolve } = Promise.withResolvers<void>()
    const hung = governor.pass(() => promise, asking())
    let underWay = 0
    let most = 0
    const next = async () => {
      most = Math.max(most, (underWay += 1))
      resolve()
      await sleep(10)
      underWay -= 1
    }
    await Promise.all([hung, ...[1, 2, 3].map(() => governor.pass(next, asking()))])
    expect(most).toBe(1)
  })
})

describe('a limit', () => {
  test('holds what was waiting when it was met, and ends at its time', async () => {
    const governor = createGovernor()
    const clock = stoppedClock(0)
    const first = governor.pass(async () => governor.limited(1_000), asking({ clock }))
    const second = governor.pass(sent, asking({ clock }))
    await first
    await expect(second).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAt: 1_000 })
    clock.passTo(999)
    await expect(governor.pass(sent, asking({ clock }))).rejects.toThrow(/octo/)
    clock.passTo(1_000)
    await expect(governor.pass(sent, asking({ clock }))).resolves.toBe('sent')
  })

  test('that is secondary holds all resources; one of a resource holds that one', async () => {
    const governor = createGovernor()
    governor.limited(1_000, 'graphql')
    await expect(governor.pass(sent, asking({ resource: 'graphql' }))).rejects.toThrow(/waiting/)
    await expect(governor.pass(sent, asking({ resource: 'core' }))).resolves.toBe('sent')
    governor.limited(1_000)
    await expect(governor.pass(sent, asking({ resource: 'core' }))).rejects.toThrow(/waiting/)
  })

  test('that is shorter does not end a longer one early', async () => {
    const governor = createGovernor()
    governor.limited(5_000)
    governor.limited(1_000)
    governor.went()
    const clock = stoppedClock(2_000)
    await expect(governor.pass(sent, asking({ clock }))).rejects.toThrow(/waiting/)
  })

  test('is counted until a request goes well', () => {
    const governor = createGovernor()
    governor.limited(1)
    governor.limited(2)
    expect(governor.strikes).toBe(2)
    governor.went()
    expect(governor.strikes).toBe(0)
  })
})

describe('an allowance', () => {
  test('is known by resource from the headers, and is whole again at its reset', async () => {
    const governor = createGovernor()
    const clock = stoppedClock(0)
    const core = asking({ clock })
    governor.learn(answer({ limit: 60, remaining: 0, reset: 90, resource: 'core' }), 'core')
    await expect(governor.pass(sent, core)).rejects.toMatchObject({ retryAt: 91_000 })
    await expect(governor.pass(sent, core)).rejects.toThrow('0 of 60 points of core are left')
    await expect(governor.pass(sent, asking({ clock, resource: 'search' }))).resolves.toBe('sent')
    expect(governor.left(core)).toBe(0)
    clock.passTo(91_000)
    expect(governor.left(core)).toBe(60)
    await expect(governor.pass(sent, core)).resolves.toBe('sent')
  })

  test('of queries is known from their own word where a server sends no headers', async () => {
    const governor = createGovernor()
    const clock = stoppedClock(0)
    const graphql = asking({ clock, resource: 'graphql' })
    const rateLimit = { limit: 100, cost: 1, remaining: 0, resetAt: new Date(5_000).toISOString() }
    governor.learn(answer({}, { data: { rateLimit } }), 'graphql')
    await expect(governor.pass(sent, graphql)).rejects.toMatchObject({ retryAt: 6_000 })
    await expect(governor.pass(sent, asking({ clock }))).resolves.toBe('sent')
  })

  test('is unlimited on a server that tells of no limit', async () => {
    const governor = createGovernor()
    governor.learn(answer({}), 'core')
    governor.learn(answer({ remaining: 'nonsense', reset: '' }), 'core')
    for (let at = 0; at < 3_000; at += 1) governor.spend('core', 0)
    await expect(governor.pass(sent, asking())).resolves.toBe('sent')
    expect(governor.left(asking())).toBe(Infinity)
  })

  test('keeps a reserve for others', async () => {
    const governor = createGovernor()
    const reserve = '10%'
    const told = (remaining: number) =>
      governor.learn(answer({ limit: 5_000, remaining, reset: 60, resource: 'core' }), 'core')
    told(501)
    await expect(governor.pass(sent, asking({ reserve }))).resolves.toBe('sent')
    told(500)
    const held = governor.pass(sent, asking({ reserve }))
    await expect(held).rejects.toMatchObject({ retryAt: 61_000 })
    await expect(held).rejects.toThrow('500 are left to others (reserve)')
    await expect(governor.pass(sent, asking({ reserve: 499 }))).resolves.toBe('sent')
  })

  test.each<[Reserve, number, number]>([
    ['5%', 5_000, 250],
    ['5%', 60, 3],
    ['5%', 19, 0],
    ['50%', 5_000, 2_500],
    [100, 5_000, 100],
    // No reserve makes a limit unusable.
    [5_000, 1_000, 500],
    [10, 1, 0],
    [0, 5_000, 0],
  ])('of which %s is kept: of %i points %i', (reserve, limit, kept) => {
    expect(reservedOf(reserve, limit)).toBe(kept)
  })
})

describe('the pace', () => {
  const plenty = (resource: string) =>
    answer({ limit: 5_000, remaining: 4_000, reset: 3_600, resource })

  test.each([
    { resource: 'core', most: 900 },
    { resource: 'graphql', most: 2_000 },
  ])('of $resource stays below $most points a minute', async ({ resource, most }) => {
    const governor = createGovernor()
    const clock = stoppedClock(0)
    const ask = asking({ clock, resource })
    governor.learn(plenty(resource), resource)
    const request = async () => governor.spend(resource, clock.now())
    let count = 0
    const paced = async () => {
      for (;;) {
        await governor.pass(request, ask)
        count += 1
        clock.pass(10)
      }
    }
    await expect(paced()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAt: 60_000 })
    expect(count).toBeGreaterThan(most * 0.8)
    expect(count).toBeLessThan(most)
    clock.passTo(60_000)
    await expect(governor.pass(request, ask)).resolves.toBeUndefined()
  })

  test('of queries counts what they cost', async () => {
    const governor = createGovernor()
    governor.learn(plenty('graphql'), 'graphql')
    for (let at = 0; at < 4; at += 1) {
      governor.spend('graphql', 0)
      const { headers } = plenty('graphql')
      governor.learn(
        { status: 200, headers, body: { data: { rateLimit: { cost: 500 } } } },
        'graphql',
      )
    }
    const ask = asking({ resource: 'graphql' })
    await expect(governor.pass(sent, ask)).rejects.toThrow(
      "below GitHub's limit of points a minute",
    )
  })
})

describe('governors', () => {
  const clock = stoppedClock(0)

  test('are found by any name that they are known under', () => {
    const governors = createGovernors()
    const governor = governors.find(['token 1', 'credential a'], clock)
    expect(governors.find(['token 2', 'credential a'], clock)).toBe(governor)
    expect(governors.find(['token 2', 'credential b'], clock)).toBe(governor)
    expect(governors.find(['token 1', 'credential c'], clock)).toBe(governor)
    expect(governors.find(['token 3', 'credential d'], clock)).not.toBe(governor)
    // What is known of the token counts more than where it came from.
    expect(governors.find(['token 1', 'credential d'], clock)).toBe(governor)
  })

  test('are of one clock: times of another mean nothing to them', () => {
    const governors = createGovernors()
    const governor = governors.find(['token'], clock)
    expect(governors.find(['token'], stoppedClock(0))).not.toBe(governor)
  })

  test('do not grow for ever, and none is forgotten with a request under way', async () => {
    const governors = createGovernors(3)
    const busy = governors.find(['busy'], clock)
    const idle = governors.find(['idle'], clock)
    const { promise, resolve } = Promise.withResolvers<void>()
    const request = busy.pass(() => promise, asking())
    for (let at = 0; at < 10; at += 1) governors.find([`other ${at}`], clock)
    expect(governors.find(['busy'], clock)).toBe(busy)
    expect(governors.find(['idle'], clock)).not.toBe(idle)
    resolve()
    await request
  })
})

describe('renewal', () => {
  test('is done once for all who ask meanwhile, and not again within a minute', async () => {
    const governor = createGovernor()
    let [begun, ended] = [0, 0]
    const task = async () => {
      begun += 1
      await sleep(5)
      ended += 1
    }
    const renew = async () => [await governor.renew(task, 0), ended]
    // Who asks meanwhile is answered when it is done.
    await expect(Promise.all([renew(), renew()])).resolves.toEqual([
      [true, 1],
      [false, 1],
    ])
    expect(begun).toBe(1)
    await expect(governor.renew(task, 59_999)).resolves.toBe(false)
    await expect(governor.renew(task, 60_000)).resolves.toBe(true)
    governor.went()
    await expect(governor.renew(task, 60_001)).resolves.toBe(true)
  })

  test('that fails may be tried by the next', async () => {
    const governor = createGovernor()
    const failing = governor.renew(() => Promise.reject(new Error('no network')), 0)
    const other = governor.renew(async () => undefined, 0)
    await expect(failing).rejects.toThrow('no network')
    await expect(other).resolves.toBe(false)
    await expect(governor.renew(async () => undefined, 0)).resolves.toBe(true)
  })
})
