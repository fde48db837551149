/** The github source: owners of repositories, the repositories that a credential sees, gists, or a list. */
import type { JsonValue } from '../../domain/json.ts'
import {
  defineSource,
  type EnumerateContext,
  type Identity,
  type Page,
  type Source,
} from '../source.ts'
import { createAccess } from './connect.ts'
import { type GistItem, identifyGist, isGist } from './gist.ts'
import { identifyRepository, type RepositoryItem } from './identity.ts'
import { isUnresolved, rejectUnresolved, type UnresolvedEntry } from './list-problem.ts'
import { PageSizes } from './page-size.ts'
import { planGithub } from './plan.ts'
import { RecentPositions } from './recent.ts'
import { identifyReference } from './repository-reference.ts'
import { enumerateRepositoryList, reloadListItems } from './resolve.ts'
import { type GithubSpec, githubSpec, webHost } from './spec.ts'
import { enumerateScope } from './walk.ts'

export type { RepositoryItem } from './identity.ts'
export { DEFAULT_BASE_URL, type GithubSpec, githubSpec, webHost } from './spec.ts'

/**
 * A repository or a gist as GitHub lists it, a reference to a repository as a
 * person wrote it, or an entry of a list that led to none.
 */
export type GithubItem = RepositoryItem | GistItem | UnresolvedEntry | string

const identify = (item: GithubItem, { baseUrl, filter }: GithubSpec): Identity => {
  const host = webHost(baseUrl)
  if (typeof item === 'string') return identifyReference(item, host, filter)
  if (isUnresolved(item)) return rejectUnresolved(item)
  return isGist(item) ? identifyGist(item, host, filter) : identifyRepository(item, host, filter)
}

const isList = ({ repoList, repoListFile }: GithubSpec): boolean =>
  repoList !== undefined || repoListFile !== undefined

/**
 * Makes the github source. Walks of one source share their rate limits: while
 * GitHub has told one of them to wait, no other with the same credential sends
 * anything. Use one source for all targets of a process.
 *
 * @example
 * const source = githubSource()
 * // target: { type: 'github', org: 'octokit' }
 */
export function githubSource(): Source<GithubSpec, GithubItem> {
  const access = createAccess()
  const shared = { access, sizes: new PageSizes(), recent: new RecentPositions() }
  const enumerate = (
    spec: GithubSpec,
    cursor: JsonValue | undefined,
    context: EnumerateContext,
  ): AsyncIterable<Page<GithubItem>> =>
    isList(spec)
      ? enumerateRepositoryList(spec, cursor, context, access)
      : enumerateScope(spec, cursor, context, shared)
  const reload = async (
    items: readonly JsonValue[],
    spec: GithubSpec,
    context: EnumerateContext,
  ): Promise<readonly GithubItem[]> =>
    (isList(spec) ? await reloadListItems(items, spec, context, access) : items) as GithubItem[]
  return defineSource({
    type: 'github',
    comparable: true,
    spec: githubSpec,
    identify,
    enumerate,
    reload,
    plan: (spec, context) => planGithub(spec, context, access),
  })
}
