import { z } from 'zod'
import type { BusEventType } from './event-bus.ts'

/** The version of the envelope; a change that an older reader would misread makes a new one. */
export const WIRE_VERSION = 1

/** A moment: in ISO 8601 on the wire, a `Date` in the program. */
const moment = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
})

const text = z.string()
const count = z.int().min(0)
const json = z.record(z.string(), z.unknown())

/** A cursor is its source's own, and may be large: the wire has how far a walk has come, not where. */
const position = z.discriminatedUnion('at', [
  z.object({ at: z.literal('start') }),
  z.object({ at: z.literal('after'), cursor: z.null() }),
  z.object({ at: z.literal('end') }),
])

const session = z
  .object({
    sessionId: text,
    jobId: text,
    targetName: text,
    sourceType: text,
    status: z.enum([
      'INITIALIZED',
      'IN_PROGRESS',
      'STALLED',
      'COMPLETED',
      'PARTIALLY_COMPLETED',
      'FAILED',
    ]),
    failureReason: text.nullable(),
    completeness: z.enum(['UNKNOWN', 'COMPLETE', 'INCOMPLETE']),
    shortfalls: z.array(z.object({ code: text, detail: text })),
    total: z.number().nullable(),
    comparison: z
      .object({ seen: count, new: count, changed: count, unchanged: count, missing: count })
      .nullable(),
    waiting: z.object({ reason: text, until: moment.nullable() }).nullable(),
    // Whoever published before anything could be asked of a session says nothing of it.
    asked: z.enum(['pause', 'cancel']).nullable().default(null),
    lastCheckpoint: z.null(),
    position: z.union([
      position,
      z.object({ at: z.literal('retrying'), after: count, until: count, resumeAt: position }),
    ]),
    timeline: z.object({ startedAt: moment, lastUpdate: moment, completedAt: moment.nullable() }),
    metrics: z.object({
      totalBatches: count,
      failedBatches: count,
      itemsFound: count,
      itemsProcessed: count,
      itemsSkipped: count,
      itemsFailed: count,
    }),
    config: z.object({
      name: text,
      sourceType: text,
      authRef: text.nullable(),
      spec: json,
      onlyChanged: z.boolean().optional(),
      deactivateAfter: z.int().optional(),
    }),
  })
  .meta({ id: 'Session' })

const task = z
  .object({
    taskId: text,
    sessionId: text,
    jobId: text,
    scanTargetId: text,
    sourceType: text,
    resourceUri: text,
    metadata: json,
  })
  .meta({ id: 'Task' })

const error = z.object({ code: text, message: text, retryable: z.boolean() })

/** The data of each event. What is not named here does not travel. */
export const EVENT_DATA = {
  'session.started': z.object({ session, resumed: z.boolean() }),
  'session.progressed': z.object({ session }),
  'session.ended': z.object({ session }),
  'session.interrupted': z.object({ sessionId: text, targetName: text, error: error.nullable() }),
  'enumerator.changed': z.object({
    sessionId: text,
    targetName: text,
    state: z.enum(['holding', 'waiting', 'backingOff', 'stalling']),
    reason: text.nullable(),
    until: z.number().nullable(),
  }),
  'task.created': z.object({ task }),
  'task.started': z.object({ taskId: text }),
  'task.progressed': z.object({ taskId: text, itemsProcessed: count }),
  'task.completed': z.object({ taskId: text, itemsProcessed: count.optional() }),
  'task.failed': z.object({ taskId: text, error: text }),
  'rule.published': z.object({ ruleId: text, definition: json }),
} satisfies Record<BusEventType, z.ZodType>

export const EVENT_TYPES = Object.keys(EVENT_DATA) as readonly BusEventType[]

const envelopeOf = <T extends BusEventType>(type: T) =>
  z.object({
    v: z.literal(WIRE_VERSION),
    /** What makes it the same event when it comes again. */
    id: z.string().regex(/^\S{1,200}$/, 'expected 1 to 200 characters without blanks'),
    type: z.literal(type),
    sessionId: text.nullable(),
    /** When it was published first. */
    at: moment,
    data: EVENT_DATA[type],
  })

type EnvelopeSchema = ReturnType<typeof envelopeOf>

/** The truth of what is on the wire; the JSON schema is made from it. */
export const envelopeSchema = z.discriminatedUnion(
  'type',
  EVENT_TYPES.map(envelopeOf) as [EnvelopeSchema, ...EnvelopeSchema[]],
)

/** The JSON schema of everything that can be on the wire, for consumers in other languages. */
export function wireJsonSchema() {
  const schema = z.toJSONSchema(envelopeSchema, {
    io: 'input',
    // The format says the same in two words.
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
    },
  })
  return { ...schema, title: 'An event of Muster' }
}
