import { createActor } from 'xstate'
import { noSessionMetrics, sessionMachine } from '../../machines/index.ts'
import type { TimeProvider } from '../domain/clock.ts'
import { newId } from '../domain/identity.ts'
import {
  machineState,
  targetKeyOf,
  type SessionSnapshot,
  type SessionState,
  type TargetConfig,
} from '../domain/session-state.ts'
import { newTimeline } from '../domain/timeline.ts'
import type { Store } from '../store/store.ts'
import { sealSnapshot } from './envelope.ts'

/** A session before anything is known of it but what is to be walked. */
export function unstarted(
  { sessionId, config }: { readonly sessionId: string; readonly config: TargetConfig },
  clock: TimeProvider,
): SessionState {
  return {
    sessionId,
    jobId: newId(),
    targetName: config.name,
    sourceType: config.sourceType,
    status: 'INITIALIZED',
    failureReason: null,
    completeness: 'UNKNOWN',
    shortfalls: [],
    total: null,
    comparison: null,
    waiting: null,
    asked: null,
    lastCheckpoint: null,
    position: { at: 'start' },
    timeline: newTimeline(clock),
    metrics: noSessionMetrics,
    config,
  }
}

/** Stores a session that is about to be walked, here or elsewhere. @throws what `createSession` of the store throws */
export async function storeSession(
  state: SessionState,
  deps: { readonly store: Store; readonly clock: TimeProvider },
  offer: { readonly roundId?: number; readonly announcing?: boolean } = {},
): Promise<void> {
  const { sessionId, sourceType, config, jobId } = state
  const at = deps.clock.now()
  const snapshot = createActor(sessionMachine, {
    input: { sessionId, sourceType, at },
  }).getSnapshot() as SessionSnapshot
  await deps.store.createSession({
    session: { ...state, ...machineState(snapshot) },
    targetKey: targetKeyOf(config),
    job: { jobId, name: config.name, createdAt: new Date(at) },
    checkpoint: sealSnapshot(snapshot),
    ...offer,
  })
}
