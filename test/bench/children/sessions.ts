/** Walks one session after the other in one process; prints what it held after some of them. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMuster } from '../../../src/index.ts'
import { childInput, childOutput } from '../child.ts'
import { takeWindows } from '../made/host.ts'
import { localSource, localTarget } from '../made/local-source.ts'

export interface SessionsInput {
  readonly folder: string
  readonly items: number
  /** After which sessions to look. */
  readonly looks: readonly number[]
}

export interface Held {
  /** Megabytes. */
  readonly heap: number
  /** Timers, sockets and the like that are open. */
  readonly handles: number
}

const BYTES_PER_MB = 1_048_576

const { folder, items, looks } = childInput<SessionsInput>()
await using muster = await createMuster({
  database: join(folder, 'sessions.db'),
  sources: [localSource()],
})

async function look(): Promise<Held> {
  // What was just let go of may be held by a promise until the loop has come round.
  await sleep(20)
  globalThis.gc?.()
  globalThis.gc?.()
  return {
    heap: process.memoryUsage().heapUsed / BYTES_PER_MB,
    handles: process.getActiveResourcesInfo().length,
  }
}

const held: Held[] = []
for (let session = 1; session <= Math.max(...looks); session += 1) {
  const run = muster.coordinator.enumerateTarget(
    localTarget({ name: `target-${session}`, count: items, pageSize: 100 }),
  )
  const [{ status }] = await Promise.all([run.done, takeWindows(run)])
  if (status !== 'COMPLETED') throw new Error(`session ${session} ended as ${status}`)
  if (looks.includes(session)) held.push(await look())
}
childOutput(held)
