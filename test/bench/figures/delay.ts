/** What a walk at full speed does to the event loop of its host: how long an event waits that comes at any moment. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DelayInput } from '../children/delay.ts'
import { runChild } from '../child.ts'
import type { Bench, Figure, Row } from '../figure.ts'
import { moreAtMost } from '../goals.ts'
import type { LoopDelays } from '../loop-delays.ts'
import { interleave } from '../rounds.ts'

const ITEMS = 60_000
const QUICK_ITEMS = 2_000
const IDLE_MS = 3_000
const QUICK_IDLE_MS = 300
const GOAL = moreAtMost(15, 5)

const KINDS = {
  local: 'local source, pages of 100',
  thread: 'the same, the database in a thread',
  url: 'a list of URLs, pages of 500',
  watched: 'local source, pages of 100, with the dashboard open, a recording and numbers',
} as const
const WALKS = ['local', 'thread', 'url', 'watched'] as const
type Work = DelayInput['work']

function listOfUrls(file: string, count: number): string {
  const urls = Array.from(
    { length: count },
    (_, i) => `https://files.example.com/archive/${i}.tar.gz`,
  )
  writeFileSync(file, `${urls.join('\n')}\n`)
  return file
}

async function measureDelay(bench: Bench): Promise<readonly Row[]> {
  const items = bench.items(ITEMS, QUICK_ITEMS)
  const lists = bench.folder()
  const list = listOfUrls(join(lists, 'urls.txt'), items)
  const idleMs = bench.quick ? QUICK_IDLE_MS : IDLE_MS
  const maxima: Record<Work, number[]> = {
    idle: [],
    local: [],
    thread: [],
    url: [],
    watched: [],
  }
  const host = (work: Work) => async () => {
    const folder = bench.folder()
    const input: DelayInput = { folder, work, items, list, idleMs }
    const { p99, max } = await runChild<LoopDelays>('delay', input)
    rmSync(folder, { recursive: true })
    maxima[work].push(max)
    return p99
  }
  const rounds = await interleave(
    {
      idle: host('idle'),
      local: host('local'),
      thread: host('thread'),
      url: host('url'),
      watched: host('watched'),
    },
    { bench, name: 'delay', warmUp: false },
  )
  bench.discard(lists)
  const row = { against: 'the host idle', unit: 'ms', measure: 'difference' } as const
  return WALKS.flatMap((work) => [
    {
      ...row,
      what: `p99 event-loop delay while walking: ${KINDS[work]}`,
      goal: GOAL,
      samples: rounds.map((round) => ({ ours: round[work], base: round.idle })),
    },
    {
      ...row,
      what: `the longest delay: ${KINDS[work]}`,
      samples: maxima[work].map((ours, index) => ({ ours, base: maxima.idle[index] ?? 0 })),
    },
  ])
}

export const delay: Figure = { name: 'delay', measure: measureDelay }
