/** What a plan knows of earlier sessions: read from a database that is only read. */
import type { Completeness, Comparison, Waiting } from '../domain/session-state.ts'
import type { Ask } from '../domain/steering.ts'

/** A session as far as a plan looks at it; of an older database, as far as it tells. */
export interface PastSession {
  readonly sessionId: string
  readonly targetName: string
  readonly sourceType: string
  /** The name of its credential; null where it needs none. */
  readonly authRef: string | null
  readonly status: string
  readonly failureReason: string | null
  readonly completeness: Completeness
  readonly asked: Ask | null
  readonly waiting: Waiting | null
  /** Whether a process walks it now. */
  readonly isWalked: boolean
  /** Whether it belongs to a round that is not over. */
  readonly isOfOpenRound: boolean
  readonly startedAt: Date
  readonly endedAt: Date | null
  readonly pages: number
  readonly itemsFound: number
  readonly itemsFailed: number
  readonly total: number | null
  readonly comparison: Comparison | null
}

/** Until when somebody has asked the requests with a credential to wait. */
export interface CredentialWait {
  /** The name of the credential; null for requests without one. */
  readonly authRef: string | null
  readonly sourceType: string
  readonly targetName: string
  readonly reason: string
  readonly until: Date
}

/** Earlier sessions. Nothing here writes. */
export interface History {
  /** What a person should know of it, such as that there is none; null where it is whole. */
  readonly note: string | null
  /** The newest sessions of a target, the newest first. */
  sessionsOf(targetKey: string): Promise<readonly PastSession[]>
  /** Waits that are not over, of all sessions. */
  waits(): Promise<readonly CredentialWait[]>
  close(): Promise<void>
}

/** A history without anything in it. */
export const noHistory = (note: string): History => ({
  note,
  sessionsOf: async () => [],
  waits: async () => [],
  close: async () => {},
})
