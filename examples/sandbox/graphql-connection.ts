/**
 * GraphQL's connections. Their cursors are positions in the order asked for (a
 * keyset), not page numbers: GitHub's lose nothing when a row in front of the
 * reader is deleted, and neither do these.
 */
import { GraphQLError } from 'graphql'

/** What every connection takes. */
export interface PageArguments {
  readonly first?: number | null
  readonly after?: string | null
  readonly last?: number | null
  readonly before?: string | null
}

/** The value that rows are ordered by, and the row's id where that is equal. */
export type Key = readonly [value: string | number, id: number]

export interface Row<Node> {
  readonly key: Key
  /** Called for the rows of the page alone; an error is answered as a null with its reason beside it. */
  readonly toNode: () => Node | Error
}

export interface ConnectionSettings {
  /** The field, for messages. */
  readonly name: string
  readonly descending?: boolean
  /** Cursors of another generation have expired. */
  readonly generation: number
  /** How many rows the total counts that are never listed. */
  readonly hidden?: number
  /** Says that the listing is over after so many rows. */
  readonly endsAt?: number | undefined
}

const MAX_FIRST = 100
const CURSOR_PREFIX = 'cursor:v2:'

const fail = (type: string, message: string): never => {
  throw new GraphQLError(message, { extensions: { type } })
}

const encode = (key: Key, generation: number): string =>
  Buffer.from(
    CURSOR_PREFIX + JSON.stringify(generation === 0 ? key : [...key, generation]),
  ).toString('base64')

const isPosition = (value: unknown): value is [string | number, number, number?] =>
  Array.isArray(value) && (value.length === 2 || value.length === 3)

const decode = (cursor: string, generation: number): Key => {
  try {
    const text = Buffer.from(cursor, 'base64').toString()
    const position: unknown = JSON.parse(text.slice(CURSOR_PREFIX.length))
    if (
      text.startsWith(CURSOR_PREFIX) &&
      isPosition(position) &&
      (position[2] ?? 0) === generation
    ) {
      return [position[0], position[1]]
    }
  } catch {
    // Falls through: text that is no cursor is answered as GitHub answers it.
  }
  return fail('INVALID_CURSOR_ARGUMENTS', `\`${cursor}\` does not appear to be a valid cursor.`)
}

const compare = (a: Key, b: Key): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1])

const pageSize = ({ first, last, before }: PageArguments, name: string): number => {
  if (last != null || before != null) {
    fail('SANDBOX', 'The sandbox pages forwards only: use `first` and `after`.')
  }
  if (first == null) {
    return fail(
      'MISSING_PAGINATION_BOUNDARIES',
      `You must provide a \`first\` or \`last\` value to properly paginate the \`${name}\` connection.`,
    )
  }
  if (first < 1 || first > MAX_FIRST) {
    const problem = `Requesting ${first} records on the \`${name}\` connection exceeds the \`first\` limit of ${MAX_FIRST} records.`
    return fail('EXCESSIVE_PAGINATION', problem)
  }
  return first
}

/** One page of a connection. */
export const connection = <Node>(
  rows: readonly Row<Node>[],
  given: PageArguments,
  settings: ConnectionSettings,
) => {
  const { name, generation, hidden = 0, endsAt = Infinity } = settings
  const size = pageSize(given, name)
  const sign = settings.descending ? -1 : 1
  const all = rows.toSorted((a, b) => sign * compare(a.key, b.key))
  const after = given.after == null ? undefined : decode(given.after, generation)
  const rest = after ? all.filter((row) => sign * compare(row.key, after) > 0) : all
  const position = all.length - rest.length
  const page = rest.slice(0, Math.min(size, Math.max(0, endsAt - position)))
  const edges = page.map((row) => ({
    cursor: encode(row.key, generation),
    node: row.toNode(),
  }))
  return {
    totalCount: all.length + hidden,
    edges,
    nodes: edges.map((edge) => edge.node),
    pageInfo: {
      hasNextPage: rest.length > size && position + size < endsAt,
      hasPreviousPage: after !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}
