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

/**
 * The most that a space for young objects may take: Node's own choice where it
 * is given 2 GiB (nodejs.org, --max-semi-space-size). Where a machine has more,
 * it lets it grow to four times as much, whatever the program.
 */
const YOUNG_MB = 16
const BOUNDED = [`--max-semi-space-size=${YOUNG_MB}`]

async function measureMemory(bench: Bench): Promise<readonly Row[]> {
  const many = bench.items(MANY, QUICK_MANY)
  const few = Math.ceil(many / (bench.quick ? QUICK_SHARE : SHARE))
  const walk = (items: number, flags: readonly string[]) => async () => {
    const folder = bench.folder()
    const input: MemoryInput = { folder, items }
    const { peak } = await runChild<MemoryOutput>('memory', input, flags)
    bench.discard(folder)
    return peak
  }
  const rounds = await interleave(
    {
      many: walk(many, []),
      few: walk(few, []),
      manyBounded: walk(many, BOUNDED),
      fewBounded: walk(few, BOUNDED),
    },
    { bench, name: 'memory', rounds: bench.roundsAtMost(MOST_ROUNDS), warmUp: false },
  )
  const count = (items: number) => items.toLocaleString('en')
  const what = `resident memory at its highest, ${count(many)} items`
  const row = {
    against: `${count(few)} items`,
    unit: 'MB',
    measure: 'difference',
    goal: GOAL,
  } as const
  return [
    { ...row, what, samples: against(rounds, 'many', 'few') },
    {
      ...row,
      what: `${what}, young objects in ${YOUNG_MB} MB`,
      samples: against(rounds, 'manyBounded', 'fewBounded'),
    },
  ]
}

export const memory: Figure = { name: 'memory', measure: measureMemory }
