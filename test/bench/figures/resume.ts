/** Whether a long session takes longer to be taken up again than a short one. */
import { join } from 'node:path'
import type { Bench, Figure, Row } from '../figure.ts'
import { timesAtMost } from '../goals.ts'
import { longPages, longSession, resumeOnce, walkUpTo } from '../made/sessions.ts'
import { against, interleave } from '../rounds.ts'
import { median } from '../statistics.ts'

const SHORT = 10
/** It takes a few milliseconds: a round is the median of several. */
const TIMES = 20
const QUICK_TIMES = 3
const GOAL = timesAtMost(1.2, 1)

async function measureResume(bench: Bench): Promise<readonly Row[]> {
  const folder = bench.folder()
  const short = join(folder, 'short.db')
  await walkUpTo(short, SHORT)
  const long = await longSession(bench)
  const resume = (path: string) => async () => {
    const taken: number[] = []
    for (let i = 0; i < (bench.quick ? QUICK_TIMES : TIMES); i += 1) {
      taken.push(await resumeOnce(path))
    }
    return median(taken)
  }
  const rounds = await interleave(
    { long: resume(long), short: resume(short) },
    { bench, name: 'resume' },
  )
  bench.discard(folder)
  return [
    {
      what: `resume of a session of ${longPages(bench).toLocaleString('en')} pages: open, claim, restore, first request`,
      against: `one of ${SHORT} pages`,
      unit: 'ms',
      measure: 'ratio',
      goal: GOAL,
      samples: against(rounds, 'long', 'short'),
    },
  ]
}

export const resume: Figure = { name: 'resume', measure: measureResume }
