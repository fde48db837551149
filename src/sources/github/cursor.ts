/**
 * Where a walk of a scope stands: the listings that are left, the one in hand
 * last. At most three lie on each other (organisations, members of one, the
 * repositories of one of those), so that a cursor does not grow with the place.
 */
import { z } from 'zod'
import type { JsonValue } from '../../domain/json.ts'
import { loopGuard } from '../loop-guard.ts'

const count = z.int().nonnegative()
const login = z.string().min(1).max(200)

const owner = z.object({ kind: z.enum(['org', 'user']), login })

/** A listing of one owner by GraphQL. */
const graphqlPosition = z.object({
  pass: z.int().positive(),
  /** Where the last page began, for reading it once more on resuming; null is the beginning. */
  here: z.string().nullable(),
  /** Where the next one begins. */
  after: z.string().nullable(),
  /** Rows of this pass so far, to be compared with GitHub's own count at its end. */
  rows: count,
  /** Rows asked for in this pass so far: what is asked for has an end, whatever is answered. */
  asked: count,
  /** How often the listing began anew because its cursor was no longer known. */
  rescans: count,
  /** The page size, where it had to be smaller than the target's. */
  size: z.int().positive().max(100).optional(),
  guard: loopGuard.optional(),
})

/** A listing by REST. */
const restPosition = z.object({
  pass: z.int().positive(),
  /** Rows asked for at once: the page numbers of another size mean something else. */
  size: z.int().positive().max(100),
  here: z.string().nullable(),
  /** The next page's URL; null where the pass has yet to begin. */
  next: z.string().nullable(),
  /** What GitHub counted when the pass began, where it tells. */
  total: count.nullable(),
  /** GitHub's own time then, in milliseconds. */
  since: z.number().nullable(),
  /** Different rows of this pass so far, and those among them that were created since it began. */
  rows: count,
  born: count,
  /** Of the rows of this pass, whatever their order. */
  digest: count,
  /** What the pass before came to. */
  before: z.object({ rows: count, digest: count }).nullable(),
  /** The ids of the last page: a row that is pushed onto the next one is not counted again. */
  last: z.array(z.string().max(100)).max(300),
  pages: count,
  guard: loopGuard.optional(),
})

/** The listings of REST. `own` is what the credential's account owns itself. */
const restListing = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(['org', 'internal', 'user', 'gists']), login }),
  z.object({ kind: z.enum(['own', 'viewer', 'installation', 'ownGists']) }),
])

const frame = z.discriminatedUnion('frame', [
  /** An owner's repositories, by the API that the credential allows. */
  z.object({ frame: z.literal('owner'), owner, optional: z.boolean() }),
  z.object({
    frame: z.literal('graphql'),
    owner,
    optional: z.boolean(),
    at: graphqlPosition.optional(),
  }),
  z.object({
    frame: z.literal('rest'),
    listing: restListing,
    optional: z.boolean(),
    at: restPosition.optional(),
  }),
  /** A user's gists, by the route that shows the most of them. */
  z.object({ frame: z.literal('gists'), login }),
  /** Every organisation of an Enterprise Server; `since` is the number of the last one taken. */
  z.object({
    frame: z.literal('organisations'),
    members: z.boolean(),
    since: count,
  }),
  /** An enterprise's organisations. */
  z.object({
    frame: z.literal('enterprise'),
    slug: login,
    members: z.boolean(),
    after: z.string().nullable(),
    rows: count,
    /** How often it began anew because its cursor was no longer known. */
    rescans: count.optional(),
    guard: loopGuard.optional(),
  }),
  /** An organisation's members, by GraphQL. */
  z.object({
    frame: z.literal('members'),
    login,
    after: z.string().nullable(),
    rows: count,
    rescans: count.optional(),
    guard: loopGuard.optional(),
  }),
  /** The same by REST; `taken` is the last one of the page, `total` what GitHub counted at the start. */
  z.object({
    frame: z.literal('restMembers'),
    login,
    pass: z.int().positive(),
    total: count.nullable(),
    url: z.string().nullable(),
    taken: z.string().nullable(),
    rows: count,
    guard: loopGuard.optional(),
  }),
])

/** What may lie on each other, with room to spare. */
const MAX_FRAMES = 8

const walkCursor = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('walk'),
    /** Whether there was a credential: with and without one are different listings. */
    authenticated: z.boolean(),
    /** Whether it began anew since one was gained or lost: all of it may have been read before. */
    again: z.boolean().optional(),
    frames: z.array(frame).min(1).max(MAX_FRAMES),
  }),
  z.object({ kind: z.literal('done') }),
])

export type Frame = z.infer<typeof frame>
export type FrameOf<Kind extends Frame['frame']> = Extract<Frame, { frame: Kind }>
export type GraphqlPosition = z.infer<typeof graphqlPosition>
export type RestPosition = z.infer<typeof restPosition>
export type RestListing = z.infer<typeof restListing>
export type WalkCursor = z.infer<typeof walkCursor>

/**
 * Reads a stored cursor. One that cannot be read, such as one of an earlier
 * form, begins the walk anew: what was handed on already is known by its key,
 * while a guess at the position could skip some.
 */
export function readCursor(cursor: JsonValue | undefined): WalkCursor | undefined {
  return walkCursor.safeParse(cursor).data
}
