/**
 * What of events, contexts and outputs may be written down. It is a list of
 * what is known to be safe: whatever an actor is given tomorrow is left out
 * until somebody has thought about it.
 */

/** Whole and floating numbers, and yes or no. */
const NUMBERS = new Set([
  'after',
  'at',
  'attempts',
  'backoffMs',
  'batchFailed',
  'completedAt',
  'draining',
  'expectedItems',
  'failed',
  'failedBatches',
  'holdMs',
  'itemsFailed',
  'itemsFound',
  'itemsProcessed',
  'itemsSkipped',
  'lastFailedItem',
  'lastUpdate',
  'maxAttempts',
  'maxBackoffMs',
  'number',
  'pageLost',
  'processed',
  'retried',
  'retryable',
  'skipped',
  'stallMs',
  'startedAt',
  'total',
  'totalBatches',
  'until',
  'waitUntil',
  'windowFull',
])

/** Words of closed sets, and identities. */
const WORDS = new Set([
  'actorId',
  'at',
  'batchId',
  'code',
  'end',
  'kind',
  'sessionId',
  'sourceType',
  'state',
  'status',
])

/** Sentences, which are masked and cut. */
const TEXTS = new Set(['errorDetails', 'failureReason', 'firstReason', 'reason'])

/** Objects that are looked into. */
const NESTED = new Set(['context', 'input', 'metrics', 'output', 'params', 'position', 'timeline'])

/** Lists of which only their length is told. */
const COUNTED = new Set(['shortfalls', 'verdict', 'walking'])

/** An identity or a word of ours: no blanks, and not long enough for a token of another kind. */
const WORD = /^[A-Za-z][\w.:-]{0,63}$|^[\da-f]{8}-[\da-f-]{27}$/i

/** Characters of a sentence that are kept. */
const LONGEST_TEXT = 300

/** Levels that are looked into. */
const DEEPEST = 4

export type SafeValue = string | number | boolean | null | { readonly [key: string]: SafeValue }

function safeField(
  key: string,
  value: unknown,
  mask: (text: string) => string,
  depth: number,
): SafeValue | undefined {
  if (value === null) return NUMBERS.has(key) || TEXTS.has(key) ? null : undefined
  if (typeof value === 'number' || typeof value === 'boolean') {
    return NUMBERS.has(key) ? value : undefined
  }
  if (typeof value === 'string') {
    if (TEXTS.has(key)) return mask(value).slice(0, LONGEST_TEXT)
    return WORDS.has(key) && WORD.test(value) ? mask(value) : undefined
  }
  if (Array.isArray(value)) return COUNTED.has(key) ? value.length : undefined
  if (typeof value !== 'object' || !NESTED.has(key) || depth >= DEEPEST) return undefined
  return safeView(value, mask, depth + 1)
}

/** As much of an object as may be written down. @param mask takes known secrets out of a sentence */
export function safeView(
  value: object,
  mask: (text: string) => string,
  depth = 0,
): { readonly [key: string]: SafeValue } {
  const view: Record<string, SafeValue> = {}
  for (const key in value) {
    const safe = safeField(key, (value as Record<string, unknown>)[key], mask, depth)
    if (safe !== undefined) view[key] = safe
  }
  return view
}
