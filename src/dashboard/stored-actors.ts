import { enumeratorActorId, batchActorId, sessionActorId } from '../../machines/index.ts'
import type { AuditEntry, AuditEvent } from '../domain/audit.ts'
import type { Batch } from '../domain/batch.ts'
import { isActive } from '../domain/session-state.ts'
import type { SessionSummary } from '../store/store.ts'
import { KEPT_TRANSITIONS, type Trail } from './transition-log.ts'
import type { ActorView, ChartName, TransitionView } from './wire.ts'

/** What the database tells of a session that is walked in another process, or nowhere. */
export interface StoredSession {
  readonly session: SessionSummary
  /** Its latest entries, the newest first. */
  readonly audit: readonly AuditEntry[]
  readonly lastBatch: Batch | null
}

interface Step {
  readonly event: string
  readonly to: readonly string[]
}

/** The events of the record that are a session's own, and where they lead; its end is where it stands. */
function sessionStep(event: AuditEvent, status: string): Step | null {
  if (event === 'created') return { event: 'created', to: ['session.INITIALIZED'] }
  if (event === 'started') return { event: 'session.start', to: ['session.IN_PROGRESS'] }
  if (event === 'resumed') return { event: 'session.resume', to: ['session.IN_PROGRESS'] }
  if (event === 'stalled') return { event: 'session.stall', to: ['session.STALLED'] }
  return event === 'ended' ? { event: 'ended', to: [`session.${status}`] } : null
}

function enumeratorStep(event: AuditEvent, status: string): Step | null {
  if (event === 'claimed' || event === 'taken-over') {
    return { event, to: ['enumerator.fetching'] }
  }
  if (event === 'waiting') return { event, to: ['enumerator.waiting'] }
  if (event === 'paused') return { event, to: ['enumerator.paused'] }
  if (event === 'stalled') return { event, to: ['enumerator.stalling'] }
  if (event === 'left') return { event, to: ['enumerator.stopped'] }
  if (event !== 'ended') return null
  return { event, to: [status === 'FAILED' ? 'enumerator.failed' : 'enumerator.ended'] }
}

/** The entries as transitions, from one to the next; an earlier end than the last is left out, since nobody wrote down which it was. */
function transitionsOf(
  { session, audit }: StoredSession,
  stepOf: typeof sessionStep,
): TransitionView[] {
  const found: TransitionView[] = []
  const lastEnd = isActive(session.status) ? undefined : audit.find((e) => e.event === 'ended')
  for (const entry of audit.toReversed()) {
    const isKnown = entry.event !== 'ended' || entry === lastEnd
    const step = isKnown ? stepOf(entry.event, session.status) : null
    if (step === null) continue
    const from = found.at(-1)?.to ?? []
    found.push({ at: entry.at.getTime(), event: step.event, from, to: step.to })
  }
  return found.slice(-KEPT_TRANSITIONS)
}

/** Where the enumerator must be; empty where there is none. */
export function enumeratorStates({ session, audit }: StoredSession): string[] {
  const { status, asked, waiting, walkedBy } = session
  if (status === 'FAILED') return ['enumerator.failed']
  if (!isActive(status)) return ['enumerator.ended']
  if (walkedBy === null) {
    const isPaused = asked === 'pause' || (waiting !== null && waiting.until === null)
    if (isPaused) return ['enumerator.paused']
    return audit.some(({ event }) => event === 'left') ? ['enumerator.stopped'] : []
  }
  if (waiting !== null) return [`enumerator.${waiting.until === null ? 'paused' : 'waiting'}`]
  // It hung, and is asked again after a pause; until then nothing is written.
  return [status === 'STALLED' ? 'enumerator.backingOff' : 'enumerator.fetching']
}

function batchActor(batch: Batch): ActorView {
  const began = batch.timeline.startedAt.getTime()
  const ended = (batch.timeline.completedAt ?? batch.timeline.lastUpdate).getTime()
  const running = ['batch.IN_PROGRESS']
  const states = [`batch.${batch.status}`]
  const event = batch.position === null ? 'batch.fail' : 'batch.settle'
  const begun = { at: began, event: 'batch.open', from: [], to: running }
  const settled = { at: ended, event, from: running, to: states }
  return {
    id: batchActorId(batch.sessionId, batch.number),
    machine: 'batch',
    states,
    seen: 'stored',
    transitions: batch.status === 'IN_PROGRESS' ? [begun] : [begun, settled],
  }
}

/** What was watched here is finer than the record, as long as it ends where the database says. */
function finer(
  trail: Trail | undefined,
  states: readonly string[],
  recorded: readonly TransitionView[],
): readonly TransitionView[] {
  const isCurrent = trail !== undefined && trail.states.join() === states.join()
  return isCurrent ? trail.transitions : recorded
}

/**
 * The actors of a session as far as the database tells.
 *
 * @param trails what was seen of them in this process, if it walked the session before
 */
export function storedActors(
  stored: StoredSession,
  trails: Partial<Record<ChartName, Trail>> = {},
): ActorView[] {
  const { sessionId, status } = stored.session
  const inSession = [`session.${status}`]
  const inEnumerator = enumeratorStates(stored)
  const session: ActorView = {
    id: sessionActorId(sessionId),
    machine: 'session',
    states: inSession,
    seen: 'stored',
    transitions: finer(trails.session, inSession, transitionsOf(stored, sessionStep)),
  }
  const enumerator: ActorView = {
    id: enumeratorActorId(sessionId),
    machine: 'enumerator',
    states: inEnumerator,
    seen: 'stored',
    transitions: finer(trails.enumerator, inEnumerator, transitionsOf(stored, enumeratorStep)),
  }
  const batch = stored.lastBatch === null ? [] : [batchActor(stored.lastBatch)]
  return [session, enumerator, ...batch]
}
