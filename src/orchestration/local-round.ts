import type { EventBus } from '../delivery/event-bus.ts'
import { errorRecord, LeaseError } from '../domain/errors.ts'
import {
  isActive,
  targetKeyOf,
  type SessionState,
  type TargetConfig,
} from '../domain/session-state.ts'
import type { TimeProvider } from '../domain/clock.ts'
import type { Coordinator, Handover } from '../enumeration/coordinator-port.ts'
import type { EnumerationResult } from '../enumeration/result.ts'
import type { Store } from '../store/store.ts'
import { RestingWalks } from './lifted.ts'
import { isPausedOnRequest } from './paused.ts'
import type { Round, RoundInHand, RoundWork } from './round.ts'

export interface LocalRoundDeps {
  readonly coordinator: Coordinator
  readonly store: Store
  readonly bus: EventBus
  readonly clock: TimeProvider
  /** Under this name leases are held here. */
  readonly owner: string
  /** Publishes tasks on a bus that outlives the process; without one they are published in it. */
  readonly handover?: Handover | undefined
}

interface Walking {
  readonly config: TargetConfig
  /** Another where the session was paused, and is walked on. */
  result: EnumerationResult
}

/** A round of a process that walks everything itself. */
export class LocalRound implements RoundWork {
  readonly #deps: LocalRoundDeps
  readonly #round: RoundInHand
  readonly #walking: Walking[] = []
  /** Sessions that came to their end in this round before this process took it up. */
  readonly #ended: SessionState[] = []
  #id: number | undefined

  constructor(deps: LocalRoundDeps, round: RoundInHand) {
    this.#deps = deps
    this.#round = round
  }

  async takeUp(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.#deps
    const { roundId, sessions } = await store.openRound({ at: clock.now() })
    this.#id = roundId
    const unfinished = new Set((await store.findUnfinished()).map(({ sessionId }) => sessionId))
    // Whoever leads by now takes the round up; its sessions are theirs.
    if (signal.aborted) return
    for (const state of sessions) {
      if (isActive(state.status)) this.resume(state)
      // Walked to its end by a process that then died with tasks in hand.
      else if (unfinished.has(state.sessionId)) this.#start(this.#round.currently(state.config))
      else this.#ended.push(state)
    }
  }

  /** Takes up one session; what is wrong with it is noted. */
  resume(state: SessionState): void {
    const config = this.#round.currently(state.config)
    this.#walk(config, state.sessionId, () => this.#resumed({ ...state, config }))
  }

  /** What somebody paused stays paused: a round is no reason to go on with it. */
  #resumed(state: SessionState): EnumerationResult {
    const { coordinator, handover } = this.#deps
    return coordinator.resumeTarget(state, { ...this.#round.stop, handover, lift: false })
  }

  async startTargets(): Promise<void> {
    const taken = new Set(
      [...this.#walking, ...this.#ended].map(({ config }) => targetKeyOf(config)),
    )
    for (const config of this.#round.targets) {
      if (!taken.has(targetKeyOf(config))) this.#start(config)
    }
  }

  async awaitWalks(): Promise<void> {
    const { failures } = this.#round
    const resting = new RestingWalks(this.#deps)
    await Promise.all(this.#walking.map((walking) => this.#follow(walking, resting)))
    // A round that was cut short is gone on with, and so is one that another process has a part of;
    // one stuck session does not keep it open.
    const elsewhere = failures.some(({ error }) => error instanceof LeaseError)
    if (this.#id === undefined || this.#round.isCutShort || elsewhere) return
    await this.#deps.store.closeRound({ roundId: this.#id, at: this.#deps.clock.now() })
    this.#round.isClosed = true
  }

  /** Waits for one walk, and for those that come after a pause of its session. */
  async #follow(walking: Walking, resting: RestingWalks): Promise<void> {
    const { failures, stop } = this.#round
    const { config } = walking
    for (;;) {
      const { result } = walking
      const { sessionId } = result
      const error: unknown = await resting.during(() => this.#outcome(result))
      if (error === undefined) return
      const state = isPausedOnRequest(error)
        ? await resting.lifted(sessionId, Object.values(stop))
        : null
      if (state === null || this.#round.isCutShort) {
        failures.push({ targetName: config.name, sessionId, error })
        return
      }
      // Ended by somebody in its pause; or taken up again, which another process may have done already.
      if (!isActive(state.status)) return void this.#ended.push(state)
      walking.result = this.#resumed({ ...state, config })
    }
  }

  /** @returns what the walk broke with, when nothing of it is left to publish either */
  async #outcome(result: EnumerationResult): Promise<unknown> {
    const [outcome] = await Promise.allSettled([result.done, this.#publishTasks(result)])
    return outcome.status === 'rejected' ? outcome.reason : undefined
  }

  async result(): Promise<Round> {
    const settled = await Promise.allSettled(this.results.map(({ done }) => done))
    const walked = settled.filter((s) => s.status === 'fulfilled').map((s) => s.value)
    return { sessions: [...this.#ended, ...walked], failures: this.#round.failures }
  }

  get results(): EnumerationResult[] {
    return this.#walking.map(({ result }) => result)
  }

  #start(config: TargetConfig): void {
    const { spec, ...target } = config
    const { coordinator, handover } = this.#deps
    const options = { ...this.#round.stop, handover }
    this.#walk(config, null, () =>
      coordinator.enumerateTarget({ ...target, [target.sourceType]: spec }, options),
    )
  }

  /** Begins one walk; what is wrong with it is noted, and never stops the others. */
  #walk(config: TargetConfig, sessionId: string | null, begin: () => EnumerationResult): void {
    try {
      this.#walking.push({ config, result: begin() })
    } catch (error) {
      this.#round.failures.push({ targetName: config.name, sessionId, error })
    }
  }

  /** Puts a walk's tasks on the bus; a task is acknowledged when its handlers have taken it. */
  async #publishTasks(result: EnumerationResult): Promise<void> {
    const { bus, handover } = this.#deps
    if (handover !== undefined || !bus.hasSubscribers('task.created')) return
    try {
      for await (const { credentials: _, ...task } of result.tasks) {
        await bus.publish('task.created', { task })
      }
    } catch (thrown) {
      process.emitWarning(
        `session ${result.sessionId}: its tasks are not delivered further in this round: ${errorRecord(thrown).message}`,
        'MusterWarning',
      )
    }
  }
}
