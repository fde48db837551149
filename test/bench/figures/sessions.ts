/** Whether a process that walks session after session grows. */
import type { Held, SessionsInput } from '../children/sessions.ts'
import { runChild } from '../child.ts'
import type { Bench, Figure, Row, Sample } from '../figure.ts'

const ITEMS = 1_000
const QUICK_ITEMS = 200
/** Early enough to see growth, late enough for everything to be compiled. */
const LOOKS = [20, 100]
const QUICK_LOOKS = [5, 10]
const MOST_ROUNDS = 5

async function measureSessions(bench: Bench): Promise<readonly Row[]> {
  const items = bench.items(ITEMS, QUICK_ITEMS)
  const looks = bench.quick ? QUICK_LOOKS : LOOKS
  const heaps: Sample[] = []
  const handles: Sample[] = []
  const rounds = bench.roundsAtMost(MOST_ROUNDS)
  for (let round = 1; round <= rounds; round += 1) {
    bench.say(`sessions: round ${round} of ${rounds}`)
    const folder = bench.folder()
    const input: SessionsInput = { folder, items, looks }
    const [early, late] = (await runChild<Held[]>('sessions', input)) as [Held, Held]
    bench.discard(folder)
    heaps.push({ ours: late.heap, base: early.heap })
    handles.push({ ours: late.handles, base: early.handles })
  }
  const [early, late] = looks
  const row = { against: `after session ${early}`, measure: 'difference' } as const
  return [
    { ...row, what: `heap after ${late} sessions in one process`, unit: 'MB', samples: heaps },
    { ...row, what: `open handles after ${late} sessions`, unit: '', samples: handles },
  ]
}

export const sessions: Figure = { name: 'sessions', measure: measureSessions }
