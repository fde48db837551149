import { createActor } from 'xstate'
import { restorable, sessionMachine, type SessionEvent } from '../../machines/index.ts'
import type { TimeProvider } from '../domain/clock.ts'
import { PauseError } from '../domain/errors.ts'
import { isActive, type SessionState } from '../domain/session-state.ts'
import type { Store } from '../store/store.ts'
import { advance, type SessionActor } from './advance.ts'
import { openSnapshot } from './envelope.ts'
import { leftBecause } from './notes.ts'
import { isGone, newOwner, ownedHere } from './owner.ts'
import { patiently } from './patiently.ts'
import type { WalkSettings } from './settings.ts'

/** What a session waits for that somebody paused. */
export const PAUSED_ON_REQUEST = 'paused on request'

/** Why a session failed that somebody cancelled. */
export const CANCELLED_ON_REQUEST = 'cancelled on request'

/** What whoever walks a session, or asks for it, is told while it is paused. */
export const pausedOnRequest = (sessionId: string, targetName: string): PauseError =>
  new PauseError(
    'PAUSED',
    `session ${sessionId} (target "${targetName}") is ${PAUSED_ON_REQUEST}: it stays so until it is resumed, with "muster resume ${sessionId}" or resume()`,
  )

/** The event that ends a session which somebody cancelled. No page is lost: the one in hand was finished. */
export const cancellation = (at: number): SessionEvent => ({
  type: 'session.fail',
  at,
  reason: CANCELLED_ON_REQUEST,
  pageLost: false,
  shortfalls: [
    {
      code: 'cancelled',
      detail: `the walk was ${CANCELLED_ON_REQUEST}: what comes after its last page is not known`,
    },
  ],
})

export interface CarryOutDeps {
  readonly store: Store
  readonly clock: TimeProvider
  readonly settings: WalkSettings
}

/**
 * Ends a session that is to be cancelled and that nobody walks: neither its
 * source nor its credential is needed for that.
 *
 * @returns the session at its end; null where it was not to be cancelled any more
 * @throws LEASE_HELD where a live process walks it, which then does so itself
 */
export async function cancelUnwalked(
  deps: CarryOutDeps,
  sessionId: string,
): Promise<SessionState | null> {
  const { store, settings } = deps
  // A name of its own: this process may take the session up meanwhile, for what it knows of it.
  const owner = newOwner()
  ownedHere.add(owner)
  try {
    const claim = { sessionId, owner, leaseMs: settings.leaseMs, isGone }
    const { state, revision } = await patiently(() => store.claimSession(claim), deps)
    if (state.asked !== 'cancel' || !isActive(state.status)) return null
    return await end(deps, { sessionId, owner, state, revision, asked: state.asked })
  } finally {
    // Given up in any case; what could not be written is tried again by the next claimer.
    const left = leftBecause({ error: undefined, stopping: null })
    await store.releaseLease({ sessionId, owner, left }).catch(() => undefined)
    ownedHere.delete(owner)
  }
}

async function end(
  { store, clock, settings }: CarryOutDeps,
  found: Pick<SessionState, 'sessionId' | 'asked'> & {
    readonly owner: string
    readonly state: SessionState
    readonly revision: number
  },
): Promise<SessionState> {
  const { sessionId, owner } = found
  const snapshot = openSnapshot(sessionId, found.state.lastCheckpoint?.data ?? {})
  const actor = createActor(restorable(sessionMachine), { input: { snapshot } }).start()
  const walk = { ...found, settled: Promise.resolve<unknown>(undefined) }
  const step = (event: SessionEvent) =>
    advance({
      walk,
      event,
      owner,
      actor: actor as unknown as SessionActor,
      leaseMs: settings.leaseMs,
      commit: (params) => patiently(() => store.commitSession(params), { clock, settings }),
    })
  try {
    const at = clock.now()
    if (walk.state.status === 'INITIALIZED') await step({ type: 'session.start', at })
    await step(cancellation(at))
    return walk.state
  } finally {
    actor.stop()
  }
}
