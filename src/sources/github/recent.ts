/**
 * The positions that this process has just reached. A walk that goes on from
 * one of them after an error or a short wait has not been away: there is no
 * need to look once more at the page before it.
 */
import { createHash } from 'node:crypto'
import type { JsonValue } from '../../domain/json.ts'

/** Longer than this, and rows may have moved: as long as a walk pauses between two attempts at most. */
const RECENT_MS = 60_000
/** More walks at once than that are not remembered; they look at a page once more. */
const MAX_POSITIONS = 1_000

const digest = (cursor: JsonValue | undefined): string =>
  createHash('sha256')
    .update(JSON.stringify(cursor) ?? '')
    .digest('base64url')

export class RecentPositions {
  readonly #reached = new Map<string, number>()

  /** @param now in milliseconds */
  reach(cursor: JsonValue, now: number): void {
    this.#reached.set(digest(cursor), now)
    const [oldest] = this.#reached.keys()
    if (this.#reached.size > MAX_POSITIONS && oldest !== undefined) this.#reached.delete(oldest)
  }

  /** Whether a stored position was reached a moment ago, by this process. */
  has(cursor: JsonValue | undefined, now: number): boolean {
    const at = this.#reached.get(digest(cursor))
    return at !== undefined && now >= at && now - at <= RECENT_MS
  }
}
