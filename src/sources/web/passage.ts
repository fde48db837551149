import type { Release } from './host-queues.ts'

/** Nothing came for as long as is waited. */
export class TooSlowError extends Error {}

/**
 * One request under way: its place in the host's queue, and the signal that
 * ends it, be it the caller's, a timer or its own end.
 *
 * Not `AbortSignal.any` with `AbortSignal.timeout`: Node keeps something of
 * each for as long as the caller's signal lives, and that is a whole walk.
 */
export class Passage {
  readonly #abort = new AbortController()
  readonly #outer: AbortSignal
  readonly #release: Release
  readonly #onAbort = (): void => this.#abort.abort(this.#outer.reason)

  constructor(outer: AbortSignal, release: Release) {
    this.#outer = outer
    this.#release = release
    outer.addEventListener('abort', this.#onAbort, { once: true })
    // It may have aborted while the request waited for its turn.
    if (outer.aborted) this.#onAbort()
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Ends the request unless the timer is stopped in time; the reader sees a `TooSlowError`. */
  startTimer(ms: number): { stop(): void } {
    const timer = setTimeout(() => this.#abort.abort(new TooSlowError()), ms)
    return { stop: () => clearTimeout(timer) }
  }

  /** The promise's result, unless the request ends first: undici notices an end only once it is connected. */
  async race<T>(promise: Promise<T>): Promise<T> {
    const { promise: ended, reject } = Promise.withResolvers<never>()
    const onEnd = (): void => reject(this.signal.reason)
    this.signal.addEventListener('abort', onEnd, { once: true })
    if (this.signal.aborted) onEnd()
    try {
      return await Promise.race([promise, ended])
    } finally {
      this.signal.removeEventListener('abort', onEnd)
    }
  }

  /** Lets go of everything; once is enough. */
  end(): void {
    this.#outer.removeEventListener('abort', this.#onAbort)
    this.#release()
    // Closes the connection where something of the body is still to come.
    this.#abort.abort(new Error('the answer was closed'))
  }
}
