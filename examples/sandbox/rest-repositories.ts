/** The REST routes that list repositories, or answer one. */
import {
  type Answer,
  answer,
  type Call,
  notFound,
  refusal,
  type SandboxRequest,
  ssoRequired,
} from './answers.ts'
import { type Addresses, fullRepositoryBody, repositoryBody } from './bodies.ts'
import type { FoundRepository, OwnerRecord, SandboxRepository } from './repositories.ts'
import { numberedPage } from './rest-pages.ts'
import {
  type Affiliation,
  affiliatedWith,
  grantedTo,
  isBarred,
  isMember,
  loginOf,
  maySee,
  visibleOf,
} from './visibility.ts'

export const addressesOf = (request: SandboxRequest): Addresses => ({
  api: request.apiUrl,
  web: request.webUrl,
})

const SORT_KEYS: Readonly<Record<string, (r: SandboxRepository) => string | number>> = {
  created: (r) => r.created_at,
  updated: (r) => r.updated_at,
  pushed: (r) => r.pushed_at,
  full_name: (r) => r.full_name.toLowerCase(),
}

const TYPES: Readonly<Record<string, (r: SandboxRepository) => boolean>> = {
  public: (r) => r.visibility === 'public',
  private: (r) => r.visibility !== 'public',
  internal: (r) => r.visibility === 'internal',
  member: () => false,
  forks: (r) => r.fork,
  sources: (r) => !r.fork,
}

/** Newest first unless asked otherwise, names from A: GitHub's defaults, which drift under a reader. */
const sorted = <Row extends FoundRepository>(
  rows: readonly Row[],
  query: URLSearchParams,
  defaultSort: string,
): readonly Row[] => {
  const sort = query.get('sort') ?? defaultSort
  const key = SORT_KEYS[sort] ?? ((r: SandboxRepository) => r.created_at)
  const direction = query.get('direction') ?? (sort === 'full_name' ? 'asc' : 'desc')
  const rising = rows.toSorted((a, b) => {
    const [left, right] = [key(a.repository), key(b.repository)]
    return left < right ? -1 : left > right ? 1 : a.repository.id - b.repository.id
  })
  return direction === 'asc' ? rising : rising.toReversed()
}

const toBody =
  (request: SandboxRequest) =>
  ({ repository, owner }: FoundRepository): unknown =>
    repositoryBody(repository, owner, addressesOf(request))

/** `GET /orgs/{org}/repos` */
export const listOrganizationRepositories = (call: Call, owner: OwnerRecord): Answer => {
  const { request, world, caller } = call
  if (isBarred(caller, owner)) return ssoRequired(owner)
  const type = request.query.get('type') ?? 'all'
  const isWanted = TYPES[type] ?? (() => true)
  const isForgotten = (r: SandboxRepository): boolean =>
    call.omitsInternal && type !== 'internal' && r.visibility === 'internal'
  const rows = visibleOf(world, caller, owner)
    .filter((r) => isWanted(r) && !isForgotten(r))
    .map((repository) => ({ owner, repository }))
  return numberedPage(request, {
    rows: sorted(rows, request.query, 'created'),
    path: `/organizations/${owner.id}/repos`,
    toBody: toBody(request),
  })
}

const USER_TYPES: Readonly<Record<string, readonly Affiliation[]>> = {
  all: ['owner', 'collaborator'],
  member: ['collaborator'],
}

/** `GET /users/{username}/repos`: the public ones, whoever asks. */
export const listUserRepositories = (call: Call, owner: OwnerRecord): Answer => {
  const { request, world, caller } = call
  if (isBarred(caller, owner)) return ssoRequired(owner)
  const affiliations = USER_TYPES[request.query.get('type') ?? 'owner'] ?? ['owner']
  const rows = affiliatedWith(world, caller, owner.login, affiliations).filter(
    ({ repository }) => repository.visibility === 'public',
  )
  return numberedPage(request, {
    rows: sorted(rows, request.query, 'full_name'),
    path: `/user/${owner.id}/repos`,
    toBody: toBody(request),
  })
}

const AFFILIATIONS = ['owner', 'collaborator', 'organization_member'] as const

/** What `type` says in the words of `affiliation`. */
const OWN_TYPES: Readonly<Record<string, readonly Affiliation[]>> = {
  owner: ['owner'],
  member: ['collaborator', 'organization_member'],
}

const affiliationsAsked = (query: URLSearchParams): readonly Affiliation[] => {
  const words = query.get('affiliation')?.split(',')
  if (words) return AFFILIATIONS.filter((affiliation) => words.includes(affiliation))
  return OWN_TYPES[query.get('type') ?? 'all'] ?? AFFILIATIONS
}

/** Private for `/user/repos` is all that is not public. */
const isOfVisibility = (query: URLSearchParams, { visibility }: SandboxRepository): boolean => {
  const asked = query.get('visibility') ?? query.get('type')
  if (asked === 'public') return visibility === 'public'
  return asked !== 'private' || visibility !== 'public'
}

const isWithin = (query: URLSearchParams, { updated_at }: SandboxRepository): boolean => {
  const [since, before] = [query.get('since'), query.get('before')]
  return (since === null || updated_at > since) && (before === null || updated_at < before)
}

/** A listing across organisations leaves out those that the token is kept out of, and says so. */
const partialResults = ({ world, caller }: Call): Record<string, string> => {
  const barred = world
    .owners()
    .filter((owner) => isBarred(caller, owner) && isMember(world, caller, owner))
  if (barred.length === 0) return {}
  const ids = barred.map((owner) => owner.id).join(',')
  return { 'x-github-sso': `partial-results; organizations=${ids}` }
}

/** GitHub's answer where `type` is asked for beside what it would contradict. */
const contradiction = (): Answer =>
  refusal(422, 'If you specify visibility or affiliation, you cannot specify type.')

/** `GET /user/repos` */
export const listOwnRepositories = (call: Call): Answer => {
  const { request, world, caller } = call
  const { query } = request
  const login = loginOf(caller)
  if (login === undefined) return notForThisCaller(call)
  if (query.has('type') && (query.has('affiliation') || query.has('visibility'))) {
    return contradiction()
  }
  const rows = affiliatedWith(world, caller, login, affiliationsAsked(query)).filter(
    ({ owner, repository }) =>
      !isBarred(caller, owner) && isOfVisibility(query, repository) && isWithin(query, repository),
  )
  return numberedPage(request, {
    rows: sorted(rows, query, 'full_name'),
    path: '/user/repos',
    toBody: toBody(request),
    headers: partialResults(call),
  })
}

/** What is only for somebody with an account. */
export const notForThisCaller = ({ caller }: Call): Answer =>
  caller.kind === 'anonymous'
    ? refusal(401, 'Requires authentication')
    : refusal(403, 'Resource not accessible by integration')

const NOT_INSTALLED =
  'You must authenticate with an installation access token in order to list repositories for an installation.'

/** `GET /installation/repositories` */
export const listInstallationRepositories = (call: Call): Answer => {
  const { request, world, caller } = call
  if (caller.kind === 'anonymous') return refusal(401, 'Requires authentication')
  if (caller.kind !== 'installation') return refusal(403, NOT_INSTALLED)
  const { installation } = caller
  const owner = world.owner(installation.account)
  const granted = grantedTo(world, installation)
  return numberedPage(request, {
    rows: owner ? granted.map((repository) => ({ owner, repository })) : [],
    path: '/installation/repositories',
    toBody: toBody(request),
    wrap: (repositories) => ({
      total_count: granted.length + call.hidden,
      repository_selection: installation.selected ? 'selected' : 'all',
      repositories,
    }),
  })
}

const takenDown = (request: SandboxRequest): Answer =>
  answer(451, {
    message: 'Repository access blocked',
    block: {
      reason: 'dmca',
      created_at: '2024-01-01T00:00:00Z',
      html_url: `${request.webUrl}/github/dmca/blob/master/2024/01/2024-01-01-sandbox.md`,
    },
  })

/** `GET /repos/{owner}/{repo}` and `GET /repositories/{id}` */
export const getRepository = (call: Call, found: FoundRepository | undefined): Answer => {
  const { request, world, caller } = call
  if (found === undefined || !maySee(world, caller, found)) return notFound()
  const { repository, owner } = found
  if (isBarred(caller, owner)) return ssoRequired(owner)
  if (repository.dmca) return takenDown(request)
  return answer(200, fullRepositoryBody(repository, owner, addressesOf(request)))
}

/** `GET /repos/{owner}/{repo}`; a name that it no longer has leads to its number. */
export const getRepositoryByName = (call: Call, fullName: string): Answer => {
  const { request, world, caller } = call
  const found = world.repository(fullName)
  if (found) return getRepository(call, found)
  const moved = world.movedFrom(fullName)
  if (!moved || !maySee(world, caller, moved)) return notFound()
  const url = `${request.apiUrl}/repositories/${moved.repository.id}`
  return answer(
    301,
    {
      message: 'Moved Permanently',
      url,
      documentation_url:
        'https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects',
    },
    { location: url },
  )
}
