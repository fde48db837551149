/**
 * An owner's repositories by GraphQL, a page a step.
 *
 * Its cursors are positions in the order of creation and lose nothing when rows
 * go. What they can lose is what GitHub does not list: so the rows of a pass are
 * counted, and a pass that came to fewer than GitHub counts is followed by
 * another. Rows that went meanwhile were counted while they were there, so that
 * they can hide as many omitted ones, and no more.
 */
import type { Shortfall } from '../../../machines/index.ts'
import { field, malformed, PageTooLargeError } from './classify.ts'
import type { FrameOf, GraphqlPosition } from './cursor.ts'
import { fromGraphql } from './facts.ts'
import {
  CursorLostError,
  fetchRepositories,
  type GraphqlPage,
  isWithoutGraphql,
} from './graphql.ts'
import { visit } from '../loop-guard.ts'
import { isSelection, restFrames } from './scopes.ts'
import type { Owner } from './spec.ts'
import type { Step, StepContext } from './step.ts'
import { countMismatch, lacksScope, unproducible, unseen, wentRound } from './verdict.ts'

type GraphqlFrame = FrameOf<'graphql'>

/** Passes over a listing that is shorter than its count. */
const MAX_PASSES = 2
/** Begun anew more often than that for lost cursors, a listing goes on by REST, whose positions are plain numbers. */
const MAX_RESCANS = 2
/** Failures in a row of what cannot be made smaller before it is taken for lasting. */
const MAX_STRIKES = 3
/** Pages asked for beyond twice what the total needs, before the listing counts as endless. */
const SPARE_PAGES = 10

const START: GraphqlPosition = {
  pass: 1,
  here: null,
  after: null,
  rows: 0,
  asked: 0,
  rescans: 0,
}

/** The page after a position, and, where its reader was away, the one before it once more. */
const fetchPages = async (
  { client, resuming }: StepContext,
  owner: Owner,
  { at, first }: { readonly at: GraphqlPosition; readonly first: number },
): Promise<{ readonly page: GraphqlPage; readonly again: GraphqlPage | undefined }> => {
  const again =
    resuming && at.after !== null
      ? await fetchRepositories(client, owner, { first, after: at.here })
      : undefined
  return { page: await fetchRepositories(client, owner, { first, after: at.after }), again }
}

/** The one entry of a page is what cannot be had, and it tells where the next one begins: the only damage that can be passed. */
const isLoneFailure = (page: GraphqlPage, first: number): boolean =>
  page.damage instanceof PageTooLargeError &&
  first === 1 &&
  page.count === 1 &&
  page.rows.length === 0 &&
  page.end !== null

/** Asks anew for a single entry that failed: a passing failure must not cost it. */
const confirmed = async (
  pages: Awaited<ReturnType<typeof fetchPages>>,
  owner: Owner,
  using: { readonly at: GraphqlPosition; readonly first: number; readonly step: StepContext },
): Promise<typeof pages> => {
  const { at, first, step } = using
  const damage = pages.again?.damage ?? pages.page.damage
  if (damage === undefined) return pages
  const isLone = isLoneFailure(pages.page, first)
  if (!isLone && (pages.again === undefined || !isLoneFailure(pages.again, first))) throw damage
  const page = isLone
    ? await fetchRepositories(step.client, owner, { first, after: at.after })
    : pages.page
  if (page.damage && !isLoneFailure(page, first)) throw page.damage
  return { page, again: pages.again?.damage ? undefined : pages.again }
}

/** What the account behind the credential has to do with the owner; nothing where it cannot be told. */
const MEMBER_QUERY = `query MusterMembership($login: String!) { owner: organization(login: $login) { viewerIsAMember } }`
const VIEWER_QUERY = `query MusterViewer { viewer { login } }`

const isOwnPlace = async ({ client }: StepContext, { kind, login }: Owner): Promise<boolean> => {
  if (kind === 'org') {
    const { body } = await client.query(MEMBER_QUERY, { login })
    return field(field(field(body, 'data'), 'owner'), 'viewerIsAMember') === true
  }
  const { body } = await client.query(VIEWER_QUERY, {})
  const viewer = field(field(field(body, 'data'), 'viewer'), 'login')
  return typeof viewer === 'string' && viewer.toLowerCase() === login.toLowerCase()
}

/** Whether there may be more that this credential does not see. Asked only where the answer could matter. */
const hiddenShortfalls = async (
  step: StepContext,
  frame: GraphqlFrame,
  { rows, page }: { readonly rows: number; readonly page: GraphqlPage },
): Promise<readonly Shortfall[]> => {
  const { what } = step.client.subject
  if (frame.owner.kind === 'org' && (await isSelection(step.client))) {
    return unseen(what, 'selection')
  }
  const isLimited = lacksScope(page.answer, 'repo')
  // Many a member of an organisation has no repositories at all.
  const isEmpty = rows === 0 && !(frame.optional && frame.owner.kind === 'user')
  if (!isLimited && !isEmpty) return []
  const isOwn = await isOwnPlace(step, frame.owner)
  if (isOwn) return isLimited ? unseen(what, 'repo') : []
  return isEmpty ? unseen(what, 'empty') : []
}

/** What follows the last page: the end, or another pass. */
const ending = async (
  step: StepContext,
  frame: GraphqlFrame,
  { at, page }: { readonly at: GraphqlPosition; readonly page: GraphqlPage },
): Promise<{ readonly frames: Step['frames']; readonly shortfalls: readonly Shortfall[] }> => {
  const { what } = step.client.subject
  const isShort = at.rows < page.total
  if (isShort && at.pass < MAX_PASSES) {
    const { rescans, size } = at
    const next = { ...START, pass: at.pass + 1, rescans, ...(size === undefined ? {} : { size }) }
    return { frames: [{ ...frame, at: next }], shortfalls: [] }
  }
  const hidden = await hiddenShortfalls(step, frame, { rows: at.rows, page })
  const missing = isShort ? countMismatch(what, page.total, at.rows) : []
  return { frames: [], shortfalls: [...missing, ...hidden] }
}

/** What follows a page that promises another. */
const advancing = (
  step: StepContext,
  frame: GraphqlFrame,
  { at, page }: { readonly at: GraphqlPosition; readonly page: GraphqlPage },
): { readonly frames: Step['frames']; readonly shortfalls: readonly Shortfall[] } => {
  const { client, perPage, sizes } = step
  const { what } = client.subject
  const { end } = page
  if (end === null || end === at.after) {
    if (sizes.strike(what, 'cursor') >= MAX_STRIKES)
      return { frames: [], shortfalls: wentRound(what) }
    throw malformed(client.subject, 'a page promises another but its cursor does not move')
  }
  const guard = visit(at.guard, end)
  const isEndless = at.asked > 2 * page.total + SPARE_PAGES * perPage
  if (guard === undefined || isEndless) return { frames: [], shortfalls: wentRound(what) }
  return {
    frames: [{ ...frame, at: { ...at, here: at.after, after: end, guard } }],
    shortfalls: [],
  }
}

const kept = async (
  step: StepContext,
  frame: GraphqlFrame,
  pages: {
    readonly at: GraphqlPosition
    readonly page: GraphqlPage
    readonly again: GraphqlPage | undefined
    readonly first: number
  },
): Promise<Step> => {
  const { page, again, first } = pages
  const { client, sizes, perPage } = step
  const { what } = client.subject
  const { size: _size, ...before } = pages.at
  const at: GraphqlPosition = {
    ...before,
    rows: before.rows + page.count,
    asked: before.asked + first,
    ...(first < perPage ? { size: first } : {}),
  }
  const next = page.hasNext
    ? advancing(step, frame, { at, page })
    : await ending(step, frame, { at, page })
  sizes.went(what, perPage)
  return {
    page: {
      items: [...(again?.rows ?? []), ...page.rows].map(fromGraphql),
      total: page.total,
      shortfalls: [
        ...(again?.shortfalls ?? []),
        ...page.shortfalls,
        ...(page.damage ? unproducible(what) : []),
        ...next.shortfalls,
      ],
    },
    frames: next.frames,
  }
}

/** What a failure leads to, where it leads on: another beginning, or the other API. */
const recovered = async (
  error: unknown,
  frame: GraphqlFrame,
  { step, first }: { readonly step: StepContext; readonly first: number },
): Promise<Step> => {
  const { client, sizes } = step
  const { what } = client.subject
  const at = frame.at ?? START
  if (error instanceof CursorLostError && at.after !== null && at.rescans < MAX_RESCANS) {
    const { size } = at
    const anew = { ...START, pass: at.pass, rescans: at.rescans + 1 }
    return { frames: [{ ...frame, at: { ...anew, ...(size === undefined ? {} : { size }) } }] }
  }
  if (error instanceof PageTooLargeError) {
    const strikes = sizes.strike(what, 'size')
    sizes.failed(what, first)
    if (first > 1 || strikes < MAX_STRIKES) throw error
  } else if (!(error instanceof CursorLostError) && !isWithoutGraphql(error, client)) {
    throw error
  }
  return { frames: await restFrames(frame, client) }
}

/** Takes an owner's listing a page further. */
export async function graphqlStep(frame: GraphqlFrame, step: StepContext): Promise<Step> {
  const at = frame.at ?? START
  const { client, sizes, perPage } = step
  const first = sizes.of(client.subject.what, perPage, at.size)
  try {
    const asked = { at, first }
    const pages = await fetchPages(step, frame.owner, asked)
    const sound = await confirmed(pages, frame.owner, { ...asked, step })
    return await kept(step, frame, { ...sound, at, first })
  } catch (error) {
    return recovered(error, frame, { step, first })
  }
}
