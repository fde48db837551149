/** Where each listing by REST begins, and how many rows GitHub says it has. */
import { field } from './classify.ts'
import type { GithubClient } from './connect.ts'
import type { RestListing } from './cursor.ts'
import { type Count, countByLink, dateOf, unreadable } from './rest-page.ts'

/**
 * Oldest first: what is created meanwhile lands at the end, where it is still
 * to come. By GitHub's default, newest first, it would shift every row.
 */
const OLDEST_FIRST = 'sort=created&direction=asc'

const query = (listing: RestListing): string => {
  switch (listing.kind) {
    case 'org':
      return `orgs/${listing.login}/repos?${OLDEST_FIRST}`
    case 'internal':
      return `orgs/${listing.login}/repos?type=internal&${OLDEST_FIRST}`
    case 'user':
      return `users/${listing.login}/repos?${OLDEST_FIRST}`
    case 'own':
      return `user/repos?affiliation=owner&${OLDEST_FIRST}`
    case 'viewer':
      return `user/repos?affiliation=owner,collaborator,organization_member&${OLDEST_FIRST}`
    // These take no order.
    case 'installation':
      return 'installation/repositories?'
    case 'gists':
      return `users/${listing.login}/gists?`
    case 'ownGists':
      return 'gists?'
  }
}

/** The URL of a listing's first page. All others are GitHub's own. */
export const firstUrl = (
  { baseUrl }: Pick<GithubClient, 'baseUrl'>,
  listing: RestListing,
  perPage: number,
): string => `${baseUrl}/${query(listing)}&per_page=${perPage}`.replace('?&', '?')

export const rowKindOf = ({ kind }: RestListing): 'repository' | 'gist' =>
  kind === 'gists' || kind === 'ownGists' ? 'gist' : 'repository'

const countByField = async (client: GithubClient, url: string, name: string): Promise<Count> => {
  const answer = await client.get(url)
  const total = field(answer.body, name)
  if (!Number.isSafeInteger(total)) throw unreadable(client, answer)
  return { total: total as number, at: dateOf(answer), answer }
}

/**
 * Asks how many rows a listing has now. What the owner's page says is preferred,
 * since it also counts what the listing may leave out; it says it of public
 * repositories only, which are all that is listed without a token.
 */
export function countOf(client: GithubClient, listing: RestListing): Promise<Count> {
  const { baseUrl, authenticated } = client
  if (listing.kind === 'installation') {
    return countByField(client, firstUrl(client, listing, 1), 'total_count')
  }
  if (!authenticated && (listing.kind === 'org' || listing.kind === 'user')) {
    const url = `${baseUrl}/${listing.kind}s/${listing.login}`
    return countByField(client, url, 'public_repos')
  }
  return countByLink(client, firstUrl(client, listing, 1))
}
