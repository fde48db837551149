/**
 * What is kept of a repository: the same fields, whichever API told of it, so
 * that a listing that changes the API half-way is one listing.
 */
import type { JsonRecord, JsonValue } from '../../domain/json.ts'
import { isRecord } from './raw.ts'

/**
 * The facts of one repository. They are as GitHub gave them, unchecked: an item
 * that is no repository is rejected by itself and does not take its page with
 * it. `null` is what the API does not tell.
 */
export type RepositoryFacts = {
  /** The number that a repository keeps through renames and transfers; a re-created one has another. */
  readonly id: JsonValue
  /** The same for GraphQL, where items are looked up by it. */
  readonly nodeId: JsonValue
  /** `owner/name` as it is now. */
  readonly fullName: JsonValue
  /** The page for people. */
  readonly url: JsonValue
  /** For cloning by https. */
  readonly cloneUrl: JsonValue
  /** For cloning with a deploy key. */
  readonly sshUrl: JsonValue
  /** The branch to scan; null while there is none (by REST, the name it is to have). */
  readonly defaultBranch: JsonValue
  /** Kilobytes on GitHub's disks, by which a scanner plans; reckoned now and then, so that a new repository has 0. */
  readonly sizeKb: JsonValue
  /** `public`, `private` or `internal`. */
  readonly visibility: JsonValue
  readonly fork: JsonValue
  /** Read-only by its owner's wish; it can be cloned. */
  readonly archived: JsonValue
  /** Closed by GitHub; it cannot be cloned. */
  readonly disabled: JsonValue
  /** Closed while it is moved or billed; GraphQL alone tells. */
  readonly locked: JsonValue
  /** Nothing was ever pushed. REST tells it of no repository, only of one with a size that it is not so. */
  readonly empty: JsonValue
  /** When something was last pushed, ISO 8601; null where nothing was (by REST, the time of creation). */
  readonly pushedAt: JsonValue
  /** When it was created, ISO 8601. */
  readonly createdAt: JsonValue
  /** Labels of the owner's choice, at most 20. */
  readonly topics: JsonValue
  /** The language that GitHub found most of. */
  readonly language: JsonValue
  /** The account that it belongs to. */
  readonly ownerLogin: JsonValue
  /** `Organization` or `User`. */
  readonly ownerType: JsonValue
}

/** A repository has no more topics: docs.github.com, classifying-your-repository-with-topics. */
const MAX_TOPICS = 20

/**
 * The fields to ask GraphQL for of a `Repository`.
 *
 * A query costs a hundredth of a point for each request that its connections
 * stand for (docs.github.com, rate-limits-and-query-limits-for-the-graphql-api).
 * Of these only the topics are a connection, one a repository: a page of 100 is
 * 1 + 100 requests and costs 1 point, as it does without the topics; 100
 * repositories by name are 100 requests and 1 point. Of the 500,000 nodes that
 * a query may have, a page of 100 has 2,100.
 */
export const REPOSITORY_FIELDS = `
  databaseId id nameWithOwner url sshUrl isFork isArchived isDisabled isLocked isEmpty
  visibility diskUsage pushedAt createdAt defaultBranchRef { name } primaryLanguage { name }
  repositoryTopics(first: ${MAX_TOPICS}) { nodes { topic { name } } } owner { __typename login }
`

/** A field of what may be missing. */
const within = (value: JsonValue | undefined, key: string): JsonValue =>
  isRecord(value) ? (value[key] ?? null) : null

const lowerCase = (value: JsonValue | undefined): JsonValue =>
  typeof value === 'string' ? value.toLowerCase() : (value ?? null)

/** Both APIs have them in the same order, but promise none. */
const sortedNames = (names: readonly JsonValue[]): JsonValue =>
  names.filter((name) => typeof name === 'string').toSorted()

const topicsOf = (connection: JsonValue | undefined): JsonValue => {
  const nodes = within(connection, 'nodes')
  return Array.isArray(nodes)
    ? sortedNames(nodes.map((node: JsonValue) => within(within(node, 'topic'), 'name')))
    : null
}

/** A repository as GraphQL describes it, asked for with `REPOSITORY_FIELDS`. */
export function fromGraphql(node: JsonRecord): RepositoryFacts {
  return {
    id: node.databaseId ?? null,
    nodeId: node.id ?? null,
    fullName: node.nameWithOwner ?? null,
    url: node.url ?? null,
    cloneUrl: typeof node.url === 'string' ? `${node.url}.git` : null,
    sshUrl: node.sshUrl ?? null,
    defaultBranch: within(node.defaultBranchRef, 'name'),
    sizeKb: node.diskUsage ?? null,
    visibility: lowerCase(node.visibility),
    fork: node.isFork ?? null,
    archived: node.isArchived ?? null,
    disabled: node.isDisabled ?? null,
    locked: node.isLocked ?? null,
    empty: node.isEmpty ?? null,
    pushedAt: node.pushedAt ?? null,
    createdAt: node.createdAt ?? null,
    topics: topicsOf(node.repositoryTopics),
    language: within(node.primaryLanguage, 'name'),
    ownerLogin: within(node.owner, 'login'),
    ownerType: within(node.owner, '__typename'),
  }
}

/** Enterprise Servers of old tell `private` alone. */
const visibilityOf = ({ visibility, private: hidden }: JsonRecord): JsonValue => {
  if (typeof visibility === 'string') return visibility.toLowerCase()
  return typeof hidden === 'boolean' ? (hidden ? 'private' : 'public') : null
}

/** A size of 0 tells nothing: what was just pushed, or is very small, has it too. */
const emptyOf = ({ size }: JsonRecord): JsonValue =>
  typeof size === 'number' && size > 0 ? false : null

/** A repository as REST describes it, in a list or alone. */
export function fromRest(row: JsonRecord): RepositoryFacts {
  return {
    id: row.id ?? null,
    nodeId: row.node_id ?? null,
    fullName: row.full_name ?? null,
    url: row.html_url ?? null,
    cloneUrl: row.clone_url ?? (typeof row.html_url === 'string' ? `${row.html_url}.git` : null),
    sshUrl: row.ssh_url ?? null,
    defaultBranch: row.default_branch ?? null,
    sizeKb: row.size ?? null,
    visibility: visibilityOf(row),
    fork: row.fork ?? null,
    archived: row.archived ?? null,
    disabled: row.disabled ?? null,
    locked: null,
    empty: emptyOf(row),
    pushedAt: row.pushed_at ?? null,
    createdAt: row.created_at ?? null,
    topics: Array.isArray(row.topics) ? sortedNames(row.topics as readonly JsonValue[]) : null,
    language: row.language ?? null,
    ownerLogin: within(row.owner, 'login'),
    ownerType: within(row.owner, 'type'),
  }
}
