/**
 * What a listing is known to lack, in the same sentence each time: a session
 * keeps one of a kind.
 */
import type { Shortfall } from '../../../machines/index.ts'
import { SourceError } from '../../domain/errors.ts'
import { type Answer, headerOf, shortfallCodeOf } from './classify.ts'

const shortfall = (code: Shortfall['code'], detail: string): readonly Shortfall[] => [
  { code, detail },
]

/** What GitHub left out of an answer for want of single sign-on: the header `X-GitHub-SSO: partial-results`. */
export function ssoShortfall(answer: Answer, what: string): readonly Shortfall[] {
  const header = headerOf(answer, 'x-github-sso') ?? ''
  const ids = /^partial-results;\s*organizations=(.+)$/.exec(header)?.[1]
  if (ids === undefined) return []
  return shortfall(
    'sso',
    `${what}: left out for want of single sign-on are organisations ${ids}; authorise the token for them`,
  )
}

/** Rows refused one by one, beside good ones. */
export const refusedRows = (what: string, isSso: boolean): readonly Shortfall[] =>
  isSso
    ? shortfall(
        'sso',
        `${what}: some are left out for want of single sign-on; authorise the token for the organisation`,
      )
    : shortfall('forbidden', `${what}: GitHub refuses some of the entries to this credential`)

export const countMismatch = (what: string, total: number, seen: number): readonly Shortfall[] =>
  shortfall(
    'count_mismatch',
    `${what}: GitHub counts ${total} and listed ${seen}, however often it was asked`,
  )

export const drifted = (what: string): readonly Shortfall[] =>
  shortfall(
    'drift',
    `${what}: it changed while it was read, each time; one or the other entry may have been missed`,
  )

export const wentRound = (what: string): readonly Shortfall[] =>
  shortfall(
    'truncated',
    `${what}: GitHub's pages lead round in a circle; the listing was ended there`,
  )

export const tooDeep = (what: string): readonly Shortfall[] =>
  shortfall('truncated', `${what}: GitHub lists no further, though there is more`)

export const unproducible = (what: string): readonly Shortfall[] =>
  shortfall(
    'resource_limit',
    `${what}: GitHub fails at single entries of the listing even where they are asked for alone; those were left out`,
  )

/** Why what is hidden cannot be told from what is not there. */
const UNSEEN = {
  empty: 'nothing is listed, and private repositories would not be; check what the credential sees',
  anonymous: 'without a credential only what is public is listed, and that is nothing',
  repo: 'the token lacks the scope "repo", so that private repositories are not listed; grant it',
  gist: 'the token lacks the scope "gist", so that secret gists are not listed; grant it',
  selected: 'the app is installed for selected repositories only; the others are not listed',
  selection:
    'the app is installed for selected repositories only; other private ones are not listed',
  publicMembers: 'without a credential only those who show their membership are listed',
  internal: 'GitHub does not list them on their own to this credential; some may be left out',
  byRest: 'REST, used for want of GraphQL, lists only what is public here',
} as const

export const unseen = (what: string, why: keyof typeof UNSEEN): readonly Shortfall[] =>
  shortfall('filtered_by_scope', `${what}: ${UNSEEN[why]}`)

/**
 * Whether a classic token lacks a scope. GitHub tells the scopes of those alone
 * (docs.github.com, scopes-for-oauth-apps); of other tokens it cannot be told.
 */
export function lacksScope(answer: Answer, scope: 'repo' | 'gist'): boolean {
  const header = headerOf(answer, 'x-oauth-scopes')
  if (header === undefined) return false
  return !header.split(',').some((granted) => granted.trim() === scope)
}

/** The shortfall for a part of a place that is refused for good; nothing for any other error. */
export function refusalShortfall(error: unknown): readonly Shortfall[] | undefined {
  if (!(error instanceof SourceError) || error.retryable) return undefined
  const code = shortfallCodeOf(error)
  return code && shortfall(code, error.message)
}
