import type { ActorRefFrom } from 'xstate'
import { sessionMachine, type SessionEvent } from '../../machines/index.ts'
import { MusterError } from '../domain/errors.ts'
import { nextSnapshot } from '../domain/next-snapshot.ts'
import {
  isActive,
  machineState,
  type SessionSnapshot,
  type SessionState,
} from '../domain/session-state.ts'
import type { CommitSession } from '../store/store.ts'
import { sealSnapshot } from './envelope.ts'
import { noteOf } from './notes.ts'
import type { Walk } from './walk.ts'

export type SessionActor = ActorRefFrom<typeof sessionMachine>

export interface Advance {
  readonly walk: Pick<Walk, 'sessionId' | 'state' | 'revision' | 'settled' | 'asked'>
  readonly actor: SessionActor
  readonly owner: string
  readonly leaseMs: number
  readonly event: SessionEvent
  /** What the session is told besides what its machine decides. */
  readonly told?: Pick<SessionState, 'comparison'> | undefined
  /** Writes the session as it will be, and all that belongs to the same step, in one transaction. */
  commit(params: CommitSession): Promise<unknown>
}

/**
 * The one way a session changes: its next snapshot is computed by the pure
 * machine, committed, and only then is the event sent to the live actor.
 *
 * Saving from a subscriber or an action would be too late or too early: the
 * actor would have moved without the row, or the row without its items.
 *
 * @throws ILLEGAL_TRANSITION where the session does not take the event, and
 * what the commit throws; the live actor has then not moved.
 */
export function advance(params: Advance): Promise<void> {
  const { walk } = params
  const step = walk.settled.then(() => take(params))
  walk.settled = step.catch(() => undefined)
  return step
}

async function take(params: Advance): Promise<void> {
  const { walk, actor, event, commit, owner, leaseMs, told } = params
  const now = actor.getSnapshot() as SessionSnapshot
  if (!now.can(event)) {
    throw new MusterError(
      'ILLEGAL_TRANSITION',
      `session ${walk.sessionId} is ${now.value}: "${event.type}" is not possible there`,
    )
  }
  const next = nextSnapshot(sessionMachine, now, event)
  const decided = machineState(next)
  // Whatever it waited for is over: it moves. What was asked of it holds until its end.
  const asked = isActive(decided.status) ? walk.asked : null
  const session = { ...walk.state, waiting: null, asked, ...told, ...decided }
  const note = noteOf(event, session)
  await commit({
    fence: { sessionId: walk.sessionId, owner, revision: walk.revision, leaseMs },
    session,
    checkpoint: sealSnapshot(next),
    ...(note !== undefined && { note }),
  })
  walk.revision += 1
  walk.state = session
  actor.send(event)
}
