/** The REST routes of the sandbox: owners, their repositories page by page, one repository. */
import { type Answer, answer, notFound, type SandboxRequest } from './answers.ts'
import { organizationBody, repositoryBody, userBody } from './bodies.ts'
import type { OwnerRecord, SandboxRepository, World } from './repositories.ts'

type Route = (world: World, request: SandboxRequest, parts: readonly string[]) => Answer

const organization = (world: World, login = ''): OwnerRecord | undefined => {
  const owner = world.owner(login)
  return owner?.type === 'Organization' ? owner : undefined
}

const addresses = (request: SandboxRequest) => ({ api: request.apiUrl, web: request.webUrl })

const getOwner = (owner: OwnerRecord | undefined, request: SandboxRequest): Answer => {
  if (owner === undefined) return notFound()
  const isOrganization = owner.type === 'Organization' && request.path.startsWith('/orgs/')
  return answer(200, (isOrganization ? organizationBody : userBody)(owner, addresses(request)))
}

const getRepository = (found: ReturnType<World['repository']>, request: SandboxRequest): Answer => {
  if (found === undefined) return notFound()
  return answer(200, repositoryBody(found.repository, found.owner, addresses(request)))
}

const SORT_KEYS: Readonly<Record<string, (r: SandboxRepository) => string | number>> = {
  created: (r) => r.id,
  updated: (r) => r.updated_at,
  pushed: (r) => r.pushed_at,
  full_name: (r) => r.full_name.toLowerCase(),
}

const TYPES: Readonly<Record<string, (r: SandboxRepository) => boolean>> = {
  private: () => false,
  member: () => false,
  forks: (r) => r.fork,
  sources: (r) => !r.fork,
}

/** Newest first unless asked otherwise, names from A: GitHub's defaults, which drift under a reader. */
const sorted = (
  repositories: readonly SandboxRepository[],
  query: URLSearchParams,
): readonly SandboxRepository[] => {
  const sort = query.get('sort') ?? 'created'
  const key = SORT_KEYS[sort] ?? ((r: SandboxRepository) => r.id)
  const direction = query.get('direction') ?? (sort === 'full_name' ? 'asc' : 'desc')
  const rising = repositories.toSorted((a, b) => {
    const [left, right] = [key(a), key(b)]
    return left < right ? -1 : left > right ? 1 : a.id - b.id
  })
  return direction === 'asc' ? rising : rising.toReversed()
}

const positive = (text: string | null, fallback: number): number => {
  const number = Number(text ?? fallback)
  return Number.isSafeInteger(number) && number > 0 ? number : fallback
}

/** GitHub names the next page by the owner's number, not by the URL that was called. */
const linkHeader = (
  owner: OwnerRecord,
  request: SandboxRequest,
  page: number,
  last: number,
): string | undefined => {
  if (last <= 1) return undefined
  const kind = request.path.startsWith('/org') ? 'organizations' : 'user'
  const to = (rel: string, number: number): string => {
    const query = new URLSearchParams(request.query)
    query.set('page', String(number))
    return `<${request.apiUrl}/${kind}/${owner.id}/repos?${query}>; rel="${rel}"`
  }
  const back = page > 1 ? [to('prev', page - 1)] : []
  const ahead = page < last ? [to('next', page + 1), to('last', last)] : []
  return [...back, ...ahead, ...(page > 1 ? [to('first', 1)] : [])].join(', ')
}

const listRepositories = (owner: OwnerRecord | undefined, request: SandboxRequest): Answer => {
  if (owner === undefined) return notFound()
  const { query } = request
  const perPage = Math.min(positive(query.get('per_page'), 30), 100)
  const page = positive(query.get('page'), 1)
  const wanted = TYPES[query.get('type') ?? 'all'] ?? (() => true)
  const all = sorted(owner.repositories.filter(wanted), query)
  const rows = all.slice((page - 1) * perPage, page * perPage)
  const link = linkHeader(owner, request, page, Math.ceil(all.length / perPage))
  return answer(
    200,
    rows.map((r) => repositoryBody(r, owner, addresses(request))),
    link === undefined ? {} : { link },
  )
}

const ROUTES: readonly (readonly [RegExp, Route])[] = [
  [/^\/orgs\/([^/]+)\/repos$/, (w, r, [login]) => listRepositories(organization(w, login), r)],
  [/^\/organizations\/(\d+)\/repos$/, (w, r, [id]) => listRepositories(w.ownerById(Number(id)), r)],
  [/^\/users\/([^/]+)\/repos$/, (w, r, [login = '']) => listRepositories(w.owner(login), r)],
  [/^\/user\/(\d+)\/repos$/, (w, r, [id]) => listRepositories(w.ownerById(Number(id)), r)],
  [/^\/orgs\/([^/]+)$/, (w, r, [login]) => getOwner(organization(w, login), r)],
  [/^\/users\/([^/]+)$/, (w, r, [login = '']) => getOwner(w.owner(login), r)],
  [/^\/repos\/([^/]+\/[^/]+)$/, (w, r, [name = '']) => getRepository(w.repository(name), r)],
]

/** Answers one REST request; what the sandbox does not serve is a 404, as GitHub's is. */
export const restAnswer = (world: World, request: SandboxRequest): Answer => {
  if (request.method !== 'GET') return notFound()
  for (const [pattern, route] of ROUTES) {
    const match = pattern.exec(request.path)
    if (match) return route(world, request, match.slice(1).map(decodeURIComponent))
  }
  return notFound()
}
