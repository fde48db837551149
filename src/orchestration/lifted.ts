import { pause, type TimeProvider } from '../domain/clock.ts'
import { isActive, type SessionState } from '../domain/session-state.ts'
import type { Store } from '../store/store.ts'

/** How often a round looks whether somebody has ended a pause; milliseconds. */
const LOOK_MS = 1_000

export interface LiftedDeps {
  readonly store: {
    readonly repositories: {
      readonly sessions: Pick<Store['repositories']['sessions'], 'load'>
      readonly reports: Pick<Store['repositories']['reports'], 'session'>
    }
  }
  readonly clock: TimeProvider
  /** Under this name leases are held here. */
  readonly owner: string
}

/**
 * The walks of a round, of which some may have come to rest because somebody
 * paused their sessions. As long as another is under way, the round has time:
 * a session whose pause is ended meanwhile is walked on.
 */
export class RestingWalks {
  readonly #deps: LiftedDeps
  #underWay = 0
  #idle = new AbortController()

  constructor(deps: LiftedDeps) {
    this.#deps = deps
  }

  /** Counts a walk as under way for as long as this lasts. */
  async during<T>(walk: () => Promise<T>): Promise<T> {
    this.#underWay += 1
    try {
      return await walk()
    } finally {
      this.#underWay -= 1
      if (this.#underWay === 0) this.#idle.abort()
    }
  }

  /**
   * Waits until a session is no longer paused, and not walked elsewhere.
   *
   * @returns the session then; null where only paused ones are left, or one of the signals aborts
   */
  async lifted(sessionId: string, signals: readonly AbortSignal[]): Promise<SessionState | null> {
    const { store, clock, owner } = this.#deps
    const { sessions, reports } = store.repositories
    for (;;) {
      // One look more than there is time for: it may have been ended in the last moment.
      const isLast = this.#underWay === 0 || signals.some(({ aborted }) => aborted)
      const now = await reports.session(sessionId).catch(() => null)
      const isPaused = now === null || (isActive(now.status) && now.asked === 'pause')
      const isElsewhere = typeof now?.walkedBy === 'string' && now.walkedBy !== owner
      if (!isPaused && (!isElsewhere || isLast)) return sessions.load(sessionId)
      if (isLast) return null
      await pause(clock, LOOK_MS, [this.#idle.signal, ...signals])
    }
  }
}
