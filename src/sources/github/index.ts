/** The github source: an organisation, a user, or a list of repositories. */
import type { JsonValue } from '../../domain/json.ts'
import {
  defineSource,
  type EnumerateContext,
  type Identity,
  type Page,
  type Source,
} from '../source.ts'
import { identifyRepository, type RepositoryItem } from './identity.ts'
import { enumerateRepositoryList } from './list.ts'
import { enumerateOwner, type Shared } from './owner.ts'
import { identifyReference } from './repository-reference.ts'
import { type GithubSpec, githubSpec, type Owner, webHost } from './spec.ts'

export type { RepositoryItem } from './identity.ts'
export { DEFAULT_BASE_URL, type GithubSpec, githubSpec, webHost } from './spec.ts'

/** A repository as GitHub lists it, or a reference to one as a person wrote it. */
export type GithubItem = RepositoryItem | string

const ownerOf = (spec: GithubSpec): Owner | undefined => {
  if (spec.org !== undefined) return { kind: 'org', login: spec.org }
  return spec.user === undefined ? undefined : { kind: 'user', login: spec.user }
}

const identify = (item: GithubItem, spec: GithubSpec): Identity => {
  const host = webHost(spec.baseUrl)
  return typeof item === 'string' ? identifyReference(item, host) : identifyRepository(item, host)
}

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
  const shared: Shared = { gates: new Map(), pageSizes: new Map() }
  const enumerate = (
    spec: GithubSpec,
    cursor: JsonValue | undefined,
    context: EnumerateContext,
  ): AsyncIterable<Page<GithubItem>> => {
    const owner = ownerOf(spec)
    return owner
      ? enumerateOwner({ spec, owner }, cursor, context, shared)
      : enumerateRepositoryList(spec, cursor, context)
  }
  return defineSource({ type: 'github', spec: githubSpec, identify, enumerate })
}
