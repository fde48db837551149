/** What it costs to be watched: a walk with the dashboard open, a recording and numbers, against one that nobody looks at. */
import { join } from 'node:path'
import { createMetricsRegistry, createMuster, type MusterOptions } from '../../../src/index.ts'
import type { Bench, Figure, Row } from '../figure.ts'
import { takeWindows } from '../made/host.ts'
import { localSource, localTarget, madePages } from '../made/local-source.ts'
import { lookAt } from '../made/onlooker.ts'
import { against, interleave, perSecond } from '../rounds.ts'
import { removeDatabase } from '../temp.ts'

const ITEMS = 50_000
const QUICK_ITEMS = 2_000
const PAGE_SIZE = 100

type Watch = 'nothing' | 'numbers' | 'recording' | 'everything'

async function watchedWalk(
  options: MusterOptions & { readonly database: string },
  watch: Watch,
  items: number,
): Promise<number> {
  const registry =
    watch === 'nothing' || watch === 'recording' ? null : await createMetricsRegistry()
  const isRecorded = watch === 'recording' || watch === 'everything'
  const muster = await createMuster({
    ...options,
    ...(registry !== null && { metricsRegistry: registry }),
    ...(isRecorded && { record: `${options.database}.jsonl` }),
  })
  const lookAway = watch === 'everything' ? await lookAt(muster) : async () => {}
  try {
    const from = performance.now()
    const run = muster.coordinator.enumerateTarget(
      localTarget({ count: items, pageSize: PAGE_SIZE }),
    )
    const [{ status }, taken] = await Promise.all([run.done, takeWindows(run)])
    const ms = performance.now() - from
    if (status !== 'COMPLETED' || taken !== items) {
      throw new Error(`the walk of ${items} items ended as ${status} with ${taken} tasks taken`)
    }
    return perSecond(items, ms)
  } finally {
    await lookAway()
    await muster.close()
    await registry?.close()
  }
}

async function measureObserved(bench: Bench): Promise<readonly Row[]> {
  const folder = bench.folder()
  const items = bench.items(ITEMS, QUICK_ITEMS)
  const text = madePages(items, PAGE_SIZE)
  let walks = 0
  const walk = (watch: Watch) => async () => {
    walks += 1
    const database = join(folder, `observed-${walks}.db`)
    try {
      return await watchedWalk({ database, sources: [localSource({ text })] }, watch, items)
    } finally {
      removeDatabase(database)
    }
  }
  const rounds = await interleave(
    {
      nothing: walk('nothing'),
      numbers: walk('numbers'),
      recording: walk('recording'),
      everything: walk('everything'),
    },
    { bench, name: 'observed' },
  )
  bench.discard(folder)
  const row = { against: 'the same walk, unwatched', unit: 'items/s', measure: 'ratio' } as const
  return [
    {
      ...row,
      what: 'whole walk with the dashboard open, a recording and numbers',
      samples: against(rounds, 'everything', 'nothing'),
    },
    {
      ...row,
      what: 'the same with a recording alone',
      samples: against(rounds, 'recording', 'nothing'),
    },
    { ...row, what: 'the same with numbers alone', samples: against(rounds, 'numbers', 'nothing') },
  ]
}

export const observed: Figure = { name: 'observed', measure: measureObserved }
