/**
 * Listings of owners: the organisations of a server or an enterprise, the
 * members of an organisation. A position is that of the last owner taken, so
 * that a walk that was interrupted goes on with the one after it; the page that
 * the owners came from is kept in memory and asked for again when it is not.
 */
import { z } from 'zod'
import type { Shortfall } from '../../../machines/index.ts'
import { malformed, PageTooLargeError } from './classify.ts'
import type { FrameOf } from './cursor.ts'
import { CursorLostError, type GraphqlPage, isWithoutGraphql, readConnection } from './graphql.ts'
import { visit } from '../loop-guard.ts'
import { countByLink, nextUrl, unreadable } from './rest-page.ts'
import { memberFrame, organisationFrames } from './scopes.ts'
import type { Step, StepContext } from './step.ts'
import { countMismatch, drifted, unseen, wentRound } from './verdict.ts'

type RosterFrame = FrameOf<'organisations' | 'enterprise' | 'members' | 'restMembers'>

/** One owner, and the roster as it is once that owner was taken. */
interface Entry {
  readonly login: string
  readonly rest: RosterFrame
}

interface RosterPage {
  readonly entries: readonly Entry[]
  /** Where the page after this one begins; none at the end. */
  readonly next: RosterFrame | undefined
  readonly shortfalls: readonly Shortfall[]
}

/** Owners cost little to list, whatever the pages of their repositories. */
const PAGE_SIZE = 100
/** How often a roster begins anew because GitHub no longer knows its position. */
const MAX_RESCANS = 2
/** Passes over the members by page numbers before they are given up as never at rest. */
const MAX_PASSES = 3

const ENTRIES = `totalCount pageInfo { hasNextPage endCursor } nodes { login } edges { cursor }`

/** In the order of creation: those that come meanwhile are at the end. */
const ROSTER_QUERIES = {
  enterprise: `query MusterOrganisations($name: String!, $first: Int!, $after: String) {
    owner: enterprise(slug: $name) {
      listing: organizations(first: $first, after: $after, orderBy: { field: CREATED_AT, direction: ASC }) { ${ENTRIES} }
    }
    rateLimit { cost remaining resetAt }
  }`,
  members: `query MusterMembers($name: String!, $first: Int!, $after: String) {
    owner: organization(login: $name) {
      listing: membersWithRole(first: $first, after: $after) { ${ENTRIES} }
    }
    rateLimit { cost remaining resetAt }
  }`,
} as const

const edges = z.object({
  data: z.object({
    owner: z.object({
      listing: z.object({
        nodes: z.array(z.object({ login: z.string().min(1) }).nullable()),
        edges: z.array(z.object({ cursor: z.string() }).nullable()),
      }),
    }),
  }),
})

type GraphqlRoster = FrameOf<'enterprise' | 'members'>

/** What a roster by GraphQL comes to once it has no more pages. */
const missing = (what: string, rows: number, page: GraphqlPage): readonly Shortfall[] =>
  rows < page.total ? countMismatch(what, page.total, rows) : []

const graphqlRoster = async (frame: GraphqlRoster, step: StepContext): Promise<RosterPage> => {
  const { client, sizes } = step
  const { what } = client.subject
  const first = sizes.of(what, PAGE_SIZE)
  const name = frame.frame === 'enterprise' ? frame.slug : frame.login
  const page = await queried(frame, step, { name, first })
  sizes.went(what, PAGE_SIZE)
  const body = edges.safeParse(page.answer.body)
  if (!body.success) throw malformed(client.subject, 'the page has another shape than the query')
  const { nodes, edges: places } = body.data.data.owner.listing
  const entries = nodes.flatMap((node, at): Entry[] => {
    const after = places[at]?.cursor
    if (node === null || after === undefined) return []
    return [{ login: node.login, rest: { ...frame, after, rows: frame.rows + at + 1 } }]
  })
  const rows = frame.rows + page.count
  if (!page.hasNext) {
    const shortfalls = [...page.shortfalls, ...missing(what, rows, page)]
    return { entries, next: undefined, shortfalls }
  }
  const guard = page.end === null ? undefined : visit(frame.guard, page.end)
  if (page.end === null || page.end === frame.after || guard === undefined) {
    return { entries, next: undefined, shortfalls: wentRound(what) }
  }
  return {
    entries,
    next: { ...frame, after: page.end, rows, guard },
    shortfalls: page.shortfalls,
  }
}

const queried = async (
  frame: GraphqlRoster,
  { client, sizes }: StepContext,
  { name, first }: { readonly name: string; readonly first: number },
): Promise<GraphqlPage> => {
  const variables = { name, first, after: frame.after }
  try {
    const page = readConnection(client, await client.query(ROSTER_QUERIES[frame.frame], variables))
    if (page.damage) throw page.damage
    return page
  } catch (error) {
    if (error instanceof PageTooLargeError) sizes.failed(client.subject.what, first)
    throw error
  }
}

const organisationRows = z.array(z.object({ login: z.string().min(1), id: z.int().positive() }))

/** docs.github.com, list-organizations: `since` is the number of the last organisation seen. */
const organisationsRoster = async (
  frame: FrameOf<'organisations'>,
  { client }: StepContext,
): Promise<RosterPage> => {
  const url = `${client.baseUrl}/organizations?per_page=${PAGE_SIZE}&since=${frame.since}`
  const answer = await client.get(url)
  const rows = organisationRows.safeParse(answer.body)
  if (!rows.success) throw unreadable(client, answer)
  // A server that ignores `since` would begin again from the first for ever.
  const ahead = rows.data.filter(({ id }) => id > frame.since)
  if (ahead.length < rows.data.length) {
    return { entries: [], next: undefined, shortfalls: wentRound(client.subject.what) }
  }
  const entries = ahead
    .toSorted((a, b) => a.id - b.id)
    .map(({ login, id }) => ({ login, rest: { ...frame, since: id } }))
  return { entries, next: entries.at(-1)?.rest, shortfalls: [] }
}

const memberRows = z.array(z.object({ login: z.string().min(1) }))

/** The members from their beginning, by REST. */
const restMembers = (login: string, pass: number): FrameOf<'restMembers'> => ({
  frame: 'restMembers',
  login,
  pass,
  total: null,
  url: null,
  taken: null,
  rows: 0,
})

/**
 * By page numbers, which shift when somebody leaves: who was on the edge of the
 * page slips through, and the rows agree with the count at the end none the
 * less. So the members are counted at both ends, and are there when none of
 * the counts differs.
 */
const restMembersRoster = async (
  given: FrameOf<'restMembers'>,
  { client }: StepContext,
): Promise<RosterPage> => {
  const { what } = client.subject
  const first = `${client.baseUrl}/orgs/${given.login}/members?per_page=`
  const counted = async (): Promise<number | null> =>
    client.authenticated ? (await countByLink(client, `${first}1`)).total : null
  const frame = given.url === null ? { ...given, total: await counted() } : given
  const url = frame.url ?? `${first}${PAGE_SIZE}`
  const answer = await client.get(url)
  const rows = memberRows.safeParse(answer.body)
  if (!rows.success) throw unreadable(client, answer)
  const logins = rows.data.map(({ login }) => login)
  // The last one taken may have left; then all of the page is taken, for the walk knows whom it had.
  const fresh = logins.slice(frame.taken === null ? 0 : logins.indexOf(frame.taken) + 1)
  const entries = fresh.map((login, at) => ({
    login,
    rest: { ...frame, url, taken: login, rows: frame.rows + at + 1 },
  }))
  const count = frame.rows + fresh.length
  const next = nextUrl(answer)
  const guard = next === null ? undefined : visit(frame.guard, next)
  if (next !== null) {
    if (guard === undefined) return { entries, next: undefined, shortfalls: wentRound(what) }
    const ahead = { ...frame, url: next, taken: null, rows: count, guard }
    return { entries, next: ahead, shortfalls: [] }
  }
  if (!client.authenticated) {
    return { entries, next: undefined, shortfalls: unseen(what, 'publicMembers') }
  }
  const total = await counted()
  if (total === null || (total === count && total === frame.total)) {
    return { entries, next: undefined, shortfalls: [] }
  }
  const { login, pass } = frame
  return pass < MAX_PASSES
    ? { entries, next: restMembers(login, pass + 1), shortfalls: [] }
    : { entries, next: undefined, shortfalls: drifted(what) }
}

const pageOf = (frame: RosterFrame, step: StepContext): Promise<RosterPage> => {
  switch (frame.frame) {
    case 'organisations':
      return organisationsRoster(frame, step)
    case 'restMembers':
      return restMembersRoster(frame, step)
    default:
      return graphqlRoster(frame, step)
  }
}

/** What is left of a page in memory. */
interface Held {
  /** The roster as it was when the first of them was next. */
  readonly at: string
  readonly page: RosterPage
}

/** More logins than that are not remembered: listing somebody twice costs requests, nothing else. */
const MAX_KNOWN = 10_000

/** The same members from their beginning, for want of GraphQL. */
const byRest = ({ login }: FrameOf<'members'>): RosterFrame => restMembers(login, 1)

/** The roster from its beginning, where its position was lost; nothing where that came too often. */
const anew = (frame: RosterFrame): RosterFrame | undefined => {
  if ((frame.frame !== 'enterprise' && frame.frame !== 'members') || frame.after === null) {
    return undefined
  }
  const { guard: _guard, rescans = 0, ...rest } = frame
  return rescans < MAX_RESCANS ? { ...rest, after: null, rows: 0, rescans: rescans + 1 } : undefined
}

/** A step, with what the roster's page lacks. */
const told = ({ shortfalls }: RosterPage, frames: Step['frames']): Step =>
  shortfalls.length === 0 ? { frames } : { frames, page: { items: [], shortfalls } }

/** The rosters of one walk. */
export class Rosters {
  readonly #held = new Map<RosterFrame['frame'], Held>()
  /** Members whose repositories this walk has listed: many belong to several organisations. */
  readonly #known = new Set<string>()

  async #page(frame: RosterFrame, step: StepContext): Promise<RosterPage> {
    const held = this.#held.get(frame.frame)
    return held?.at === JSON.stringify(frame) ? held.page : pageOf(frame, step)
  }

  #hold(frame: RosterFrame, page: RosterPage): void {
    this.#held.set(frame.frame, { at: JSON.stringify(frame), page })
  }

  #isKnown(frame: RosterFrame, login: string): boolean {
    if (frame.frame !== 'members' && frame.frame !== 'restMembers') return false
    if (this.#known.has(login)) return true
    if (this.#known.size < MAX_KNOWN) this.#known.add(login)
    return false
  }

  /** What is listed of an owner; nothing where this walk had it. */
  #owners(frame: RosterFrame, login: string): Step['frames'] {
    if (this.#isKnown(frame, login)) return []
    return 'members' in frame ? organisationFrames(login, frame.members) : [memberFrame(login)]
  }

  /** Takes the next owner of a roster, or finds that there is none. */
  async step(frame: RosterFrame, step: StepContext): Promise<Step> {
    if (frame.frame === 'members' && !step.client.authenticated) return { frames: [byRest(frame)] }
    try {
      return await this.#take(frame, step)
    } catch (error) {
      const again = error instanceof CursorLostError ? anew(frame) : undefined
      if (again !== undefined) return { frames: [again] }
      if (frame.frame !== 'members' || !isWithoutGraphql(error, step.client)) throw error
      return { frames: [byRest(frame)] }
    }
  }

  async #take(frame: RosterFrame, step: StepContext): Promise<Step> {
    const page = await this.#page(frame, step)
    const [entry, ...entries] = page.entries
    if (entry === undefined) {
      // What follows may begin at the very position that the page is kept under.
      this.#held.delete(frame.frame)
      return told(page, page.next === undefined ? [] : [page.next])
    }
    const { login, rest } = entry
    // Told with the first of the page: whoever goes on behind an owner that is refused does not see it.
    this.#hold(rest, { ...page, entries, shortfalls: [] })
    return told(page, [rest, ...this.#owners(frame, login)])
  }
}
