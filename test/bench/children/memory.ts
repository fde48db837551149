/** Walks a local listing while a host takes its tasks; prints what it held of memory. */
import { join } from 'node:path'
import { createMuster } from '../../../src/index.ts'
import { childInput, childOutput } from '../child.ts'
import { takeWindows } from '../made/host.ts'
import { localSource, localTarget } from '../made/local-source.ts'

export interface MemoryInput {
  readonly folder: string
  readonly items: number
}

/** Megabytes. */
export interface MemoryOutput {
  /** The most that the process ever held. */
  readonly peak: number
  /** What it held at the end, after a collection. */
  readonly end: number
}

const KB_PER_MB = 1_024
const BYTES_PER_MB = 1_048_576

const { folder, items } = childInput<MemoryInput>()
await using muster = await createMuster({
  database: join(folder, 'memory.db'),
  sources: [localSource()],
})
const run = muster.coordinator.enumerateTarget(localTarget({ count: items, pageSize: 100 }))
const [{ status }, taken] = await Promise.all([run.done, takeWindows(run)])
if (status !== 'COMPLETED' || taken !== items) {
  throw new Error(`the walk of ${items} items ended as ${status} with ${taken} tasks taken`)
}
// The highest point is one of the walk, not of the collection after it.
const peak = process.resourceUsage().maxRSS / KB_PER_MB
globalThis.gc?.()
childOutput({ peak, end: process.memoryUsage.rss() / BYTES_PER_MB } satisfies MemoryOutput)
