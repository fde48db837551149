/** What of the raw limit is left of a whole walk: parsing, checks, machines, commit, and a host that takes every task. */
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { createMuster, type EnumerationResult } from '../../../src/index.ts'
import type { Bench, Figure, Row } from '../figure.ts'
import { shareOf } from '../goals.ts'
import { takeTasks, takeWindows } from '../made/host.ts'
import { localSource, localTarget, madePages } from '../made/local-source.ts'
import { against, interleave, perSecond } from '../rounds.ts'
import { removeDatabase } from '../temp.ts'
import { commitRaw, commitsIn } from './commit.ts'

const ITEMS = 50_000
const QUICK_ITEMS = 2_000
const PAGE_SIZE = 100
const GOAL = shareOf(0.35, 0.6)

type Take = (run: EnumerationResult) => Promise<number>

/** Walks a local listing while a host takes its tasks. @returns milliseconds, from the call to the last acknowledgement */
async function walkOnce(
  database: string,
  items: number,
  text: (from: number) => string,
  take: Take,
) {
  await using muster = await createMuster({ database, sources: [localSource({ text })] })
  const from = performance.now()
  const run = muster.coordinator.enumerateTarget(localTarget({ count: items, pageSize: PAGE_SIZE }))
  const [{ status }, taken] = await Promise.all([run.done, take(run)])
  const ms = performance.now() - from
  if (status !== 'COMPLETED' || taken !== items) {
    throw new Error(`the walk of ${items} items ended as ${status} with ${taken} tasks taken`)
  }
  return ms
}

/** As many rows as the baseline wrote, and every task acknowledged. */
function checkWalk(path: string, items: number): void {
  const database = new Database(path, { readonly: true })
  try {
    const count = (from: string) =>
      Number(database.prepare(`select count(*) from ${from}`).pluck().get())
    const found = {
      resources: count('resources'),
      scanTargets: count('scan_targets'),
      sightings: count('sightings'),
      acknowledged: count('tasks where acknowledged_at is not null'),
    }
    const short = Object.entries(found).find(([, rows]) => rows !== items)
    if (short !== undefined) {
      throw new Error(`the walk left ${short[1]} of ${items} rows: ${short[0]}`)
    }
  } finally {
    database.close()
  }
}

async function measureWalk(bench: Bench): Promise<readonly Row[]> {
  const folder = bench.folder()
  const items = bench.items(ITEMS, QUICK_ITEMS)
  const { pages, pragmas, copy } = await commitsIn(folder, items, PAGE_SIZE)
  const text = madePages(items, PAGE_SIZE)
  const walk = (take: Take) => async () => {
    const path = join(folder, 'walk.db')
    try {
      const ms = await walkOnce(path, items, text, take)
      checkWalk(path, items)
      return perSecond(items, ms)
    } finally {
      removeDatabase(path)
    }
  }
  const rounds = await interleave(
    {
      windows: walk(takeWindows),
      raw: () => {
        const path = copy()
        const ms = commitRaw(path, pages, pragmas)
        removeDatabase(path)
        return perSecond(items, ms)
      },
      single: walk(takeTasks),
    },
    { bench, name: 'walk' },
  )
  bench.discard(folder)
  const row = { against: 'raw better-sqlite3', unit: 'items/s', measure: 'ratio' } as const
  return [
    {
      ...row,
      what: 'whole walk from a local source, tasks taken in windows',
      goal: GOAL,
      samples: against(rounds, 'windows', 'raw'),
    },
    {
      ...row,
      what: 'the same, tasks taken one by one',
      samples: against(rounds, 'single', 'raw'),
    },
  ]
}

export const walk: Figure = { name: 'walk', measure: measureWalk }
