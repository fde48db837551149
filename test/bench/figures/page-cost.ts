/** Whether a page costs more when many lie before it. */
import { join } from 'node:path'
import type { Bench, Figure, Row, Sample } from '../figure.ts'
import { timesAtMost } from '../goals.ts'
import { longPages, longSession, walkUpTo } from '../made/sessions.ts'
import { against, interleave } from '../rounds.ts'
import { median } from '../statistics.ts'
import { removeDatabase } from '../temp.ts'

/** Where the near pages lie; the far ones lie behind a long session's. */
const NEAR = 10
/** Pages that are measured, after some that are not: a process begins slowly. */
const PAGES = 400
const QUICK_PAGES = 20
const BEFORE = 20
const GOAL = timesAtMost(1.1, 1)

interface Cost {
  /** From one commit to the next, in milliseconds: the whole page. */
  readonly page: number
  readonly commit: number
  /** The whole page's mean, in which the merging of the log shows. */
  readonly mean: number
}

/** Walks a session on by some pages. */
async function costFrom(path: string, page: number, pages: number): Promise<Cost> {
  const commits = (await walkUpTo(path, page + BEFORE + pages)).slice(-pages)
  const periods = commits.slice(1).map(({ at }, index) => at - (commits[index]?.at ?? 0))
  return {
    page: median(periods),
    commit: median(commits.map(({ ms }) => ms)),
    mean: periods.reduce((sum, ms) => sum + ms, 0) / periods.length,
  }
}

async function measurePageCost(bench: Bench): Promise<readonly Row[]> {
  const folder = bench.folder()
  const pages = bench.quick ? QUICK_PAGES : PAGES
  const long = await longSession(bench)
  const far = longPages(bench)
  // The long session goes on from round to round; a short one is begun anew each time.
  let reached = far
  const costs: Record<'far' | 'near', Cost[]> = { far: [], near: [] }
  const rounds = await interleave(
    {
      far: async () => {
        const cost = await costFrom(long, reached, pages)
        reached += BEFORE + pages
        costs.far.push(cost)
        return cost.page
      },
      near: async () => {
        const short = join(folder, 'short.db')
        const cost = await costFrom(short, NEAR, pages)
        removeDatabase(short)
        costs.near.push(cost)
        return cost.page
      },
    },
    { bench, name: 'page-cost' },
  )
  bench.discard(folder)
  const part = (name: keyof Cost): Sample[] =>
    costs.far
      .map((cost, index) => ({ ours: cost[name], base: costs.near[index]?.[name] ?? Number.NaN }))
      // The first is the warm-up's.
      .slice(-rounds.length)
  const row = {
    against: `around page ${NEAR}`,
    unit: 'ms',
    measure: 'ratio',
  } as const
  const at = `page ${far.toLocaleString('en')}`
  return [
    {
      ...row,
      what: `a page of 100 around ${at}, from commit to commit`,
      goal: GOAL,
      samples: against(rounds, 'far', 'near'),
    },
    { ...row, what: `its commit alone`, samples: part('commit') },
    { ...row, what: `the mean page, merging of the log included`, samples: part('mean') },
  ]
}

export const pageCost: Figure = { name: 'page-cost', measure: measurePageCost }
