/** An owner's repositories by GraphQL: its cursors lose nothing when a repository is deleted meanwhile. */
import { z } from 'zod'
import { SourceError } from '../../domain/errors.ts'
import type { JsonRecord, JsonValue } from '../../domain/json.ts'
import { type Answer, headerOf, malformed } from './classify.ts'
import type { GithubClient } from './client.ts'
import { countShortfall, type GraphqlPosition, type OwnerPage, ssoShortfall } from './cursor.ts'
import { type RepositoryItem, rawRepository } from './identity.ts'
import type { Owner } from './spec.ts'
import { isInvalidCursor, queryFailure } from './query-errors.ts'

/** Without an order GitHub promises none, and pages overlap. A user's are narrowed to what the user owns; GitHub adds others' by default. */
const listing = (field: 'organization' | 'user', affiliations: string): string => `
query MusterRepositories($login: String!, $first: Int!, $after: String) {
  owner: ${field}(login: $login) {
    repositories(first: $first, after: $after, orderBy: { field: CREATED_AT, direction: ASC }${affiliations}) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        databaseId id nameWithOwner url isFork isArchived isDisabled isLocked isEmpty
        visibility diskUsage pushedAt defaultBranchRef { name }
      }
    }
  }
  rateLimit { cost remaining resetAt }
}`

/** The queries, by the scope they serve. */
export const QUERIES: Readonly<Record<Owner['kind'], string>> = {
  org: listing('organization', ''),
  user: listing('user', ', ownerAffiliations: OWNER'),
}

const pageBody = z.object({
  repositories: z.object({
    totalCount: z.int().nonnegative(),
    pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
    nodes: z.array(rawRepository),
  }),
})
type PageBody = z.infer<typeof pageBody>['repositories']

const envelope = z.object({
  data: z.object({ owner: z.unknown() }).nullish(),
  errors: z.array(z.unknown()).optional(),
})

const lowerCase = (value: JsonValue | undefined): JsonValue =>
  typeof value === 'string' ? value.toLowerCase() : (value ?? null)

const branchName = (ref: JsonValue | undefined): JsonValue => {
  if (typeof ref !== 'object' || ref === null || !('name' in ref)) return null
  return ref.name
}

const toItem = (node: JsonRecord): RepositoryItem => ({
  id: node.databaseId ?? null,
  nodeId: node.id ?? null,
  fullName: node.nameWithOwner ?? null,
  url: node.url ?? null,
  cloneUrl: typeof node.url === 'string' ? `${node.url}.git` : null,
  defaultBranch: branchName(node.defaultBranchRef),
  sizeKb: node.diskUsage ?? null,
  visibility: lowerCase(node.visibility),
  fork: node.isFork ?? null,
  archived: node.isArchived ?? null,
  disabled: node.isDisabled ?? null,
  locked: node.isLocked ?? null,
  empty: node.isEmpty ?? null,
  pushedAt: node.pushedAt ?? null,
})

/** The cursor is no longer known; told apart, since the listing can begin anew once. */
class CursorLostError extends SourceError {}

const readPage = (client: GithubClient, answer: Answer): PageBody => {
  const { subject } = client
  const outer = envelope.safeParse(answer.body)
  if (!outer.success) {
    const form = answer.body === '' ? 'empty' : 'no GraphQL result'
    throw malformed(
      subject,
      `the answer is ${form} (${headerOf(answer, 'content-type') ?? 'no type'})`,
    )
  }
  const { data, errors = [] } = outer.data
  if (isInvalidCursor(errors)) {
    const text = `${subject.what}: GitHub no longer knows the position in the listing; start a new session`
    throw new CursorLostError('SOURCE_CHANGED', text)
  }
  const owner = data?.owner ?? null
  if (errors.length > 0) throw queryFailure(answer, errors, subject, owner !== null)
  if (data && owner === null) throw queryFailure(answer, [{ type: 'NOT_FOUND' }], subject, false)
  const page = pageBody.safeParse(owner)
  if (!page.success) throw malformed(subject, 'the page has another shape than the query')
  return page.data.repositories
}

/** Where the page after this one begins; a cursor that does not move would go round for ever. */
const nextPosition = (
  client: GithubClient,
  page: PageBody,
  from: GraphqlPosition | undefined,
  restarts: number,
): OwnerPage['cursor'] => {
  const { hasNextPage, endCursor: after } = page.pageInfo
  if (!hasNextPage) return { kind: 'done' }
  if (after === null || after === from?.after) {
    throw malformed(client.subject, 'a page promises another but its cursor does not move')
  }
  return { kind: 'graphql', after, seen: (from?.seen ?? 0) + page.nodes.length, restarts }
}

const fetchPage = async (
  client: GithubClient,
  owner: Owner,
  { from, restarts, first }: { from: GraphqlPosition | undefined; restarts: number; first: number },
): Promise<OwnerPage> => {
  const variables = { login: owner.login, first, after: from?.after ?? null }
  const answer = await client.query(QUERIES[owner.kind], variables)
  const page = readPage(client, answer)
  const cursor = nextPosition(client, page, from, restarts)
  const { what } = client.subject
  const seen = (from?.seen ?? 0) + page.nodes.length
  return {
    items: page.nodes.map(toItem),
    total: page.totalCount,
    cursor,
    shortfalls: [
      ...ssoShortfall(headerOf(answer, 'x-github-sso'), what),
      ...(cursor.kind === 'done' ? countShortfall(seen, page.totalCount, what) : []),
    ],
  }
}

/**
 * One page, from a position or from the beginning. GitHub does not say for how
 * long it knows a cursor: a listing that lost its cursor begins anew, once.
 */
export async function graphqlPage(
  client: GithubClient,
  owner: Owner,
  from: GraphqlPosition | undefined,
  first: number,
): Promise<OwnerPage> {
  const restarts = from?.restarts ?? 0
  try {
    return await fetchPage(client, owner, { from, restarts, first })
  } catch (error) {
    if (!(error instanceof CursorLostError) || from === undefined || restarts > 0) throw error
    return fetchPage(client, owner, { from: undefined, restarts: restarts + 1, first })
  }
}
