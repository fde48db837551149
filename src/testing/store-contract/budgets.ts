import type { BudgetReport, BudgetState, LimitReport } from '../../sources/source.ts'
import type { Store } from '../../store/store.ts'
import { equal, same } from '../checks.ts'
import { casesOf, T0 } from './cases.ts'
import { HARD_TEXTS } from './samples.ts'

const RESET_AT = T0 + 3_600_000
const MINUTE_MS = 60_000
/** No point may count longer than a quarter of a minute beyond its minute: a credential would lie idle. */
const LONGEST_MS = 75_000

/** A name is part of a key, which not every database can have of any length. */
const NAMES = HARD_TEXTS.filter((text) => text.length < 1_000)

const limitOf = (given: Partial<LimitReport> = {}): LimitReport => ({
  resource: 'core',
  told: null,
  underWay: 0,
  blockedMs: 0,
  ...given,
})

const told = (remaining: number, resetAt = RESET_AT) => ({ limit: 60, remaining, resetAt })

interface Given extends Partial<BudgetReport> {
  readonly points?: number
  readonly kind?: string
  readonly limit?: Partial<LimitReport>
}

const share = (store: Store, given: Given = {}): Promise<BudgetState> => {
  const { points = 0, kind = 'rest', limit, ...rest } = given
  return store.shareBudget({
    credential: 'c',
    spent: { kind, points },
    limits: limit === undefined ? [] : [limitOf(limit)],
    blockedMs: 0,
    ...rest,
  })
}

const sumOf = ({ minute }: BudgetState): number =>
  minute.reduce((sum, { points }) => sum + points, 0)

/** What the store knows of the resource after a report. */
const limited = async (store: Store, limit: Partial<LimitReport>): Promise<unknown> =>
  (await share(store, { limit })).limits[0]

export const minutes = casesOf('the points of a minute', (test) => {
  test('are those of all reports, this one included', async (store) => {
    same(sumOf(await share(store)), 0)
    same(sumOf(await share(store, { points: 2 })), 2)
    same(sumOf(await share(store, { points: 3 })), 5)
    same(sumOf(await share(store)), 5)
  })

  test('of one credential or kind are not another’s', async (store) => {
    await share(store, { points: 2 })
    same(sumOf(await share(store, { points: 3, kind: 'graphql' })), 3)
    same(sumOf(await share(store, { points: 5, credential: 'C' })), 5)
    same(sumOf(await share(store)), 2)
  })

  test('are all counted when they are reported at once', async (store) => {
    const states = await Promise.all(Array.from({ length: 20 }, () => share(store, { points: 1 })))
    const sums = states.map(sumOf).toSorted((a, b) => a - b)
    equal(
      sums,
      Array.from({ length: 20 }, (_, at) => at + 1),
    )
  })

  test('count for a minute at the least, and not much longer', async (store, clock) => {
    for (const ms of [0, 3_333, 9_989, 9_990, 31_415]) {
      clock.at(ms)
      await share(store, { points: 1, credential: String(ms) })
      clock.at(ms + MINUTE_MS - 1)
      same(sumOf(await share(store, { credential: String(ms) })), 1)
      clock.at(ms + LONGEST_MS)
      same(sumOf(await share(store, { credential: String(ms) })), 0)
    }
  })

  test('cease to count when it was said that they would', async (store, clock) => {
    for (const [ms, points] of [
      [0, 1],
      [20_000, 2],
      [45_000, 4],
    ] as const) {
      clock.at(ms)
      await share(store, { points })
    }
    const { minute } = await share(store)
    equal(
      minute.map(({ points }) => points),
      [1, 2, 4],
    )
    let left = 7
    for (const { points, overInMs } of minute) {
      clock.at(45_000 + overInMs - 1)
      same(sumOf(await share(store)), left)
      left -= points
      clock.at(45_000 + overInMs)
      same(sumOf(await share(store)), left)
    }
  })
})

export const limits = casesOf('what is known of a limit', (test) => {
  test('is what was told of it, whoever asks', async (store) => {
    equal(await limited(store, {}), limitOf())
    equal(await limited(store, { told: told(50) }), limitOf({ told: told(50) }))
    equal(await limited(store, {}), limitOf({ told: told(50) }))
    equal(await limited(store, { resource: 'graphql' }), limitOf({ resource: 'graphql' }))
    equal((await share(store, { credential: 'b', limit: {} })).limits, [limitOf()])
  })

  test('is the later window, and of one window the less that remains', async (store) => {
    const later = RESET_AT + 1
    const reports = [
      [told(50), told(50)],
      [told(51), told(50)],
      [told(49), told(49)],
      [{ ...told(0, RESET_AT - 1), limit: 9 }, told(49)],
      [
        { ...told(60, later), limit: 99 },
        { ...told(60, later), limit: 99 },
      ],
      [told(10), { ...told(60, later), limit: 99 }],
      [told(-3, later), { ...told(-3, later), limit: 99 }],
    ] as const
    for (const [report, known] of reports) {
      equal(await limited(store, { told: report }), limitOf({ told: known }))
    }
  })

  test('is each resource’s own where one report is of several', async (store) => {
    const several = ['search', 'graphql', 'core', ...NAMES].map((resource, at) =>
      limitOf({ resource, told: told(at), underWay: at, blockedMs: at * 1_000 }),
    )
    equal((await share(store, { limits: several })).limits, several)
    const asked = several.map(({ resource }) => limitOf({ resource })).toReversed()
    equal((await share(store, { limits: asked })).limits, several.toReversed())
  })

  test('counts the requests under way in a window, and never less than none', async (store) => {
    const underWay = async (more: number, resetAt: number) =>
      ((await limited(store, { told: told(9, resetAt), underWay: more })) as LimitReport).underWay
    const counts = []
    for (const more of [1, 1, 0, -1, -5, 2]) counts.push(await underWay(more, RESET_AT))
    equal(counts, [1, 2, 2, 1, 0, 2])
    // What was under way in the window before is not told of in this one.
    same(await underWay(1, RESET_AT + 1), 1)
    // Somebody who has not heard of the window has a request under way in it all the same.
    same(await underWay(1, RESET_AT), 2)
  })

  test('may be any number that a header can hold', async (store) => {
    for (const number of [1e300, -1e300, 2 ** 40, 0.5, Number.NaN]) {
      const odd = { limit: number, remaining: number, resetAt: number }
      await limited(store, { told: odd, underWay: 0, blockedMs: 0, resource: String(number) })
      await share(store, { blockedMs: Number.isNaN(number) ? 0 : number, credential: 'odd' })
    }
    equal(await limited(store, { told: told(5) }), limitOf({ told: told(5) }))
  })
})

export const blocks = casesOf('a time until which nothing may be sent', (test) => {
  test('is the latest that was told, for a resource and for all', async (store, clock) => {
    const blocked = async (ms: number) => {
      const { limits, blockedMs } = await share(store, {
        blockedMs: ms,
        limit: { blockedMs: ms * 2 },
      })
      return [blockedMs, limits[0]?.blockedMs]
    }
    equal(await blocked(0), [0, 0])
    equal(await blocked(5_000), [5_000, 10_000])
    clock.at(1_000)
    equal(await blocked(3_000), [4_000, 9_000])
    equal(await blocked(6_000), [6_000, 12_000])
    clock.at(7_000)
    equal(await blocked(0), [0, 6_000])
    clock.at(1_000_000)
    equal(await blocked(0), [0, 0])
  })

  test('for one resource or credential is not another’s', async (store) => {
    await share(store, { blockedMs: 9, limit: { blockedMs: 9 } })
    const other = await share(store, { credential: 'other', limit: {} })
    equal(other, { minute: [], limits: [limitOf()], blockedMs: 0 })
    equal(await limited(store, { resource: 'search' }), limitOf({ resource: 'search' }))
    same((await share(store)).blockedMs, 9)
  })
})
