/**
 * The `repositories` connection. Its cursors are positions in the order asked
 * for (a keyset), not page numbers: GitHub's lose nothing when a row in front
 * of the reader is deleted, and neither do these.
 */
import { GraphQLError } from 'graphql'
import type { SandboxRepository } from './repositories.ts'

export interface ConnectionArguments {
  readonly first?: number | null
  readonly after?: string | null
  readonly last?: number | null
  readonly before?: string | null
  readonly isFork?: boolean | null
  readonly isArchived?: boolean | null
  readonly privacy?: 'PUBLIC' | 'PRIVATE' | null
  readonly visibility?: 'PUBLIC' | 'PRIVATE' | 'INTERNAL' | null
  readonly orderBy?: { readonly field: OrderField; readonly direction: 'ASC' | 'DESC' } | null
}

type OrderField = 'CREATED_AT' | 'NAME' | 'PUSHED_AT' | 'STARGAZERS' | 'UPDATED_AT'
type Key = readonly [value: string | number, id: number]

const ORDER: Readonly<Record<OrderField, (r: SandboxRepository) => string | number>> = {
  CREATED_AT: (r) => r.created_at,
  NAME: (r) => r.name.toLowerCase(),
  PUSHED_AT: (r) => r.pushed_at,
  STARGAZERS: (r) => r.stargazers,
  UPDATED_AT: (r) => r.updated_at,
}

const MAX_FIRST = 100
const CURSOR_PREFIX = 'cursor:v2:'

const fail = (type: string, message: string): never => {
  throw new GraphQLError(message, { extensions: { type } })
}

const encode = (key: Key): string =>
  Buffer.from(CURSOR_PREFIX + JSON.stringify(key)).toString('base64')

const decode = (cursor: string): Key => {
  try {
    const text = Buffer.from(cursor, 'base64').toString()
    if (text.startsWith(CURSOR_PREFIX)) return JSON.parse(text.slice(CURSOR_PREFIX.length)) as Key
  } catch {
    // Falls through: text that is no cursor is answered as GitHub answers it.
  }
  return fail('INVALID_CURSOR_ARGUMENTS', `\`${cursor}\` does not appear to be a valid cursor.`)
}

const compare = (a: Key, b: Key): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1])

const pageSize = ({ first, last, before }: ConnectionArguments): number => {
  if (last != null || before != null) {
    fail('SANDBOX', 'The sandbox pages forwards only: use `first` and `after`.')
  }
  if (first == null) {
    return fail(
      'MISSING_PAGINATION_BOUNDARIES',
      'You must provide a `first` or `last` value to properly paginate the `repositories` connection.',
    )
  }
  if (first < 1 || first > MAX_FIRST) {
    const problem = `Requesting ${first} records on the \`repositories\` connection exceeds the \`first\` limit of ${MAX_FIRST} records.`
    return fail('EXCESSIVE_PAGINATION', problem)
  }
  return first
}

const matches = (r: SandboxRepository, given: ConnectionArguments): boolean =>
  (given.isFork == null || r.fork === given.isFork) &&
  (given.isArchived == null || r.archived === given.isArchived) &&
  (given.privacy ?? 'PUBLIC') === 'PUBLIC' &&
  (given.visibility ?? 'PUBLIC') === 'PUBLIC'

/** One page of a connection, with `toNode` run for the rows of the page alone. */
export const connection = <Node>(
  repositories: readonly SandboxRepository[],
  given: ConnectionArguments,
  toNode: (repository: SandboxRepository) => Node,
) => {
  const size = pageSize(given)
  const key = ORDER[given.orderBy?.field ?? 'CREATED_AT']
  const sign = given.orderBy?.direction === 'DESC' ? -1 : 1
  const all = repositories
    .filter((r) => matches(r, given))
    .map((repository) => ({ repository, key: [key(repository), repository.id] as const }))
    .toSorted((a, b) => sign * compare(a.key, b.key))
  const after = given.after == null ? undefined : decode(given.after)
  const rest = after ? all.filter((row) => sign * compare(row.key, after) > 0) : all
  const rows = rest.slice(0, size)
  const edges = rows.map((row) => ({ cursor: encode(row.key), node: toNode(row.repository) }))
  return {
    totalCount: all.length,
    totalDiskUsage: all.reduce((sum, row) => sum + row.repository.size, 0),
    edges,
    nodes: edges.map((edge) => edge.node),
    pageInfo: {
      hasNextPage: rest.length > size,
      hasPreviousPage: after !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}
