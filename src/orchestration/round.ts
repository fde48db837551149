import { targetKeyOf, type SessionState, type TargetConfig } from '../domain/session-state.ts'
import type { StopSignals } from '../enumeration/signals.ts'

/** What came of one round of enumeration. */
export interface Round {
  /** The sessions whose walk is over, however they ended. */
  readonly sessions: readonly SessionState[]
  /** The targets whose walk broke, or could not begin. */
  readonly failures: readonly {
    readonly targetName: string
    readonly sessionId: string | null
    readonly error: unknown
  }[]
}

/** What one round gathers as it goes through its states. */
export class RoundInHand {
  targets: readonly TargetConfig[] = []
  /** One of them aborts when the round is cut short. */
  readonly stop: Required<StopSignals>
  readonly over = Promise.withResolvers<Round>()
  readonly failures: Round['failures'][number][] = []
  isOver = false
  /** Whether it came to its end, and was not cut short. */
  isClosed = false
  #byKey: ReadonlyMap<string, TargetConfig> | undefined

  constructor(stop: Required<StopSignals>) {
    this.stop = stop
    const markOver = () => {
      this.isOver = true
    }
    this.over.promise.then(markOver, markOver)
  }

  /**
   * The target as it is loaded now: a session that was paused for its credential
   * goes on with the one that took its place.
   */
  currently(config: TargetConfig): TargetConfig {
    this.#byKey ??= new Map(this.targets.map((target) => [targetKeyOf(target), target]))
    return this.#byKey.get(targetKeyOf(config)) ?? config
  }

  get isCutShort(): boolean {
    return this.stop.signal.aborted || this.stop.drain.aborted
  }
}

/** How the walks of a round come about: one after the other, as the orchestrator goes through its states. */
export interface RoundWork {
  /** Takes up what was interrupted. @param signal aborts when somebody else leads by now */
  takeUp(signal: AbortSignal): Promise<void>
  /** Starts the targets of the round that were not taken up. */
  startTargets(): Promise<void>
  /** Resolves when all of it is walked, and ends the round unless it was cut short. */
  awaitWalks(): Promise<void>
  /** What came of it, whether it was cut short or not. */
  result(): Promise<Round>
}
