import { isDeepStrictEqual } from 'node:util'
import type { Position } from '../../machines/index.ts'
import { SourceError } from '../domain/errors.ts'
import type { Page } from '../sources/source.ts'
import { isPlainJson } from './plain-json.ts'

const isShortfall = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { code?: unknown }).code === 'string' &&
  typeof (value as { detail?: unknown }).detail === 'string'

function faultOf({ items, cursor, total, shortfalls = [] }: Page, position: Position) {
  if (!Array.isArray(items)) return 'yielded a page without items'
  if (cursor === undefined) return 'yielded a page without a cursor'
  if (!isPlainJson(cursor)) return 'yielded a page whose cursor is not plain JSON'
  if (total !== undefined && total !== null && !Number.isSafeInteger(total)) {
    return `yielded a page whose total is no whole number: ${String(total)}`
  }
  if (!Array.isArray(shortfalls) || !shortfalls.every(isShortfall)) {
    return 'yielded a page whose shortfalls are not a list of codes and details'
  }
  if (position.at === 'after' && isDeepStrictEqual(cursor, position.cursor)) {
    return `gave the same cursor twice: ${JSON.stringify(cursor)}`
  }
  return null
}

/**
 * Refuses what cannot be stored, or would be stored as something else, and a
 * page that leads back to where it came from: it would be walked for ever.
 *
 * @throws SourceError (SOURCE_MALFORMED), to be tried again
 */
export function checkPage(page: Page, position: Position): void {
  const fault = faultOf(page, position)
  if (fault === null) return
  throw new SourceError('SOURCE_MALFORMED', `the source ${fault}`, { retryable: true })
}
