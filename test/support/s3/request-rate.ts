import type { LoggedRequest, Quirks } from './options.ts'
import { S3Error } from './s3-error.ts'

const WINDOW_MS = 1_000

/** Refuses what comes within a second after as many requests as are allowed; refused ones do not count. */
export class RequestRate {
  readonly #limit: Quirks['rateLimit']
  /** When the requests of the last second came, the oldest first. */
  readonly #allowed: number[] = []

  constructor(limit: Quirks['rateLimit']) {
    this.#limit = limit
  }

  /** @param now milliseconds that only go up */
  refusalOf(request: LoggedRequest, now = performance.now()): S3Error | undefined {
    if (this.#limit === undefined || this.#limit.when?.(request) === false) return undefined
    while (this.#allowed.length > 0 && (this.#allowed[0] ?? now) <= now - WINDOW_MS)
      this.#allowed.shift()
    if (this.#allowed.length >= this.#limit.requestsPerSecond)
      return new S3Error(503, 'SlowDown', 'Please reduce your request rate.')
    this.#allowed.push(now)
    return undefined
  }
}
