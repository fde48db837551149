/** GitHub's GraphQL API: its published schema, checked and run by graphql-js, over the sandbox's repositories. */
import { schema as published } from '@octokit/graphql-schema'
import {
  buildSchema,
  defaultFieldResolver,
  type DocumentNode,
  execute,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  validate,
} from 'graphql'
import { type Answer, answer, type Call, refusal } from './answers.ts'
import { costOf, parseQuery, type QueryCost, readQueryBody } from './graphql-cost.ts'
import type { GraphqlContext } from './graphql-nodes.ts'
import { rootValue } from './graphql-root.ts'

let built: GraphQLSchema | undefined

/** Built once and late, for it takes a moment. The published text defines two fields twice, so it is not validated. */
const githubSchema = (): GraphQLSchema => {
  built ??= buildSchema(published.idl, { assumeValidSDL: true, assumeValid: true })
  return built
}

/** What `rateLimit` says to a query. */
export interface RateLimitState {
  readonly limit: number
  readonly used: number
  readonly remaining: number
  readonly reset: number
}

export interface GraphqlSettings extends Omit<GraphqlContext, 'call'> {
  /** `undefined` on a server without limits. */
  readonly rate: RateLimitState | undefined
}

/** https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api#node-limit */
const MAX_NODES = 500_000

/** GitHub puts its own word for a failure beside the message, where the standard has `extensions`. */
const errorBody = (error: GraphQLError) => {
  const { type, ...extensions } = error.extensions
  return {
    ...(type === undefined ? {} : { type }),
    ...(error.path ? { path: error.path } : {}),
    ...(Object.keys(extensions).length > 0 ? { extensions } : {}),
    locations: error.locations ?? [],
    message: error.message,
  }
}

const errorsAnswer = (errors: readonly GraphQLError[]): Answer =>
  answer(200, { errors: errors.map(errorBody) })

/** What the schema has and the sandbox does not would read as null, which is a fact; so it is an error. */
const resolveField: GraphQLFieldResolver<unknown, unknown> = (source, args, context, info) => {
  if (typeof source === 'object' && source !== null && info.fieldName in source) {
    return defaultFieldResolver(source, args, context, info) as unknown
  }
  const name = `${info.parentType.name}.${info.fieldName}`
  throw new GraphQLError(`The sandbox does not serve ${name}.`, { extensions: { type: 'SANDBOX' } })
}

const validated = new WeakMap<DocumentNode, readonly GraphQLError[]>()

const problemsOf = (document: DocumentNode): readonly GraphQLError[] => {
  const problems = validated.get(document) ?? validate(githubSchema(), document)
  validated.set(document, problems)
  return problems
}

const rateLimitNode = ({ rate }: GraphqlSettings, cost: QueryCost) =>
  rate && {
    cost: cost.points,
    limit: rate.limit,
    used: rate.used,
    remaining: rate.remaining,
    nodeCount: cost.nodes,
    resetAt: new Date(rate.reset * 1000).toISOString().replace('.000Z', 'Z'),
  }

/** Answers one `POST /graphql`; unlike REST it serves nobody without a token. */
export const graphqlAnswer = async (call: Call, settings: GraphqlSettings): Promise<Answer> => {
  if (call.caller.kind === 'anonymous') {
    return refusal(401, 'This endpoint requires you to be authenticated.')
  }
  const body = readQueryBody(call.request.body)
  if (body === undefined) return refusal(400, 'Problems parsing JSON')
  let document
  try {
    document = parseQuery(body.query)
  } catch (error) {
    return errorsAnswer([error as GraphQLError])
  }
  const problems = problemsOf(document)
  if (problems.length > 0) return errorsAnswer(problems)
  const cost = costOf(document, body.variables)
  if (cost.nodes > MAX_NODES) {
    const message = `This query requests up to ${cost.nodes} possible nodes which exceeds the maximum limit of ${MAX_NODES}.`
    return errorsAnswer([
      new GraphQLError(message, { extensions: { type: 'MAX_NODE_LIMIT_EXCEEDED' } }),
    ])
  }
  const root = rootValue({ ...settings, call })
  const { data, errors } = await execute({
    schema: githubSchema(),
    document,
    rootValue: { ...root, rateLimit: rateLimitNode(settings, cost) ?? null },
    variableValues: body.variables,
    fieldResolver: resolveField,
  })
  const plain = data === undefined ? {} : { data }
  return answer(200, errors ? { ...plain, errors: errors.map(errorBody) } : plain)
}
