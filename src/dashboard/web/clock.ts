/** The server's time of day, told by this machine's clock: the two may differ. */
import { effect, signal } from '@preact/signals'
import { overview } from './live.ts'

const ahead = signal(0)
const tick = signal(Date.now())

effect(() => {
  const told = overview.value
  if (told === null) return
  ahead.value = told.now - Date.now()
  tick.value = Date.now()
})

setInterval(() => (tick.value = Date.now()), 1_000)

/** Milliseconds since the Unix epoch, by the server; whoever reads it is drawn anew each second. */
export const now = (): number => tick.value + ahead.value
