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

export interface MemoryOutput {
  /** The most that the process ever held, in megabytes. */
  readonly peak: number
}

const KB_PER_MB = 1_024

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
childOutput({ peak: process.resourceUsage().maxRSS / KB_PER_MB } satisfies MemoryOutput)
