/** Streams of bytes, read a chunk at a time: unpacked, limited, and put together again. */
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { SourceError } from '../../domain/errors.ts'
import { printed } from '../wording.ts'
import { isGzip } from './archive-format.ts'

type Bytes = AsyncIterable<Uint8Array>

/** Reads chunks from a stream; what was read too much can be put back. */
export class ByteReader implements AsyncDisposable {
  readonly #chunks: AsyncIterator<Uint8Array>
  #returned: Buffer[] = []

  constructor(bytes: Bytes) {
    this.#chunks = bytes[Symbol.asyncIterator]()
  }

  /** The next chunk; an empty one at the end. */
  async read(): Promise<Buffer> {
    const returned = this.#returned.pop()
    if (returned !== undefined) return returned
    for (;;) {
      const { done, value } = await this.#chunks.next()
      if (done === true) return Buffer.alloc(0)
      if (value.length > 0) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
  }

  putBack(chunk: Buffer): void {
    if (chunk.length > 0) this.#returned.push(chunk)
  }

  /** The first bytes, as many as are wanted or as there are; they stay to be read. */
  async peek(wanted: number): Promise<Buffer> {
    let head = await this.read()
    while (head.length < wanted) {
      const more = await this.read()
      if (more.length === 0) break
      head = Buffer.concat([head, more])
    }
    this.putBack(head)
    return head
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    for (let chunk = await this.read(); chunk.length > 0; chunk = await this.read()) yield chunk
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return?.()
  }
}

/** What a list is, once it is unpacked where its magic number says that it is packed. */
export interface Unpacked {
  readonly bytes: Bytes
  readonly wasPacked: boolean
}

/**
 * The content of a body, whether it is a gzip or not; a file's name is often
 * wrong about that, and a host may have undone the packing on its way.
 *
 * @param what for messages
 */
export async function unpacked(body: Bytes, maxBytes: number, what: string): Promise<Unpacked> {
  const reader = new ByteReader(body)
  const wasPacked = isGzip(await reader.peek(3))
  return { bytes: limited(wasPacked ? gunzipped(reader) : reader, maxBytes, what), wasPacked }
}

async function* gunzipped(packed: Bytes): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip()
  // Its failure is the reader's: the pipeline destroys the stream with it.
  const feeding = pipeline(packed, gunzip).catch(() => undefined)
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array
  } finally {
    gunzip.destroy()
    await feeding
  }
}

async function* limited(
  bytes: Bytes,
  maxBytes: number,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = maxBytes
  for await (const chunk of bytes) {
    if (chunk.length > left) throw tooLarge(what, maxBytes)
    left -= chunk.length
    yield chunk
  }
}

const tooLarge = (what: string, maxBytes: number): SourceError =>
  new SourceError(
    'SOURCE_MALFORMED',
    `${what} is larger than ${maxBytes.toLocaleString('en')} bytes unpacked; raise maxBytes if that is meant`,
  )

/** Whether an error is zlib's, of bytes that no gzip has. */
export const isUnpackingError = (error: unknown): boolean =>
  error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('Z_')

/** A URL as messages show it. */
export const shownUrl = (url: string): string => printed(url)

/** The first bytes of a body, as many as are wanted or as there are; the rest is left, and its host let go. */
export async function firstBytes(body: Bytes, wanted: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= wanted) break
  }
  return Buffer.concat(chunks).subarray(0, wanted)
}
