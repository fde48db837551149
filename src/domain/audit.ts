/** What can be said of a session in its record; a closed set. */
export type AuditEvent =
  /** The session was stored. */
  | 'created'
  /** A process took it up. */
  | 'claimed'
  /** A process took it up that another had left without a word. */
  | 'taken-over'
  /** Its walk began. */
  | 'started'
  /** It was taken up on purpose after its end: failed items first. */
  | 'resumed'
  /** It waits until a time, for the reason given. */
  | 'waiting'
  /** It waits until somebody has put something right, or resumes it. */
  | 'paused'
  /** A request hung. */
  | 'stalled'
  /** Somebody asked for a pause; the page in hand is finished first. */
  | 'pause-asked'
  /** Somebody asked for it to be cancelled; the page in hand is finished first. */
  | 'cancel-asked'
  /** Somebody ended its pause. */
  | 'pause-lifted'
  /** A process stopped walking it before its end, for the reason given. */
  | 'left'
  /** It came to its end, for the reason given. */
  | 'ended'

/** One line of a session's record. Entries are added, and never changed. */
export interface AuditEntry {
  /** Its place in the record of all sessions; later entries have greater ones. */
  readonly id: number
  readonly sessionId: string
  readonly at: Date
  readonly event: AuditEvent
  /** Why, or what came of it, in words; holds no secret. */
  readonly detail: string | null
  /** Who did it: the owner name of a process, or whoever steered; null where nobody is known. */
  readonly by: string | null
}

/** An entry as it is handed to the store with the write that it tells of. */
export type NewAuditEntry = Pick<AuditEntry, 'event' | 'detail'>
