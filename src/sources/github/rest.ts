/** An owner's repositories by REST, for want of a token: GraphQL serves nobody without one. */
import { z } from 'zod'
import type { JsonRecord } from '../../domain/json.ts'
import { type Answer, headerOf, malformed } from './classify.ts'
import type { GithubClient } from './client.ts'
import { countShortfall, type OwnerPage, type RestPosition, ssoShortfall } from './cursor.ts'
import { type RepositoryItem, rawRepository } from './identity.ts'
import type { Owner } from './spec.ts'

const ownerBody = z.object({ public_repos: z.int().nonnegative() })
const rowsBody = z.array(rawRepository)

/** How an answer of the wrong shape came, for a message. */
const describe = (body: unknown): string => {
  if (body === '') return 'it is empty'
  return typeof body === 'string' ? 'it is not JSON' : 'its JSON has another shape'
}

const read = <T>(client: GithubClient, schema: z.ZodType<T>, answer: Answer): T => {
  const parsed = schema.safeParse(answer.body)
  if (parsed.success) return parsed.data
  throw malformed(
    client.subject,
    `the answer cannot be read: ${describe(answer.body)} (${headerOf(answer, 'content-type') ?? 'no content type'})`,
  )
}

const ownerUrl = ({ baseUrl }: GithubClient, { kind, login }: Owner): string =>
  `${baseUrl}/${kind === 'org' ? 'orgs' : 'users'}/${login}`

/**
 * Oldest first: what is created meanwhile lands at the end, where it is still
 * to come. By GitHub's default, newest first, it would shift every row.
 */
const firstUrl = (client: GithubClient, owner: Owner, perPage: number): string =>
  `${ownerUrl(client, owner)}/repos?sort=created&direction=asc&per_page=${perPage}`

const toItem = (row: JsonRecord): RepositoryItem => ({
  id: row.id ?? null,
  nodeId: row.node_id ?? null,
  fullName: row.full_name ?? null,
  url: row.html_url ?? null,
  cloneUrl: row.clone_url ?? null,
  defaultBranch: row.default_branch ?? null,
  sizeKb: row.size ?? null,
  visibility: row.visibility ?? (row.private === true ? 'private' : 'public'),
  fork: row.fork ?? null,
  archived: row.archived ?? null,
  disabled: row.disabled ?? null,
  pushedAt: row.pushed_at ?? null,
})

const NEXT = /<([^<>]+)>\s*;\s*rel="?next"?/

/**
 * The next page's URL as GitHub gave it, or nothing at the end. Every page but
 * an only one has a `Link` header, if only back to the first: without it the
 * page lost its header on the way, and taking it for the last would lose rows.
 */
const nextUrl = (
  client: GithubClient,
  answer: Answer,
  mustHaveLink: boolean,
): string | undefined => {
  const link = headerOf(answer, 'link')
  if (link === undefined && mustHaveLink) {
    throw malformed(client.subject, 'a page came without its Link header')
  }
  return NEXT.exec(link ?? '')?.[1]
}

/** One page, from a position or from the beginning. */
export async function restPage(
  client: GithubClient,
  owner: Owner,
  from: RestPosition | undefined,
  perPage: number,
): Promise<OwnerPage> {
  const total =
    from?.total ?? read(client, ownerBody, await client.get(ownerUrl(client, owner))).public_repos
  const url = from?.next ?? firstUrl(client, owner, perPage)
  const answer = await client.get(url)
  const rows = read(client, rowsBody, answer)
  const seen = (from?.seen ?? 0) + rows.length
  const cutShort = rows.length >= perPage && total > rows.length
  const next = nextUrl(client, answer, from !== undefined || cutShort)
  if (next === url) throw malformed(client.subject, 'a page names itself as the next')
  const { what } = client.subject
  return {
    items: rows.map(toItem),
    total,
    cursor: next === undefined ? { kind: 'done' } : { kind: 'rest', next, seen, total },
    shortfalls: [
      ...ssoShortfall(headerOf(answer, 'x-github-sso'), what),
      ...(next === undefined ? countShortfall(seen, total, what) : []),
    ],
  }
}
