import { z } from 'zod'
import type { Shortfall } from '../../../machines/index.ts'
import type { JsonValue } from '../../domain/json.ts'
import type { Page } from '../source.ts'
import type { RepositoryItem } from './identity.ts'

const count = z.int().nonnegative()

const graphqlPosition = z.object({
  kind: z.literal('graphql'),
  after: z.string(),
  /** Rows seen so far, to be compared with GitHub's own count at the end. */
  seen: count,
  /** How often the listing began anew because its cursor was no longer known. */
  restarts: count,
})

const restPosition = z.object({
  kind: z.literal('rest'),
  next: z.string(),
  seen: count,
  /** What the owner's page said at the beginning. */
  total: count,
})

const position = z.discriminatedUnion('kind', [
  graphqlPosition,
  restPosition,
  z.object({ kind: z.literal('done') }),
])

export type GraphqlPosition = z.infer<typeof graphqlPosition>
export type RestPosition = z.infer<typeof restPosition>
/** Where in an owner's listing the next page begins; each API has positions of its own. */
export type Position = z.infer<typeof position>

/** A page of an owner's repositories with its cursor still legible. */
export interface OwnerPage extends Page<RepositoryItem> {
  readonly cursor: Position
}

/**
 * Reads a stored cursor. One that cannot be read begins the listing anew:
 * repositories that were handed on already are known by their keys, while a
 * guess at the position could skip some.
 */
export function readPosition(cursor: JsonValue | undefined): Position | undefined {
  return position.safeParse(cursor).data
}

/** What a finished listing lacks by GitHub's own count. */
export function countShortfall(seen: number, total: number, what: string): readonly Shortfall[] {
  if (seen >= total) return []
  const detail = `${what}: GitHub counts ${total} repositories and listed ${seen}; ${total - seen} were hidden, or deleted while listing`
  return [{ code: 'count_mismatch', detail }]
}

/** What GitHub left out of an answer for want of single sign-on: the header `X-GitHub-SSO: partial-results`. */
export function ssoShortfall(header: string | undefined, what: string): readonly Shortfall[] {
  const ids = /^partial-results;\s*organizations=(.+)$/.exec(header ?? '')?.[1]
  if (ids === undefined) return []
  const detail = `${what}: left out for want of single sign-on are organisations ${ids}; authorise the token for them`
  return [{ code: 'sso', detail }]
}
