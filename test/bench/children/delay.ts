/** A host process: idle, or walking at full speed; prints how late its timers were. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMuster } from '../../../src/index.ts'
import { childInput, childOutput } from '../child.ts'
import { watchLoop } from '../loop-delays.ts'
import { takeWindows } from '../made/host.ts'
import { localSource, localTarget } from '../made/local-source.ts'

export interface DelayInput {
  readonly folder: string
  readonly work: 'idle' | 'local' | 'thread' | 'url'
  readonly items: number
  /** A file of URLs, one a line. */
  readonly list: string
  /** How long an idle host is watched, in milliseconds. */
  readonly idleMs: number
}

const { folder, work, items, list, idleMs } = childInput<DelayInput>()
await using muster = await createMuster({
  database: join(folder, `${work}.db`),
  databaseThread: work === 'thread',
  sources: [localSource()],
})

async function walk(target: object): Promise<void> {
  const run = muster.coordinator.enumerateTarget(target)
  const [{ status }] = await Promise.all([run.done, takeWindows(run)])
  if (status !== 'COMPLETED') throw new Error(`the walk ended as ${status}`)
}

const urls = (name: string, urlsFile: string) => ({ name, sourceType: 'url', url: { urlsFile } })
const local = (name: string, count: number) => localTarget({ name, count, pageSize: 100 })

// What is compiled and loaded once is no part of walking.
await walk(local('first', Math.min(items, 5_000)))
globalThis.gc?.()

const stop = watchLoop()
if (work === 'idle') await sleep(idleMs)
else await walk(work === 'url' ? urls('list', list) : local('second', items))
childOutput(stop())
