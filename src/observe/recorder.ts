import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { InspectionEvent } from 'xstate'
import {
  batchMachine,
  coordinatorMachine,
  enumeratorMachine,
  orchestratorMachine,
  sessionMachine,
} from '../../machines/index.ts'
import { errorRecord, InvalidInputError } from '../domain/errors.ts'
import type { Inspect } from '../enumeration/ports.ts'
import { maskCredentials, maskTokens } from '../sources/redact.ts'
import { VERSION } from '../version.ts'
import { toDefinition } from './mermaid.ts'
import { ActorNames, lineOf, type Mask, type RecordedLine } from './recording-lines.ts'

/** How a recording begins: who appends to a file looks for it, and so does who reads one. */
export const BEGINNING = '{"type":"muster.recording"'

/** Lines are gathered for so long, in milliseconds: what a `kill -9` may take with it. */
const GATHER_MS = 100

/** Characters that wait for the disk, at the most; what comes on top is left out, and counted. */
const MAX_WAITING = 8_000_000

/** Some hours of a walk at full speed, and as much as a replay reads in seconds. */
const DEFAULT_MAX_BYTES = 512_000_000

export interface RecordOptions {
  /**
   * Takes secrets out of a sentence, besides what is known by its form:
   * addresses with users, and tokens. Default: nothing more.
   */
  readonly redact?: Mask
  /** Bytes that this process adds to the file at the most. Default: 512,000,000. */
  readonly maxBytes?: number
}

/** A recording under way. */
export interface Recorder {
  /** For `createMuster({ inspect })`, or an actor's. Returns at once and throws nothing. */
  inspect(event: InspectionEvent): void
  /** Writes what is left. Safe to call twice. */
  close(): Promise<void>
}

const headerLine = (): RecordedLine => ({
  type: 'muster.recording',
  format: 1,
  muster: VERSION,
  startedAt: Date.now(),
  machines: {
    session: toDefinition(sessionMachine),
    enumerator: toDefinition(enumeratorMachine),
    batch: toDefinition(batchMachine),
    coordinator: toDefinition(coordinatorMachine),
    orchestrator: toDefinition(orchestratorMachine),
  },
})

/**
 * Opens a file to append to, and begins this process's part of it. One that a process before this one was killed in
 * may lack the end of its last line: the next begins on a line of its own.
 */
async function openToAppend(file: string): Promise<FileHandle> {
  const cannotBeWritten = (thrown: unknown): never =>
    refuse(file, `cannot be written (${errorRecord(thrown).message})`)
  const handle = await open(file, 'a+').catch(cannotBeWritten)
  try {
    const stats = await handle.stat()
    // A pipe that nobody reads would hold up the end of the walk.
    if (!stats.isFile() && !stats.isCharacterDevice()) refuse(file, 'is no file')
    const isNew = stats.size === 0
    if (!isNew && !(await isRecording(handle))) {
      refuse(file, 'is there already and is no recording')
    }
    const header = `${JSON.stringify(headerLine())}\n`
    await handle.appendFile(isNew ? header : `\n${header}`).catch(async (thrown: unknown) => {
      // Half a header would be in the way of the next recording.
      if (isNew) await handle.truncate(0).catch(() => undefined)
      return cannotBeWritten(thrown)
    })
    return handle
  } catch (thrown) {
    await handle.close()
    throw thrown
  }
}

function refuse(file: string, what: string): never {
  throw new InvalidInputError('INVALID_OPTIONS', [`record: ${file} ${what}: name another file`])
}

async function isRecording(handle: FileHandle): Promise<boolean> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(BEGINNING.length), 0, undefined, 0)
  return buffer.toString('utf8', 0, bytesRead) === BEGINNING
}

/** Gathers lines and writes them behind the walk's back. */
class LineWriter {
  readonly #handle: FileHandle
  readonly #maxBytes: number
  #waiting: string[] = []
  #characters = 0
  #written = 0
  #missed = 0
  #isCut = false
  #writing: Promise<void> | undefined
  #closed = new AbortController()

  constructor(handle: FileHandle, maxBytes: number) {
    this.#handle = handle
    this.#maxBytes = maxBytes
  }

  write(line: RecordedLine): void {
    if (this.#isCut || this.#closed.signal.aborted) return
    if (this.#characters > MAX_WAITING) {
      this.#missed += 1
      return
    }
    if (this.#missed > 0) {
      const lines = this.#missed
      this.#missed = 0
      this.#add({ type: 'muster.gap', lines })
    }
    this.#add(line)
    if (this.#written > this.#maxBytes) {
      this.#isCut = true
      this.#add({ type: 'muster.cut', maxBytes: this.#maxBytes })
    }
    this.#writing ??= this.#drain()
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    await this.#writing
    await this.#flush()
    await this.#handle.close()
  }

  #add(line: RecordedLine): void {
    const text = `${JSON.stringify(line)}\n`
    this.#waiting.push(text)
    this.#characters += text.length
    this.#written += text.length
  }

  async #drain(): Promise<void> {
    const { signal } = this.#closed
    await sleep(GATHER_MS, undefined, { ref: false, signal }).catch(() => undefined)
    await this.#flush()
    this.#writing = undefined
    if (this.#waiting.length > 0 && !signal.aborted) this.#writing = this.#drain()
  }

  async #flush(): Promise<void> {
    const text = this.#waiting.join('')
    this.#waiting = []
    this.#characters = 0
    if (text === '') return
    try {
      await this.#handle.appendFile(text)
    } catch (thrown) {
      if (!this.#isCut) {
        process.emitWarning(
          `the recording ends here: ${errorRecord(thrown).message}`,
          'MusterWarning',
        )
      }
      this.#isCut = true
    }
  }
}

/**
 * Records every actor of a Muster in a file, one JSON object a line: a header
 * with the statecharts, then inspection events in the shape of the Stately
 * inspector's, with microsteps. Nothing secret is in it: of events and contexts
 * only counts, identities and states, of sentences what is left after masking,
 * of pages and cursors nothing. A file that is there already is gone on with.
 *
 * @throws InvalidInputError for a file that cannot be written, or is something else
 */
export async function recordInspection(
  file: string,
  { redact = (text) => text, maxBytes = DEFAULT_MAX_BYTES }: RecordOptions = {},
): Promise<Recorder> {
  const handle = await openToAppend(file)
  const mask = (text: string) => redact(maskTokens(maskCredentials(withoutCursor(text))))
  const writer = new LineWriter(handle, maxBytes)
  const names = new ActorNames()
  return {
    inspect(event) {
      try {
        const line = lineOf(event, { mask, names, at: Date.now() })
        if (line !== null) writer.write(line)
      } catch {
        // A line less; an actor would die of what its observer throws.
      }
    },
    close: () => writer.close(),
  }
}

/** The one reason that quotes a cursor, which is the source's own and may hold anything. */
const withoutCursor = (text: string): string =>
  text.replace(/(gave the same cursor twice: )[^]*/, '$1***')

/** A recorder beside whoever watches the actors already. */
export interface RecorderBeside {
  beside(inspect: Inspect | undefined): Inspect | undefined
  close(): Promise<void>
}

/** Records in a file, where one is named. @throws InvalidInputError as `recordInspection` does */
export async function recorderOf(file: string | undefined, redact: Mask): Promise<RecorderBeside> {
  if (file === undefined) return { beside: (inspect) => inspect, close: async () => {} }
  const recorder = await recordInspection(file, { redact })
  return {
    beside: (inspect) => (event) => {
      recorder.inspect(event)
      if (typeof inspect === 'function') inspect(event)
      else inspect?.next?.(event)
    },
    close: () => recorder.close(),
  }
}
