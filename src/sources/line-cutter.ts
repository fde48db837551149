/**
 * Lines from raw bytes, in constant memory, with the byte at which each begins.
 *
 * `node:readline` would be shorter, but it knows no byte offsets, so a resumed
 * walk would have to read a file from its beginning, and it holds a line of any
 * length in memory. A newline byte is never part of a longer UTF-8 character,
 * so a character across two chunks needs no care.
 */
import type { PrefixHash } from './prefix-hash.ts'

/** A place between two lines. A type, not an interface, so that it counts as JSON. */
export type LinePosition = {
  /** Bytes before the first line not yet delivered. */
  readonly offset: number
  /** Lines before it, blank and comment lines included. */
  readonly line: number
  /** What the bytes before it are known by; see `PrefixHash`. */
  readonly hash?: string
}

/** The longest line that is delivered as it is, in bytes. */
export const MAX_LINE_BYTES = 64 * 1024

const NEWLINE = 0x0a
const RETURN = 0x0d

/** A Unicode noncharacter: valid in every database and in JSON, and in nobody's list. */
const OVERLONG = '\u{FDD0}'

/**
 * The reason to reject an item that stands for a line too long to keep, or
 * `undefined` for any other item. Ask it first in `identify`.
 */
export function overlongLine(item: string): string | undefined {
  return item.startsWith(OVERLONG) ? item.slice(OVERLONG.length) : undefined
}

/** Whether a text begins as UTF-16 does; its lines cannot be told by their bytes. */
export function isUtf16([first, second]: Uint8Array): boolean {
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
}

/** Cuts lines from chunks of bytes, and knows where the first line not yet taken begins. */
export class LineCutter {
  /** What has been read and not yet taken; at most one chunk and one line. */
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  /** Up to where the bytes are part of the hash. */
  #hashed = 0
  #offset: number
  #line: number
  /** Bytes let go of a line too long to keep, whose end has not come yet. */
  #dropped = 0
  readonly #hash: PrefixHash | undefined

  /** @param hash of the bytes before `from`; without one, positions have none */
  constructor(from: Pick<LinePosition, 'offset' | 'line'>, hash?: PrefixHash) {
    this.#offset = from.offset
    this.#line = from.line
    this.#hash = hash
  }

  get position(): LinePosition {
    const place = { offset: this.#offset, line: this.#line }
    const { hash } = this
    return hash === undefined ? place : { ...place, hash: hash.value }
  }

  /** Of everything before the position, to be cloned by who keeps it; it goes on with the cutter. */
  get hash(): PrefixHash | undefined {
    this.#hashUpTo(this.#start)
    return this.#hash
  }

  /** Where in the text the next chunk begins. */
  get readAt(): number {
    return this.#offset + this.#dropped + this.#bytes.length - this.#start
  }

  /** Adds the next chunk; false for the empty one at the end of the text. */
  add(chunk: Buffer): boolean {
    const rest = this.#bytes.subarray(this.#start)
    // One more byte than the limit may be the `\r` of a line that fits.
    if (this.#dropped > 0 || rest.length > MAX_LINE_BYTES + 1) {
      this.#hashUpTo(this.#bytes.length)
      this.#dropped += rest.length
      this.#bytes = chunk
    } else {
      this.#hashUpTo(this.#start)
      this.#bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    }
    this.#start = 0
    this.#hashed = 0
    return chunk.length > 0
  }

  /** Moves lines into `page`; true when it is full, false when the bytes are used up. */
  take(page: string[], pageSize: number, end: boolean): boolean {
    while (page.length < pageSize) {
      const newline = this.#bytes.indexOf(NEWLINE, this.#start)
      if (newline >= 0) {
        this.#takeLine(page, newline, newline + 1)
      } else {
        const size = this.#bytes.length
        if (end && (size > this.#start || this.#dropped > 0)) this.#takeLine(page, size, size)
        return false
      }
    }
    return true
  }

  #hashUpTo(end: number): void {
    this.#hash?.update(this.#bytes.subarray(this.#hashed, end))
    this.#hashed = end
  }

  #takeLine(page: string[], end: number, next: number): void {
    const text = this.#lineText(end)
    this.#offset += this.#dropped + next - this.#start
    this.#line += 1
    this.#start = next
    this.#dropped = 0
    if (text !== '' && !text.startsWith('#')) page.push(text)
  }

  #lineText(newline: number): string {
    const end = this.#bytes[newline - 1] === RETURN && newline > this.#start ? newline - 1 : newline
    if (this.#dropped > 0 || end - this.#start > MAX_LINE_BYTES) {
      // Nothing of the line itself: it may hold a secret, and the number finds it.
      return `${OVERLONG}line ${this.#line + 1} is longer than ${MAX_LINE_BYTES.toLocaleString('en')} bytes; write one entry a line`
    }
    const text = this.#bytes.toString('utf8', this.#start, end)
    // Trimming takes a byte order mark away too. PostgreSQL cannot store a NUL, and a rejected item is stored as it is.
    return (text.includes('\0') ? text.replaceAll('\0', '\u{FFFD}') : text).trim()
  }
}

/** Some lines of a text, trimmed, with blank and `#` comment lines passed over. */
export interface CutPage {
  readonly lines: readonly string[]
  readonly cursor: LinePosition
}

/**
 * Yields the lines that a cutter makes of chunks, page by page.
 *
 * @param next gives the next chunk, and an empty one at the end
 */
export async function* cutPages(
  cutter: LineCutter,
  next: () => Promise<Buffer>,
  { signal, pageSize }: { readonly signal?: AbortSignal | undefined; readonly pageSize: number },
): AsyncGenerator<CutPage, void, undefined> {
  let page: string[] = []
  for (let end = false; !end;) {
    signal?.throwIfAborted()
    end = !cutter.add(await next())
    while (cutter.take(page, pageSize, end)) {
      yield { lines: page, cursor: cutter.position }
      page = []
      signal?.throwIfAborted()
    }
  }
  if (page.length > 0) yield { lines: page, cursor: cutter.position }
}
