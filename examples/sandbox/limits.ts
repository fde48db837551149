/** GitHub's rate limits: the count that every answer carries, and the time in which a caller is turned away. */
import { type Answer, answer } from './answers.ts'

export interface RateLimit {
  /** Requests a window; points for GraphQL. */
  readonly limit: number
  readonly windowSeconds: number
}

interface Usage {
  used: number
  resetAt: number
}

interface Block {
  readonly until: number
  readonly answer: Answer
}

export type Resource = 'core' | 'graphql'

const RESOURCES: readonly Resource[] = ['core', 'graphql']

/** Per hour: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api */
const HOURLY = { authorised: 5_000, anonymous: 60 }

const keyOf = (caller: string, resource: Resource): string => `${resource} ${caller}`

/** Callers are named by account, as GitHub counts: the tokens of one share its allowance. */
export class Limits {
  readonly #enforced: RateLimit | undefined
  readonly #own: ReadonlyMap<string, number>
  readonly #usage = new Map<string, Usage>()
  readonly #blocks = new Map<string, Block>()

  /**
   * @param enforced without one, requests are counted but never turned away
   * @param own limits of single callers, which are enforced
   */
  constructor(enforced: RateLimit | undefined, own: ReadonlyMap<string, number> = new Map()) {
    this.#enforced = enforced
    this.#own = own
  }

  /** What a limited caller gets, for as long as it is limited. */
  blocked(caller: string, resource: Resource, now: number): Answer | undefined {
    const block = this.#blocks.get(keyOf(caller, resource))
    return block !== undefined && now < block.until ? block.answer : undefined
  }

  /** A primary limit is spent for one resource; a secondary one is for the whole caller. */
  block(caller: string, resources: 'all' | Resource, until: number, answer: Answer): void {
    for (const resource of resources === 'all' ? RESOURCES : [resources]) {
      this.#blocks.set(keyOf(caller, resource), { until, answer })
    }
  }

  /** Whether the caller's allowance is spent. */
  exhausted(caller: string, resource: Resource, now: number): boolean {
    return (
      this.#isEnforced(caller) && this.#current(caller, resource, now).used >= this.#limit(caller)
    )
  }

  count(caller: string, resource: Resource, now: number, points: number): void {
    const usage = this.#current(caller, resource, now)
    usage.used += points
    // A count that nobody enforces must not read as a limit that is met.
    if (!this.#isEnforced(caller) && usage.used >= this.#limit(caller)) usage.used = 1
  }

  /** Takes back what a request that turned out free was counted for. */
  refund(caller: string, resource: Resource, now: number, points: number): void {
    const usage = this.#current(caller, resource, now)
    usage.used = Math.max(0, usage.used - points)
  }

  state(caller: string, resource: Resource, now: number) {
    const limit = this.#limit(caller)
    const { used, resetAt } = this.#current(caller, resource, now)
    return {
      limit,
      used: Math.min(used, limit),
      remaining: Math.max(0, limit - used),
      reset: Math.ceil(resetAt / 1000),
    }
  }

  headers(caller: string, resource: Resource, now: number): Record<string, string> {
    const state = this.state(caller, resource, now)
    return {
      'x-ratelimit-limit': String(state.limit),
      'x-ratelimit-remaining': String(state.remaining),
      'x-ratelimit-used': String(state.used),
      'x-ratelimit-reset': String(state.reset),
      'x-ratelimit-resource': resource,
    }
  }

  /** `GET /rate_limit`, which costs nothing. */
  overview(caller: string, now: number): Answer {
    const core = { ...this.state(caller, 'core', now), resource: 'core' }
    const graphql = { ...this.state(caller, 'graphql', now), resource: 'graphql' }
    // Nothing is searched here, but GitHub's answer always tells of it.
    const search = { limit: 30, used: 0, remaining: 30, reset: core.reset, resource: 'search' }
    return answer(200, { resources: { core, search, graphql }, rate: core })
  }

  #isEnforced(caller: string): boolean {
    return this.#enforced !== undefined || this.#own.has(caller)
  }

  #limit(caller: string): number {
    const hourly = caller === 'anonymous' ? HOURLY.anonymous : HOURLY.authorised
    return this.#own.get(caller) ?? this.#enforced?.limit ?? hourly
  }

  #current(caller: string, resource: Resource, now: number): Usage {
    const key = keyOf(caller, resource)
    let usage = this.#usage.get(key)
    if (usage === undefined || now >= usage.resetAt) {
      const windowMs = (this.#enforced?.windowSeconds ?? 3_600) * 1000
      // Whole seconds, since the header can say no finer.
      usage = { used: 0, resetAt: Math.ceil((now + windowMs) / 1000) * 1000 }
      this.#usage.set(key, usage)
    }
    return usage
  }
}
