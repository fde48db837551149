/**
 * What the dashboard's page and its server say to each other, as JSON. Times
 * are milliseconds since the Unix epoch. Nothing here holds a secret.
 *
 *   GET  /api/overview                        Overview
 *   GET  /api/sessions?status&search&sort&offset&limit   SessionPage
 *   GET  /api/sessions/:id                    SessionDetail
 *   GET  /api/sessions/:id/failed?after&limit FailedItemView[]
 *   POST /api/sessions/:id/:action            Steered     (action: a SteerAction)
 *   GET  /api/charts                          Charts
 *   GET  /api/live?<the query of a session page>&session=ID   LiveEvents, as server-sent events
 *   GET  /api/recording                       Recording   (only while a recording is replayed)
 *   GET  /metrics                             Prometheus' text (only where metrics are on)
 *
 * An error is answered as `Problem`, with a fitting HTTP status.
 */
import type { Completeness, Comparison } from '../domain/session-state.ts'
import type { Ask } from '../domain/steering.ts'
import type { AuditEvent } from '../domain/audit.ts'
import type { SessionMetrics, SessionStatus, Shortfall } from '../../machines/index.ts'

export const STEER_ACTIONS = ['pause', 'resume', 'cancel', 'retry'] as const
export type SteerAction = (typeof STEER_ACTIONS)[number]

/** The groups that sessions are counted and filtered by; `attention` are failed, partial, stalled and paused ones. */
export const SESSION_FILTERS = ['all', 'active', 'waiting', 'paused', 'attention', 'ended'] as const
export type SessionFilter = (typeof SESSION_FILTERS)[number]

export const SESSION_SORTS = ['newest', 'oldest', 'target', 'items', 'failed'] as const
export type SessionSort = (typeof SESSION_SORTS)[number]

export interface Problem {
  readonly error: { readonly code: string; readonly message: string }
}

/** One session, as lists show it. */
export interface SessionView {
  readonly sessionId: string
  readonly target: string
  readonly sourceType: string
  readonly credential: string | null
  readonly status: SessionStatus
  readonly completeness: Completeness
  readonly failureReason: string | null
  readonly metrics: SessionMetrics
  /** Of the listing, where the source says how many it has. */
  readonly total: number | null
  readonly comparison: Comparison | null
  /** Items a second over the last half minute; null where nothing is known yet, and of one that is not walked. */
  readonly rate: number | null
  /** When it will have been walked, at that rate; null where rate or total are not known. */
  readonly eta: number | null
  readonly startedAt: number
  readonly lastUpdate: number
  readonly completedAt: number | null
  readonly waiting: { readonly reason: string; readonly until: number | null } | null
  readonly asked: Ask | null
  /** The process that has its lease; null while nobody has. */
  readonly walkedBy: string | null
  /** Which actions make sense now. */
  readonly actions: readonly SteerAction[]
}

export interface SessionPage {
  /** Sessions that match, of which `rows` is a window. */
  readonly total: number
  readonly offset: number
  readonly rows: readonly SessionView[]
}

/** What is known of a limit of a credential. */
export interface BudgetView {
  /** As the config names it; null for requests without one. */
  readonly credential: string | null
  /** The service's word for what is limited. */
  readonly resource: string
  readonly limit: number | null
  readonly remaining: number | null
  readonly resetsAt: number | null
  /** Until when nothing may be sent; null while something may. */
  readonly blockedUntil: number | null
  readonly updatedAt: number
}

export interface Overview {
  readonly version: string
  /** Of the server, so that clocks that differ do not matter. */
  readonly now: number
  /** The database, without a password. */
  readonly database: string
  /** Whether this process can walk: without it, sessions are looked at, paused and cancelled. */
  readonly canWalk: boolean
  /** Whether a recording is replayed, and nothing is live. */
  readonly isReplay: boolean
  readonly counts: Readonly<Record<SessionFilter, number>>
  /** Items a second of all sessions together. */
  readonly rate: number | null
  readonly tasks: { readonly total: number; readonly outstanding: number }
  readonly budgets: readonly BudgetView[]
  /** Sessions that wait, those that wait longest first; ten at the most. */
  readonly waits: readonly SessionView[]
}

export interface BatchView {
  readonly number: number
  readonly status: string
  readonly processed: number
  readonly skipped: number
  readonly failed: number
  readonly error: string | null
  readonly at: number
}

export interface AuditView {
  readonly id: number
  readonly at: number
  readonly event: AuditEvent
  readonly detail: string | null
  readonly by: string | null
}

export interface FailedItemView {
  readonly id: number
  readonly item: string
  readonly reason: string
  readonly failedAt: number
}

/** One actor, as it stands. */
export interface ActorView {
  /** `session:ID`, `enumerator:ID`, `batch:ID:N`. */
  readonly id: string
  readonly machine: ChartName
  /** The states that it is in, by their ids in the chart; nested ones with their parents. */
  readonly states: readonly string[]
  /** `live` from this process; `stored` as far as the database tells, for what another process walks. */
  readonly seen: 'live' | 'stored'
  /** The latest last; twenty at the most. */
  readonly transitions: readonly TransitionView[]
}

export interface TransitionView {
  readonly at: number
  readonly event: string
  /** State ids before and after. */
  readonly from: readonly string[]
  readonly to: readonly string[]
}

export interface SessionDetail {
  readonly session: SessionView
  readonly shortfalls: readonly Shortfall[]
  readonly tasks: { readonly total: number; readonly outstanding: number }
  readonly failedItems: number
  /** The newest first; fifty at the most. */
  readonly batches: readonly BatchView[]
  /** The newest first; a hundred at the most. */
  readonly audit: readonly AuditView[]
  /** Sessions of the same target, this one among them, the newest first; twenty at the most. */
  readonly history: readonly SessionView[]
  /** Its session, its enumerator and its latest batch. */
  readonly actors: readonly ActorView[]
}

export interface Steered {
  readonly session: SessionView
  /** What happens now, in a sentence. */
  readonly message: string
}

export const CHART_NAMES = ['session', 'enumerator', 'batch'] as const
export type ChartName = (typeof CHART_NAMES)[number]

/** A statechart, ready to be laid out. */
export interface Chart {
  readonly name: ChartName
  readonly description: string
  readonly nodes: readonly ChartNode[]
  readonly edges: readonly ChartEdge[]
}

export interface ChartNode {
  readonly id: string
  readonly label: string
  /** The id of the state that it is in; null for the outermost. */
  readonly parent: string | null
  readonly kind: 'atomic' | 'compound' | 'final'
  /** Whether its parent begins in it. */
  readonly isInitial: boolean
  readonly description: string | null
}

export interface ChartEdge {
  readonly from: string
  readonly to: string
  /** One line for each transition. */
  readonly labels: readonly string[]
}

export type Charts = Readonly<Record<ChartName, Chart>>

/** What comes by `/api/live`; each event's data is its JSON. Each is sent at once, and then whenever it has changed, once a second at the most. */
export interface LiveEvents {
  readonly overview: Overview
  readonly sessions: SessionPage
  /** Only with `session=ID`. */
  readonly detail: SessionDetail
  /** What cannot be read at present, such as a database that is away, while the rest stays as it was; null as soon as all of it can again. It is tried again each second. */
  readonly problem: Problem | null
}

/** A recording, as the page plays it. */
export interface Recording {
  readonly name: string
  readonly startedAt: number
  readonly endedAt: number
  readonly frames: readonly RecordedTransition[]
  /** Whether there was more than is sent. */
  readonly isCut: boolean
}

export interface RecordedTransition extends TransitionView {
  readonly actor: string
  /** Null for a machine that has no chart here. */
  readonly machine: ChartName | null
}
