/** GitHub's GraphQL API: its published schema, checked and run by graphql-js, over the sandbox's repositories. */
import { schema as published } from '@octokit/graphql-schema'
import { buildSchema, execute, GraphQLError, type GraphQLSchema, parse, validate } from 'graphql'
import { type Answer, answer, refusal, type SandboxRequest } from './answers.ts'
import { type ConnectionArguments, connection } from './graphql-connection.ts'
import type { OwnerRecord, SandboxRepository, World } from './repositories.ts'

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

const repositoryNode = (repository: SandboxRepository, owner: OwnerRecord, web: string) => ({
  __typename: 'Repository',
  id: repository.node_id,
  databaseId: repository.id,
  name: repository.name,
  nameWithOwner: repository.full_name,
  description: repository.description,
  url: `${web}/${repository.full_name}`,
  sshUrl: `git@${new URL(web).host}:${repository.full_name}.git`,
  owner: { __typename: owner.type, id: owner.node_id, login: owner.login },
  isFork: repository.fork,
  isArchived: repository.archived,
  isDisabled: repository.disabled,
  isLocked: false,
  isEmpty: repository.empty,
  isPrivate: false,
  isTemplate: false,
  isMirror: false,
  visibility: 'PUBLIC',
  diskUsage: repository.size,
  stargazerCount: repository.stargazers,
  forkCount: Math.floor(repository.stargazers / 7),
  createdAt: repository.created_at,
  updatedAt: repository.updated_at,
  pushedAt: repository.empty ? null : repository.pushed_at,
  defaultBranchRef: repository.empty
    ? null
    : { __typename: 'Ref', name: repository.default_branch, prefix: 'refs/heads/' },
})

const ownerNode = (owner: OwnerRecord, web: string) => ({
  __typename: owner.type,
  id: owner.node_id,
  databaseId: owner.id,
  login: owner.login,
  name: owner.login,
  url: `${web}/${owner.login}`,
  createdAt: owner.created_at,
  repositories: (given: ConnectionArguments) =>
    connection(owner.repositories, given, (r) => repositoryNode(r, owner, web)),
})

const notFound = (what: string, name: string): never => {
  throw new GraphQLError(`Could not resolve to ${what} '${name}'.`, {
    extensions: { type: 'NOT_FOUND' },
  })
}

const ofType = (
  world: World,
  login: string,
  type?: OwnerRecord['type'],
): OwnerRecord | undefined => {
  const owner = world.owner(login)
  return type === undefined || owner?.type === type ? owner : undefined
}

const rootValue = (world: World, web: string, limit: RateLimitState) => ({
  organization: ({ login }: { login: string }) => {
    const owner = ofType(world, login, 'Organization')
    return owner ? ownerNode(owner, web) : notFound('an Organization with the login of', login)
  },
  user: ({ login }: { login: string }) => {
    const owner = ofType(world, login, 'User')
    return owner ? ownerNode(owner, web) : notFound('a User with the login of', login)
  },
  repositoryOwner: ({ login }: { login: string }) => {
    const owner = ofType(world, login)
    return owner ? ownerNode(owner, web) : null
  },
  repository: ({ owner, name }: { owner: string; name: string }) => {
    const found = world.repository(`${owner}/${name}`)
    return found
      ? repositoryNode(found.repository, found.owner, web)
      : notFound('a Repository with the name', `${owner}/${name}`)
  },
  rateLimit: {
    cost: 1,
    limit: limit.limit,
    used: limit.used,
    remaining: limit.remaining,
    nodeCount: 100,
    resetAt: new Date(limit.reset * 1000).toISOString().replace('.000Z', 'Z'),
  },
})

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

interface QueryBody {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>>
}

const readBody = (text: string): QueryBody | undefined => {
  try {
    const body = JSON.parse(text) as Partial<QueryBody> | null
    return typeof body?.query === 'string' ? (body as QueryBody) : undefined
  } catch {
    return undefined
  }
}

/** Answers one `POST /graphql`; unlike REST it serves nobody without a token. */
export const graphqlAnswer = async (
  world: World,
  request: SandboxRequest,
  limit: RateLimitState,
): Promise<Answer> => {
  if (request.token === undefined) {
    return refusal(401, 'This endpoint requires you to be authenticated.')
  }
  const body = readBody(request.body)
  if (body === undefined) return refusal(400, 'Problems parsing JSON')
  const schema = githubSchema()
  let document
  try {
    document = parse(body.query)
  } catch (error) {
    return errorsAnswer([error as GraphQLError])
  }
  const invalid = validate(schema, document)
  if (invalid.length > 0) return errorsAnswer(invalid)
  const { data, errors } = await execute({
    schema,
    document,
    rootValue: rootValue(world, request.webUrl, limit),
    variableValues: body.variables,
  })
  const plain = data === undefined ? {} : { data }
  return answer(200, errors ? { ...plain, errors: errors.map(errorBody) } : plain)
}
