/**
 * The value objects that the lifecycle machines hold in their context. They
 * live beside the machines because a machine must be able to run its own
 * arithmetic wherever it is opened; `src/domain` hands them on to everyone else.
 */

/** When something began, last changed and ended; milliseconds since the Unix epoch. */
export interface Timeline {
  readonly startedAt: number
  readonly lastUpdate: number
  readonly completedAt: number | null
}

export const newTimeline = (at: number): Timeline => ({
  startedAt: at,
  lastUpdate: at,
  completedAt: null,
})

/** Moves `lastUpdate` on; a clock that went backwards does not move it back. */
export const updateLastUpdate = (timeline: Timeline, at: number): Timeline => ({
  ...timeline,
  lastUpdate: Math.max(timeline.lastUpdate, at),
})

export const markTimelineCompleted = (timeline: Timeline, at: number): Timeline => {
  const updated = updateLastUpdate(timeline, at)
  return { ...updated, completedAt: updated.lastUpdate }
}

/** The same timeline, open again. */
export const reopenTimeline = (timeline: Timeline, at: number): Timeline => ({
  ...updateLastUpdate(timeline, at),
  completedAt: null,
})

export const isTimelineCompleted = (timeline: Timeline): boolean => timeline.completedAt !== null

/**
 * What a session has seen so far. `itemsFound = itemsProcessed + itemsSkipped +
 * itemsFailed` holds after every batch. A resource that is listed twice counts
 * twice, unless its source says that it has read a page again.
 */
export interface SessionMetrics {
  readonly totalBatches: number
  readonly failedBatches: number
  readonly itemsFound: number
  readonly itemsProcessed: number
  /** Left out by the target's own filters. */
  readonly itemsSkipped: number
  readonly itemsFailed: number
}

export const noSessionMetrics: SessionMetrics = {
  totalBatches: 0,
  failedBatches: 0,
  itemsFound: 0,
  itemsProcessed: 0,
  itemsSkipped: 0,
  itemsFailed: 0,
}

export const incrementTotalBatches = (m: SessionMetrics): SessionMetrics => ({
  ...m,
  totalBatches: m.totalBatches + 1,
})

export const incrementFailedBatches = (m: SessionMetrics): SessionMetrics => ({
  ...m,
  failedBatches: m.failedBatches + 1,
})

/** How a batch's items came out; `retried` of them had been counted as failed before. */
export interface ItemCounts {
  readonly processed: number
  readonly skipped: number
  readonly failed: number
  readonly retried: number
}

export const addItems = (m: SessionMetrics, items: ItemCounts): SessionMetrics => ({
  ...m,
  itemsFound: m.itemsFound + items.processed + items.skipped + items.failed - items.retried,
  itemsProcessed: m.itemsProcessed + items.processed,
  itemsSkipped: m.itemsSkipped + items.skipped,
  itemsFailed: m.itemsFailed + items.failed - items.retried,
})

export const hasFailedBatches = (m: SessionMetrics): boolean => m.failedBatches > 0

/** What one batch was to hold and how it came out. */
export interface BatchMetrics {
  readonly expectedItems: number
  readonly itemsProcessed: number
  readonly itemsSkipped: number
  readonly itemsFailed: number
  readonly errorDetails: string | null
}

export const newBatchMetrics = (expectedItems: number): BatchMetrics => ({
  expectedItems,
  itemsProcessed: 0,
  itemsSkipped: 0,
  itemsFailed: 0,
  errorDetails: null,
})

/** How much of the batch was dealt with, kept or left out on purpose, 0 to 100; an empty batch is complete. */
export const completionPercentage = (m: BatchMetrics): number =>
  m.expectedItems === 0 ? 100 : (100 * (m.itemsProcessed + m.itemsSkipped)) / m.expectedItems

/**
 * Why a walk is not known to be complete. A source of one's own may use other
 * words where none of these fits.
 */
export const SHORTFALL_CODES = [
  /** Left out for want of single sign-on. */
  'sso',
  /** A part of the place, or all of it, may not be read with this credential. */
  'forbidden',
  /** A part of the place that was named is unknown, or hidden from this credential. */
  'not_found',
  /** A part of the place is gone for good. */
  'gone',
  /** Blocked for legal reasons. */
  'dmca',
  /** The service ends its listings before their end. */
  'truncated',
  /** The service could not produce a part of the listing, however little was asked for at once. */
  'resource_limit',
  /** The service counts more than it lists. */
  'count_mismatch',
  /** The credential is limited to a part of the place, or to what is public. */
  'filtered_by_scope',
  /** The listing changed so much while it was read that something may have been missed. */
  'drift',
  /** Far fewer were found than last time. */
  'shrunk',
  /** The service failed until the attempts ran out. */
  'unavailable',
  /** Somebody cancelled the walk. */
  'cancelled',
  /** Something else ended the walk before its end. */
  'failed',
] as const
export type ShortfallCode = (typeof SHORTFALL_CODES)[number]

/** Something the source is known to have left out, and why. */
export interface Shortfall {
  /** A word a program can act on. */
  readonly code: ShortfallCode | (string & {})
  /** The same for a person. */
  readonly detail: string
}

/** Shortfalls kept for a session; a checkpoint must not grow with the length of a listing. */
export const MAX_SHORTFALLS = 20

/** Adds what is new; the first `MAX_SHORTFALLS` are kept, one of a kind. */
export const addShortfalls = (
  known: readonly Shortfall[],
  more: readonly Shortfall[],
): readonly Shortfall[] => {
  const kept = [...known]
  for (const { code, detail } of more) {
    if (kept.length >= MAX_SHORTFALLS) break
    const isKnown = kept.some((k) => k.code === code && k.detail === detail)
    if (!isKnown) kept.push({ code, detail })
  }
  return kept.length === known.length ? known : kept
}
