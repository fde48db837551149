/** GitHub's rate limits: the count that every answer carries, and the time in which a caller is turned away. */
import { type Answer, answer } from './answers.ts'

export interface RateLimit {
  /** Requests a window. */
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

/** Per hour: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api */
const HOURLY = { authorised: 5_000, anonymous: 60 }

export class Limits {
  readonly #enforced: RateLimit | undefined
  readonly #usage = new Map<string, Usage>()
  readonly #blocks = new Map<string, Block>()

  /** @param enforced without one, requests are counted but never turned away */
  constructor(enforced: RateLimit | undefined) {
    this.#enforced = enforced
  }

  /** What a limited caller gets, for as long as it is limited. */
  blocked(caller: string, now: number): Answer | undefined {
    const block = this.#blocks.get(caller)
    return block !== undefined && now < block.until ? block.answer : undefined
  }

  block(caller: string, until: number, answer: Answer): void {
    this.#blocks.set(caller, { until, answer })
  }

  /** Whether the caller's allowance is spent. */
  exhausted(caller: string, resource: Resource, now: number): boolean {
    return (
      this.#enforced !== undefined &&
      this.#current(caller, resource, now).used >= this.#limit(caller)
    )
  }

  count(caller: string, resource: Resource, now: number): void {
    const usage = this.#current(caller, resource, now)
    usage.used += 1
    // A count that nobody enforces must not read as a limit that is met.
    if (this.#enforced === undefined && usage.used >= this.#limit(caller)) usage.used = 1
  }

  state(caller: string, resource: Resource, now: number) {
    const limit = this.#limit(caller)
    const { used, resetAt } = this.#current(caller, resource, now)
    return { limit, used, remaining: Math.max(0, limit - used), reset: Math.ceil(resetAt / 1000) }
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
    return answer(200, { resources: { core, graphql }, rate: core })
  }

  #limit(caller: string): number {
    return this.#enforced?.limit ?? (caller === 'anonymous' ? HOURLY.anonymous : HOURLY.authorised)
  }

  #current(caller: string, resource: Resource, now: number): Usage {
    const key = `${resource} ${caller}`
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
