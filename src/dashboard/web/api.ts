/** Questions to the server; how it answers is settled in `wire.ts`. */
import type {
  Charts,
  FailedItemView,
  Overview,
  Problem,
  Recording,
  SessionDetail,
  SessionPage,
  SteerAction,
  Steered,
} from '../wire.ts'
import type { ListQuery } from './route.ts'

/** What the server said against it, or that it said nothing. */
export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const isProblem = (body: unknown): body is Problem =>
  typeof body === 'object' && body !== null && 'error' in body

async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  // A type that no form of another site can send: the server insists on it.
  const headers = { accept: 'application/json', 'content-type': 'application/json' }
  const response = await fetch(path, { ...init, headers }).catch(() => {
    throw new ApiError(0, 'The server cannot be reached. Is its process still running?')
  })
  const body: unknown = await response.json().catch(() => null)
  if (response.ok) return body as T
  const said = isProblem(body) ? body.error.message : `The server answered ${response.status}.`
  throw new ApiError(response.status, said)
}

export interface Window {
  readonly offset: number
  readonly limit: number
}

export const listParams = (query: ListQuery, { offset, limit }: Window): URLSearchParams =>
  new URLSearchParams({
    status: query.status,
    search: query.search,
    sort: query.sort,
    offset: String(offset),
    limit: String(limit),
  })

const of = (sessionId: string): string => `api/sessions/${encodeURIComponent(sessionId)}`

export const api = {
  overview: () => ask<Overview>('api/overview'),
  sessions: (query: ListQuery, window: Window) =>
    ask<SessionPage>(`api/sessions?${listParams(query, window)}`),
  session: (sessionId: string) => ask<SessionDetail>(of(sessionId)),
  failed: (sessionId: string, after: number, limit: number) =>
    ask<readonly FailedItemView[]>(`${of(sessionId)}/failed?after=${after}&limit=${limit}`),
  steer: (sessionId: string, action: SteerAction) =>
    ask<Steered>(`${of(sessionId)}/${action}`, { method: 'POST' }),
  charts: () => ask<Charts>('api/charts'),
  recording: () => ask<Recording>('api/recording'),
}

export const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)
