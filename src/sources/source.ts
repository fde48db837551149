import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { TimeProvider } from '../domain/clock.ts'
import type { TaskCredentials } from '../domain/credentials.ts'
import type { JsonRecord, JsonValue } from '../domain/json.ts'
import type { Shortfall } from '../../machines/index.ts'

/** What a source says of one item: the resource it stands for. */
export interface Identity {
  /** What makes the resource the same one next time; unique within the source type. Never a URL that can change where the source gives an id. */
  readonly key: string
  /** Where the resource is; what a scanner is given. Must carry no credentials. */
  readonly uri: string
  /** What a person calls it. */
  readonly name: string
  /** Plain data for the scanner. Must carry no credentials. */
  readonly metadata?: JsonRecord
  /**
   * What is another whenever the resource's content is: GitHub's time of the
   * last push, an object's ETag. It tells a changed resource from an unchanged
   * one in the next session; without it, every resource counts as changed.
   */
  readonly version?: string
  /** Earlier addresses of the same resource, as far as this item tells them; kept beside it. Must carry no credentials. */
  readonly aliases?: readonly string[]
  /** Why the target leaves the resource out: the name of a filter. It counts as skipped, and there is no scan target and no task for it. */
  readonly skipped?: string
}

/** What one request to a source returned. */
export interface Page<Item extends JsonValue = JsonValue> {
  readonly items: readonly Item[]
  /** Where the next page begins, opaque to all but this source; `null` is a position like any other. */
  readonly cursor: JsonValue
  /**
   * How many items the whole listing has, from its beginning to its end, where
   * the service says so; the same on every page while nothing changes there.
   * Leave out a guess. More than are listed only together with a shortfall.
   * A `null` from a source without types is none.
   */
  readonly total?: number
  /**
   * Whether items of this page may have been on an earlier one of the session,
   * because the source reads on from a page that it has read before. Who was
   * seen already is kept and not counted again. For a comparable source only.
   */
  readonly again?: boolean
  /** What this page is known to lack; each lowers the session's completeness. */
  readonly shortfalls?: readonly Shortfall[]
}

/**
 * What a service answered in earlier sessions, for asking whether it is still
 * so: pages with their ETags. A memory that may lose anything at any time.
 */
export interface AnswerCache {
  /** @returns undefined for what is not, or no longer, remembered. */
  get(key: string): Promise<JsonValue | undefined>
  /** @param key must name the credential where the answer depends on it; neither it nor the value may hold a secret */
  set(key: string, value: JsonValue): Promise<void>
}

/** A service's limit, as an answer told of it. */
export interface ToldLimit {
  /** Points that there are in a window of it. */
  readonly limit: number
  readonly remaining: number
  /** When the window ends, by the service's clock; milliseconds since the Unix epoch. */
  readonly resetAt: number
}

/** What a process tells of one of the limits of a credential. */
export interface LimitReport {
  /** The service's word for what the limit is counted for. */
  readonly resource: string
  /** The newest that is known of it; null while nothing is. */
  readonly told: ToldLimit | null
  /** By how much the requests that this process has under way have become more since its last report in the same window. */
  readonly underWay: number
  /** For how long nothing may be sent for the resource; milliseconds, 0 for not at all. */
  readonly blockedMs: number
}

/** What a process tells of its use of a credential, right before it sends a request. */
export interface BudgetReport {
  /** Tells the credential and the service from all others, and no secret: a fingerprint. */
  readonly credential: string
  /** What people call the credential: its name in the config; null for requests without one. */
  readonly label?: string | null
  /** Points spent since the last report, with those of the request to be sent, and what their minute is counted for. */
  readonly spent: { readonly kind: string; readonly points: number }
  /** Each resource once. */
  readonly limits: readonly LimitReport[]
  /** For how long nothing at all may be sent; milliseconds. */
  readonly blockedMs: number
}

/** What a service told of the limits of a credential, for people to see. */
export interface BudgetNote extends Pick<BudgetReport, 'credential' | 'label'> {
  /** Each resource once; `underWay` is not looked at. */
  readonly limits: readonly LimitReport[]
}

/**
 * What all processes together know of a credential. Times are told as
 * durations from now on, since the clocks of hosts differ.
 */
export interface BudgetState {
  /** The points of the last minute, of the kind reported: how many cease to count, and in how many milliseconds; the first first. */
  readonly minute: readonly { readonly points: number; readonly overInMs: number }[]
  /** Of the resources reported. `underWay` counts the requests of all processes. */
  readonly limits: readonly LimitReport[]
  readonly blockedMs: number
}

/** Keeps all processes that use a credential within what its service allows it. */
export interface SharedBudget {
  /** Tells what this process knows, and learns what all of them do. Its rejection is one of the store: nothing may be sent. */
  share(report: BudgetReport): Promise<BudgetState>
}

/** What a source may use while it enumerates. */
export interface EnumerateContext {
  /** Aborts when the page is no longer wanted: a cancelled walk, a hung request. */
  readonly signal: AbortSignal
  readonly clock: TimeProvider
  /** The target's credential name, or null; for keying what belongs to a credential, such as its rate limit. */
  readonly authRef: string | null
  /**
   * Resolves the target's credentials now. Call it for each request: tokens
   * expire. With `renew`, what was refused is not handed out again where
   * another can be had: a provider is asked anew, a token made anew.
   */
  credentials(options?: { readonly renew?: boolean }): Promise<TaskCredentials>
  readonly answers: AnswerCache
  /** Given where several hosts share a store: what limits a credential is then counted for all of them. */
  readonly budget?: SharedBudget | undefined
  /** Given where nobody shares the credential's use: what is known of its limits is then only shown. Returns at once and throws nothing. */
  noteBudget?(note: BudgetNote): void
}

/** What a source may use to plan a walk: of what it may use to enumerate, nothing that is stored. */
export interface PlanContext extends Pick<
  EnumerateContext,
  'signal' | 'clock' | 'authRef' | 'credentials'
> {
  /** Is to be called right before each request that is sent for the plan, so that people are told how many there were. */
  noteRequest(): void
}

/** A limit of one token, as it is when a walk is planned. */
export interface PlannedLimit {
  /** The service's word for what is counted; requests of the walk count for it. */
  readonly resource: string
  /** Tells whose limit it is from all others, and no secret: targets that share it share what is left. */
  readonly credential: string
  /** Requests, or points, that there are in a window. */
  readonly limit: number
  readonly remaining: number
  /** When the window ends; milliseconds since the Unix epoch. */
  readonly resetAt: number
  /** How long a window is; milliseconds. */
  readonly windowMs: number
  /** How many of a window are left to others. */
  readonly reserve: number
  /** Requests a minute at the most; null where nothing limits them. */
  readonly perMinute: number | null
}

/**
 * What a source tells of a walk before it is begun. All of it is an estimate
 * for people; nothing is decided by it.
 */
export interface SourcePlan {
  /** Items that the listing has; null where that cannot be told by a few requests. */
  readonly items: number | null
  /** Where the number is from: the service counts, or somebody has written the items out. Null without a number. */
  readonly itemsFrom: 'service' | 'list' | null
  /** Requests that a whole walk takes; null where nobody can say. */
  readonly requests: number | null
  /** Items that a request of the walk brings; null where a request brings none, or nobody can say. */
  readonly itemsPerRequest: number | null
  /** Requests of the walk that are under way at once. Default: 1. */
  readonly concurrency?: number
  /** The least time that the walk takes by the target's own settings, such as a rate; milliseconds. Default: none. */
  readonly atLeastMs?: number
  /** One for each token whose limit is known; a walk may use the whole of them. Default: none. */
  readonly limits?: readonly PlannedLimit[]
  /** What the credential is known not to see, and what will be refused. Default: nothing. */
  readonly unseen?: readonly Shortfall[]
  /** What else a person should know before the walk, in whole sentences. Default: nothing. */
  readonly notes?: readonly string[]
  /** How long an answer took, on the average; milliseconds. Null where nothing was asked. */
  readonly requestMs: number | null
}

/**
 * A kind of place that can be enumerated.
 *
 * `enumerate` yields pages from a cursor (`undefined` = from the beginning) and
 * returns when the listing is exhausted. It is called anew after every error,
 * so it keeps nothing between calls that the cursor does not carry. It throws
 * `RetryLaterError` to wait, a `PauseError` to leave the session as it stands
 * until somebody has put something right, a `SourceError` with `retryable:
 * false` to end the session as FAILED, and anything else to be tried again.
 *
 * A page is Muster's once it is yielded. The next one is asked for while it is
 * being stored: its items are not changed afterwards, and to be asked again
 * does not mean that it was kept.
 *
 * `identify` is synchronous, and comes to the same whenever it is asked. It
 * throws (an `ItemRejectedError`, by preference) for an item that is not a
 * resource; the item is stored as failed with the error's message.
 *
 * `reload`, where there is one, brings failed items up to date before they are
 * tried again: as many as it was given, in the same order.
 *
 * `plan`, where there is one, tells what a walk would come to, by a few requests
 * and without listing anything. It waits for no limit: it throws
 * `RetryLaterError` where one is met. It throws as `enumerate` does where the
 * walk would be refused. A source without it is planned by its last session.
 */
export interface Source<Spec = unknown, Item extends JsonValue = JsonValue> {
  /** The word for it in a target spec: `github`, `s3`, `url`. */
  readonly type: string
  /**
   * Whether what a session finds is held against what its target held before:
   * new, changed, unchanged, missing. It costs a row for each resource of a
   * target. Default: false.
   */
  readonly comparable?: boolean
  /** Parses the source's own part of a target spec. Its output must be plain JSON and hold no secret. */
  readonly spec: StandardSchemaV1<unknown, Spec>
  identify(item: Item, spec: Spec): Identity
  enumerate(
    spec: Spec,
    cursor: JsonValue | undefined,
    context: EnumerateContext,
  ): AsyncIterable<Page<Item>>
  reload?(
    items: readonly JsonValue[],
    spec: Spec,
    context: EnumerateContext,
  ): Promise<readonly Item[]>
  plan?(spec: Spec, context: PlanContext): Promise<SourcePlan>
}

/** A source whose spec and item types do not matter to the caller. */
export interface AnySource {
  readonly type: string
  readonly comparable?: boolean
  readonly spec: StandardSchemaV1<unknown, unknown>
  identify(item: never, spec: never): Identity
  enumerate(
    spec: never,
    cursor: JsonValue | undefined,
    context: EnumerateContext,
  ): AsyncIterable<Page>
  reload?(
    items: readonly JsonValue[],
    spec: never,
    context: EnumerateContext,
  ): Promise<readonly JsonValue[]>
  plan?(spec: never, context: PlanContext): Promise<SourcePlan>
}

/**
 * Makes a source of one's own, with its types inferred.
 *
 * @example
 * const feed = defineSource({ type: 'feed', spec: z.strictObject({ url: z.url() }), identify, enumerate })
 */
export function defineSource<Spec, Item extends JsonValue>(
  source: Source<Spec, Item>,
): Source<Spec, Item> {
  return source
}
