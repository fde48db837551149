/**
 * What a query costs: the requests that its connections stand for, a hundredth
 * of them in points, and at least one.
 * https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
 */
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  valueFromASTUntyped,
} from 'graphql'

type Variables = Readonly<Record<string, unknown>>

export interface QueryCost {
  readonly points: number
  /** How many nodes it may answer with at most. */
  readonly nodes: number
}

/** A query's text and variables, as they are sent. */
export interface QueryBody {
  readonly query: string
  readonly variables?: Variables
}

export const readQueryBody = (text: string): QueryBody | undefined => {
  try {
    const body = JSON.parse(text) as Partial<QueryBody> | null
    return typeof body?.query === 'string' ? (body as QueryBody) : undefined
  } catch {
    return undefined
  }
}

const parsed = new Map<string, DocumentNode>()
/** So that a text that changes with every page is not kept for ever. */
const MOST_KEPT = 200

/** Parses a query once. @throws GraphQLError */
export const parseQuery = (text: string): DocumentNode => {
  const document = parsed.get(text) ?? parse(text)
  if (parsed.size >= MOST_KEPT) parsed.clear()
  parsed.set(text, document)
  return document
}

const fragmentsOf = (document: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> =>
  new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === 'FragmentDefinition' ? [[definition.name.value, definition]] : [],
    ),
  )

const sizeOf = (
  field: FieldNode,
  variables: Variables,
): { list: number; isConnection: boolean } => {
  const given = (name: string): unknown => {
    const argument = field.arguments?.find((one) => one.name.value === name)
    return argument && valueFromASTUntyped(argument.value, { ...variables })
  }
  const ids = given('ids')
  if (Array.isArray(ids)) return { list: ids.length, isConnection: false }
  const size = given('first') ?? given('last')
  return typeof size === 'number'
    ? { list: size, isConnection: true }
    : { list: 1, isConnection: false }
}

/** @param variables of the request; defaults in the text are not looked at */
export const costOf = (document: DocumentNode, variables: Variables = {}): QueryCost => {
  const fragments = fragmentsOf(document)
  let requests = 0
  let nodes = 0
  const add = (set: SelectionSetNode | undefined, times: number): void => {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === 'FragmentSpread') {
        add(fragments.get(selection.name.value)?.selectionSet, times)
      } else if (selection.kind === 'InlineFragment') {
        add(selection.selectionSet, times)
      } else {
        const { list, isConnection } = sizeOf(selection, variables)
        if (isConnection) {
          requests += times
          nodes += times * list
        }
        add(selection.selectionSet, times * list)
      }
    }
  }
  const operation = document.definitions.find(
    (definition): definition is OperationDefinitionNode =>
      definition.kind === 'OperationDefinition',
  )
  add(operation?.selectionSet, 1)
  return { points: Math.max(1, Math.round(requests / 100)), nodes }
}

/** The points of a request as it was sent; what cannot be read costs one. */
export const pointsOf = (text: string): number => {
  const body = readQueryBody(text)
  if (!body) return 1
  try {
    return costOf(parseQuery(body.query), body.variables).points
  } catch {
    return 1
  }
}
