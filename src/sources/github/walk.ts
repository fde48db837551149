/** The walk of a scope: its listings one after the other, page by page. */
import type { JsonValue } from '../../domain/json.ts'
import { SourceError } from '../../domain/errors.ts'
import type { EnumerateContext, Page } from '../source.ts'
import { type Access, connect, type GithubClient } from './connect.ts'
import { type Frame, readCursor, type WalkCursor } from './cursor.ts'
import { graphqlStep } from './graphql-leg.ts'
import type { PageSizes } from './page-size.ts'
import { restStep } from './rest-leg.ts'
import { RecentPositions } from './recent.ts'
import { Rosters } from './rosters.ts'
import { describe, isSingle, ownLogin, restFrames, scopeFrames } from './scopes.ts'
import type { GithubSpec } from './spec.ts'
import type { ListedItem, Step, StepContext } from './step.ts'
import { refusalShortfall } from './verdict.ts'

/** What the walks of one source share. None of it changes what is listed. */
export interface Shared {
  readonly access: Access
  readonly sizes: PageSizes
  readonly recent: RecentPositions
}

/** Opens an owner's listing by the API that the credential allows: GraphQL serves nobody without one. */
const opened = async (
  frame: Extract<Frame, { frame: 'owner' }>,
  { client }: StepContext,
): Promise<Step> => {
  const { owner, optional } = frame
  if (!client.authenticated) return { frames: await restFrames(frame, client) }
  return { frames: [{ frame: 'graphql', owner, optional }] }
}

/** Secret gists are listed by another route, and only to their owner. */
const openedGists = async (
  { login }: Extract<Frame, { frame: 'gists' }>,
  { client }: StepContext,
): Promise<Step> => {
  const isOwn = (await ownLogin(client)) === login.toLowerCase()
  const listing = isOwn ? ({ kind: 'ownGists' } as const) : ({ kind: 'gists', login } as const)
  return { frames: [{ frame: 'rest', listing, optional: false }] }
}

const take = (frame: Frame, step: StepContext, rosters: Rosters): Promise<Step> => {
  switch (frame.frame) {
    case 'owner':
      return opened(frame, step)
    case 'gists':
      return openedGists(frame, step)
    case 'graphql':
      return graphqlStep(frame, step)
    case 'rest':
      return restStep(frame, step)
    default:
      return rosters.step(frame, step)
  }
}

/**
 * Whether a listing may be refused without ending the walk: it is one of
 * several. So may one that was renamed or hidden after pages of it were kept:
 * those are good, and that there are no more is told.
 */
const isDispensable = (frame: Frame, error: unknown): boolean => {
  switch (frame.frame) {
    case 'members':
    case 'restMembers':
      return true
    case 'owner':
      return frame.optional
    case 'graphql':
    case 'rest': {
      const isLost = error instanceof SourceError && error.code === 'NOT_FOUND'
      return frame.optional || (isLost && frame.at !== undefined)
    }
    default:
      return false
  }
}

const takeOrSkip = async (frame: Frame, step: StepContext, rosters: Rosters): Promise<Step> => {
  try {
    return await take(frame, step, rosters)
  } catch (error) {
    const shortfalls = isDispensable(frame, error) ? refusalShortfall(error) : undefined
    if (shortfalls === undefined) throw error
    return { frames: [], page: { items: [], shortfalls } }
  }
}

/**
 * Yields what a scope lists. The credential is asked for before each page,
 * since tokens expire; one that was gained or lost since the cursor was made
 * begins the walk anew, for what is seen with and without is not the same.
 * What was handed on already is known by its key.
 */
export async function* enumerateScope(
  spec: GithubSpec,
  cursor: JsonValue | undefined,
  context: EnumerateContext,
  { access, sizes, recent }: Shared,
): AsyncGenerator<Page<ListedItem>, void, undefined> {
  const { baseUrl, perPage } = spec
  const scope = scopeFrames(spec)
  const stored = readCursor(cursor)
  if (stored?.kind === 'done') return
  let rosters = new Rosters()
  let frames = stored?.frames ?? scope
  let authenticated = stored?.authenticated
  const { clock } = context
  let resuming = stored !== undefined && !recent.has(cursor, clock.now())
  let anew = stored?.again ?? false
  let client: GithubClient | undefined
  for (let top = frames.at(-1); top !== undefined; top = frames.at(-1)) {
    const what = describe(top, baseUrl)
    if (client?.subject.what !== what) client = await connect({ baseUrl, what }, context, access)
    if (authenticated !== undefined && authenticated !== client.authenticated) {
      ;[rosters, frames, resuming, anew] = [new Rosters(), scope, false, true]
      authenticated = client.authenticated
      continue
    }
    authenticated = client.authenticated
    const using = { client, perPage, sizes, answers: context.answers, resuming }
    const step = await takeOrSkip(top, using, rosters)
    const again = anew || resuming || frames.some(readsAgain)
    frames = [...frames.slice(0, -1), ...step.frames]
    if (step.page === undefined && frames.length > 0) continue
    ;[resuming, client] = [false, undefined]
    const page = pageOf(step, { frames, authenticated, anew, again, isWhole: isSingle(scope) })
    recent.reach(page.cursor, clock.now())
    yield page
  }
}

/** Whether rows of a listing may have been on earlier pages. */
const readsAgain = (frame: Frame): boolean => {
  switch (frame.frame) {
    // Rows are pushed onto the next page, pages of another size begin anew, and GraphQL may have been there before.
    case 'rest':
      return true
    case 'graphql': {
      const { at, owner, optional } = frame
      // Who is a member of several organisations may have been listed by the process before.
      if (optional && owner.kind === 'user') return true
      return at !== undefined && (at.pass > 1 || at.rescans > 0)
    }
    case 'enterprise':
    case 'members':
      return (frame.rescans ?? 0) > 0
    case 'restMembers':
      return frame.pass > 1
    default:
      return false
  }
}

const pageOf = (
  { page }: Step,
  at: {
    readonly frames: readonly Frame[]
    readonly authenticated: boolean
    readonly anew: boolean
    readonly again: boolean
    readonly isWhole: boolean
  },
): Page<ListedItem> => {
  const { items, total, shortfalls } = page ?? { items: [], shortfalls: [] }
  const { authenticated, anew, again, isWhole } = at
  const frames = [...at.frames]
  const cursor: WalkCursor =
    frames.length === 0
      ? { kind: 'done' }
      : { kind: 'walk', authenticated, ...(anew && { again: anew }), frames }
  return {
    items,
    cursor,
    ...(again && { again }),
    ...(total === undefined || !isWhole ? {} : { total }),
    shortfalls,
  }
}
