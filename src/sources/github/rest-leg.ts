/** A listing by REST, a page a step, in as many passes as it takes to be sure of it. */
import type { Shortfall } from '../../../machines/index.ts'
import { SourceError } from '../../domain/errors.ts'
import { field, malformed, PageTooLargeError } from './classify.ts'
import type { GithubClient } from './connect.ts'
import type { FrameOf, RestListing, RestPosition } from './cursor.ts'
import { visit } from '../loop-guard.ts'
import { addToDigest, judge, type Judgement } from './passes.ts'
import { countOf, firstUrl, rowKindOf } from './rest-listings.ts'
import { fetchRestPage, type RestPage, type RestRow } from './rest-page.ts'
import { internalFrames, isSelection } from './scopes.ts'
import type { Step, StepContext } from './step.ts'
import { countMismatch, drifted, lacksScope, tooDeep, unseen, wentRound } from './verdict.ts'

type RestFrame = FrameOf<'rest'>
/** A position whose pass has begun. */
type Begun = RestPosition & { readonly next: string }

/** Failures in a row before a listing begins anew with smaller pages, or is taken to lead nowhere. */
const MAX_STRIKES = 3
/** Pages smaller than this cost more requests than they save failures, and cannot be passed over. */
const MIN_PAGE_SIZE = 10
/** Pages asked for beyond twice what the total needs, before the listing counts as endless. */
const SPARE_PAGES = 10

/** Begins a pass: what GitHub counts before the first page is read. */
const beginPass = async (step: StepContext, frame: RestFrame, size: number): Promise<Begun> => {
  const { client } = step
  const { total, at } = await countOf(client, frame.listing)
  return {
    pass: frame.at?.pass ?? 1,
    size,
    here: null,
    next: firstUrl(client, frame.listing, size),
    total,
    since: at,
    rows: 0,
    born: 0,
    digest: 0,
    before: frame.at?.before ?? null,
    last: [],
    pages: 0,
  }
}

/** Whether there is more than one page; a listing of several may have come down to one since it was begun. */
const mustHaveLink = async (
  client: GithubClient,
  listing: RestListing,
  { at, rows }: { readonly at: Begun; readonly rows: number },
): Promise<boolean> => {
  if (at.pages === 0) return rows >= at.size && at.total !== null && at.total > rows
  const { total } = await countOf(client, listing)
  return total === null || total > at.size
}

const read = (
  { client, answers }: StepContext,
  { listing }: RestFrame,
  { url, at }: { readonly url: string; readonly at: Begun },
): Promise<RestPage> =>
  fetchRestPage(client, answers, {
    url,
    rowKind: rowKindOf(listing),
    mustHaveLink: (rows) => mustHaveLink(client, listing, { at, rows }),
  })

/** The next page, with the one before it once more where its reader was away: rows may have moved onto it. */
const readPages = async (
  step: StepContext,
  frame: RestFrame,
  at: Begun,
): Promise<{ readonly page: RestPage; readonly again: RestPage | undefined }> => {
  if (!step.resuming || at.here === null) {
    return { page: await read(step, frame, { url: at.next, at }), again: undefined }
  }
  const again = await read(step, frame, { url: at.here, at })
  // The listing has become shorter, and that page the last.
  if (again.next === null) return { page: again, again: undefined }
  return { page: await read(step, frame, { url: again.next, at }), again }
}

/** Counts rows that were not on the page before. */
const counted = (at: Begun, rows: readonly RestRow[]): Begun => {
  const known = new Set(at.last)
  let { rows: count, born, digest } = at
  for (const row of rows) {
    if (known.has(row.id)) continue
    known.add(row.id)
    count += 1
    digest = addToDigest(digest, row.id)
    if (at.since !== null && row.created !== null && row.created >= at.since) born += 1
  }
  return { ...at, rows: count, born, digest }
}

/** Whether there may be more that this credential does not see. */
const hiddenShortfalls = async (
  { client }: StepContext,
  { listing, optional }: RestFrame,
  { rows, page }: { readonly rows: number; readonly page: RestPage },
): Promise<readonly Shortfall[]> => {
  const { what } = client.subject
  const { answer } = page
  switch (listing.kind) {
    case 'installation':
      return field(answer.body, 'repository_selection') === 'selected'
        ? unseen(what, 'selected')
        : []
    case 'viewer':
    case 'own':
      return lacksScope(answer, 'repo') ? unseen(what, 'repo') : []
    case 'ownGists':
      return lacksScope(answer, 'gist') ? unseen(what, 'gist') : []
    case 'org':
      if (lacksScope(answer, 'repo')) return unseen(what, 'repo')
      if (await isSelection(client)) return unseen(what, 'selection')
      return rows > 0 ? [] : unseen(what, client.authenticated ? 'empty' : 'anonymous')
    case 'user':
      // One sentence for all members: a session keeps twenty.
      if (client.authenticated) return unseen(optional ? 'the members' : what, 'byRest')
      return rows > 0 || optional ? [] : unseen(what, 'anonymous')
    case 'internal':
    case 'gists':
      return []
  }
}

/** GraphQL has page sizes of its own. */
const sizeKey = ({ client }: StepContext): string => `REST: ${client.subject.what}`

interface Next {
  readonly frames: Step['frames']
  readonly shortfalls: readonly Shortfall[]
}

/** The end of a listing, whatever it lacks. */
const end = (
  { client }: StepContext,
  { listing }: RestFrame,
  shortfalls: readonly Shortfall[] = [],
): Next => ({ frames: internalFrames(listing, client), shortfalls })

/** What a pass that is the last one lacks. */
const missing = (
  judgement: Judgement,
  what: string,
  { rows, total }: { readonly rows: number; readonly total: number | null },
): readonly Shortfall[] => {
  if (judgement === 'drift') return drifted(what)
  return judgement === 'count_mismatch' ? countMismatch(what, total ?? 0, rows) : []
}

/** What follows the last page: the end, or another pass. */
const ending = async (
  step: StepContext,
  frame: RestFrame,
  { at, page }: { readonly at: Begun; readonly page: RestPage },
): Promise<Next> => {
  const { client } = step
  const isSettled = at.pages === 1 && (at.total === null || at.rows === at.total)
  const { total } = isSettled ? at : await countOf(client, frame.listing)
  const judgement = judge({ ...at, totalAtStart: at.total, totalAtEnd: total })
  if (judgement === 'again') {
    const before = { rows: at.rows, digest: at.digest }
    const { guard: _guard, ...rest } = at
    const next = { ...rest, pass: at.pass + 1, here: null, next: null, before, last: [], pages: 0 }
    return { frames: [{ ...frame, at: next }], shortfalls: [] }
  }
  const shortfalls = missing(judgement, client.subject.what, { rows: at.rows, total })
  const hidden = await hiddenShortfalls(step, frame, { rows: at.rows, page })
  return end(step, frame, [...shortfalls, ...hidden])
}

/** What follows a page that names another. */
const advancing = (
  step: StepContext,
  frame: RestFrame,
  { at, url, next }: { readonly at: Begun; readonly url: string; readonly next: string },
): Next => {
  const { client, sizes } = step
  const { what } = client.subject
  if (next === url) {
    if (sizes.strike(sizeKey(step), 'cursor') >= MAX_STRIKES)
      return end(step, frame, wentRound(what))
    throw malformed(client.subject, 'a page names itself as the next')
  }
  const guard = visit(at.guard, next)
  const most = at.total === null ? Infinity : 2 * Math.ceil(at.total / at.size) + SPARE_PAGES
  if (guard === undefined || at.pages > most) return end(step, frame, wentRound(what))
  return { frames: [{ ...frame, at: { ...at, here: url, next, guard } }], shortfalls: [] }
}

const kept = async (
  step: StepContext,
  frame: RestFrame,
  pages: { readonly at: Begun; readonly page: RestPage; readonly again: RestPage | undefined },
): Promise<Step> => {
  const { page, again } = pages
  const rows = [...(again?.rows ?? []), ...page.rows]
  const at = {
    ...counted(pages.at, rows),
    last: page.rows.map((row) => row.id),
    pages: pages.at.pages + 1,
  }
  const url = again?.next ?? pages.at.next
  const next =
    page.next === null
      ? await ending(step, frame, { at, page })
      : advancing(step, frame, { at, url, next: page.next })
  step.sizes.went(sizeKey(step), step.perPage)
  return {
    page: {
      items: rows.map((row) => row.item),
      // Of internal ones alone it would stand for all that is listed.
      ...(at.total === null || frame.listing.kind === 'internal' ? {} : { total: at.total }),
      shortfalls: [...(again?.shortfalls ?? []), ...page.shortfalls, ...next.shortfalls],
    },
    frames: next.frames,
  }
}

/** GitHub ends listings that are too long for it: what was found so far is kept. */
const isRefusedPosition = (error: unknown): boolean =>
  error instanceof SourceError && error.code === 'SOURCE_CHANGED'

/** What a failure leads to, where it leads on: the end, or smaller pages. */
const recovered = (error: unknown, step: StepContext, frame: RestFrame): Step => {
  const { client, sizes } = step
  const { what } = client.subject
  if (isRefusedPosition(error) && frame.at?.next != null) {
    const { frames, shortfalls } = end(step, frame, tooDeep(what))
    return { page: { items: [], shortfalls }, frames }
  }
  // Some servers, and some credentials, know no such type.
  if (isRefusedPosition(error) && frame.listing.kind === 'internal') {
    return { page: { items: [], shortfalls: unseen(what, 'internal') }, frames: [] }
  }
  const key = sizeKey(step)
  if (error instanceof PageTooLargeError && sizes.strike(key, 'size') >= MAX_STRIKES) {
    const size = sizes.of(key, step.perPage, frame.at?.size)
    if (size > MIN_PAGE_SIZE) sizes.failed(key, size)
  }
  throw error
}

/** Takes a listing a page further. Pages that were made smaller have other numbers, so that their pass begins anew. */
export async function restStep(frame: RestFrame, step: StepContext): Promise<Step> {
  const { sizes, perPage } = step
  const smallest = Math.min(MIN_PAGE_SIZE, perPage)
  const size = Math.max(smallest, sizes.of(sizeKey(step), perPage, frame.at?.size))
  const { at } = frame
  try {
    const isBegun = at !== undefined && at.next !== null && size >= at.size
    const begun = isBegun ? (at as Begun) : await beginPass(step, frame, size)
    return await kept(step, frame, { at: begun, ...(await readPages(step, frame, begun)) })
  } catch (error) {
    return recovered(error, step, frame)
  }
}
