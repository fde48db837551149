import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../domain/errors.ts'
import type { SessionSummary } from '../store/store.ts'
import { HttpProblem } from './problem.ts'
import type { ReadModel } from './read-model.ts'
import { STEER_ACTIONS, type SessionView, type SteerAction, type Steered } from './wire.ts'

/** What the dashboard asks for when somebody presses a button; a running Muster does it. */
export interface Steering {
  pause(sessionId: string): Promise<SessionSummary>
  cancel(sessionId: string): Promise<SessionSummary>
  /** Begins a walk here; `done` tells how it ends. */
  resume(sessionId: string): Promise<{ readonly done: Promise<unknown> }>
  retryFailed(sessionId: string): Promise<{ readonly done: Promise<unknown> }>
  /** Ends a pause and walks nothing: the next run takes the session up. */
  lift(sessionId: string): Promise<SessionSummary>
}

/** How long the beginning of a walk is watched for its being refused at once, in milliseconds. */
const REFUSED_WITHIN_MS = 250

/** @throws HttpProblem (404) for a word that is no action */
export function actionNamed(name: string): SteerAction {
  const found = STEER_ACTIONS.find((action) => action === name)
  if (found !== undefined) return found
  throw new HttpProblem(
    404,
    'UNKNOWN_ACTION',
    `no action is called ${JSON.stringify(name.slice(0, 50))}: there are ${STEER_ACTIONS.join(', ')}`,
  )
}

/** Lets a walk go on, and only hears whether it was refused straight away; how it ends is in the session itself. */
async function begun(walk: Promise<{ readonly done: Promise<unknown> }>): Promise<void> {
  const { done } = await walk
  // Whatever comes later is written in the session's record, and is nobody's unhandled rejection.
  done.catch(() => undefined)
  await Promise.race([done, sleep(REFUSED_WITHIN_MS)])
}

function refuse(session: SessionView, action: SteerAction, canWalk: boolean): HttpProblem {
  const why = !canWalk && (action === 'resume' || action === 'retry')
  if (why) {
    return new HttpProblem(
      409,
      'CANNOT_WALK',
      `this dashboard only looks at the database: use "muster resume ${session.sessionId}", or start the dashboard with the config (--config FILE)`,
    )
  }
  const state =
    session.asked === null ? session.status : `${session.status}, asked to ${session.asked}`
  return new HttpProblem(
    409,
    'ILLEGAL_TRANSITION',
    `session ${session.sessionId} is ${state}: ${action} makes no sense there; what does: ${session.actions.join(', ') || 'nothing'}`,
  )
}

async function carryOut(
  { steering, canWalk }: { steering: Steering; canWalk: boolean },
  { action, session }: { action: SteerAction; session: SessionView },
): Promise<string> {
  const { sessionId, walkedBy } = session
  if (action === 'pause') {
    await steering.pause(sessionId)
    return walkedBy === null
      ? 'It is paused until somebody resumes it.'
      : 'It pauses as soon as the page in hand is stored.'
  }
  if (action === 'cancel') {
    await steering.cancel(sessionId)
    return walkedBy === null
      ? 'It is cancelled.'
      : 'It is cancelled as soon as the page in hand is stored.'
  }
  if (action === 'resume' && !canWalk) {
    await steering.lift(sessionId)
    return 'Its pause is over: the next run takes it up.'
  }
  if (action === 'retry') {
    await begun(steering.retryFailed(sessionId))
    return 'Its failed items are tried again, here and now.'
  }
  try {
    await begun(steering.resume(sessionId))
    return 'It is walked on, here and now.'
  } catch (thrown) {
    const isElsewhere = thrown instanceof MusterError && thrown.code === 'LEASE_HELD'
    // Its pause was lifted before the walk that has it came to rest: that one goes on.
    if (isElsewhere && session.asked === 'pause')
      return 'Its pause is over: whoever walks it goes on.'
    throw thrown
  }
}

/**
 * Does what somebody asked for, where that makes sense now.
 *
 * @throws HttpProblem (409) where it makes none; what the steering throws
 */
export async function steer(
  deps: { readonly steering: Steering; readonly model: ReadModel; readonly canWalk: boolean },
  { sessionId, action }: { readonly sessionId: string; readonly action: SteerAction },
): Promise<Steered> {
  const { model, canWalk } = deps
  const session = await model.session(sessionId)
  if (!session.actions.includes(action)) throw refuse(session, action, canWalk)
  const message = await carryOut(deps, { action, session })
  return { session: await model.session(sessionId), message }
}
