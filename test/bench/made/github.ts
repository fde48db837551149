import { Octokit } from '@octokit/rest'
import { createMuster } from '../../../src/index.ts'
import { BENCH_OWNER, BENCH_TOKEN } from '../servers/started.ts'

const PER_PAGE = 100

const octokitAt = (baseUrl: string): Octokit => new Octokit({ auth: BENCH_TOKEN, baseUrl })

/** What a user writes first: everything into memory. @returns how many */
export async function paginate(baseUrl: string): Promise<number> {
  const octokit = octokitAt(baseUrl)
  const repositories = await octokit.paginate(octokit.rest.repos.listForUser, {
    username: BENCH_OWNER,
    per_page: PER_PAGE,
  })
  return repositories.length
}

/** The same a page at a time, and everything into memory all the same. */
export async function paginateIterator(baseUrl: string): Promise<number> {
  const octokit = octokitAt(baseUrl)
  const found: unknown[] = []
  const pages = octokit.paginate.iterator(octokit.rest.repos.listForUser, {
    username: BENCH_OWNER,
    per_page: PER_PAGE,
  })
  for await (const { data } of pages) found.push(...data)
  return found.length
}

/** How Muster lists the same: an owner by GraphQL, or all that the token sees by REST. */
export type Way = 'graphql' | 'rest'

const SCOPES = { graphql: { user: BENCH_OWNER }, rest: { authenticatedUser: true } } as const

/**
 * Walks the repositories into a database.
 *
 * @param around runs the walk itself, and so measures it without the opening of the database
 */
export async function walkGithub<T>(
  { baseUrl, database, way }: { baseUrl: string; database: string; way: Way },
  around: (walk: () => Promise<number>) => Promise<T>,
): Promise<T> {
  await using muster = await createMuster({
    database,
    auth: { gh: { type: 'github', config: { token: BENCH_TOKEN } } },
    // A clock of its own: limits are counted by clock, and one walk must not wait for another's.
    clock: { now: () => Date.now() },
  })
  return await around(async () => {
    const { done } = muster.coordinator.enumerateTarget({
      name: BENCH_OWNER,
      sourceType: 'github',
      authRef: 'gh',
      github: { ...SCOPES[way], baseUrl },
    })
    const { status, metrics } = await done
    if (status !== 'COMPLETED') throw new Error(`the walk by ${way} ended as ${status}`)
    return metrics.itemsProcessed
  })
}

export function checkCount(found: number, expected: number): void {
  if (found === expected) return
  throw new Error(`${found} of ${expected} repositories were found`)
}
