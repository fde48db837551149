import type { Snapshot } from 'xstate'
import { z } from 'zod'
import { sessionMachine, type SessionContext } from '../../machines/index.ts'
import { IncompatibleCheckpointError } from '../domain/errors.ts'
import type { JsonRecord } from '../domain/json.ts'
import type { SessionSnapshot } from '../domain/session-state.ts'

/** The version of the session's stored snapshot; raise it with a step in `MIGRATIONS`. */
export const SNAPSHOT_VERSION = 2

/** What lies around a stored snapshot: XState writes no version into one, and restores nonsense without a word. */
interface Envelope {
  readonly v: number
  readonly machine: string
  readonly snapshot: JsonRecord
}

/** Each takes a snapshot of the version that is its key to the next version. */
const MIGRATIONS: Readonly<Record<number, (snapshot: JsonRecord) => JsonRecord>> = {
  // Nothing was filtered before, and no account was drawn up at the end.
  1: (snapshot) => {
    const { context } = snapshot as { context?: { metrics?: object } }
    if (!isRecord(context) || !isRecord(context.metrics)) return snapshot
    const metrics = { ...context.metrics, itemsSkipped: 0 }
    return { ...snapshot, context: { ...context, metrics, verdict: [] } }
  },
}

/** The checkpoint of a session's snapshot: plain JSON. */
export function sealSnapshot(snapshot: SessionSnapshot): JsonRecord {
  const { value, context, status } = sessionMachine.getPersistedSnapshot(
    snapshot,
  ) as unknown as JsonRecord
  return {
    v: SNAPSHOT_VERSION,
    machine: sessionMachine.id,
    snapshot: { status, value, context } as JsonRecord,
  }
}

function refuse(sessionId: string, found: string): never {
  throw new IncompatibleCheckpointError(
    `session ${sessionId}: its checkpoint ${found}; this Muster restores snapshots of "session" up to version ${SNAPSHOT_VERSION}: use the Muster that wrote it, or start the target afresh under another name. The checkpoint was left as it is`,
  )
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const listingPosition = z.union([
  z.object({ at: z.enum(['start', 'end']) }),
  z.object({ at: z.literal('after'), cursor: z.unknown() }),
])

const shortfalls = z.array(z.object({ code: z.string(), detail: z.string() }))

/** The context as this version writes it: with a counter missing, a session would count on from nonsense. */
const contextSchema: z.ZodType<SessionContext> = z.object({
  sessionId: z.string(),
  sourceType: z.string(),
  position: z.union([
    listingPosition,
    z.object({
      at: z.literal('retrying'),
      after: z.int(),
      until: z.int(),
      resumeAt: listingPosition,
    }),
  ]),
  metrics: z.object({
    totalBatches: z.int(),
    failedBatches: z.int(),
    itemsFound: z.int(),
    itemsProcessed: z.int(),
    itemsSkipped: z.int(),
    itemsFailed: z.int(),
  }),
  timeline: z.object({
    startedAt: z.number(),
    lastUpdate: z.number(),
    completedAt: z.number().nullable(),
  }),
  failureReason: z.string().nullable(),
  shortfalls,
  verdict: shortfalls,
  total: z.number().nullable(),
})

/**
 * The snapshot in a checkpoint, migrated to this version and checked.
 *
 * @throws IncompatibleCheckpointError; a checkpoint is never reset in silence.
 */
export function openSnapshot(sessionId: string, data: JsonRecord): Snapshot<unknown> {
  const { v, machine, snapshot } = data as unknown as Partial<Envelope>
  if (typeof v !== 'number' || !isRecord(snapshot)) refuse(sessionId, 'has no version')
  if (machine !== sessionMachine.id) refuse(sessionId, `is one of "${machine}"`)
  let migrated: JsonRecord = snapshot as JsonRecord
  for (let version = v; version !== SNAPSHOT_VERSION; version += 1) {
    const step = MIGRATIONS[version]
    if (step === undefined) refuse(sessionId, `has version ${v}`)
    migrated = step(migrated)
  }
  const { value, context, status } = migrated
  if (typeof value !== 'string' || !Object.hasOwn(sessionMachine.states, value)) {
    refuse(sessionId, `names the state ${JSON.stringify(value)}`)
  }
  const isFinal = sessionMachine.states[value as string]?.type === 'final'
  const whole = contextSchema.safeParse(context)
  if (!whole.success || whole.data.sessionId !== sessionId) {
    refuse(sessionId, 'has a context that is not whole')
  }
  if (status !== (isFinal ? 'done' : 'active')) {
    refuse(sessionId, `is in the state ${value} with the status ${JSON.stringify(status)}`)
  }
  return { ...migrated, children: {}, historyValue: {} } as unknown as Snapshot<unknown>
}
