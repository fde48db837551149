/**
 * Text files as pages of lines, in constant memory, resumable at a byte offset.
 *
 * `node:readline` would be shorter, but it knows no byte offsets, so a resumed
 * walk would have to read the file from its beginning, and it holds a line of
 * any length in memory. Here lines are cut from raw bytes: a newline byte is
 * never part of a longer UTF-8 character, so a character across two chunks
 * needs no care.
 */
import { open, stat, type FileHandle } from 'node:fs/promises'
import { IncompatibleCheckpointError, SourceError } from '../domain/errors.ts'
import type { JsonValue } from '../domain/json.ts'

/** Where to go on in a file. A type, not an interface, so that it counts as JSON. */
export type LinesCursor = {
  /** Bytes before the first line not yet delivered. */
  readonly offset: number
  /** Lines before it, blank and comment lines included. */
  readonly line: number
}

/** Some lines of a file, trimmed, with blank and `#` comment lines passed over. */
export interface LinePage {
  readonly lines: readonly string[]
  readonly cursor: LinesCursor
}

export interface ReadLinesOptions {
  readonly signal?: AbortSignal
  /** Lines a page; 1,000 unless told. */
  readonly pageSize?: number
  /** Bytes a read; 256 KiB unless told. */
  readonly chunkBytes?: number
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

/**
 * Streams a UTF-8 text file as pages of lines. Accepts `\n` and `\r\n`, a byte
 * order mark, and a last line without an end.
 *
 * @param from where an earlier page's cursor pointed; `undefined` is the beginning
 * @throws {SourceError} for a file that is missing, unreadable, not plain UTF-8
 *   text, or changed since the cursor was made
 */
export async function* readLines(
  path: string,
  from: LinesCursor | undefined,
  options: ReadLinesOptions = {},
): AsyncGenerator<LinePage, void, undefined> {
  const { signal, pageSize = 1000, chunkBytes = 256 * 1024 } = options
  const file = await openTextFile(path)
  try {
    await checkPosition(file, path, from)
    const cutter = new LineCutter(from ?? { offset: 0, line: 0 })
    let page: string[] = []
    for (let end = false; !end;) {
      signal?.throwIfAborted()
      end = !cutter.add(await readChunk(file, path, { at: cutter.readAt, bytes: chunkBytes }))
      while (cutter.take(page, pageSize, end)) {
        yield { lines: page, cursor: cutter.cursor }
        page = []
        signal?.throwIfAborted()
      }
    }
    if (page.length > 0) yield { lines: page, cursor: cutter.cursor }
  } finally {
    await file.close()
  }
}

/**
 * A stored cursor as a position in a file; `undefined` stays what it is.
 *
 * @throws {IncompatibleCheckpointError} for a cursor of another shape
 */
export function linesCursor(cursor: JsonValue | undefined): LinesCursor | undefined {
  if (cursor === undefined || cursor === null) return undefined
  const { offset, line } = cursor as { offset?: unknown; line?: unknown }
  if (isCount(offset) && isCount(line)) return { offset, line }
  throw new IncompatibleCheckpointError(
    'the stored position is not one in a text file (expected { offset, line }); start the target again',
  )
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

/** Cuts lines from chunks of bytes, and knows where the first line not yet taken begins. */
class LineCutter {
  /** What has been read and not yet taken; at most one chunk and one line. */
  #bytes: Buffer = Buffer.alloc(0)
  #start = 0
  #offset: number
  #line: number
  /** Bytes let go of a line too long to keep, whose end has not come yet. */
  #dropped = 0

  constructor(from: LinesCursor) {
    this.#offset = from.offset
    this.#line = from.line
  }

  get cursor(): LinesCursor {
    return { offset: this.#offset, line: this.#line }
  }

  /** Where in the file the next chunk begins. */
  get readAt(): number {
    return this.#offset + this.#dropped + this.#bytes.length - this.#start
  }

  /** Adds the next chunk; false for the empty one at the end of the file. */
  add(chunk: Buffer): boolean {
    const rest = this.#bytes.subarray(this.#start)
    // One more byte than the limit may be the `\r` of a line that fits.
    if (this.#dropped > 0 || rest.length > MAX_LINE_BYTES + 1) {
      this.#dropped += rest.length
      this.#bytes = chunk
    } else {
      this.#bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    }
    this.#start = 0
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

async function openTextFile(path: string): Promise<FileHandle> {
  try {
    const stats = await stat(path)
    // Looked at before it is opened: opening a pipe waits for its writer.
    if (!stats.isFile()) {
      const kind = stats.isDirectory() ? 'a folder' : 'a pipe or device'
      const remedy = 'give the path of a text file, which a resumed walk can read again'
      throw new SourceError('NOT_FOUND', `${path} is ${kind}, not a file; ${remedy}`)
    }
    return await open(path, 'r')
  } catch (error) {
    throw fileError(path, error)
  }
}

async function readChunk(
  file: FileHandle,
  path: string,
  range: { readonly at: number; readonly bytes: number },
): Promise<Buffer> {
  try {
    const buffer = Buffer.allocUnsafe(range.bytes)
    const { bytesRead } = await file.read(buffer, 0, range.bytes, range.at)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    throw fileError(path, error)
  }
}

/** Refuses UTF-16, and a cursor that no longer points at the beginning of a line. */
async function checkPosition(
  file: FileHandle,
  path: string,
  from: LinesCursor | undefined,
): Promise<void> {
  const [first, second] = await readChunk(file, path, { at: 0, bytes: 2 })
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    throw new SourceError('SOURCE_MALFORMED', `${path} is UTF-16 text; save it as UTF-8`)
  }
  if (from === undefined || from.offset === 0) return
  const { size } = await file.stat()
  const [before] = await readChunk(file, path, { at: from.offset - 1, bytes: 1 })
  // A last line without an end leaves the cursor at the size of the file.
  if (before === NEWLINE || from.offset === size) return
  throw new SourceError(
    'SOURCE_CHANGED',
    `${path} changed since the walk stopped: line ${from.line + 1} no longer begins at byte ${from.offset}; ` +
      'put the file back as it was, or enumerate the target again from the beginning',
  )
}

function fileError(path: string, error: unknown): SourceError {
  if (error instanceof SourceError) return error
  const code = (error as NodeJS.ErrnoException).code
  const cause = { cause: error }
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ERR_INVALID_ARG_VALUE') {
    const remedy = 'check the path, or put the file there'
    return new SourceError('NOT_FOUND', `${path} does not exist; ${remedy}`, cause)
  }
  if (code === 'EACCES' || code === 'EPERM') {
    const remedy = 'give this user the right to read it'
    return new SourceError('FORBIDDEN', `${path} cannot be read (${code}); ${remedy}`, cause)
  }
  const message = `${path} could not be read (${code ?? String(error)})`
  return new SourceError('SOURCE_UNAVAILABLE', message, { ...cause, retryable: true })
}
