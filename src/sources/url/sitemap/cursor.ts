import { IncompatibleCheckpointError } from '../../../domain/errors.ts'
import type { JsonValue } from '../../../domain/json.ts'

/** One step from a list to what it lists. A type, not an interface, so that it counts as JSON. */
export type Step = {
  /** Which entry of the list, from 0. */
  readonly at: number
  /** What stood there, once it was read. */
  readonly url?: string
}

/** Where to go on: which sitemap, and how many of its entries are done. */
export type SitemapCursor = {
  /** From the spec's own list to the sitemap: its indices, and the place in each. */
  readonly path: readonly Step[]
  readonly done: number
  /** What the entries that are done are known by. */
  readonly hash?: string
}

/** The path of what comes after the place where a path leads. */
export const after = (path: readonly Step[]): readonly Step[] => {
  const at = path.at(-1)?.at ?? 0
  return [...path.slice(0, -1), { at: at + 1 }]
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

const isStep = (value: unknown): value is Step => {
  if (typeof value !== 'object' || value === null) return false
  const { at, url } = value as Partial<Record<keyof Step, unknown>>
  return isCount(at) && (url === undefined || typeof url === 'string')
}

/**
 * A stored cursor as a position among sitemaps; `undefined` for the beginning.
 *
 * @throws {IncompatibleCheckpointError} for a cursor of another shape
 */
export function sitemapCursor(cursor: JsonValue | undefined): SitemapCursor | undefined {
  if (cursor === undefined || cursor === null) return undefined
  const { path, done, hash } = cursor as Partial<Record<keyof SitemapCursor, unknown>>
  const isPath = Array.isArray(path) && path.length > 0 && path.every(isStep)
  if (isPath && isCount(done) && (hash === undefined || typeof hash === 'string')) {
    return { path, done, ...(hash !== undefined && { hash }) }
  }
  throw new IncompatibleCheckpointError(
    'the stored position is not one among sitemaps (expected { path, done }); start the target again',
  )
}
