/** Undoing a body's content-encoding, a piece at a time: what is read no further is not unpacked either. */
import { pipeline, type Transform } from 'node:stream'
// Node before 22.15 knows no zstd, and importing that by name would fail there.
import * as zlib from 'node:zlib'

type Bytes = AsyncIterable<Uint8Array>

/** A content-encoding that nobody here can undo. */
export class UnknownEncodingError extends Error {}

/** Nobody packs a body more often; curl and browsers stop here too. */
const MAX_CODINGS = 5

/** RFC 9659: a zstd body needs a window of at most 8 MB (2^23); more is memory that a host makes us spend. */
const ZSTD_WINDOW_LOG = 23

const isZstdKnown = typeof zlib.createZstdDecompress === 'function'

/**
 * RFC 9110, 8.4.1.2: "deflate" is a zlib stream, but some hosts send it without
 * its header. Of that, the first half byte is always 8.
 */
const inflate = (first: Uint8Array): Transform =>
  ((first[0] ?? 0) & 0x0f) === 8 ? zlib.createInflate() : zlib.createInflateRaw()

const zstd = (): Transform =>
  zlib.createZstdDecompress({ params: { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } })

const DECODERS: ReadonlyMap<string, (first: Uint8Array) => Transform> = new Map([
  ['gzip', () => zlib.createGunzip()],
  ['x-gzip', () => zlib.createGunzip()],
  ['deflate', inflate],
  ['br', () => zlib.createBrotliDecompress()],
  ...(isZstdKnown ? ([['zstd', zstd]] as const) : []),
])

/** What may be sent to us: the value of the accept-encoding header. */
export const ACCEPTED_ENCODINGS = `gzip, deflate, br${isZstdKnown ? ', zstd' : ''}`

/**
 * A body as it was before its host packed it.
 *
 * @param encoding the content-encoding header
 * @throws {UnknownEncodingError} when a coding of it is not known; while
 *   iterating, the errors of `source` and of zlib
 */
export function decoded(source: Bytes, encoding: string | undefined): Bytes {
  const codings = (encoding ?? '')
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.length > MAX_CODINGS) throw new UnknownEncodingError(`${codings.length} codings`)
  // They are listed in the order in which they were applied.
  return codings.reduceRight(undo, source)
}

function undo(source: Bytes, coding: string): Bytes {
  const decoderFor = DECODERS.get(coding)
  if (decoderFor === undefined) throw new UnknownEncodingError(coding.slice(0, 40))
  return unpacked(source, decoderFor)
}

async function* unpacked(
  source: Bytes,
  decoderFor: (first: Uint8Array) => Transform,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = source[Symbol.asyncIterator]()
  const first = await chunks.next()
  // An empty body is none, packed or not: answers to HEAD, for example.
  if (first.done === true) return
  // Its errors reach the reader as the decoder's.
  const decoder = pipeline(chained(first.value, chunks), decoderFor(first.value), () => undefined)
  yield* decoder as AsyncIterable<Uint8Array>
}

async function* chained(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}
