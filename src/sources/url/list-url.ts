/** A list of URLs behind a URL, one a line. */
import { IncompatibleCheckpointError } from '../../domain/errors.ts'
import type { JsonValue } from '../../domain/json.ts'
import { type LinesCursor, linesCursor } from '../lines.ts'
import { PrefixHash } from '../prefix-hash.ts'
import { redactCredentials } from '../redact.ts'
import type { EnumerateContext, Page } from '../source.ts'
import type { WebAnswer } from '../web/index.ts'
import { ByteReader, shownUrl, unpacked } from './bytes.ts'
import type { Reach } from './reach.ts'
import { DEFAULT_MAX_BYTES } from './spec.ts'
import { streamLines } from './stream-lines.ts'

/**
 * Where to go on in a list; with a validator, the rest alone can be asked for.
 * A type, not an interface, so that it counts as JSON.
 */
type ListCursor = LinesCursor & {
  /** The strong ETag or the Last-Modified that the list had; see RFC 9110, 13.1.5. */
  readonly validator?: string
}

export interface ListUrlOptions {
  readonly listUrl: string
  readonly maxBytes?: number | undefined
  readonly pageSize: number
  readonly reach: Reach
  readonly context: Pick<EnumerateContext, 'signal'>
}

/** What an answer brings: a stream, and where in the list it begins. */
interface Opened {
  readonly answer: WebAnswer
  readonly beginsAt: number
}

/**
 * Yields the pages of a list that a host serves, packed with gzip or not.
 *
 * Resumed, it is read again up to where the walk stopped, and held against what
 * was read; only where the host vouches that it is still the same is the rest
 * alone asked for.
 *
 * @throws {SourceError} SOURCE_CHANGED when the list is another one
 */
export async function* enumerateListUrl(
  options: ListUrlOptions,
  cursor: JsonValue | undefined,
): AsyncGenerator<Page<string>, void, undefined> {
  const { listUrl, maxBytes = DEFAULT_MAX_BYTES, pageSize, context } = options
  const what = shownUrl(listUrl)
  const from = listCursor(cursor)
  const { answer, beginsAt } = await open(options, from)
  try {
    const { bytes, wasPacked } = await unpacked(answer.body, maxBytes, what)
    // Ranges are counted in bytes as they are sent.
    const isPlain = !wasPacked && answer.headers['content-encoding'] === undefined
    const validator = isPlain ? validatorOf(answer) : undefined
    const remedy = 'enumerate the target again from the beginning'
    const reading = { signal: context.signal, pageSize, what, remedy, beginsAt }
    await using reader = new ByteReader(bytes)
    for await (const page of streamLines(reader, from, reading)) {
      const next = { ...page.cursor, ...(validator !== undefined && { validator }) }
      yield { items: page.lines.map(redactCredentials), cursor: next }
    }
  } finally {
    await answer.close()
  }
}

/** The rest of the list where the host gives it, else all of it. */
async function open(options: ListUrlOptions, from: ListCursor | undefined): Promise<Opened> {
  const { listUrl: url, reach, maxBytes = DEFAULT_MAX_BYTES } = options
  const beginsAt = from === undefined ? 0 : PrefixHash.blockStart(from.offset)
  if (from?.validator !== undefined && beginsAt > 0) {
    const headers = {
      range: `bytes=${beginsAt}-`,
      'if-range': from.validator,
      'accept-encoding': 'identity',
    }
    const answer = await reach.request({ url, maxBytes, headers, accept: (s) => s === 416 })
    if (answer.status === 200) return { answer, beginsAt: 0 }
    if (isRestOf(answer, from.validator, beginsAt)) return { answer, beginsAt }
    await answer.close()
  }
  return { answer: await reach.request({ url, maxBytes }), beginsAt: 0 }
}

/** Whether an answer is the rest of the very list that was read. */
function isRestOf(answer: WebAnswer, validator: string, beginsAt: number): boolean {
  const range = answer.headers['content-range'] ?? ''
  return (
    answer.status === 206 &&
    validatorOf(answer) === validator &&
    range.startsWith(`bytes ${beginsAt}-`) &&
    answer.headers['content-encoding'] === undefined
  )
}

/** A weak ETag does not vouch for bytes: RFC 9110, 8.8.1. */
function validatorOf({ headers }: WebAnswer): string | undefined {
  const { etag, 'last-modified': lastModified } = headers
  return etag?.startsWith('"') === true ? etag : lastModified
}

/** @throws {IncompatibleCheckpointError} for a cursor of another shape */
function listCursor(cursor: JsonValue | undefined): ListCursor | undefined {
  const from = linesCursor(cursor)
  if (from === undefined) return undefined
  const { validator } = cursor as { readonly validator?: unknown }
  if (from.hash === undefined) {
    throw new IncompatibleCheckpointError(
      'the stored position is not one in a list behind a URL (expected { offset, line, hash }); start the target again',
    )
  }
  return { ...from, ...(typeof validator === 'string' && { validator }) }
}
