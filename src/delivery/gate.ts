import { setTimeout as sleep } from 'node:timers/promises'

/** How many may pass between two looks at the broker: several publishers look on their own, and each may overshoot by this. */
const GRANT = 500

/** Between two looks while nobody may pass: at first, and at most, in milliseconds. */
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

export interface GateOptions {
  /** How far behind consumers may be. */
  readonly limit: number
  /** How many the broker has that no consumer has acknowledged; may reject. */
  readonly behind: () => Promise<number>
  /** Aborts when nobody is to wait any longer. */
  readonly closed: AbortSignal
}

/** Back-pressure: holds publishers, in order, while consumers are too far behind. */
export class Gate {
  readonly #options: GateOptions
  #turn: Promise<void> = Promise.resolve()
  #granted = 0
  /** Passed, and perhaps not counted by the broker yet. */
  #underWay = 0

  constructor(options: GateOptions) {
    this.#options = options
  }

  /**
   * Does the work when it may. @throws what the work throws, or the reason of
   * either signal when it aborts before
   */
  async pass<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const turn = this.#turn.then(() => this.#enter(signal))
    this.#turn = turn.catch(() => undefined)
    await turn
    try {
      return await work()
    } finally {
      this.#underWay -= 1
    }
  }

  async #enter(signal: AbortSignal | undefined): Promise<void> {
    const { closed } = this.#options
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      closed.throwIfAborted()
      signal?.throwIfAborted()
      if (this.#granted === 0) this.#granted = await this.#look()
      if (this.#granted > 0) break
      // Closing is not to wait for it; who leaves otherwise does at the next look.
      await sleep(pauseMs, undefined, { signal: closed }).catch(() => undefined)
    }
    this.#granted -= 1
    this.#underWay += 1
  }

  /** How many may pass; none while the broker cannot say. */
  async #look(): Promise<number> {
    const { limit, behind } = this.#options
    try {
      const free = limit - (await behind()) - this.#underWay
      return Math.min(Math.max(free, 0), GRANT)
    } catch {
      return 0
    }
  }
}
