/** Where the page is: everything that can be looked at has an address, behind the `#`. */
import { computed, signal } from '@preact/signals'
import { SESSION_FILTERS, SESSION_SORTS, type SessionFilter, type SessionSort } from '../wire.ts'

export interface ListQuery {
  readonly status: SessionFilter
  readonly search: string
  readonly sort: SessionSort
}

export type Route =
  | { readonly page: 'overview'; readonly query: ListQuery }
  | { readonly page: 'session'; readonly sessionId: string }
  | { readonly page: 'replay' }
  | { readonly page: 'unknown' }

export const NO_QUERY: ListQuery = { status: 'all', search: '', sort: 'newest' }

const oneOf = <T extends string>(known: readonly T[], text: string | null, otherwise: T): T =>
  known.find((word) => word === text) ?? otherwise

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  if (path === 'replay') return { page: 'replay' }
  const [page, sessionId = ''] = path.split('/')
  if (page === 'session' && sessionId !== '')
    return { page: 'session', sessionId: decoded(sessionId) }
  if (path !== '') return { page: 'unknown' }
  const params = new URLSearchParams(search)
  const query = {
    status: oneOf(SESSION_FILTERS, params.get('status'), NO_QUERY.status),
    search: params.get('search') ?? '',
    sort: oneOf(SESSION_SORTS, params.get('sort'), NO_QUERY.sort),
  }
  return { page: 'overview', query }
}

/** What differs from the usual, as a query. */
const queryParams = (query: ListQuery): URLSearchParams => {
  const params = new URLSearchParams()
  for (const key of ['status', 'search', 'sort'] as const)
    if (query[key] !== NO_QUERY[key]) params.set(key, query[key])
  return params
}

export function overviewHref(query: ListQuery): string {
  const params = queryParams(query).toString()
  return params === '' ? '#/' : `#/?${params}`
}

export const sessionHref = (sessionId: string): string =>
  `#/session/${encodeURIComponent(sessionId)}`

const hash = signal(location.hash)

/** The list as it was looked at last, so that the way back leads there. */
export const lastList = signal<ListQuery>(NO_QUERY)

export const route = computed(() => parseRoute(hash.value))

const follow = (): void => {
  hash.value = location.hash
  if (route.value.page === 'overview') lastList.value = route.value.query
}
addEventListener('hashchange', follow)
follow()

/** Changes the list's query without a step in the browser's history for each letter typed. */
export function narrow(change: Partial<ListQuery>): void {
  history.replaceState(null, '', overviewHref({ ...lastList.value, ...change }))
  follow()
}
