/** Whether a long listing takes more memory than a short one. */
import type { MemoryInput, MemoryOutput } from '../children/memory.ts'
import { runChild } from '../child.ts'
import type { Bench, Figure, Row } from '../figure.ts'
import { moreAtMost } from '../goals.ts'
import { against, interleave } from '../rounds.ts'

const MANY = 1_000_000
const QUICK_MANY = 20_000
/** The short listing has a hundredth of the long one; in a quick run a tenth. */
const SHARE = 100
const QUICK_SHARE = 10
/** A round walks a million items. */
const MOST_ROUNDS = 5
const GOAL = moreAtMost(40, 10)

async function measureMemory(bench: Bench): Promise<readonly Row[]> {
  const many = bench.items(MANY, QUICK_MANY)
  const few = Math.ceil(many / (bench.quick ? QUICK_SHARE : SHARE))
  const ends: Record<number, number[]> = { [many]: [], [few]: [] }
  const walk = (items: number) => async () => {
    const folder = bench.folder()
    const input: MemoryInput = { folder, items }
    const { peak, end } = await runChild<MemoryOutput>('memory', input)
    bench.discard(folder)
    ends[items]?.push(end)
    return peak
  }
  const rounds = await interleave(
    { many: walk(many), few: walk(few) },
    { bench, name: 'memory', rounds: bench.roundsAtMost(MOST_ROUNDS), warmUp: false },
  )
  const count = (items: number) => items.toLocaleString('en')
  const row = { against: `${count(few)} items`, unit: 'MB', measure: 'difference' } as const
  return [
    {
      ...row,
      what: `resident memory at its highest, ${count(many)} items`,
      goal: GOAL,
      samples: against(rounds, 'many', 'few'),
    },
    {
      ...row,
      what: 'the same at the end, after a collection',
      samples: rounds.map((_, index) => ({
        ours: ends[many]?.[index] ?? Number.NaN,
        base: ends[few]?.[index] ?? Number.NaN,
      })),
    },
  ]
}

export const memory: Figure = { name: 'memory', measure: measureMemory }
