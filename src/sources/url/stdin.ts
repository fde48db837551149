/**
 * A list of URLs on standard input, one a line.
 *
 * Input cannot be read twice. A walk that is interrupted in a process and goes
 * on in it needs what was read and not yet stored, so the bytes of the last
 * pages are kept; another process is given the same input again, and what it
 * has done of it is read and held against its hash.
 */
import type { Readable } from 'node:stream'
import { IncompatibleCheckpointError, SourceError } from '../../domain/errors.ts'
import type { JsonValue } from '../../domain/json.ts'
import { type CutPage, cutPages, isUtf16, LineCutter } from '../line-cutter.ts'
import { type LinesCursor, linesCursor } from '../lines.ts'
import { PrefixHash } from '../prefix-hash.ts'
import { redactCredentials } from '../redact.ts'
import type { EnumerateContext, Page } from '../source.ts'
import { changed } from './stream-lines.ts'
import { InputTape } from './input-tape.ts'

/** Pages to which a listing in the same process may go back; one is read ahead, and one may be on its way to the store. */
const KEPT_PAGES = 4

const INSTEAD = 'write the lines to a file and name it in urlsFile'

/** Readers by their stream: the input of a process is one, however many sources there are. */
const inputs = new WeakMap<Readable, StdinLines>()

export interface StdinOptions {
  readonly stdin: Readable
  readonly pageSize: number
  readonly context: Pick<EnumerateContext, 'signal'>
}

/**
 * Yields the pages of the lines on an input.
 *
 * @throws {SourceError} SOURCE_CHANGED when the input is not the one that the
 *   walk began with; NOT_SUPPORTED when another target reads it
 */
export async function* enumerateStdin(
  { stdin, pageSize, context }: StdinOptions,
  cursor: JsonValue | undefined,
): AsyncGenerator<Page<string>, void, undefined> {
  const from = linesCursor(cursor)
  if (from !== undefined && from.hash === undefined) {
    throw new IncompatibleCheckpointError(
      'the stored position is not one in standard input (expected { offset, line, hash }); start the target again',
    )
  }
  context.signal.throwIfAborted()
  const input = inputs.get(stdin) ?? new StdinLines(stdin)
  inputs.set(stdin, input)
  for await (const page of input.pages(from, pageSize, context.signal)) {
    yield { items: page.lines.map(redactCredentials), cursor: page.cursor }
  }
}

/** The lines of one input, for one listing at a time. */
class StdinLines {
  readonly #tape: InputTape
  /** Where a listing may begin, with the hash of everything before it. */
  #marks: readonly (readonly [offset: number, hash: PrefixHash])[] = [[0, new PrefixHash()]]
  #reader: AbortSignal | undefined
  #isDone = false

  constructor(stdin: Readable) {
    this.#tape = new InputTape(stdin)
  }

  async *pages(
    from: LinesCursor | undefined,
    pageSize: number,
    signal: AbortSignal,
  ): AsyncGenerator<CutPage, void, undefined> {
    this.#claim(from, signal)
    try {
      const { hash, offset } = await this.#goTo(from, signal)
      await this.#refuseUtf16(offset, signal)
      const cutter = new LineCutter(from ?? { offset: 0, line: 0 }, hash.clone())
      const next = () => this.#tape.read(cutter.readAt, signal)
      for await (const page of cutPages(cutter, next, { signal, pageSize })) {
        this.#mark(page.cursor.offset, cutter.hash ?? hash)
        yield page
      }
      this.#isDone = true
    } finally {
      if (this.#reader === signal) {
        this.#reader = undefined
        this.#tape.rest()
      }
    }
  }

  /** One listing at a time; one that was aborted may be slow to notice. */
  #claim(from: LinesCursor | undefined, signal: AbortSignal): void {
    if (this.#reader !== undefined && !this.#reader.aborted) {
      throw new SourceError(
        'NOT_SUPPORTED',
        `another target reads standard input, which only one can; ${INSTEAD}`,
      )
    }
    if (from === undefined && this.#isDone && this.#tape.end > 0) {
      throw new SourceError(
        'NOT_SUPPORTED',
        `standard input was read to its end before, by another target or session of this process; ${INSTEAD}`,
      )
    }
    this.#reader = signal
  }

  /** Reads up to a position, and makes sure that what stands before it is what was read. */
  async #goTo(
    from: LinesCursor | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly hash: PrefixHash; readonly offset: number }> {
    const wanted = from?.offset ?? 0
    const mark = this.#marks.findLast(([offset]) => offset <= wanted)
    if (mark === undefined) throw readPast(this.#marks[0]?.[0] ?? 0)
    let offset = mark[0]
    const hash = mark[1].clone()
    while (offset < wanted) {
      const chunk = await this.#tape.read(offset, signal)
      if (chunk.length === 0) break
      const part = chunk.subarray(0, wanted - offset)
      hash.update(part)
      offset += part.length
      // It need not be kept: who comes back wants no less than this.
      this.#marks = [[offset, hash.clone()]]
      this.#tape.release(offset)
    }
    if (from === undefined || hash.value === from.hash) return { hash, offset }
    const remedy =
      'start again with the same input, or enumerate the target again from the beginning'
    throw changed('standard input', from, remedy)
  }

  async #refuseUtf16(offset: number, signal: AbortSignal): Promise<void> {
    if (offset > 0 || !isUtf16(await this.#tape.read(0, signal))) return
    throw new SourceError('SOURCE_MALFORMED', 'standard input is UTF-16 text; write it as UTF-8')
  }

  #mark(offset: number, hash: PrefixHash): void {
    const before = this.#marks.filter(([mark]) => mark < offset)
    this.#marks = [...before.slice(1 - KEPT_PAGES), [offset, hash.clone()]]
    this.#tape.release(this.#marks[0]?.[0] ?? offset)
  }
}

const readPast = (offset: number): SourceError =>
  new SourceError(
    'SOURCE_CHANGED',
    `standard input was read beyond byte ${offset.toLocaleString('en')} in this process, and cannot be read again; start anew with the same input, or ${INSTEAD}`,
  )
