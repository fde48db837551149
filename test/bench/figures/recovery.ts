/** How long it takes from the start of a process to its first new page, after the one before it was killed. */
import { join } from 'node:path'
import { buildChild } from '../built.ts'
import type { Bench, Figure, Line, Row } from '../figure.ts'
import { timesAtMost } from '../goals.ts'
import type { Subject } from '../peers/types.ts'
import { findPeers, notInstalled, type FoundPeers } from '../peers-found.ts'
import { against, bestOf, interleave, type Contestant } from '../rounds.ts'
import { median } from '../statistics.ts'

const MOST_ROUNDS = 5
/** How long a process walks before it is killed, in milliseconds. */
const WALK_MS = 1_000
const QUICK_WALK_MS = 100
/** Ahead of all; half the time of the best. */
const GOAL = timesAtMost(1, 0.5)
const WHAT = 'first new page after kill -9'

const muster = async (bench: Bench): Promise<Subject> => ({
  name: 'Muster',
  child: await buildChild('recovery', bench.folder()),
  keys: 'always',
  async create() {
    const folder = bench.folder()
    const settings = { at: join(folder, 'recovery.db') }
    return { settings, remove: async () => bench.discard(folder) }
  },
})

interface Doubles {
  keyed: number
  unkeyed: number | undefined
}

/** Kills a subject once a round; the time is of the way that makes no doubles, as ours makes none. */
function killed(
  subject: Subject,
  { recovery }: FoundPeers,
  options: { readonly runs: number; readonly afterMs: number },
): { contestant: Contestant; doubles: Doubles } {
  const doubles: Doubles = { keyed: 0, unkeyed: subject.keys === 'optional' ? 0 : undefined }
  const contestant = async (): Promise<number> => {
    const { withKeys, withoutKeys } = await recovery(subject, options)
    doubles.keyed += withKeys.duplicates
    if (withoutKeys !== undefined) {
      doubles.unkeyed = (doubles.unkeyed ?? 0) + withoutKeys.duplicates
    }
    return median(withKeys.firstNewPageMs)
  }
  return { contestant, doubles }
}

const inWords = ({ keyed, unkeyed }: Doubles): string =>
  unkeyed === undefined ? `${keyed} doubles` : `${keyed} doubles with keys, ${unkeyed} without`

async function measureRecovery(bench: Bench): Promise<readonly Line[]> {
  await using found = await findPeers()
  if (found === undefined) return [notInstalled(WHAT)]
  const { peers, missing } = found
  if (peers.length === 0) return missing
  const us = await muster(bench)
  const options = { runs: 1, afterMs: bench.quick ? QUICK_WALK_MS : WALK_MS }
  const runs = new Map([us, ...peers].map((one) => [one.name, killed(one, found, options)]))
  const rounds = await interleave(
    Object.fromEntries([...runs].map(([name, { contestant }]) => [name, contestant])),
    { bench, name: 'recovery', rounds: bench.roundsAtMost(MOST_ROUNDS), warmUp: false },
  )
  const doublesOf = (name: string) => inWords(runs.get(name)?.doubles as Doubles)
  const row = { unit: 'ms', measure: 'ratio' } as const
  const each = peers.map(({ name, version }): Row => ({
    ...row,
    what: `${WHAT}: ${name}`,
    against: `${name} ${version}: ${doublesOf(name)}`,
    samples: against(rounds, us.name, name),
  }))
  const names = peers.map(({ name }) => name)
  const best = bestOf(rounds, names, 'lower')
  const all: Row = {
    ...row,
    what: `${WHAT}, against the best of ${names.length} peers`,
    against: `${best}; ours: ${doublesOf(us.name)}`,
    goal: GOAL,
    samples: against(rounds, us.name, best),
  }
  return [all, ...each, ...missing]
}

export const recovery: Figure = { name: 'recovery', measure: measureRecovery }
