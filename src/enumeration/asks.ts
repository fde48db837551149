import { timersOf, type TimeProvider } from '../domain/clock.ts'
import type { Ask } from '../domain/steering.ts'
import type { Store } from '../store/store.ts'

/**
 * How often a process looks what is asked of the sessions that it walks, in
 * milliseconds. Whoever pauses a walk by hand waits for it, and a look is one
 * small query a process, whatever the number of its walks.
 */
const LOOK_MS = 1_000

/** What is asked, by session; a session of which nothing is asked is not in it. */
export type Asks = ReadonlyMap<string, Ask>

export interface AskWatchDeps {
  readonly store: Pick<Store, 'asksOf'>
  readonly owner: string
  readonly clock: TimeProvider
  /** Whether anything is walked that somebody could ask something of. */
  isNeeded(): boolean
  obey(asks: Asks): void
}

/** Looks what others ask of the sessions that this process walks: they may sit at another process. */
export class AskWatch {
  readonly #deps: AskWatchDeps
  #isLooking = false
  #timer: unknown
  #isOver = false

  constructor(deps: AskWatchDeps) {
    this.#deps = deps
    this.#arm()
  }

  /** What is asked now. */
  async asks(): Promise<Asks> {
    const found = await this.#deps.store.asksOf(this.#deps.owner)
    return new Map(found.map(({ sessionId, ask }) => [sessionId, ask]))
  }

  /** Looks at once. A look that fails is made good by the next. */
  async look(): Promise<void> {
    this.#isLooking = true
    try {
      const asks = await this.asks()
      if (!this.#isOver) this.#deps.obey(asks)
    } catch {
      // A store that is away is asked again in a second.
    } finally {
      this.#isLooking = false
    }
  }

  stop(): void {
    this.#isOver = true
    timersOf(this.#deps.clock).clearTimeout(this.#timer)
  }

  #arm(): void {
    this.#timer = timersOf(this.#deps.clock).setTimeout(() => this.#tick(), LOOK_MS)
    // To look keeps no process alive.
    ;(this.#timer as Partial<NodeJS.Timeout>).unref?.()
  }

  #tick(): void {
    if (this.#isOver) return
    this.#arm()
    if (!this.#isLooking && this.#deps.isNeeded()) void this.look()
  }
}
