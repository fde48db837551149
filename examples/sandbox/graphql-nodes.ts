/** Owners and repositories as GraphQL's objects; lists below them are worked out when asked for. */
import { GraphQLError } from 'graphql'
import { type Call, SSO_MESSAGE } from './answers.ts'
import { connection, type PageArguments, type Row } from './graphql-connection.ts'
import type { FoundRepository, OwnerRecord, SandboxRepository } from './repositories.ts'
import { type Affiliation, affiliatedWith, isBarred, isMember, visibleOf } from './visibility.ts'

/** What a query may use, and what the sandbox remembers between two. */
export interface GraphqlContext {
  readonly call: Call
  readonly cursors: { readonly generation: number; readonly passes: Map<string, number> }
  /** In the first pass through an owner's repositories, they end after so many. */
  readonly endsEarlyAt: number | undefined
}

type OrderField = 'CREATED_AT' | 'NAME' | 'PUSHED_AT' | 'STARGAZERS' | 'UPDATED_AT'

export interface RepositoriesArguments extends PageArguments {
  readonly isFork?: boolean | null
  readonly isArchived?: boolean | null
  readonly isLocked?: boolean | null
  readonly privacy?: 'PUBLIC' | 'PRIVATE' | null
  readonly visibility?: 'PUBLIC' | 'PRIVATE' | 'INTERNAL' | null
  readonly ownerAffiliations?: readonly ('OWNER' | 'COLLABORATOR' | 'ORGANIZATION_MEMBER')[] | null
  readonly orderBy?: { readonly field: OrderField; readonly direction: 'ASC' | 'DESC' } | null
}

const ORDER: Readonly<Record<OrderField, (r: SandboxRepository) => string | number>> = {
  CREATED_AT: (r) => r.created_at,
  NAME: (r) => r.name.toLowerCase(),
  PUSHED_AT: (r) => r.pushed_at,
  STARGAZERS: (r) => r.stargazers,
  UPDATED_AT: (r) => r.updated_at,
}

/** A user's connections name what others own too, unless told not to. */
const DEFAULT_AFFILIATIONS = ['OWNER', 'COLLABORATOR'] as const

export const notFound = (what: string, name: string): GraphQLError =>
  new GraphQLError(`Could not resolve to ${what} '${name}'.`, { extensions: { type: 'NOT_FOUND' } })

export const barred = (): GraphQLError =>
  new GraphQLError(SSO_MESSAGE, { extensions: { type: 'FORBIDDEN', saml_failure: true } })

const matches = (r: SandboxRepository, given: RepositoriesArguments): boolean =>
  (given.isFork == null || r.fork === given.isFork) &&
  (given.isArchived == null || r.archived === given.isArchived) &&
  (given.isLocked == null || r.locked === given.isLocked) &&
  (given.privacy == null || (r.visibility === 'public') === (given.privacy === 'PUBLIC')) &&
  (given.visibility == null || r.visibility === given.visibility.toLowerCase())

/** A connection of something that is all there is: topics, languages. */
const plain = <Node>(
  context: GraphqlContext,
  name: string,
  nodes: readonly Node[],
): ((given: PageArguments) => ReturnType<typeof connection<Node>>) => {
  const rows = nodes.map((node, at) => ({ key: [at, at] as const, toNode: () => node }))
  const { generation } = context.cursors
  return (given) => connection(rows, given, { name, generation })
}

const languageNode = (name: string) => ({
  __typename: 'Language',
  id: Buffer.from(`Language${name}`).toString('base64'),
  name,
  color: '#f1e05a',
})

const topicNode = (context: GraphqlContext, name: string) => ({
  __typename: 'RepositoryTopic',
  id: Buffer.from(`Topic${name}`).toString('base64'),
  url: `${context.call.request.webUrl}/topics/${name}`,
  topic: { __typename: 'Topic', id: Buffer.from(name).toString('base64'), name },
})

const ownerSummary = (owner: OwnerRecord, web: string) => ({
  __typename: owner.type,
  id: owner.node_id,
  databaseId: owner.id,
  login: owner.login,
  url: `${web}/${owner.login}`,
})

/** The facts, in GraphQL's words. */
const repositoryFacts = (repository: SandboxRepository) => ({
  id: repository.node_id,
  databaseId: repository.id,
  name: repository.name,
  nameWithOwner: repository.full_name,
  description: repository.description,
  isFork: repository.fork,
  isArchived: repository.archived,
  isDisabled: repository.disabled,
  isLocked: repository.locked,
  isEmpty: repository.empty,
  isPrivate: repository.visibility !== 'public',
  isTemplate: false,
  isMirror: false,
  visibility: repository.visibility.toUpperCase(),
  diskUsage: repository.size,
  stargazerCount: repository.stargazers,
  forkCount: Math.floor(repository.stargazers / 7),
  createdAt: repository.created_at,
  updatedAt: repository.updated_at,
  pushedAt: repository.empty ? null : repository.pushed_at,
  archivedAt: repository.archived ? repository.updated_at : null,
})

export const repositoryNode = (
  context: GraphqlContext,
  { repository, owner }: FoundRepository,
): object => {
  const web = context.call.request.webUrl
  const url = `${web}/${repository.full_name}`
  const language = repository.empty ? null : repository.language
  return {
    __typename: 'Repository',
    ...repositoryFacts(repository),
    url,
    resourcePath: `/${repository.full_name}`,
    sshUrl: `git@${new URL(web).host}:${repository.full_name}.git`,
    homepageUrl: null,
    mirrorUrl: null,
    parent: null,
    isInOrganization: owner.type === 'Organization',
    owner: ownerSummary(owner, web),
    primaryLanguage: language === null ? null : languageNode(language),
    languages: plain(context, 'languages', language === null ? [] : [languageNode(language)]),
    repositoryTopics: plain(
      context,
      'repositoryTopics',
      repository.topics.map((name) => topicNode(context, name)),
    ),
    licenseInfo: repository.empty
      ? null
      : { __typename: 'License', key: 'mit', name: 'MIT License', spdxId: 'MIT' },
    defaultBranchRef: repository.empty
      ? null
      : { __typename: 'Ref', name: repository.default_branch, prefix: 'refs/heads/' },
  }
}

/** A repository by itself, or why it is not shown. */
export const repositoryOrError = (
  context: GraphqlContext,
  found: FoundRepository,
): object | GraphQLError => {
  if (isBarred(context.call.caller, found.owner)) return barred()
  if (!found.repository.dmca) return repositoryNode(context, found)
  return new GraphQLError('Repository access blocked', { extensions: { type: 'FORBIDDEN' } })
}

const repositoriesOf = (
  { call }: GraphqlContext,
  owner: OwnerRecord,
  given: RepositoriesArguments,
): readonly FoundRepository[] => {
  const { world, caller } = call
  if (owner.type === 'Organization') {
    return visibleOf(world, caller, owner).map((repository) => ({ owner, repository }))
  }
  const wanted = given.ownerAffiliations ?? DEFAULT_AFFILIATIONS
  const affiliations = wanted.map((word) => word.toLowerCase() as Affiliation)
  return affiliatedWith(world, caller, owner.login, affiliations)
}

/** The end that is told too early: in the first pass, which a listing from the beginning starts. */
const earlyEnd = (
  { cursors, endsEarlyAt }: GraphqlContext,
  owner: OwnerRecord,
  given: RepositoriesArguments,
): number | undefined => {
  if (endsEarlyAt === undefined) return undefined
  // A look at one row is no pass.
  const isStart = given.after == null && given.first !== 1
  const passes = (cursors.passes.get(owner.login) ?? 0) + (isStart ? 1 : 0)
  cursors.passes.set(owner.login, passes)
  return passes <= 1 ? endsEarlyAt : undefined
}

const repositories =
  (context: GraphqlContext, owner: OwnerRecord) => (given: RepositoriesArguments) => {
    const { caller, hidden } = context.call
    const key = ORDER[given.orderBy?.field ?? 'CREATED_AT']
    const found = repositoriesOf(context, owner, given).filter((f) => matches(f.repository, given))
    const rows = found.map((one): Row<object> => ({
      key: [key(one.repository), one.repository.id],
      toNode: () => (isBarred(caller, one.owner) ? barred() : repositoryNode(context, one)),
    }))
    const page = connection(rows, given, {
      name: 'repositories',
      descending: given.orderBy?.direction === 'DESC',
      generation: context.cursors.generation,
      hidden,
      endsAt: earlyEnd(context, owner, given),
    })
    return { ...page, totalDiskUsage: found.reduce((sum, one) => sum + one.repository.size, 0) }
  }

const members = (context: GraphqlContext, owner: OwnerRecord) => (given: PageArguments) => {
  const { world } = context.call
  const rows = owner.members.map((login): Row<object> => {
    const member = world.user(login)
    return { key: [member.id, member.id], toNode: () => ownerNode(context, member) }
  })
  const { generation } = context.cursors
  return connection(rows, given, { name: 'membersWithRole', generation })
}

const organizationFields = (context: GraphqlContext, owner: OwnerRecord) => {
  const { world, caller } = context.call
  return {
    description: `${owner.login}, as served by the sandbox`,
    viewerIsAMember: isMember(world, caller, owner),
    viewerCanAdminister: false,
    membersWithRole: members(context, owner),
  }
}

/** An organisation or a user. */
export const ownerNode = (context: GraphqlContext, owner: OwnerRecord): object => ({
  ...ownerSummary(owner, context.call.request.webUrl),
  name: owner.login,
  createdAt: owner.created_at,
  updatedAt: owner.created_at,
  repositories: repositories(context, owner),
  ...(owner.type === 'Organization' ? organizationFields(context, owner) : {}),
})

/** An organisation or a user, or why it is not shown. */
export const ownerOrError = (context: GraphqlContext, owner: OwnerRecord): object | GraphQLError =>
  isBarred(context.call.caller, owner) ? barred() : ownerNode(context, owner)

/** The organisations of an enterprise account. */
export const enterpriseNode = (
  context: GraphqlContext,
  slug: string,
  organizations: readonly OwnerRecord[],
): object => ({
  __typename: 'Enterprise',
  id: `E_${Buffer.from(slug).toString('base64url')}`,
  name: slug,
  slug,
  url: `${context.call.request.webUrl}/enterprises/${slug}`,
  organizations: (given: PageArguments & { readonly orderBy?: OrganizationOrder | null }) => {
    const key = given.orderBy?.field === 'CREATED_AT' ? 'created_at' : 'login'
    const rows = organizations.map((owner): Row<object> => ({
      key: [owner[key].toLowerCase(), owner.id],
      toNode: () => ownerOrError(context, owner),
    }))
    return connection(rows, given, {
      name: 'organizations',
      descending: given.orderBy?.direction === 'DESC',
      generation: context.cursors.generation,
    })
  },
})

interface OrganizationOrder {
  readonly field: 'CREATED_AT' | 'LOGIN'
  readonly direction: 'ASC' | 'DESC'
}
