/**
 * Text files as pages of lines, in constant memory, resumable at a byte offset.
 *
 * Where a file was not touched since, going on costs the reading of one block;
 * where it was, the part that was read is read again and held against its hash,
 * so that lines may be added at the end and an edited file is noticed.
 */
import { open, stat, type FileHandle } from 'node:fs/promises'
import { IncompatibleCheckpointError, SourceError } from '../domain/errors.ts'
import type { JsonValue } from '../domain/json.ts'
import { cutPages, isUtf16, LineCutter, type LinePosition } from './line-cutter.ts'
import { PrefixHash } from './prefix-hash.ts'

export { MAX_LINE_BYTES, overlongLine } from './line-cutter.ts'

/** Where to go on in a file. What an earlier version stored has an offset and a line only. */
export type LinesCursor = LinePosition & {
  /** Bytes of the file when it was read. */
  readonly size?: number
  /** When it had been changed last, in milliseconds since the Unix epoch. */
  readonly mtime?: number
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

const NEWLINE = 0x0a

/** Bytes a read when what was read before is read again. */
const CHECK_BYTES = 256 * 1024

/** An open file by its path. */
interface TextFile {
  readonly path: string
  readonly handle: FileHandle
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
  const file = { path, handle: await openTextFile(path) }
  try {
    // Before anything is read: what is changed while it is read has another size or time then.
    const { size, mtimeMs: mtime } = await file.handle.stat()
    await checkPosition(file, from, size)
    const hash = await hashUpTo(file, from, { size, mtime, signal })
    const cutter = new LineCutter(from ?? { offset: 0, line: 0 }, hash)
    const next = () => readChunk(file, { at: cutter.readAt, bytes: chunkBytes })
    for await (const { lines, cursor } of cutPages(cutter, next, { signal, pageSize })) {
      yield { lines, cursor: hash === undefined ? cursor : { ...cursor, size, mtime } }
    }
  } finally {
    await file.handle.close()
  }
}

/**
 * A stored cursor as a position in a text; `undefined` stays what it is.
 *
 * @throws {IncompatibleCheckpointError} for a cursor of another shape
 */
export function linesCursor(cursor: JsonValue | undefined): LinesCursor | undefined {
  if (cursor === undefined || cursor === null) return undefined
  const { offset, line, hash, size, mtime } = cursor as Readonly<Record<string, unknown>>
  if (isCount(offset) && isCount(line)) {
    if (hash === undefined) return { offset, line }
    if (PrefixHash.isValue(hash)) {
      const known = { ...(isCount(size) && { size }), ...(typeof mtime === 'number' && { mtime }) }
      return { offset, line, hash, ...known }
    }
  }
  throw new IncompatibleCheckpointError(
    'the stored position is not one in a text file (expected { offset, line }); start the target again',
  )
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

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
  { path, handle }: TextFile,
  range: { readonly at: number; readonly bytes: number },
): Promise<Buffer> {
  try {
    const buffer = Buffer.allocUnsafe(range.bytes)
    const { bytesRead } = await handle.read(buffer, 0, range.bytes, range.at)
    return buffer.subarray(0, bytesRead)
  } catch (error) {
    throw fileError(path, error)
  }
}

/** Refuses UTF-16, and a cursor that no longer points at the beginning of a line. */
async function checkPosition(
  file: TextFile,
  from: LinesCursor | undefined,
  size: number,
): Promise<void> {
  if (isUtf16(await readChunk(file, { at: 0, bytes: 2 }))) {
    throw new SourceError('SOURCE_MALFORMED', `${file.path} is UTF-16 text; save it as UTF-8`)
  }
  if (from === undefined || from.offset === 0) return
  const [before] = await readChunk(file, { at: from.offset - 1, bytes: 1 })
  // A last line without an end leaves the cursor at the size of the file.
  if (before === NEWLINE || from.offset === size) return
  throw changed(file, `line ${from.line + 1} no longer begins at byte ${from.offset}`)
}

/**
 * The hash of what stands before a position, to go on with; none where the
 * position has none.
 *
 * @throws {SourceError} SOURCE_CHANGED when it is not what was read
 */
async function hashUpTo(
  file: TextFile,
  from: LinesCursor | undefined,
  now: {
    readonly size: number
    readonly mtime: number
    readonly signal?: AbortSignal | undefined
  },
): Promise<PrefixHash | undefined> {
  if (from === undefined) return new PrefixHash()
  if (from.hash === undefined) return undefined
  const isUntouched = from.size === now.size && from.mtime === now.mtime
  const hash = new PrefixHash(isUntouched ? from.hash : undefined)
  for (let at = isUntouched ? PrefixHash.blockStart(from.offset) : 0; at < from.offset;) {
    now.signal?.throwIfAborted()
    const chunk = await readChunk(file, { at, bytes: Math.min(CHECK_BYTES, from.offset - at) })
    if (chunk.length === 0) break
    hash.update(chunk)
    at += chunk.length
  }
  if (hash.value === from.hash) return hash
  throw changed(file, `what stands before line ${from.line + 1} is not what was read`)
}

const changed = ({ path }: TextFile, how: string): SourceError =>
  new SourceError(
    'SOURCE_CHANGED',
    `${path} changed since the walk stopped: ${how}; ` +
      'put the file back as it was, or enumerate the target again from the beginning',
  )

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
