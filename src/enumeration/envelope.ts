import type { Snapshot } from 'xstate'
import { sessionMachine } from '../../machines/index.ts'
import { IncompatibleCheckpointError } from '../domain/errors.ts'
import type { JsonRecord } from '../domain/json.ts'
import type { SessionSnapshot } from '../domain/session-state.ts'

/** The version of the session's stored snapshot; raise it with a step in `MIGRATIONS`. */
export const SNAPSHOT_VERSION = 1

/** What lies around a stored snapshot: XState writes no version into one, and restores nonsense without a word. */
interface Envelope {
  readonly v: number
  readonly machine: string
  readonly snapshot: JsonRecord
}

/** Each takes a snapshot of the version that is its key to the next version. */
const MIGRATIONS: Readonly<Record<number, (snapshot: JsonRecord) => JsonRecord>> = {}

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

function checkContext(sessionId: string, context: unknown): void {
  const position = isRecord(context) ? context['position'] : undefined
  const whole =
    isRecord(context) &&
    context['sessionId'] === sessionId &&
    typeof context['sourceType'] === 'string' &&
    isRecord(context['metrics']) &&
    isRecord(context['timeline']) &&
    Array.isArray(context['shortfalls']) &&
    isRecord(position) &&
    ['start', 'after', 'end', 'retrying'].includes(position['at'] as string)
  if (!whole) refuse(sessionId, 'has a context that is not whole')
}

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
  const { value, context } = migrated
  if (typeof value !== 'string' || !Object.hasOwn(sessionMachine.states, value)) {
    refuse(sessionId, `names the state ${JSON.stringify(value)}`)
  }
  checkContext(sessionId, context)
  return { ...migrated, children: {}, historyValue: {} } as unknown as Snapshot<unknown>
}
