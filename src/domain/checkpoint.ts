import type { JsonRecord } from './json.ts'

/**
 * The stored record from which a session is restored. Its data is an envelope
 * around the session machine's snapshot; the cursor is in the snapshot's
 * context, so that the two cannot disagree.
 */
export interface Checkpoint {
  /** Given by the store; 0 until it is stored. */
  readonly id: number
  /** The session that it belongs to. */
  readonly targetId: string
  readonly data: JsonRecord
  readonly updatedAt: Date
}

/** A checkpoint that has not been stored. */
export function newCheckpoint(targetId: string, data: JsonRecord, updatedAt: Date): Checkpoint {
  return { id: 0, targetId, data, updatedAt }
}

/** Whether the checkpoint has yet to be stored. */
export function isTemporary(checkpoint: Checkpoint): boolean {
  return checkpoint.id === 0
}

/** The checkpoint under the id the store gave it. */
export function withId(checkpoint: Checkpoint, id: number): Checkpoint {
  return { ...checkpoint, id }
}
