/** How much there is to list for a scope, by a request or two, and what of it the credential does not see. */
import { z } from 'zod'
import type { Shortfall } from '../../../machines/index.ts'
import { SourceError } from '../../domain/errors.ts'
import { type Answer, field } from './classify.ts'
import type { GithubClient } from './connect.ts'
import type { RestListing } from './cursor.ts'
import { isWithoutGraphql, readConnection } from './graphql.ts'
import { countOf } from './rest-listings.ts'
import { isSelection, ownLogin, restFrames } from './scopes.ts'
import type { GithubSpec, Owner } from './spec.ts'
import { lacksScope, refusalShortfall, ssoShortfall, unseen } from './verdict.ts'

/** What is known of a scope before its walk. */
export interface ScopeCount {
  readonly items: number | null
  /** Requests that a walk takes, where they can be told. */
  readonly requests: number | null
  readonly unseen: readonly Shortfall[]
  readonly notes: readonly string[]
}

const pagesOf = (items: number, perPage: number): number => Math.max(1, Math.ceil(items / perPage))

/** Two counts for one point: all that is listed of an owner, and what of it is private. */
const ownerQuery = (type: 'organization' | 'user', more: { args: string; field: string }) => `
query MusterPlan($login: String!) {
  owner: ${type}(login: $login) {
    ${more.field}
    listing: repositories(first: 1${more.args}) { totalCount pageInfo { hasNextPage endCursor } nodes { id } }
    hidden: repositories(first: 1, privacy: PRIVATE${more.args}) { totalCount }
  }
  viewer { login }
  rateLimit { cost remaining resetAt limit }
}`

const OWNER_QUERIES: Readonly<Record<Owner['kind'], string>> = {
  org: ownerQuery('organization', { args: '', field: 'viewerIsAMember' }),
  user: ownerQuery('user', { args: ', ownerAffiliations: OWNER', field: 'login' }),
}

const numberAt = (value: unknown, ...path: readonly string[]): number | null => {
  const found = path.reduce(field, value)
  return typeof found === 'number' ? found : null
}

/** How many private repositories an organisation has, where GitHub tells this credential. */
const privateRepositories = async (client: GithubClient, login: string): Promise<number | null> => {
  try {
    const { body } = await client.get(`${client.baseUrl}/orgs/${login}`)
    return numberAt(body, 'total_private_repos')
  } catch (error) {
    if (refusalShortfall(error) === undefined) throw error
    return null
  }
}

/** By the rules of the verdict at the end of a walk, and by the count of private repositories, which a walk does not ask for. */
const hiddenOf = async (
  client: GithubClient,
  { kind, login }: Owner,
  answer: Answer,
): Promise<readonly Shortfall[]> => {
  const { what } = client.subject
  const owner = field(field(answer.body, 'data'), 'owner')
  const items = numberAt(owner, 'listing', 'totalCount') ?? 0
  const visible = numberAt(owner, 'hidden', 'totalCount') ?? 0
  const viewer = field(field(field(answer.body, 'data'), 'viewer'), 'login')
  const isOwn =
    kind === 'org'
      ? field(owner, 'viewerIsAMember') === true
      : typeof viewer === 'string' && viewer.toLowerCase() === login.toLowerCase()
  if (kind === 'org' && (await isSelection(client))) return unseen(what, 'selection')
  if (isOwn && lacksScope(answer, 'repo')) return unseen(what, 'repo')
  const all = kind === 'org' ? await privateRepositories(client, login) : null
  if (all !== null && all > visible) {
    const detail = `${what}: of ${all} private repositories the credential sees ${visible}; grant it access to the others`
    return [{ code: 'filtered_by_scope', detail }]
  }
  return items === 0 && !isOwn ? unseen(what, 'empty') : []
}

const byGraphql = async (
  client: GithubClient,
  owner: Owner,
  { perPage }: GithubSpec,
): Promise<ScopeCount> => {
  const answer = await client.query(OWNER_QUERIES[owner.kind], { login: owner.login })
  const page = readConnection(client, answer)
  // Where a row is refused, the count beside it is good all the same.
  const gaps = [...page.shortfalls, ...(await hiddenOf(client, owner, answer))]
  // What the end of a walk is judged by costs a request where the verdict is in doubt.
  const doubts = (client.ofInstallation ? 1 : 0) + (gaps.length > 0 ? 1 : 0)
  const requests = pagesOf(page.total, perPage) + doubts
  return { items: page.total, requests, unseen: gaps, notes: [] }
}

/** Listed by page numbers: counted before the first page, and after the last where there are several. */
const byRest = async (
  client: GithubClient,
  listing: RestListing,
  { perPage }: GithubSpec,
): Promise<ScopeCount> => {
  const { what } = client.subject
  const { total, answer } = await countOf(client, listing)
  const gaps = [...ssoShortfall(answer, what), ...unseenByRest(listing, client, answer)]
  if (total === null) return { items: null, requests: null, unseen: gaps, notes: [] }
  if (total === 0 && (listing.kind === 'org' || listing.kind === 'user')) {
    gaps.push(...unseen(what, client.authenticated ? 'empty' : 'anonymous'))
  }
  const pages = pagesOf(total, perPage)
  const internal = listing.kind === 'org' && client.authenticated ? 2 : 0
  const requests = 1 + pages + (pages > 1 ? 1 : 0) + internal
  return { items: total, requests, unseen: gaps, notes: [] }
}

const unseenByRest = (
  { kind }: RestListing,
  { subject: { what } }: GithubClient,
  answer: Answer,
): readonly Shortfall[] => {
  switch (kind) {
    case 'installation':
      return field(answer.body, 'repository_selection') === 'selected'
        ? unseen(what, 'selected')
        : []
    case 'viewer':
    case 'own':
    case 'org':
      return lacksScope(answer, 'repo') ? unseen(what, 'repo') : []
    case 'ownGists':
      return lacksScope(answer, 'gist') ? unseen(what, 'gist') : []
    default:
      return []
  }
}

async function ofOwner(client: GithubClient, owner: Owner, spec: GithubSpec): Promise<ScopeCount> {
  try {
    if (client.authenticated) return await byGraphql(client, owner, spec)
  } catch (error) {
    if (!isWithoutGraphql(error, client)) throw error
  }
  const [frame] = await restFrames({ owner, optional: false }, client)
  if (frame?.frame !== 'rest') throw new SourceError('SOURCE_FAILED', 'no listing by REST')
  return byRest(client, frame.listing, spec)
}

/** A query costs a point for a hundred requests that its connections stand for: this one 101. */
const ENTERPRISE_QUERY = `
query MusterPlanEnterprise($slug: String!) {
  owner: enterprise(slug: $slug) {
    listing: organizations(first: 100, orderBy: { field: CREATED_AT, direction: ASC }) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { login repositories(first: 1) { totalCount } }
    }
  }
  rateLimit { cost remaining resetAt limit }
}`

const organisationRow = z.object({ repositories: z.object({ totalCount: z.int().nonnegative() }) })

const ofEnterprise = async (
  client: GithubClient,
  slug: string,
  { perPage, members }: GithubSpec,
): Promise<ScopeCount> => {
  const page = readConnection(client, await client.query(ENTERPRISE_QUERY, { slug }))
  const counts = page.rows.flatMap((row) => {
    const parsed = organisationRow.safeParse(row)
    return parsed.success ? [parsed.data.repositories.totalCount] : []
  })
  const items = counts.reduce((sum, count) => sum + count, 0)
  const pages = counts.reduce((sum, count) => sum + pagesOf(count, perPage), 0)
  const isWhole = page.total <= counts.length && members !== true
  const organisations = `the enterprise has ${page.total} organisations`
  const notes = isWhole
    ? [organisations]
    : [`${organisations}; those that were counted list ${items} repositories`]
  return {
    items: isWhole ? items : null,
    requests: isWhole ? pages + 1 : null,
    unseen: page.shortfalls,
    notes,
  }
}

const nothing = (note: string): ScopeCount => ({
  items: null,
  requests: null,
  unseen: [],
  notes: [note],
})

/** Of members nobody knows what they own before they are asked for one by one. */
const withMembers = (count: ScopeCount): ScopeCount => ({
  ...count,
  items: null,
  requests: null,
  notes: [
    ...count.notes,
    `the organisation lists ${count.items ?? 'an unknown number of'} repositories; those of its members are not counted`,
  ],
})

/** What a scope comes to. */
export async function countScope(spec: GithubSpec, client: GithubClient): Promise<ScopeCount> {
  const { org, user, gists, enterprise } = spec
  if (org !== undefined) {
    const count = await ofOwner(client, { kind: 'org', login: org }, spec)
    return spec.members === true ? withMembers(count) : count
  }
  if (user !== undefined) return ofOwner(client, { kind: 'user', login: user }, spec)
  if (enterprise !== undefined) return ofEnterprise(client, enterprise, spec)
  if (spec.allOrgs) return nothing('how many organisations a server has, it does not tell')
  if (gists !== undefined) {
    const isOwn = (await ownLogin(client)) === gists.toLowerCase()
    return byRest(client, isOwn ? { kind: 'ownGists' } : { kind: 'gists', login: gists }, spec)
  }
  return byRest(client, { kind: spec.installation ? 'installation' : 'viewer' }, spec)
}
