/** What a query may begin with. */
import { GraphQLError } from 'graphql'
import type { Call } from './answers.ts'
import {
  enterpriseNode,
  type GraphqlContext,
  notFound,
  ownerNode,
  ownerOrError,
  repositoryOrError,
} from './graphql-nodes.ts'
import type { FoundRepository, OwnerRecord, OwnerType } from './repositories.ts'
import { loginOf, maySee } from './visibility.ts'

const ownerOf = (call: Call, login: string, type?: OwnerType): OwnerRecord | undefined => {
  const owner = call.world.owner(login)
  return type === undefined || owner?.type === type ? owner : undefined
}

/** A repository by a name it has, or had. */
const repositoryNamed = (
  { world, caller }: Call,
  fullName: string,
  followRenames: boolean,
): FoundRepository | undefined => {
  const found =
    world.repository(fullName) ?? (followRenames ? world.movedFrom(fullName) : undefined)
  return found && maySee(world, caller, found) ? found : undefined
}

/** Anything by its global id. */
const nodeById = (context: GraphqlContext, id: string): object | GraphQLError => {
  const { world, caller } = context.call
  const [prefix] = id.split('_')
  const number = numberOf(id)
  const found = prefix === 'R' ? world.repositoryById(number) : undefined
  if (found && maySee(world, caller, found)) return repositoryOrError(context, found)
  const owner = prefix === 'O' || prefix === 'U' ? world.ownerById(number) : undefined
  if (owner?.node_id === id) return ownerOrError(context, owner)
  return new GraphQLError(`Could not resolve to a node with the global id of '${id}'`, {
    extensions: { type: 'NOT_FOUND' },
  })
}

/** The number inside a node id: see `nodeId`. */
const numberOf = (id: string): number => {
  const bytes = Buffer.from(id.slice(id.indexOf('_') + 1), 'base64url')
  return bytes.length === 7 ? bytes.readUInt32BE(3) : 0
}

const viewer = (context: GraphqlContext): object | GraphQLError => {
  const { world, caller } = context.call
  const login = loginOf(caller)
  if (login !== undefined) return ownerNode(context, world.user(login))
  const slug = caller.kind === 'installation' ? `app-${caller.installation.appId}[bot]` : 'ghost'
  return {
    __typename: 'User',
    login: slug,
    id: `BOT_${Buffer.from(slug).toString('base64url')}`,
    databaseId: null,
    name: null,
    url: `${context.call.request.webUrl}/apps/${slug}`,
  }
}

const SCOPES_MESSAGE =
  "Your token has not been granted the required scopes to execute this query. The 'organizations' field requires one of the following scopes: ['read:enterprise']."

const enterprise = (context: GraphqlContext, slug: string): object | GraphQLError => {
  const { caller, world } = context.call
  const scopes = caller.kind === 'account' ? caller.scopes : undefined
  if (scopes && !scopes.some((scope) => /^(?:read|admin):enterprise$/.test(scope))) {
    return new GraphQLError(SCOPES_MESSAGE, { extensions: { type: 'INSUFFICIENT_SCOPES' } })
  }
  const organizations = world.organizationsOf(slug)
  return organizations.length === 0
    ? notFound('a Business with the URL slug of', slug)
    : enterpriseNode(context, slug, organizations)
}

interface RepositoryArguments {
  readonly owner: string
  readonly name: string
  readonly followRenames?: boolean | null
}

/** The resolvers of the root; an error in place of an object is answered as null. */
export const rootValue = (context: GraphqlContext) => {
  const { call } = context
  return {
    organization: ({ login }: { login: string }) => {
      const owner = ownerOf(call, login, 'Organization')
      return owner
        ? ownerOrError(context, owner)
        : notFound('an Organization with the login of', login)
    },
    user: ({ login }: { login: string }) => {
      const owner = ownerOf(call, login, 'User')
      return owner ? ownerNode(context, owner) : notFound('a User with the login of', login)
    },
    repositoryOwner: ({ login }: { login: string }) => {
      const owner = ownerOf(call, login)
      return owner ? ownerOrError(context, owner) : null
    },
    repository: ({ owner, name, followRenames }: RepositoryArguments) => {
      const found = repositoryNamed(call, `${owner}/${name}`, followRenames ?? true)
      return found
        ? repositoryOrError(context, found)
        : notFound('a Repository with the name', `${owner}/${name}`)
    },
    node: ({ id }: { id: string }) => nodeById(context, id),
    nodes: ({ ids }: { ids: readonly string[] }) => ids.map((id) => nodeById(context, id)),
    viewer: () => viewer(context),
    enterprise: ({ slug }: { slug: string }) => enterprise(context, slug),
  }
}
