/** A host process: idle, or walking at full speed; prints how late its timers were. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMetricsRegistry, createMuster } from '../../../src/index.ts'
import { childInput, childOutput } from '../child.ts'
import { watchLoop } from '../loop-delays.ts'
import { takeWindows } from '../made/host.ts'
import { localSource, localTarget } from '../made/local-source.ts'
import { lookAt } from '../made/onlooker.ts'

export interface DelayInput {
  readonly folder: string
  readonly work: 'idle' | 'local' | 'thread' | 'url' | 'watched'
  readonly items: number
  /** A file of URLs, one a line. */
  readonly list: string
  /** How long an idle host is watched, in milliseconds. */
  readonly idleMs: number
}

const { folder, work, items, list, idleMs } = childInput<DelayInput>()
const isWatched = work === 'watched'
await using muster = await createMuster({
  database: join(folder, `${work}.db`),
  databaseThread: work === 'thread',
  sources: [localSource()],
  ...(isWatched && {
    record: join(folder, 'walk.jsonl'),
    metricsRegistry: await createMetricsRegistry(),
  }),
})
const lookAway = isWatched ? await lookAt(muster) : async () => {}

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
const delays = stop()
await lookAway()
childOutput(delays)
