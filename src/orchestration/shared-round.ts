import { pause, type TimeProvider } from '../domain/clock.ts'
import { LeaseError, PauseError } from '../domain/errors.ts'
import { isActive, targetKeyOf } from '../domain/session-state.ts'
import { pausedOnRequest } from '../enumeration/carry-out.ts'
import type { SharedCoordinator } from '../enumeration/coordinator-port.ts'
import type { Store, UnendedSession } from '../store/store.ts'
import type { Demand } from './demand.ts'
import type { SessionPool } from './pool.ts'
import type { Round, RoundInHand, RoundWork } from './round.ts'

/** What a host needs that shares the walking with others. */
export interface SharedDeps {
  readonly coordinator: SharedCoordinator
  readonly store: Store
  readonly clock: TimeProvider
  readonly pool: SessionPool
  /** Whether this process waits for a round: others lead where it does not. */
  readonly demand: Demand
  /** How often it looks what the others have done; milliseconds. */
  readonly pollMs: number
}

/** A session that broke here so often is reported; the others had their chances in between. */
const ENOUGH_TROUBLE = 3

/** A round that all hosts walk together: the leader offers the sessions, whoever has room takes them. */
export class SharedRound implements RoundWork {
  readonly #deps: SharedDeps
  readonly #round: RoundInHand
  readonly #begun = new Set<string>()
  readonly #after: number
  #id: number | undefined

  constructor(deps: SharedDeps, round: RoundInHand, after: number) {
    this.#deps = deps
    this.#round = round
    this.#after = after
  }

  async takeUp(signal: AbortSignal): Promise<void> {
    const { store, clock, pool } = this.#deps
    const { roundId, sessions } = await store.openRound({ at: clock.now(), after: this.#after })
    this.#id = roundId
    for (const { sessionId, status, config } of sessions) {
      // Whoever leads by now takes the round up.
      if (signal.aborted) return
      // Whoever walks it, one that hands on has its tasks.
      if (isActive(status)) await store.offerSession({ sessionId, announcing: pool.handsOn })
      this.#begun.add(targetKeyOf(config))
    }
  }

  async startTargets(): Promise<void> {
    const { coordinator, pool } = this.#deps
    for (const config of this.#round.targets) {
      if (this.#begun.has(targetKeyOf(config)) || this.#id === undefined) continue
      if (this.#round.isCutShort) return
      try {
        await coordinator.offer(config, { roundId: this.#id, announcing: pool.handsOn })
        pool.wake()
      } catch (error) {
        // Another host has ended the round: nothing of it is left to begin.
        if (error instanceof LeaseError) return
        this.#round.failures.push({ targetName: config.name, sessionId: null, error })
      }
    }
  }

  async awaitWalks(): Promise<void> {
    const { store, clock } = this.#deps
    const id = this.#id
    if (id === undefined) return
    while (!this.#round.isCutShort) {
      const unended = await store.unendedOfRound(id).catch(() => undefined)
      if (unended?.every((session) => this.#isGivenUp(session)) === true) {
        for (const session of unended) if (this.#isTrouble(session)) await this.#report(session)
        await store.closeRound({ roundId: id, at: clock.now() })
        this.#round.isClosed = true
        return
      }
      await pause(clock, this.#deps.pollMs, Object.values(this.#round.stop))
    }
  }

  async result(): Promise<Round> {
    if (this.#id === undefined) return { sessions: [], failures: this.#round.failures }
    return roundOf(this.#deps.store, this.#id, this.#round.failures)
  }

  /** Waiting for it would be in vain: somebody has to put something right first. */
  #isGivenUp({ sessionId, pausedFor, isEnded, isWalked }: UnendedSession): boolean {
    if (!isEnded && pausedFor !== null) return true
    // What broke here may go well elsewhere.
    if (isWalked) return false
    // Without anybody to hand it to, it is left for a host that has.
    if (isEnded && !this.#deps.pool.handsOn) return true
    return (this.#deps.pool.troubleOf(sessionId)?.times ?? 0) >= ENOUGH_TROUBLE
  }

  #isTrouble({ sessionId, isEnded }: UnendedSession): boolean {
    return !isEnded || this.#deps.pool.troubleOf(sessionId) !== undefined
  }

  async #report({ sessionId, targetName, pausedFor }: UnendedSession): Promise<void> {
    const state = await this.#deps.store.repositories.sessions.load(sessionId)
    const error =
      state?.asked === 'pause'
        ? pausedOnRequest(sessionId, targetName)
        : (this.#deps.pool.troubleOf(sessionId)?.error ??
          new PauseError('CREDENTIAL_UNAVAILABLE', pausedFor ?? 'unknown'))
    this.#round.failures.push({ sessionId, targetName, error })
  }
}

/** The sessions of a round that came to their end. */
async function roundOf(store: Store, roundId: number, failures: Round['failures']): Promise<Round> {
  const sessions = await store.sessionsOfRound(roundId)
  return { sessions: sessions.filter(({ status }) => !isActive(status)), failures }
}

/**
 * Looks out for the end of a round that another host leads: the one that is
 * open now, or else the next.
 */
export class RoundWatch {
  readonly #store: Store
  #before = 0
  #watched: number | undefined

  /** The round that is meant is the first after this one. */
  get after(): number {
    return this.#watched === undefined ? this.#before : this.#watched - 1
  }

  private constructor(store: Store) {
    this.#store = store
  }

  static async begin(store: Store): Promise<RoundWatch> {
    const watch = new RoundWatch(store)
    const last = await store.lastRound()
    if (last?.isOpen === true) watch.#watched = last.roundId
    else watch.#before = last?.roundId ?? 0
    return watch
  }

  /** What came of the round, once it is over. */
  async look(): Promise<Round | undefined> {
    const last = await this.#store.lastRound()
    if (last === null || last.roundId <= this.#before) return undefined
    this.#watched ??= last.roundId
    if (last.isOpen && last.roundId === this.#watched) return undefined
    return roundOf(this.#store, this.#watched, [])
  }
}
