import { errorRecord } from '../domain/errors.ts'
import type { JsonValue } from '../domain/json.ts'
import { carriesCredentials } from '../sources/redact.ts'
import type { AnySource, Identity } from '../sources/source.ts'
import type { RejectedItem } from '../store/store.ts'
import { isPlainRecord } from './plain-json.ts'

export interface SortedItems {
  readonly kept: readonly Identity[]
  /** Left out by a filter of the target. */
  readonly skipped: readonly Identity[]
  readonly rejected: readonly RejectedItem[]
}

/** The longest reason and item that are stored, in characters; both come from outside. */
const MAX_STORED = 100_000

/** A promise is no identity; nobody would hear of it if it were rejected. */
function refusePromise(identity: unknown): void {
  if (typeof (identity as PromiseLike<unknown> | null | undefined)?.then !== 'function') return
  Promise.resolve(identity).catch(() => undefined)
  throw new TypeError('identify returned a promise; it has to be synchronous')
}

function checkText(field: string, value: unknown): void {
  if (typeof value !== 'string' || value === '') {
    throw new TypeError(`the source gave the item no ${field}`)
  }
  if (value.isWellFormed()) return
  throw new TypeError(`the item's ${field} holds half a character: it has no form in UTF-8`)
}

/** An object's key is any text, that of a URL too; it is a name there, and no address. */
const addressIn = (uri: string): string => /^s3:\/\/[^/]*/.exec(uri)?.[0] ?? uri

function checked(identity: Identity): Identity {
  refusePromise(identity)
  checkText('key', identity.key)
  checkText('uri', identity.uri)
  checkText('name', identity.name)
  if (carriesCredentials(addressIn(identity.uri))) {
    throw new TypeError('the item carries credentials in its address')
  }
  if (identity.metadata !== undefined && !isPlainRecord(identity.metadata)) {
    throw new TypeError('the source gave the item metadata that is not plain JSON')
  }
  if (identity.version !== undefined && typeof identity.version !== 'string') {
    throw new TypeError('the source gave the item a version that is no text')
  }
  if (identity.aliases?.every(isAddress) === false) {
    throw new TypeError('the source gave the item earlier addresses that cannot be kept')
  }
  return identity
}

const isAddress = (alias: unknown): boolean =>
  typeof alias === 'string' && alias.isWellFormed() && !carriesCredentials(alias)

/**
 * Validates and normalises a page's items: each is kept, skipped, or rejected
 * with a reason. One bad item never touches its neighbours.
 *
 * @param mask takes out of a text what must not be stored
 */
export function sortItems(params: {
  readonly items: readonly JsonValue[]
  readonly source: AnySource
  readonly spec: unknown
  readonly mask: (text: string) => string
}): SortedItems {
  const kept: Identity[] = []
  const skipped: Identity[] = []
  const rejected: RejectedItem[] = []
  for (const item of params.items) {
    try {
      const identity = checked(params.source.identify(item as never, params.spec as never))
      if (identity.skipped === undefined) kept.push(identity)
      else skipped.push(identity)
    } catch (thrown) {
      rejected.push({
        item: storedItem(item, params.mask),
        reason: params.mask(errorRecord(thrown).message).slice(0, MAX_STORED),
      })
    }
  }
  return { kept, skipped, rejected }
}

/**
 * The item as JSON; one that is too long becomes a text of its beginning, which
 * is JSON too, and so does one that a source should never have yielded.
 */
function storedItem(item: JsonValue, mask: (text: string) => string): string {
  const json = jsonOf(item, mask) ?? JSON.stringify(`an item that is not JSON: ${typeof item}`)
  return json.length <= MAX_STORED ? json : JSON.stringify(json.slice(0, MAX_STORED))
}

function jsonOf(item: JsonValue, mask: (text: string) => string): string | undefined {
  try {
    return JSON.stringify(maskDeep(item, mask))
  } catch {
    return undefined
  }
}

function maskDeep(value: JsonValue, mask: (text: string) => string): JsonValue {
  if (typeof value === 'string') return mask(value)
  if (Array.isArray(value)) return value.map((entry) => maskDeep(entry as JsonValue, mask))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [mask(key), maskDeep(entry as JsonValue, mask)]),
  )
}
