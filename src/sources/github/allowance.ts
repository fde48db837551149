/**
 * What is left of a credential's allowance, as far as GitHub's answers tell:
 * points of an hour by resource, and our own count of a minute's points, for
 * which GitHub has a limit that it does not tell.
 *
 * https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 * https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
 */
import type { ToldLimit } from '../source.ts'
import { type Answer, field, headerOf, RESET_MARGIN_MS } from './classify.ts'
import { Minute } from './minute.ts'

/** GitHub's word for what a limit is counted for: `core`, `graphql`, `search`, … */
export type Resource = string

/** Points of a limit that are left to others: a number of them, or a share of the limit. */
export type Reserve = number | `${number}%`

/** Why nothing may be sent, and until when (milliseconds since the Unix epoch). */
export interface Wait {
  readonly until: number
  readonly why: string
}

type Bucket = ToldLimit

/** A bucket as it is now. */
interface Current extends Bucket {
  /** Points of it for requests that other hosts have under way. */
  readonly others: number
}

export interface Allowance {
  /** Takes over what an answer says of the limits. */
  learn(answer: Answer, asked: Resource): void
  /** Counts what is about to be sent. */
  spend(resource: Resource, now: number): void
  /** Why a request for the resource has to wait; undefined when it need not. */
  wait(resource: Resource, reserve: Reserve, now: number): Wait | undefined
  /** Points that may still be used; infinite where nothing is known. */
  left(resource: Resource, reserve: Reserve, now: number): number
  /** Of which resources something is known. */
  resources(): Iterable<Resource>
  /** What is known of a resource, where others can make something of it. */
  told(resource: Resource): ToldLimit | undefined
  /**
   * Takes over what another process was told, where that is newer.
   *
   * @param underWay requests for the resource that other processes have under way
   */
  adopt(resource: Resource, told: ToldLimit | null, underWay: number): void
  /** What a minute's points for a resource are counted as. */
  kindOf(resource: Resource): Api
  minuteOf(resource: Resource): Minute
}

type Api = keyof typeof POINTS_A_MINUTE

/**
 * "No more than 900 points per minute for REST, 2,000 for GraphQL": about
 * secondary rate limits. A tenth is kept off, since GitHub's minute and ours
 * need not be the same.
 */
export const POINTS_A_MINUTE = { rest: 810, graphql: 1_800 } as const
/** Where the calendar of dates ends; a later reset is none. */
const LAST_DATE = 8.64e15

const SEARCH = /\/search\//

/** The resource that a URL is counted for, until an answer says which it was. */
export const resourceOf = (url: string): Resource => {
  if (url.endsWith('/graphql')) return 'graphql'
  return SEARCH.test(url) ? 'search' : 'core'
}

/** Points to leave; half of a limit at the most, so that no reserve makes a limit unusable. */
export const reservedOf = (reserve: Reserve, limit: number): number => {
  const share = typeof reserve === 'number' ? reserve : (limit * Number.parseFloat(reserve)) / 100
  return Math.min(Math.floor(share), Math.floor(limit / 2))
}

const numberOf = (value: unknown): number | undefined => {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

const headerBucket = (answer: Answer): Partial<Bucket> => {
  const reset = numberOf(headerOf(answer, 'x-ratelimit-reset'))
  return {
    limit: numberOf(headerOf(answer, 'x-ratelimit-limit')),
    remaining: numberOf(headerOf(answer, 'x-ratelimit-remaining')),
    resetAt: reset === undefined ? undefined : reset * 1000 + RESET_MARGIN_MS,
  } as Partial<Bucket>
}

/** Some Enterprise Servers send no headers, and tell in the query's own `rateLimit`. */
const bodyBucket = (answer: Answer): Partial<Bucket> => {
  const told = field(field(answer.body, 'data'), 'rateLimit')
  const reset = Date.parse(String(field(told, 'resetAt')))
  return {
    limit: numberOf(field(told, 'limit')),
    remaining: numberOf(field(told, 'remaining')),
    resetAt: Number.isFinite(reset) ? reset + RESET_MARGIN_MS : undefined,
  } as Partial<Bucket>
}

/** What a query cost; other requests, and queries that do not say, count as one. */
const costOf = (answer: Answer): number => {
  const cost = numberOf(field(field(field(answer.body, 'data'), 'rateLimit'), 'cost'))
  return Math.max(1, cost ?? 1)
}

const iso = (at: number): string => new Date(at).toISOString()

export function createAllowance(): Allowance {
  const buckets = new Map<Resource, Bucket>()
  /** Requests that other processes have under way. */
  const others = new Map<Resource, number>()
  const minutes: Readonly<Record<Api, Minute>> = {
    rest: new Minute(POINTS_A_MINUTE.rest),
    graphql: new Minute(POINTS_A_MINUTE.graphql),
  }
  let lastSent = 0
  const kindOf = (resource: Resource): Api => (resource === 'graphql' ? 'graphql' : 'rest')
  const minuteOf = (resource: Resource): Minute => minutes[kindOf(resource)]

  const bucketOf = (resource: Resource, now: number): Current | undefined => {
    const bucket = buckets.get(resource)
    if (bucket === undefined) return undefined
    // The hour is over: all of it is there again.
    if (now >= bucket.resetAt) {
      return { ...bucket, remaining: bucket.limit, resetAt: Infinity, others: 0 }
    }
    // Half of a limit at the most: hosts that died in a request must not make it unusable.
    const underWay = Math.min(others.get(resource) ?? 0, Math.floor(bucket.limit / 2))
    return { ...bucket, others: underWay }
  }

  const pace = (resource: Resource, now: number): Wait | undefined => {
    const until = minuteOf(resource).until(now)
    if (until === undefined) return undefined
    return { until, why: `to stay below GitHub's limit of points a minute, until ${iso(until)}` }
  }

  return {
    learn(answer, asked) {
      const resource = headerOf(answer, 'x-ratelimit-resource') ?? asked
      const told = resource === 'graphql' ? bodyBucket(answer) : {}
      const header = headerBucket(answer)
      const remaining = header.remaining ?? told.remaining
      const resetAt = header.resetAt ?? told.resetAt
      if (resource === 'graphql') {
        const more = costOf(answer) - 1
        if (more > 0) minutes.graphql.add(more, lastSent)
      }
      if (remaining === undefined || resetAt === undefined) return
      const limit = header.limit ?? told.limit ?? buckets.get(resource)?.limit ?? remaining
      buckets.set(resource, { limit, remaining, resetAt })
    },
    spend(resource, now) {
      lastSent = now
      minuteOf(resource).add(1, now)
    },
    wait(resource, reserve, now) {
      const bucket = bucketOf(resource, now)
      // A server that tells of no limit has none: an Enterprise Server, unless it is set up so.
      if (bucket === undefined) return undefined
      const kept = reservedOf(reserve, bucket.limit)
      const { limit, remaining, resetAt: until, others: underWay } = bucket
      if (remaining - underWay > kept) return pace(resource, now)
      const reserved = kept > 0 ? `, and ${kept} are left to others (reserve)` : ''
      const elsewhere = underWay > 0 ? `, and ${underWay} to requests of other hosts` : ''
      const why = `for GitHub's rate limit until ${iso(until)}: ${remaining} of ${limit} points of ${resource} are left${reserved}${elsewhere}`
      return { until, why }
    },
    left(resource, reserve, now) {
      const bucket = bucketOf(resource, now)
      if (bucket === undefined) return Infinity
      return bucket.remaining - bucket.others - reservedOf(reserve, bucket.limit)
    },
    resources: () => buckets.keys(),
    told(resource) {
      const { limit, remaining, resetAt } = buckets.get(resource) ?? {}
      const numbers = [limit, remaining, resetAt].map((number) => Math.trunc(number ?? Number.NaN))
      const [most = 0, left = 0, until = 0] = numbers
      const isPlain = numbers.every(Number.isSafeInteger) && until < LAST_DATE
      return isPlain ? { limit: most, remaining: left, resetAt: until } : undefined
    },
    adopt(resource, told, underWay) {
      others.set(resource, underWay)
      if (told === null) return
      const { resetAt, remaining } = buckets.get(resource) ?? { resetAt: 0, remaining: 0 }
      const isNewer = told.resetAt > resetAt
      if (isNewer || (told.resetAt === resetAt && told.remaining < remaining)) {
        buckets.set(resource, told)
      }
    },
    kindOf,
    minuteOf,
  }
}
