import PQueue from 'p-queue'

/** Requests that have to go well before one more is sent at once; for each that is being sent. */
const WELL_BEFORE_MORE = 4

/**
 * How many requests are out at once: fewer at each `SlowDown`, by half, and one
 * more after a while that all went well, up to what the target allows.
 */
export class Pace {
  readonly #queue: PQueue
  readonly #most: number
  #well = 0

  constructor(most: number) {
    this.#most = most
    this.#queue = new PQueue({ concurrency: most })
  }

  /** How many may be out at present. */
  get limit(): number {
    return this.#queue.concurrency
  }

  run<T>(request: () => Promise<T>): Promise<T> {
    return this.#queue.add(request)
  }

  slowDown(): void {
    this.#well = 0
    this.#queue.concurrency = Math.max(1, Math.floor(this.#queue.concurrency / 2))
  }

  succeeded(): void {
    const { concurrency } = this.#queue
    if (concurrency >= this.#most) return
    this.#well += 1
    if (this.#well < concurrency * WELL_BEFORE_MORE) return
    this.#well = 0
    this.#queue.concurrency = concurrency + 1
  }
}
