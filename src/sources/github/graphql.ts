/** An owner's repositories by GraphQL, one page: its cursors lose nothing when a repository is deleted meanwhile. */
import { z } from 'zod'
import type { Shortfall } from '../../../machines/index.ts'
import { SourceError } from '../../domain/errors.ts'
import type { JsonRecord } from '../../domain/json.ts'
import { type Answer, field, headerOf, malformed, PageTooLargeError } from './classify.ts'
import type { GithubClient } from './connect.ts'
import { REPOSITORY_FIELDS } from './facts.ts'
import { isInvalidCursor, queryFailure } from './query-errors.ts'
import type { Owner } from './spec.ts'
import { refusedRows, ssoShortfall } from './verdict.ts'
import { rawRow } from './raw.ts'

/** Without an order GitHub promises none, and pages overlap. A user's are narrowed to what the user owns; GitHub adds others' by default. */
const listing = (type: 'organization' | 'user', affiliations: string): string => `
query MusterRepositories($login: String!, $first: Int!, $after: String) {
  owner: ${type}(login: $login) {
    listing: repositories(first: $first, after: $after, orderBy: { field: CREATED_AT, direction: ASC }${affiliations}) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {${REPOSITORY_FIELDS}}
    }
  }
  rateLimit { cost remaining resetAt }
}`

/** The queries, by the scope they serve. */
const QUERIES: Readonly<Record<Owner['kind'], string>> = {
  org: listing('organization', ''),
  user: listing('user', ', ownerAffiliations: OWNER'),
}

const connection = z.object({
  totalCount: z.int().nonnegative(),
  pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
  nodes: z.array(rawRow.nullable()),
})

const envelope = z.object({
  data: z.object({ owner: z.unknown() }).nullish(),
  errors: z.array(z.unknown()).optional(),
})

/** One page of a connection. */
export interface GraphqlPage {
  readonly rows: readonly JsonRecord[]
  /** How many entries the page has, those included that were refused. */
  readonly count: number
  readonly total: number
  readonly hasNext: boolean
  /** Where the page ends. */
  readonly end: string | null
  readonly shortfalls: readonly Shortfall[]
  /** Why the page must not be kept. */
  readonly damage: SourceError | undefined
  readonly answer: Answer
}

/** The cursor is no longer known; told apart, since the listing can begin anew. */
export class CursorLostError extends SourceError {}

/** Whether an error means that there is no GraphQL: an Enterprise Server may have none, or not for everybody. */
export const isWithoutGraphql = (error: unknown, { baseUrl }: GithubClient): boolean =>
  error instanceof SourceError &&
  baseUrl.endsWith('/api/v3') &&
  ['FORBIDDEN', 'NOT_FOUND'].includes(error.code) &&
  // An owner that is refused in a good answer has a word there in place of a status.
  /\[(403|404)\]$/.test(error.message)

const isSaml = (error: unknown): boolean =>
  field(field(error, 'extensions'), 'saml_failure') === true

/** An entry that this credential may not see, as opposed to one that could not be made. */
const isRefusal = (error: unknown): boolean => isSaml(error) || field(error, 'type') === 'FORBIDDEN'

/** The owner itself is what the query failed at; any other failure without data is one of making the page. */
const isAboutOwner = (error: unknown): boolean =>
  isRefusal(error) || ['NOT_FOUND', 'INSUFFICIENT_SCOPES'].includes(String(field(error, 'type')))

/** Of errors beside a page: those about entries that were refused leave the rest whole, any other does not. */
const judgeErrors = (
  answer: Answer,
  errors: readonly unknown[],
  nulls: number,
  { subject }: GithubClient,
): Pick<GraphqlPage, 'damage' | 'shortfalls'> => {
  const refusals = errors.filter(isRefusal)
  const failures = errors.filter((error) => !isRefusal(error))
  if (failures.length > 0) {
    return { damage: queryFailure(answer, failures, subject, true), shortfalls: [] }
  }
  if (nulls > refusals.length) {
    const text = `${subject.what}: GitHub returned null in place of entries; trying again with a smaller page`
    const damage = new PageTooLargeError('SOURCE_MALFORMED', text, { retryable: true })
    return { damage, shortfalls: [] }
  }
  const isSso = refusals.some(isSaml)
  // A refused detail of an entry that is there takes nothing from the listing.
  const shortfalls = isSso || nulls > 0 ? refusedRows(subject.what, isSso) : []
  return { damage: undefined, shortfalls }
}

const readEnvelope = (client: GithubClient, answer: Answer) => {
  const outer = envelope.safeParse(answer.body)
  if (outer.success) return outer.data
  const form = answer.body === '' ? 'empty' : 'no GraphQL result'
  const type = headerOf(answer, 'content-type') ?? 'no type'
  throw malformed(client.subject, `the answer is ${form} (${type})`)
}

/**
 * Reads the answer to a query whose `owner` has a connection called `listing`.
 *
 * @throws {CursorLostError} where GitHub no longer knows the position
 * @throws {PageTooLargeError} where it could not make the page at all
 * @throws {SourceError} where there is no such owner, or the answer is no page
 */
export function readConnection(client: GithubClient, answer: Answer): GraphqlPage {
  const { subject } = client
  const { data, errors = [] } = readEnvelope(client, answer)
  if (isInvalidCursor(errors)) {
    const text = `${subject.what}: GitHub no longer knows the position in the listing; start a new session`
    throw new CursorLostError('SOURCE_CHANGED', text)
  }
  const owner = data?.owner ?? null
  // GitHub says in an error that an owner is not there; without one nothing is said at all.
  if (data && owner === null && errors.length === 0) {
    throw malformed(subject, 'the answer holds neither the owner nor an error')
  }
  if (owner === null) throw queryFailure(answer, errors, subject, !errors.some(isAboutOwner))
  const parsed = connection.safeParse(field(owner, 'listing'))
  if (!parsed.success) {
    if (errors.length > 0) throw queryFailure(answer, errors, subject, true)
    throw malformed(subject, 'the page has another shape than the query')
  }
  const { nodes, totalCount: total, pageInfo } = parsed.data
  const rows = nodes.filter((node) => node !== null)
  const { damage, shortfalls } = judgeErrors(answer, errors, nodes.length - rows.length, client)
  return {
    rows,
    count: nodes.length,
    total,
    hasNext: pageInfo.hasNextPage,
    end: pageInfo.endCursor,
    damage,
    shortfalls: [...ssoShortfall(answer, subject.what), ...shortfalls],
    answer,
  }
}

/** One page of an owner's repositories. */
export async function fetchRepositories(
  client: GithubClient,
  owner: Owner,
  { first, after }: { readonly first: number; readonly after: string | null },
): Promise<GraphqlPage> {
  const variables = { login: owner.login, first, after }
  return readConnection(client, await client.query(QUERIES[owner.kind], variables))
}
