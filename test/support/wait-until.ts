import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for something that another process brings about. */
export async function waitUntil(
  what: string,
  happened: () => boolean,
  { withinMs = 20_000, everyMs = 5 } = {},
): Promise<void> {
  const giveUpAt = performance.now() + withinMs
  while (!happened()) {
    if (performance.now() > giveUpAt) throw new Error(`waited ${withinMs} ms in vain until ${what}`)
    await sleep(everyMs)
  }
}
