/** How near the store's commit of a page is to the limit of what it is built on. */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { openStore, type CommitPage } from '../../../src/index.ts'
import type { Bench, Figure, Row } from '../figure.ts'
import { shareOf, type Goal } from '../goals.ts'
import { identitiesOf, inPages } from '../made/identities.ts'
import { claimedDatabase, commitsOf, MADE_AT } from '../made/pages.ts'
import { sameRows } from '../raw/compare.ts'
import { applyPragmas, pragmasOf, type Pragmas } from '../raw/pragmas.ts'
import { rawWriter } from '../raw/writer.ts'
import { against, collectGarbage, interleave, perSecond } from '../rounds.ts'
import { removeDatabase } from '../temp.ts'

const ITEMS = 50_000
const QUICK_ITEMS = 2_000
const GOAL = shareOf(0.8, 0.95)

/** Commits the pages through the store. @returns milliseconds */
export async function commitByStore(path: string, pages: readonly CommitPage[]): Promise<number> {
  const store = await openStore({ path, clock: MADE_AT })
  try {
    const from = performance.now()
    for (const page of pages) await store.commitPage(page)
    return performance.now() - from
  } finally {
    await store.close()
  }
}

/** Writes the same rows with the driver alone. @returns milliseconds */
export function commitRaw(path: string, pages: readonly CommitPage[], pragmas: Pragmas): number {
  const database = new Database(path)
  try {
    applyPragmas(database, pragmas)
    const write = rawWriter(database, pages)
    collectGarbage()
    const from = performance.now()
    write()
    return performance.now() - from
  } finally {
    database.close()
  }
}

/** A database with a claimed session, the pages to commit to it, and how the store's connection is set. */
export async function commitsIn(folder: string, items: number, pageSize: number) {
  const path = join(folder, 'claimed.db')
  const claimed = await claimedDatabase(path)
  const pages = commitsOf(claimed, inPages(identitiesOf(items), pageSize))
  const pragmas = await pragmasOf(path)
  let copies = 0
  const copy = (): string => {
    const file = join(folder, `copy-${(copies += 1)}.db`)
    copyFileSync(path, file)
    return file
  }
  return { pages, pragmas, copy }
}

async function measurePages(bench: Bench, pageSize: number, goal?: Goal): Promise<Row> {
  const folder = bench.folder()
  const items = bench.items(ITEMS, QUICK_ITEMS)
  const { pages, pragmas, copy } = await commitsIn(folder, items, pageSize)
  let files = { ours: '', raw: '' }
  const rounds = await interleave(
    {
      ours: async () => {
        files = { ...files, ours: copy() }
        return perSecond(items, await commitByStore(files.ours, pages))
      },
      raw: () => {
        files = { ...files, raw: copy() }
        return perSecond(items, commitRaw(files.raw, pages, pragmas))
      },
    },
    {
      bench,
      name: `commit, pages of ${pageSize}`,
      after: () => {
        sameRows(files.ours, files.raw)
        for (const file of Object.values(files)) removeDatabase(file)
      },
    },
  )
  bench.discard(folder)
  return {
    what: `durable commit, pages of ${pageSize.toLocaleString('en')}`,
    against: 'raw better-sqlite3',
    unit: 'items/s',
    measure: 'ratio',
    ...(goal && { goal }),
    samples: against(rounds, 'ours', 'raw'),
  }
}

export const commit: Figure = {
  name: 'commit',
  async measure(bench) {
    return [await measurePages(bench, 100, GOAL), await measurePages(bench, 1_000)]
  },
}
