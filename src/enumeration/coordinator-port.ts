import type { SessionState, TargetConfig } from '../domain/session-state.ts'
import type { EnumerationResult } from './result.ts'
import type { StopSignals } from './signals.ts'

export interface EnumerateOptions extends StopSignals {
  /** Hands on the tasks under the session's lease. Default: whoever reads the result's streams does. */
  readonly handover?: Handover | undefined
  /** Credentials for this target alone, by name; they come before those of `createMuster`. */
  readonly auth?: unknown
}

export interface ResumeOptions extends Omit<EnumerateOptions, 'auth'> {
  /**
   * Whether a pause that somebody asked for is ended by it. Default true; with
   * false a paused session stays so, and `done` rejects with a PauseError (PAUSED).
   */
  readonly lift?: boolean
}

/** Walks targets: the model's coordinator. */
export interface Coordinator {
  /**
   * Walks a target. An unfinished session of the same target is taken up again,
   * and so is one whose tasks were not all acknowledged; otherwise a new one begins.
   * One that somebody paused stays so: `done` rejects with a PauseError (PAUSED).
   *
   * @throws InvalidInputError for a spec that cannot be used
   */
  enumerateTarget(spec: unknown, options?: EnumerateOptions): EnumerationResult
  /**
   * Takes up a session on purpose, a FAILED or PARTIALLY_COMPLETED one too: its
   * failed items are tried again, then its listing goes on. One that somebody
   * paused is paused no longer.
   */
  resumeTarget(state: SessionState, options?: ResumeOptions): EnumerationResult
}

/**
 * Hands on what a session finds, while the session's lease is held: the lease
 * is given up when it resolves. Resolves when nothing is left to hand on, or
 * soon after the signal aborts; never rejects.
 */
export type Handover = (taken: {
  readonly result: EnumerationResult
  /** The session as it was taken up. */
  readonly session: SessionState
  /** The session's revision since then: no two who take it up have the same. */
  readonly revision: number
  readonly signal: AbortSignal
}) => Promise<void>

/** What one host asks for that shares the walking with others. */
export interface ClaimOptions {
  /** Sessions to take at the most. */
  readonly limit: number
  /** Sessions that are not wanted. */
  readonly except: readonly string[]
  /** Without it this host walks, and others hand on. */
  readonly handover?: Handover | undefined
  /** A target as it is configured here; the stored one may name a credential of another host. */
  currently(config: TargetConfig): TargetConfig
}

/** The coordinator, as a host has it that shares the walking with others. */
export interface SharedCoordinator extends Coordinator {
  /** Under this name leases are held. */
  readonly owner: string
  /** Sessions that are walked or handed on here at present. */
  readonly walking: number
  /** Begins to walk sessions that nobody walks. */
  claim(options: ClaimOptions): Promise<EnumerationResult[]>
  /**
   * Stores a session of a target for whichever host claims it first. One that is
   * unfinished already is freed of its pause instead.
   *
   * @throws LEASE_LOST when the round is over
   */
  offer(
    config: TargetConfig,
    to: { readonly roundId: number; readonly announcing: boolean },
  ): Promise<void>
}
