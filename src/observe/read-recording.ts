import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { z } from 'zod'
import { errorRecord, InvalidInputError } from '../domain/errors.ts'
import { BEGINNING } from './recorder.ts'
import { RECORDED_MACHINES, type RecordedLine, type RecordingHeader } from './recording-lines.ts'

/** Characters of a line at the most; the longest that is written is a header, of some ten thousand. */
const LONGEST_LINE = 1_000_000

const text = z.string()
// Fifteen digits are a time that a date can have.
const base = { sessionId: text, rootId: text, createdAt: z.string().regex(/^\d{1,15}$/) }
const event = z.looseObject({ type: text })
const machine = z.enum(RECORDED_MACHINES).nullable()

/** What a line has to have for whoever reads it; more is let through. */
const lineSchema = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('muster.recording'),
    format: z.int(),
    muster: text,
    startedAt: z.number(),
    machines: z.record(text, z.unknown()),
  }),
  z.looseObject({
    type: z.literal('@xstate.actor'),
    ...base,
    name: text,
    machine,
    parentId: text.optional(),
    snapshot: z.looseObject({ status: text }),
  }),
  z.looseObject({ type: z.literal('@xstate.event'), ...base, sourceId: text.optional(), event }),
  z.looseObject({
    type: z.literal('@xstate.snapshot'),
    ...base,
    event,
    snapshot: z.looseObject({ status: text }),
  }),
  z.looseObject({
    type: z.literal('@xstate.microstep'),
    ...base,
    event,
    transitions: z.array(z.looseObject({ eventType: text, source: text, target: z.array(text) })),
  }),
  z.looseObject({ type: z.literal('muster.gap'), lines: z.number() }),
  z.looseObject({ type: z.literal('muster.cut'), maxBytes: z.number() }),
])

function refuse(file: string, what: string): never {
  throw new InvalidInputError('INVALID_OPTIONS', [
    `${file} ${what}: give a file that "muster run --record FILE" or createMuster({ record }) has written`,
  ])
}

/** Read before anything is split into lines: a file without a line's end would be read whole. */
async function checkBeginning(file: string): Promise<void> {
  const cannotBeRead = (thrown: unknown): never =>
    refuse(file, `cannot be read (${errorRecord(thrown).message})`)
  // Before it is opened: a pipe would have its reader wait for somebody who writes.
  if (!(await stat(file).catch(cannotBeRead)).isFile()) refuse(file, 'is no file')
  const handle = await open(file).catch(cannotBeRead)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(BEGINNING.length))
    if (bytesRead === 0) refuse(file, 'is empty')
    if (buffer.toString('utf8', 0, bytesRead) !== BEGINNING) refuse(file, 'is no recording')
  } finally {
    await handle.close()
  }
}

/** Not by `node:readline`, which holds a line of any length in memory. */
async function* linesOf(file: string): AsyncGenerator<string, void, void> {
  let [rest, number] = ['', 0]
  for await (const chunk of createReadStream(file, 'utf8')) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    number += lines.length
    yield* lines
    if (rest.length > LONGEST_LINE) {
      refuse(file, `is damaged: line ${number + 1} is longer than any of a recording`)
    }
  }
  if (rest !== '') yield rest
}

function parsed(line: string): RecordedLine | null {
  try {
    const result = lineSchema.safeParse(JSON.parse(line))
    return result.success ? (result.data as unknown as RecordedLine) : null
  } catch {
    return null
  }
}

const isHeader = (line: RecordedLine): line is RecordingHeader => line.type === 'muster.recording'

/**
 * Reads a recording line by line, whatever its length. A line that its process
 * was killed in, at the end or before the part of the next process, is passed over.
 *
 * @throws InvalidInputError for a file that is no recording, is of a newer
 * version, or is damaged anywhere else
 */
export async function* readRecording(file: string): AsyncGenerator<RecordedLine, void, void> {
  await checkBeginning(file)
  let [number, torn] = [0, 0]
  for await (const text of linesOf(file)) {
    number += 1
    if (text.trim() === '') continue
    const line = parsed(text)
    if (torn > 0 && (line === null || !isHeader(line))) {
      refuse(file, `is damaged: line ${torn} is no line of a recording`)
    }
    torn = 0
    if (line === null) {
      torn = number
      continue
    }
    if (isHeader(line) && line.format > 1) {
      refuse(file, `was written by a newer Muster (${line.muster}), which can replay it`)
    }
    yield line
  }
  // The very first line has to be whole: without it nothing else can be read.
  if (torn === 1) refuse(file, 'is damaged: its first line is no line of a recording')
}
