/** How long a walk takes where each page takes its time to come. */
import { join } from 'node:path'
import type { Bench, Figure, Row } from '../figure.ts'
import { timesAtMost } from '../goals.ts'
import { checkCount, paginate, walkGithub, type Way } from '../made/github.ts'
import { against, interleave } from '../rounds.ts'
import { startGithubServer } from '../servers/started.ts'
import { removeDatabase } from '../temp.ts'

const LATENCY_MS = 50
const REPOSITORIES = 3_000
const QUICK_REPOSITORIES = 300
const GOAL = timesAtMost(0.95, 0.8)

async function timed(expected: number, work: () => Promise<number>): Promise<number> {
  const from = performance.now()
  const found = await work()
  const ms = performance.now() - from
  checkCount(found, expected)
  return ms
}

async function measureSequential(bench: Bench): Promise<readonly Row[]> {
  const repositories = bench.items(REPOSITORIES, QUICK_REPOSITORIES)
  await using server = await startGithubServer({ repositories, latencyMs: LATENCY_MS })
  const baseUrl = server.url
  const folder = bench.folder()
  const walk = (way: Way) => async () => {
    const database = join(folder, `${way}.db`)
    const ms = await walkGithub({ baseUrl, database, way }, (walk) => timed(repositories, walk))
    removeDatabase(database)
    return ms
  }
  const rounds = await interleave(
    {
      graphql: walk('graphql'),
      octokit: () => timed(repositories, () => paginate(baseUrl)),
      rest: walk('rest'),
    },
    { bench, name: 'sequential' },
  )
  bench.discard(folder)
  const row = {
    against: 'octokit.paginate into memory (REST)',
    unit: 'ms',
    measure: 'ratio',
    goal: GOAL,
  } as const
  return [
    {
      ...row,
      what: `sequential walk of GitHub at ${LATENCY_MS} ms a page, as by default (GraphQL)`,
      samples: against(rounds, 'graphql', 'octokit'),
    },
    { ...row, what: 'the same by REST', samples: against(rounds, 'rest', 'octokit') },
  ]
}

export const sequential: Figure = { name: 'sequential', measure: measureSequential }
