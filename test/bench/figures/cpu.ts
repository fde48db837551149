/** What of the host's processor a walk of GitHub takes, beside a client that stores nothing. */
import { join } from 'node:path'
import type { Bench, Figure, Row } from '../figure.ts'
import { timesAtMost } from '../goals.ts'
import { checkCount, paginateIterator, walkGithub, type Way } from '../made/github.ts'
import { against, interleave } from '../rounds.ts'
import { startGithubServer } from '../servers/started.ts'
import { removeDatabase } from '../temp.ts'

const REPOSITORIES = 10_000
const QUICK_REPOSITORIES = 300
const PER = 10_000
const MICROSECONDS = 1_000_000
const GOAL = timesAtMost(1, 0.5)

/** @returns seconds of this process's processor per 10,000 repositories, all its threads together */
async function spent(expected: number, work: () => Promise<number>): Promise<number> {
  const before = process.cpuUsage()
  const found = await work()
  const { user, system } = process.cpuUsage(before)
  checkCount(found, expected)
  return ((user + system) / MICROSECONDS) * (PER / expected)
}

async function measureCpu(bench: Bench): Promise<readonly Row[]> {
  const repositories = bench.items(REPOSITORIES, QUICK_REPOSITORIES)
  await using server = await startGithubServer({ repositories, latencyMs: 0 })
  const baseUrl = server.url
  const folder = bench.folder()
  const walk = (way: Way) => async () => {
    const database = join(folder, `${way}.db`)
    const seconds = await walkGithub({ baseUrl, database, way }, (walk) =>
      spent(repositories, walk),
    )
    removeDatabase(database)
    return seconds
  }
  const rounds = await interleave(
    {
      graphql: walk('graphql'),
      octokit: () => spent(repositories, () => paginateIterator(baseUrl)),
      rest: walk('rest'),
    },
    { bench, name: 'cpu' },
  )
  bench.discard(folder)
  const row = {
    against: 'octokit.paginate.iterator into memory (REST)',
    unit: 's',
    measure: 'ratio',
    goal: GOAL,
  } as const
  return [
    {
      ...row,
      what: 'processor per 10,000 repositories, walked as by default (GraphQL)',
      samples: against(rounds, 'graphql', 'octokit'),
    },
    { ...row, what: 'the same by REST', samples: against(rounds, 'rest', 'octokit') },
  ]
}

export const cpu: Figure = { name: 'cpu', measure: measureCpu }
