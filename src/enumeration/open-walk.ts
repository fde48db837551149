import type { SessionState, TargetConfig } from '../domain/session-state.ts'
import type { Ask } from '../domain/steering.ts'
import type { ClaimedSession } from '../store/store.ts'
import type { Handover } from './coordinator-port.ts'
import type { CredentialResolver } from './ports.ts'
import type { EnumerationResult } from './result.ts'
import type { StopSignals } from './signals.ts'
import type { Walk } from './walk.ts'

/** How a walk begins, whoever wants it. */
export interface Start {
  readonly config: TargetConfig
  readonly credentials: CredentialResolver
  readonly sessionId: string
  readonly targetKey: string
  readonly isNew: boolean
  /** Whether an ended session is taken up again. */
  readonly onPurpose: boolean
  /** Whether a pause that somebody asked for is ended by it. */
  readonly lift: boolean
  /** What is known to be asked of the session. */
  readonly asked: Ask | null
  /** Whether it was asked for by its target, and not by its identity. */
  readonly isByTarget?: boolean
  readonly signals: StopSignals
  readonly handover?: Handover | undefined
  /** The session, where it was claimed already. */
  readonly claimed?: ClaimedSession
}

/** A walk, and what its caller and this process have of it. */
export interface OpenWalk {
  readonly walk: Walk
  readonly result: EnumerationResult
  readonly done: PromiseWithResolvers<SessionState>
  /** Resolves when the walk has left nothing behind in this process. */
  readonly finished: PromiseWithResolvers<void>
  /** Aborts when the walk is over: what listens for it lets go. */
  readonly over: AbortController
  /** Aborts when nothing more is to be handed on here. */
  readonly letGo: AbortController
  handover: Promise<void> | undefined
  /** Resolves when a pause that was ended here is ended in the database too. */
  lifting: Promise<unknown> | undefined
}

export function openWalk(walk: Walk, result: EnumerationResult, done: OpenWalk['done']): OpenWalk {
  return {
    walk,
    result,
    done,
    finished: Promise.withResolvers<void>(),
    over: new AbortController(),
    letGo: new AbortController(),
    handover: undefined,
    lifting: undefined,
  }
}
