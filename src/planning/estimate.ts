/** How long so many requests take, by what is known of limits, answers and settings. */
import type { PlannedLimit } from '../sources/source.ts'

/** What holds a walk up most; a closed set. */
export type Bottleneck =
  /** What there is in a window of the service's limit. */
  | 'limit'
  /** What the service allows a minute. */
  | 'pace'
  /** The target's own settings, such as a rate. */
  | 'settings'
  /** How long the answers take. */
  | 'answers'

/** What an estimate is made of. */
export interface Work {
  readonly requests: number
  /** How long an answer takes; milliseconds. */
  readonly requestMs: number
  /** Requests under way at once. */
  readonly concurrency: number
  /** By the target's own settings; milliseconds. */
  readonly atLeastMs: number
  /** One for each token, all of them used. Empty where nothing is limited. */
  readonly limits: readonly PlannedLimit[]
}

export interface Estimate {
  /** Milliseconds. */
  readonly durationMs: number
  readonly bottleneck: Bottleneck
  /** When the last window begins that is needed; null where what is left now is enough. */
  readonly waitsUntil: number | null
}

/** Windows that are looked ahead: more than two years of hours. A walk of more is told as so long. */
const MOST_WINDOWS = 20_000

const MINUTE_MS = 60_000

/** Points that a token has for this walk, from when on. */
interface Grant {
  readonly at: number
  readonly points: number
}

/** What is left now, then a whole window at each end of one, without what is left to others. */
function* grantsOf(limit: PlannedLimit, now: number): Generator<Grant, void, undefined> {
  const whole = Math.max(1, limit.limit - limit.reserve)
  const isOver = limit.resetAt <= now
  yield { at: now, points: isOver ? whole : Math.max(0, limit.remaining - limit.reserve) }
  for (let at = isOver ? now + limit.windowMs : limit.resetAt; ; at += limit.windowMs) {
    yield { at, points: whole }
  }
}

/** When the last of the points is there, and how many of them come then. */
function whenGranted(points: number, limits: readonly PlannedLimit[], now: number): Grant {
  const queues = limits.map((limit) => {
    const grants = grantsOf(limit, now)
    return { grants, next: grants.next().value as Grant }
  })
  let left = points
  for (let window = 0; window < MOST_WINDOWS; window += 1) {
    const first = queues.reduce((one, other) => (other.next.at < one.next.at ? other : one))
    const { at, points: more } = first.next
    if (left <= more) return { at, points: left }
    left -= more
    first.next = first.grants.next().value as Grant
  }
  const last = Math.max(...queues.map(({ next }) => next.at))
  return { at: last, points: left }
}

/** A service counts the last minute: the first minute's requests may go at once. */
function paceMs(requests: number, limits: readonly PlannedLimit[]): number {
  const perMinute = limits.reduce((sum, limit) => sum + (limit.perMinute ?? Infinity), 0)
  if (limits.length === 0 || !Number.isFinite(perMinute) || perMinute <= 0) return 0
  return Math.max(0, Math.ceil(requests / perMinute) - 1) * MINUTE_MS
}

/** How long the work takes when it is begun now; the most that any one thing makes it. */
export function estimate(work: Work, now: number): Estimate {
  const { requests, limits, requestMs, concurrency, atLeastMs } = work
  const answersMs = (count: number) => (count * requestMs) / Math.max(1, concurrency)
  const granted =
    limits.length === 0 ? { at: now, points: requests } : whenGranted(requests, limits, now)
  const isWaiting = granted.at > now
  const parts: readonly (readonly [Bottleneck, number])[] = [
    ['answers', answersMs(requests)],
    ['limit', isWaiting ? granted.at - now + answersMs(granted.points) : 0],
    ['pace', paceMs(requests, limits)],
    ['settings', atLeastMs],
  ]
  const [bottleneck, durationMs] = parts.reduce((most, one) => (one[1] > most[1] ? one : most))
  return { durationMs, bottleneck, waitsUntil: isWaiting ? granted.at : null }
}
