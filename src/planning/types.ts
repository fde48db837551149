import type { ErrorRecord } from '../domain/errors.ts'
import type { Completeness } from '../domain/session-state.ts'
import type { PlannedLimit } from '../sources/source.ts'
import type { Shortfall } from '../../machines/index.ts'
import type { Bottleneck } from './estimate.ts'

/** What a run would do with a target; a closed set. */
export type PlannedAction =
  /** Walk it from its beginning. */
  | 'start'
  /** Go on with a session that was interrupted. */
  | 'continue'
  /** Go on with one, once the time is come that it waits for. */
  | 'wait'
  /** Pass it over: somebody paused it, and nobody has resumed it. */
  | 'paused'
  /** Carry out what somebody asked for: to cancel it. */
  | 'cancel'
  /** Leave it to the process that walks it. */
  | 'walked'
  /** Nothing: it was walked in the round that is not over. */
  | 'done'

/** The last session that came to its end. */
export interface LastWalk {
  readonly sessionId: string
  readonly status: string
  readonly completeness: Completeness
  readonly endedAt: Date
  readonly items: number
  readonly failed: number
  /** Null where the source is not compared. */
  readonly comparison: {
    readonly new: number
    readonly changed: number
    readonly missing: number
  } | null
}

/** What a run would come to for one target. */
export interface TargetPlan {
  readonly name: string
  readonly sourceType: string
  /** The name of its credential; null where it needs none. */
  readonly authRef: string | null
  readonly action: PlannedAction
  /** The session that would be gone on with, or is in the way. */
  readonly session: {
    readonly sessionId: string
    readonly pages: number
    readonly items: number
    /** Why it waits or was left, where it tells. */
    readonly reason: string | null
    /** Until when it waits; null where nobody can say. */
    readonly until: Date | null
  } | null
  /** Items of the whole listing; null where nobody knows. */
  readonly items: number | null
  /** Where the number is from: the service counts, the list is at hand, the last session found so many. */
  readonly itemsFrom: 'service' | 'list' | 'last session' | null
  /** Items that are still to come: fewer than `items` where a session is gone on with. */
  readonly itemsLeft: number | null
  /** Requests that are still to be sent; null where nobody knows. */
  readonly requests: number | null
  /** How long that takes at the limits as they are; milliseconds, null where nobody knows. */
  readonly durationMs: number | null
  /** What holds it up most; null where nothing is to be done, or nobody knows. */
  readonly bottleneck: Bottleneck | null
  /** The limits as they are, one for each token. */
  readonly limits: readonly PlannedLimit[]
  readonly last: LastWalk | null
  /** What is known not to be seen with this credential. */
  readonly unseen: readonly Shortfall[]
  readonly notes: readonly string[]
  /** Why the source was not asked; null where it was, or has nothing to say. */
  readonly notAsked: string | null
  /** Requests that were sent for this plan. */
  readonly asked: number
  /** Why it could not be planned; null where it could. */
  readonly problem: ErrorRecord | null
}

/** What a run would come to. Nothing was written for it. */
export interface Plan {
  readonly at: Date
  readonly targets: readonly TargetPlan[]
  readonly total: {
    readonly targets: number
    /** Of the targets of which it is known. */
    readonly itemsLeft: number
    readonly requests: number
    /** With targets side by side, and limits shared by those that share a credential; milliseconds. */
    readonly durationMs: number
    /** Targets that are to be walked, and of which nobody knows how long it takes. */
    readonly unknown: number
    /** Targets that could not be planned. */
    readonly problems: number
    /** Requests that were sent for this plan. */
    readonly asked: number
  }
  /** What is to be known of the history, such as that there is none. */
  readonly note: string | null
}
