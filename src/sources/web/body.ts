import type { Readable } from 'node:stream'
import { SourceError } from '../../domain/errors.ts'
import { decoded } from './encoding.ts'
import { failureOf } from './failures.ts'
import type { Passage } from './passage.ts'
import { shown } from './target.ts'

/** An answer whose headers are here, and whose body is on its way. */
export interface Incoming {
  readonly url: URL
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** As it comes from the host. */
  readonly raw: Readable
  readonly passage: Passage
}

export interface BodyLimits {
  /** Bytes after decompression. */
  readonly maxBytes: number
  /** Between two chunks as they come from the host, while somebody waits for them. */
  readonly timeoutMs: number
  /** The caller's. */
  readonly signal: AbortSignal
}

/** The body for the one who asked; its passage ends with it, however that is. */
export function bodyOf(incoming: Incoming, limits: BodyLimits): AsyncIterable<Uint8Array> {
  let isTaken = false
  return {
    [Symbol.asyncIterator]() {
      // A second reader would see a body that is empty, and no error.
      if (isTaken) throw new Error('the body can be iterated once; keep what is needed again')
      isTaken = true
      return readBody(incoming, limits)
    },
  }
}

async function* readBody(
  incoming: Incoming,
  limits: BodyLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { url, headers, passage } = incoming
  try {
    const chunks = decoded(whileItComes(incoming, limits), headers['content-encoding'])
    yield* upTo(limits.maxBytes, chunks, url)
  } catch (error) {
    limits.signal.throwIfAborted()
    throw failureOf(error, url)
  } finally {
    passage.end()
  }
}

/** The chunks from the host; the time that the reader takes between them is not the host's. */
async function* whileItComes(
  { raw, passage }: Incoming,
  { timeoutMs }: BodyLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks = raw[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  for (;;) {
    const timer = passage.startTimer(timeoutMs)
    const next = await chunks.next().finally(() => timer.stop())
    if (next.done === true) return
    yield next.value
  }
}

async function* upTo(
  maxBytes: number,
  chunks: AsyncIterable<Uint8Array>,
  url: URL,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = maxBytes
  for await (const chunk of chunks) {
    if (chunk.length > left) {
      if (left > 0) yield chunk.subarray(0, left)
      throw new SourceError(
        'SOURCE_MALFORMED',
        `${shown(url)}: the body is longer than the ${maxBytes} bytes that are read at most, after decompression`,
      )
    }
    left -= chunk.length
    yield chunk
  }
}
