import { announce } from '../delivery/event-bus.ts'
import { LeaseError, MusterError } from '../domain/errors.ts'
import { isActive, type SessionState } from '../domain/session-state.ts'
import type { SessionSummary } from '../store/store.ts'
import { cancelUnwalked } from './carry-out.ts'
import type { Coordinator } from './coordinator-port.ts'
import { isGone } from './owner.ts'
import { patiently } from './patiently.ts'
import type { EnumerationDeps } from './ports.ts'
import type { EnumerationResult } from './result.ts'

/** The walks of this process, as far as steering needs to know them. */
export interface SteeredWalks {
  readonly owner: string
  isWalking(sessionId: string): boolean
  /** Looks at once what is asked of the sessions that are walked here. */
  look(): Promise<void>
}

export interface SteeringDeps extends Pick<
  EnumerationDeps,
  'store' | 'clock' | 'bus' | 'settings'
> {
  readonly walks: SteeredWalks
  readonly coordinator: Pick<Coordinator, 'resumeTarget'>
}

/**
 * What people want of single sessions, whichever process walks them: what is
 * asked is stored, and whoever has the session does it.
 */
export class Steering {
  readonly #deps: SteeringDeps

  constructor(deps: SteeringDeps) {
    this.#deps = deps
  }

  async pause(sessionId: string): Promise<SessionSummary> {
    const asked = await this.#ask(sessionId, 'pause')
    await this.#deps.walks.look()
    return asked
  }

  async cancel(sessionId: string): Promise<SessionSummary> {
    const asked = await this.#ask(sessionId, 'cancel')
    const { walks } = this.#deps
    await walks.look()
    const { walkedBy } = asked
    const isWalked = walks.isWalking(sessionId) || (walkedBy !== null && !isGone(walkedBy))
    if (isWalked) return asked
    await this.#endUnwalked(sessionId)
    return (await this.#deps.store.repositories.reports.session(sessionId)) ?? asked
  }

  async resume(sessionId: string): Promise<EnumerationResult> {
    const { store, coordinator, walks } = this.#deps
    const [state, summary] = await Promise.all([
      this.#load(sessionId),
      store.repositories.reports.session(sessionId),
    ])
    const walkedBy = summary?.walkedBy ?? null
    const isElsewhere = walkedBy !== null && walkedBy !== walks.owner && !isGone(walkedBy)
    // Whoever finishes its page yet goes on then; the claim is refused, and says who that is.
    if (isElsewhere && state.asked === 'pause') await this.#ask(sessionId, null)
    return coordinator.resumeTarget(state)
  }

  async retryFailed(sessionId: string): Promise<EnumerationResult> {
    const { store, coordinator } = this.#deps
    const state = await this.#load(sessionId)
    const which = `session ${sessionId} (target "${state.targetName}")`
    if (isActive(state.status)) {
      throw new MusterError(
        'ILLEGAL_TRANSITION',
        `${which} is ${state.status}: what failed is tried again after its end; wait for that, or cancel it first`,
      )
    }
    if ((await store.repositories.failedItems.lastId(sessionId)) === 0) {
      throw new MusterError(
        'ILLEGAL_TRANSITION',
        `${which} is ${state.status} and has no failed items that could be tried again${state.status === 'FAILED' ? ': resume it, to go on with its listing' : ''}`,
      )
    }
    return coordinator.resumeTarget(state)
  }

  async #ask(sessionId: string, ask: 'pause' | 'cancel' | null): Promise<SessionSummary> {
    const { store, walks } = this.#deps
    return patiently(() => store.steerSession({ sessionId, ask, by: walks.owner }), this.#deps)
  }

  async #load(sessionId: string): Promise<SessionState> {
    const state = await this.#deps.store.repositories.sessions.load(sessionId)
    if (state !== null) return state
    throw new MusterError(
      'SESSION_NOT_FOUND',
      `session ${sessionId} is not in this database: "muster status" lists those that are`,
    )
  }

  async #endUnwalked(sessionId: string): Promise<void> {
    const { bus } = this.#deps
    try {
      const ended = await cancelUnwalked(this.#deps, sessionId)
      if (ended !== null) announce(bus, 'session.ended', { session: ended })
    } catch (thrown) {
      // Somebody has taken it up in this moment, and does what is asked.
      if (thrown instanceof LeaseError) return
      throw thrown
    }
  }
}
