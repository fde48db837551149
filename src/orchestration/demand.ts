import { untilAborted } from '../domain/abort.ts'

/**
 * Whether this process waits for a round. Who does not has no reason to lead:
 * it would keep those from leading that do.
 */
export class Demand {
  #waiting = 0
  #asked = Promise.withResolvers<void>()

  get isPending(): boolean {
    return this.#waiting > 0
  }

  /** Resolves when somebody waits for a round, or the signal aborts. */
  async asked(signal: AbortSignal): Promise<void> {
    await untilAborted(this.#asked.promise, signal)
  }

  /** Somebody waits, until the work has come to its end. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting += 1
    this.#asked.resolve()
    try {
      return await work()
    } finally {
      this.#waiting -= 1
      if (this.#waiting === 0) this.#asked = Promise.withResolvers<void>()
    }
  }
}
