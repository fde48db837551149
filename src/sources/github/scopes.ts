/** What there is to list for a target, and what each listing is called. */
import type { GithubClient } from './connect.ts'
import { field } from './classify.ts'
import type { Frame, FrameOf, RestListing } from './cursor.ts'
import type { GithubSpec } from './spec.ts'
import { refusalShortfall } from './verdict.ts'

const organisation = (login: string, optional: boolean): Frame => ({
  frame: 'owner',
  owner: { kind: 'org', login },
  optional,
})

/** An organisation of several: its repositories, and after them, where wanted, its members'. */
export const organisationFrames = (login: string, members: boolean): readonly Frame[] => [
  ...(members ? [membersFrame(login)] : []),
  organisation(login, true),
]

/** A member's own repositories. */
export const memberFrame = (login: string): Frame => ({
  frame: 'owner',
  owner: { kind: 'user', login },
  optional: true,
})

const membersFrame = (login: string): Frame => ({ frame: 'members', login, after: null, rows: 0 })

const rest = (listing: RestListing, optional = false): Frame => ({
  frame: 'rest',
  listing,
  optional,
})

/** The listings of a target, the first one last. */
export function scopeFrames(spec: GithubSpec): readonly Frame[] {
  const members = spec.members === true
  if (spec.org !== undefined) {
    return [...(members ? [membersFrame(spec.org)] : []), organisation(spec.org, false)]
  }
  if (spec.user !== undefined) {
    return [{ frame: 'owner', owner: { kind: 'user', login: spec.user }, optional: false }]
  }
  if (spec.gists !== undefined) return [{ frame: 'gists', login: spec.gists }]
  if (spec.enterprise !== undefined) {
    return [{ frame: 'enterprise', slug: spec.enterprise, members, after: null, rows: 0 }]
  }
  if (spec.allOrgs) return [{ frame: 'organisations', members, since: 0 }]
  return [rest({ kind: spec.installation ? 'installation' : 'viewer' })]
}

/** Whether one listing is the whole walk, so that what it counts is what the walk counts. */
export const isSingle = (frames: readonly Frame[]): boolean =>
  frames.length === 1 && ['owner', 'gists', 'rest'].includes(frames[0]?.frame ?? '')

/** The login of the account behind a token; nothing where it has none, as an app's has. */
export async function ownLogin(client: GithubClient): Promise<string | undefined> {
  if (!client.authenticated) return undefined
  try {
    const { body } = await client.get(`${client.baseUrl}/user`)
    const login = field(body, 'login')
    return typeof login === 'string' ? login.toLowerCase() : undefined
  } catch (error) {
    if (refusalShortfall(error) === undefined) throw error
    return undefined
  }
}

/**
 * Whether an App was given some of its account's repositories only. Of the
 * account's own listing that says nothing: it is whole as far as it goes.
 */
export async function isSelection(client: GithubClient): Promise<boolean> {
  if (!client.ofInstallation) return false
  try {
    const { body } = await client.get(`${client.baseUrl}/installation/repositories?per_page=1`)
    return field(body, 'repository_selection') === 'selected'
  } catch (error) {
    if (refusalShortfall(error) === undefined) throw error
    return false
  }
}

/**
 * What is listed by REST after an organisation's repositories: `type=all` is
 * known to leave internal ones out (sourcegraph/sourcegraph-public-snapshot#17153).
 * Nobody without a credential sees any.
 */
export const internalFrames = (
  listing: RestListing,
  { authenticated }: GithubClient,
): readonly Frame[] =>
  listing.kind === 'org' && authenticated
    ? [rest({ kind: 'internal', login: listing.login }, true)]
    : []

/** The listing of REST that comes to what an owner's is by GraphQL, or nearly. */
export async function restFrames(
  { owner, optional }: Pick<FrameOf<'owner'>, 'owner' | 'optional'>,
  client: GithubClient,
): Promise<readonly Frame[]> {
  const { kind, login } = owner
  if (kind === 'org') return [rest({ kind: 'org', login }, optional)]
  // The route by login lists what is public, even to the user of that login.
  const isOwn = client.authenticated && (await ownLogin(client)) === login.toLowerCase()
  return [rest(isOwn ? { kind: 'own' } : { kind: 'user', login }, optional)]
}

const REST_NAMES: Readonly<Record<RestListing['kind'], (login: string) => string>> = {
  org: (login) => `organisation "${login}"`,
  internal: (login) => `the internal repositories of organisation "${login}"`,
  user: (login) => `user "${login}"`,
  gists: (login) => `the gists of user "${login}"`,
  own: () => "the credential's own repositories",
  viewer: () => 'the repositories that the credential sees',
  installation: () => "the app installation's repositories",
  ownGists: () => "the credential's own gists",
}

const nameOf = (frame: Frame): string => {
  switch (frame.frame) {
    case 'owner':
    case 'graphql':
      return `${frame.owner.kind === 'org' ? 'organisation' : 'user'} "${frame.owner.login}"`
    case 'rest':
      return REST_NAMES[frame.listing.kind]('login' in frame.listing ? frame.listing.login : '')
    case 'gists':
      return `the gists of user "${frame.login}"`
    case 'organisations':
      return 'all organisations'
    case 'enterprise':
      return `enterprise "${frame.slug}"`
    case 'members':
    case 'restMembers':
      return `the members of organisation "${frame.login}"`
  }
}

/** What messages call a listing. */
export const describe = (frame: Frame, baseUrl: string): string => `${nameOf(frame)} at ${baseUrl}`
