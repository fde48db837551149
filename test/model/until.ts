import { setImmediate as turn } from 'node:timers/promises'

/** Turns of the event loop that are waited for; what needs no timer and no other process is done long before. */
const TURNS = 20_000

/** Waits for what follows by itself: nothing here sleeps, and time is the test's. */
export async function until(what: string | (() => string), happened: () => boolean): Promise<void> {
  for (let i = 0; i < TURNS; i += 1) {
    if (happened()) return
    await turn()
  }
  throw new Error(`waited in vain until ${typeof what === 'string' ? what : what()}`)
}

/** Lets everything happen that is going to: as many turns as any step has been seen to take, and more. */
export async function settle(turns = 60): Promise<void> {
  for (let i = 0; i < turns; i += 1) await turn()
}
