import type { Position } from '../../machines/index.ts'
import { MusterError } from '../domain/errors.ts'
import type { SessionState } from '../domain/session-state.ts'
import type { BusEvents, BusEventType } from './event-bus.ts'
import { envelopeSchema, WIRE_VERSION } from './wire-schema.ts'

export { EVENT_TYPES, wireJsonSchema, WIRE_VERSION } from './wire-schema.ts'

/** An event with what a broker and its consumers need to know of it. */
export interface Envelope<T extends BusEventType = BusEventType> {
  readonly v: typeof WIRE_VERSION
  /** What makes it the same event when it comes again. */
  readonly id: string
  readonly type: T
  /** Null where it belongs to no session. */
  readonly sessionId: string | null
  readonly at: Date
  readonly data: BusEvents[T]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** The session that an event names. */
export function sessionIdOf(data: BusEvents[BusEventType]): string | null {
  if ('session' in data) return data.session.sessionId
  if ('task' in data) return data.task.sessionId
  return 'sessionId' in data ? data.sessionId : null
}

/**
 * The envelope as JSON in UTF-8, without whatever the schema does not name.
 *
 * @throws NOT_SUPPORTED for an event that is not what its type says
 */
export function encode(envelope: Omit<Envelope, 'v'>): Uint8Array {
  const { type, data } = envelope
  const trimmed = { ...envelope, v: WIRE_VERSION, data: withoutCursors(data) }
  const encoded = envelopeSchema.safeEncode(trimmed as never)
  if (encoded.success) return encoder.encode(JSON.stringify(encoded.data))
  const faults = encoded.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new MusterError(
    'NOT_SUPPORTED',
    `an event "${type}" cannot be sent: ${faults.join('; ')}; publish what BusEvents says`,
  )
}

/**
 * Reads an envelope; fields that it does not know are passed over.
 *
 * @throws NOT_SUPPORTED for one of a newer version, SOURCE_MALFORMED for anything else
 */
export function decode(bytes: Uint8Array): Envelope {
  const found = parse(bytes)
  const { v } = (found ?? {}) as { readonly v?: unknown }
  if (typeof v === 'number' && v > WIRE_VERSION) {
    throw new MusterError(
      'NOT_SUPPORTED',
      `an event of version ${v} came, and this Muster reads versions up to ${WIRE_VERSION}: update Muster in this process`,
    )
  }
  const read = envelopeSchema.safeParse(found)
  if (read.success) return read.data as unknown as Envelope
  const faults = read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw malformed(faults.join('; '))
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    throw malformed('it is not JSON in UTF-8')
  }
}

// What came may hold anything: the message tells where it is wrong, not what it says.
const malformed = (fault: string) =>
  new MusterError(
    'SOURCE_MALFORMED',
    `what came on the bus is no event of Muster (${fault}): only Muster's events may be published on its subjects`,
  )

function withoutCursors(data: BusEvents[BusEventType]): unknown {
  if (!('session' in data)) return data
  const { session } = data
  return { ...data, session: { ...session, ...bare(session) } }
}

const bare = ({ position }: SessionState) => ({
  lastCheckpoint: null,
  position: withoutCursor(position),
})

function withoutCursor(position: Position): Position {
  if (position.at === 'after') return { at: 'after', cursor: null }
  if (position.at !== 'retrying') return position
  return { ...position, resumeAt: withoutCursor(position.resumeAt) as typeof position.resumeAt }
}
