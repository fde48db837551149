import { z } from 'zod'
import type { JsonValue } from '../../domain/json.ts'
import { loopGuard } from '../loop-guard.ts'

/** The end of a range: a key, or null for no end. */
const range = z.tuple([z.string(), z.string().nullable()])

/** Where the listing of one bucket stands. */
const place = z.discriminatedUnion('kind', [
  /** In the order of the keys: what is still to be listed, as ranges of keys. */
  z.object({
    kind: z.literal('ranges'),
    ranges: z.array(range).max(1_000),
    /** Pages in a row that moved none of them: one key may have more versions than a page. */
    step: z.int().nonnegative().optional(),
  }),
  /** In no order: the server's own word for the place, which it may forget. */
  z.object({
    kind: z.literal('tokens'),
    token: z.string().nullable(),
    /** Whether it began anew: all of it may have been read before. */
    again: z.boolean(),
    guard: loopGuard.optional(),
  }),
])

const cursor = z.object({ v: z.literal(1), bucket: z.string(), place })

export type Place = z.infer<typeof place>
export type PlaceOf<Kind extends Place['kind']> = Extract<Place, { kind: Kind }>
export type S3Cursor = z.infer<typeof cursor>

/**
 * Reads a stored cursor. One that cannot be read begins the walk anew: what was
 * handed on already is known by its key, while a guess could skip some.
 */
export const readCursor = (stored: JsonValue | undefined): S3Cursor | undefined =>
  cursor.safeParse(stored).data

export const cursorAt = (bucket: string, at: Place): S3Cursor => ({ v: 1, bucket, place: at })
