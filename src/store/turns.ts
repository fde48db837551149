import { setImmediate as turn } from 'node:timers/promises'

/** How long a page may hold the thread before it lets others have a turn, in milliseconds. */
const LONGEST_HOLD_MS = 4

let lastTurn = 0

/**
 * Lets whoever shares the thread have a turn, if it was held for long. What
 * SQLite does is done at once, and a source that never waits would else keep
 * its host's timers and sockets waiting for the length of its listing.
 */
export async function giveWay(): Promise<void> {
  if (performance.now() - lastTurn < LONGEST_HOLD_MS) return
  await turn()
  lastTurn = performance.now()
}
