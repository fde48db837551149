import { pause, type TimeProvider } from '../domain/clock.ts'
import { LeaseError } from '../domain/errors.ts'
import { isPausedOnRequest } from './paused.ts'
import type { TargetConfig } from '../domain/session-state.ts'
import type { Handover, SharedCoordinator } from '../enumeration/coordinator-port.ts'
import type { EnumerationResult } from '../enumeration/result.ts'

export interface PoolDeps {
  readonly coordinator: SharedCoordinator
  readonly clock: TimeProvider
  /** Sessions that this host walks at the same time, at the most. */
  readonly maxSessions: number
  /** How long it waits before it looks again, where there was nothing to take; milliseconds. */
  readonly pollMs: number
  /** Hands on what is found; asked for at each claim. */
  handover(): Handover | undefined
  currently(config: TargetConfig): TargetConfig
}

/** A session whose walk broke here is left to the others: for a second at first, then for longer. */
const FIRST_REST_MS = 1_000
const LONGEST_REST_MS = 60_000

/** For each session that it walks a host waits so long before it takes another; milliseconds. */
const LEFT_TO_OTHERS_MS = 20

/** Two hosts that begin at once would else look at the same moments for ever. */
const JITTER = 0.2

/** Why a session could not be walked here, again and again. */
export interface Trouble {
  readonly times: number
  readonly error: unknown
  /** Until when it is left to others; milliseconds since the Unix epoch. */
  readonly until: number
}

/**
 * Takes sessions that nobody walks, one after the other, as long as there is
 * room for another. One at a time: hosts that begin together share what there is.
 */
export class SessionPool {
  readonly #deps: PoolDeps
  readonly #troubles = new Map<string, Trouble>()
  /** Sessions that a handler here refused a task of, while they were in hand. */
  readonly #refused = new Map<string, unknown>()
  #isOver = false
  #running: Promise<void> | undefined
  #woken = new AbortController()

  constructor(deps: PoolDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Takes no more; what it has taken goes on. */
  async stop(): Promise<void> {
    this.#isOver = true
    this.wake()
    await this.#running
  }

  /** There may be something to take. */
  wake(): void {
    this.#woken.abort()
  }

  /** Whether this host hands on what is found. */
  get handsOn(): boolean {
    return this.#deps.handover() !== undefined
  }

  /** What went wrong with a session here, unless it went well since. */
  troubleOf(sessionId: string): Trouble | undefined {
    return this.#troubles.get(sessionId)
  }

  /** A handler of this host threw: the session would else be handed to it again at once, without end. */
  refused(sessionId: string, error: unknown): void {
    this.#refused.set(sessionId, error)
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      this.#woken = new AbortController()
      // A store that fails is asked again: it may be about to come back.
      const taken = await this.#take().catch(() => false)
      if (this.#isOver) return
      // The more it has, the longer it leaves the next one to hosts that have less.
      if (taken) await this.#leaveToOthers()
      else await this.#rest()
    }
  }

  /** @returns whether there may be more to take */
  async #take(): Promise<boolean> {
    const { coordinator, maxSessions, handover, currently } = this.#deps
    if (coordinator.walking >= maxSessions) return false
    const claimed = await coordinator.claim({
      limit: 1,
      except: this.#resting(),
      handover: handover(),
      currently,
    })
    for (const result of claimed) this.#watch(result)
    return claimed.length > 0
  }

  #resting(): string[] {
    const now = this.#deps.clock.now()
    return [...this.#troubles].flatMap(([id, { until }]) => (until > now ? [id] : []))
  }

  #watch({ sessionId, done }: EnumerationResult): void {
    done
      .then(
        () => this.#judge(sessionId),
        (error: unknown) => {
          this.#refused.delete(sessionId)
          this.#note(sessionId, error)
        },
      )
      .finally(() => this.wake())
  }

  /** The walk went well, and perhaps not what came after it. */
  #judge(sessionId: string): void {
    if (this.#refused.has(sessionId)) this.#note(sessionId, this.#refused.get(sessionId))
    else this.#troubles.delete(sessionId)
    this.#refused.delete(sessionId)
  }

  #note(sessionId: string, error: unknown): void {
    // Another host has it, or somebody paused it: nothing is wrong with it.
    if (error instanceof LeaseError || isPausedOnRequest(error)) return
    const times = (this.#troubles.get(sessionId)?.times ?? 0) + 1
    const rest = Math.min(FIRST_REST_MS * 2 ** (times - 1), LONGEST_REST_MS)
    this.#troubles.set(sessionId, { times, error, until: this.#deps.clock.now() + rest })
  }

  #leaveToOthers(): Promise<void> {
    const { clock, coordinator } = this.#deps
    return pause(clock, coordinator.walking * LEFT_TO_OTHERS_MS)
  }

  #rest(): Promise<void> {
    const { clock, pollMs } = this.#deps
    return pause(clock, pollMs * (1 - JITTER / 2 + Math.random() * JITTER), [this.#woken.signal])
  }
}
