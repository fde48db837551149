/** Lines of what can only be read from its beginning, resumed by reading it again. */
import { SourceError } from '../../domain/errors.ts'
import { type CutPage, cutPages, isUtf16, LineCutter } from '../line-cutter.ts'
import type { LinesCursor } from '../lines.ts'
import { PrefixHash } from '../prefix-hash.ts'
import type { ByteReader } from './bytes.ts'

export interface StreamLinesOptions {
  readonly signal: AbortSignal
  readonly pageSize: number
  /** For messages, at the beginning of a sentence. */
  readonly what: string
  /** What to do about a list that is not the one of before. */
  readonly remedy: string
  /** Where in the list the stream begins: at the beginning of a block, and not behind `from`. Default: 0. */
  readonly beginsAt?: number
}

/**
 * Yields the lines of a stream after a position, page by page. What stands
 * before the position is read and held against its hash.
 *
 * @throws {SourceError} SOURCE_CHANGED when it is another list; SOURCE_MALFORMED for UTF-16
 */
export async function* streamLines(
  reader: ByteReader,
  from: LinesCursor | undefined,
  options: StreamLinesOptions,
): AsyncGenerator<CutPage, void, undefined> {
  const { beginsAt = 0, what } = options
  if (beginsAt === 0 && isUtf16(await reader.peek(2))) {
    throw new SourceError('SOURCE_MALFORMED', `${what} is UTF-16 text; write it as UTF-8`)
  }
  const hash = await hashUpTo(reader, from, options)
  const cutter = new LineCutter(from ?? { offset: 0, line: 0 }, hash)
  yield* cutPages(cutter, () => reader.read(), options)
}

async function hashUpTo(
  reader: ByteReader,
  from: LinesCursor | undefined,
  { signal, beginsAt = 0, what, remedy }: StreamLinesOptions,
): Promise<PrefixHash> {
  const hash = new PrefixHash(beginsAt === 0 ? undefined : from?.hash)
  if (from === undefined) return hash
  for (let at = beginsAt; at < from.offset;) {
    signal.throwIfAborted()
    const chunk = await reader.read()
    if (chunk.length === 0) break
    const part = chunk.subarray(0, from.offset - at)
    hash.update(part)
    at += part.length
    reader.putBack(chunk.subarray(part.length))
  }
  if (hash.value === from.hash) return hash
  throw changed(what, from, remedy)
}

export const changed = (what: string, { line }: LinesCursor, remedy: string): SourceError =>
  new SourceError(
    'SOURCE_CHANGED',
    `${what} is not what it was: what stands before line ${line + 1} is not what was read; ${remedy}`,
  )
