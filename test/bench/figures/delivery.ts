/** How fast tasks that are there are handed to a host and acknowledged. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { createMuster, type EnumerationResult } from '../../../src/index.ts'
import type { Bench, Figure, Row } from '../figure.ts'
import { shareOf } from '../goals.ts'
import { takeTasks, takeWindows } from '../made/host.ts'
import { localSource, localTarget, type LocalSpec } from '../made/local-source.ts'
import { pragmasOf } from '../raw/pragmas.ts'
import { deliverRaw } from '../raw/reader.ts'
import { against, interleave, perSecond } from '../rounds.ts'
import { removeDatabase } from '../temp.ts'

const ITEMS = 50_000
const QUICK_ITEMS = 2_000
const PAGE_SIZE = 1_000
const GOAL = shareOf(0.5, 0.8)

/** A session at its end whose tasks nobody has taken, though a host had begun to. */
async function walkedDatabase(database: string, spec: LocalSpec): Promise<void> {
  await using muster = await createMuster({
    database,
    sources: [localSource()],
    deliveryWindow: spec.count,
  })
  const run = muster.coordinator.enumerateTarget(localTarget(spec))
  // Begun, so that the next process goes on with it; and nothing acknowledged.
  for await (const _ of run.tasks) break
  await run.done
}

/** @returns milliseconds from the first window's reading to the last acknowledgement */
async function deliver(
  database: string,
  spec: LocalSpec,
  take: (run: EnumerationResult) => Promise<number>,
): Promise<number> {
  await using muster = await createMuster({ database, sources: [localSource()] })
  const run = muster.coordinator.enumerateTarget(localTarget(spec))
  await run.done
  const from = performance.now()
  const taken = await take(run)
  const ms = performance.now() - from
  checkTaken(taken, spec.count)
  return ms
}

function checkTaken(taken: number, expected: number): void {
  if (taken === expected) return
  throw new Error(`${taken} of ${expected} tasks were delivered`)
}

function checkAcknowledged(path: string): void {
  const database = new Database(path, { readonly: true })
  try {
    const left = database
      .prepare('select count(*) from tasks where acknowledged_at is null')
      .pluck()
      .get()
    if (left !== 0) throw new Error(`${String(left)} tasks were not acknowledged`)
  } finally {
    database.close()
  }
}

async function measureDelivery(bench: Bench): Promise<readonly Row[]> {
  const folder = bench.folder()
  const items = bench.items(ITEMS, QUICK_ITEMS)
  const spec = { count: items, pageSize: PAGE_SIZE }
  const original = join(folder, 'walked.db')
  bench.say(`delivery: making ${items.toLocaleString('en')} tasks`)
  await walkedDatabase(original, spec)
  const pragmas = await pragmasOf(original)
  const onCopy = (run: (path: string) => Promise<number> | number) => async () => {
    const path = join(folder, 'copy.db')
    copyFileSync(original, path)
    try {
      const ms = await run(path)
      checkAcknowledged(path)
      return perSecond(items, ms)
    } finally {
      removeDatabase(path)
    }
  }
  const rounds = await interleave(
    {
      windows: onCopy((path) => deliver(path, spec, takeWindows)),
      raw: onCopy((path) => {
        const { taken, ms } = deliverRaw(path, pragmas)
        checkTaken(taken, items)
        return ms
      }),
      single: onCopy((path) => deliver(path, spec, takeTasks)),
    },
    { bench, name: 'delivery' },
  )
  bench.discard(folder)
  const row = {
    against: 'raw reads and updates of windows of 500',
    unit: 'tasks/s',
    measure: 'ratio',
  } as const
  return [
    {
      ...row,
      what: 'tasks delivered and acknowledged, in windows',
      goal: GOAL,
      samples: against(rounds, 'windows', 'raw'),
    },
    { ...row, what: 'the same, one by one', samples: against(rounds, 'single', 'raw') },
  ]
}

export const delivery: Figure = { name: 'delivery', measure: measureDelivery }
