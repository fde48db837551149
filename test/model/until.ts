import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'

/** Turns of the event loop within which nearly everything has happened: time is the test's, and nothing here sleeps. */
const TURNS = 5_000

/** What waits for a lock does sleep; how long it is waited for before that is given up, in milliseconds. */
const PATIENCE_MS = 10_000

/** Waits for what follows by itself. */
export async function until(
  what: string | (() => string),
  happened: () => boolean | Promise<boolean>,
): Promise<void> {
  for (let i = 0; i < TURNS; i += 1) {
    if (await happened()) return
    await turn()
  }
  for (const giveUpAt = performance.now() + PATIENCE_MS; performance.now() < giveUpAt;) {
    if (await happened()) return
    await sleep(1)
  }
  throw new Error(`waited in vain until ${typeof what === 'string' ? what : what()}`)
}

/** As many turns as any step has been seen to take, and more. */
const ENOUGH_TURNS = 60

/**
 * Lets everything happen that is going to.
 *
 * @param isQuiet whether nothing is waited for that takes its time; turns count only then
 */
export async function settle(isQuiet: () => boolean = () => true): Promise<void> {
  for (let i = 0; i < ENOUGH_TURNS; i = isQuiet() ? i + 1 : 0) await turn()
}
