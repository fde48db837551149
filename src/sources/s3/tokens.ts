import { SourceError } from '../../domain/errors.ts'
import { visit } from '../loop-guard.ts'
import type { PlaceOf } from './cursor.ts'
import { faultOf, isBadToken } from './faults.ts'
import type { S3Item } from './item.ts'
import type { Listed, Lister } from './listing.ts'
import { MOST_EMPTY } from './ranges.ts'
import { stuck } from './sweep.ts'

export interface TokensPage {
  readonly items: readonly S3Item[]
  readonly place: PlaceOf<'tokens'>
  readonly again: boolean
}

/**
 * Lists a bucket in no order, by the server's tokens alone. How long one is
 * good is not documented: where the stored one is refused, the listing begins
 * anew, and what was there before is known by its key.
 */
export async function* listByTokens(
  lister: Lister,
  where: string,
  from: PlaceOf<'tokens'>,
): AsyncGenerator<TokensPage, void, undefined> {
  let { token, again, guard } = from
  let empty = 0
  for (let first = true; ; first = false) {
    let listed: Listed
    try {
      listed = await lister.list({ after: '', next: token ?? undefined })
    } catch (thrown) {
      if (!first || token === null || !wasRefused(thrown)) throw thrown
      token = null
      again = true
      guard = undefined
      continue
    }
    const { items, truncated, next } = listed
    if (!truncated) {
      if (items.length > 0) yield { items, place: ended(again), again }
      return
    }
    if (next === undefined || next === token) throw stuck(where)
    guard = visit(guard, next)
    if (guard === undefined) throw circle(where)
    token = next
    empty = items.length === 0 ? empty + 1 : 0
    if (empty > MOST_EMPTY) throw stuck(where)
    const place: PlaceOf<'tokens'> = { kind: 'tokens', token, again, guard }
    if (items.length > 0) yield { items, place, again }
  }
}

/** A place with nothing behind it: read once more, should the walk be broken off right there. */
const ended = (again: boolean): PlaceOf<'tokens'> => ({ kind: 'tokens', token: END, again })

/** No token of a server is empty. */
export const END = ''

const wasRefused = (thrown: unknown): boolean =>
  thrown instanceof SourceError && !thrown.retryable && isBadToken(faultOf(thrown.cause))

const circle = (where: string): SourceError =>
  new SourceError('SOURCE_MALFORMED', `${where}: S3's tokens lead round in a circle`, {
    retryable: true,
  })
