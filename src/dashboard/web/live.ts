/**
 * What the server tells of its own accord, and whether it still does. The
 * browser's way of connecting again gives up on any answer that is no stream,
 * so this one does it itself, and says so meanwhile.
 */
import { signal } from '@preact/signals'
import type { LiveEvents, Overview, Problem, SessionDetail, SessionPage } from '../wire.ts'

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'lost'; readonly since: number }

export const connection = signal<Connection>({ state: 'connecting' })
export const overview = signal<Overview | null>(null)
/** The session that is looked at; null before it is known. */
export const detail = signal<SessionDetail | null>(null)
/** What keeps the server from telling, in its words; null while nothing does. */
export const problem = signal<string | null>(null)

const FIRST_RETRY = 500
const LAST_RETRY = 8_000

export interface Topic {
  /** The query of `/api/live`. */
  readonly params: URLSearchParams
  readonly onSessions?: (page: SessionPage) => void
  readonly onDetail?: (detail: SessionDetail) => void
}

let topic: Topic | null = null
let source: EventSource | null = null
let retry: ReturnType<typeof setTimeout> | undefined
let wait = FIRST_RETRY

/** What the server may say besides: what keeps it from reading what is followed. */
interface Heard extends LiveEvents {
  readonly problem: Problem | null
}

function hear<K extends keyof Heard>(
  from: EventSource,
  name: K,
  tell: (data: Heard[K]) => void,
): void {
  from.addEventListener(name, (event: MessageEvent<string>) => {
    // One that was replaced may have something left to say.
    if (from !== source) return
    wait = FIRST_RETRY
    if (connection.peek().state !== 'live') connection.value = { state: 'live' }
    tell(JSON.parse(event.data) as Heard[K])
  })
}

function lost(): void {
  source?.close()
  source = null
  if (connection.peek().state !== 'lost') connection.value = { state: 'lost', since: Date.now() }
  retry = setTimeout(connect, wait)
  wait = Math.min(wait * 2, LAST_RETRY)
}

function connect(): void {
  clearTimeout(retry)
  source?.close()
  problem.value = null
  if (topic === null) return
  const { params, onSessions, onDetail } = topic
  const opened = new EventSource(`api/live?${params}`)
  source = opened
  hear(opened, 'overview', (data) => (overview.value = data))
  hear(opened, 'sessions', (data) => onSessions?.(data))
  hear(opened, 'detail', (data) => onDetail?.(data))
  hear(opened, 'problem', (data) => (problem.value = data?.error.message ?? null))
  opened.addEventListener('error', () => opened === source && lost())
}

/** Hears of this from now on, and of nothing else. */
export function follow(next: Topic): void {
  const isSame = topic !== null && String(topic.params) === String(next.params)
  topic = next
  if (!isSame || source === null) connect()
}

/** Does not wait for the next attempt. */
export function reconnect(): void {
  wait = FIRST_RETRY
  connect()
}

addEventListener('online', () => connection.peek().state === 'lost' && reconnect())
addEventListener('pagehide', () => source?.close())
// The browser may show the page as it was left, its stream long cut.
addEventListener('pageshow', (event) => event.persisted && connect())
