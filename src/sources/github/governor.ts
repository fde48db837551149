/**
 * Keeps everything that uses one credential within what GitHub allows it.
 *
 * A limit is a credential's, not a walk's: while GitHub has told one walk to
 * wait, another that goes on may get the credential banned. So all walks of a
 * process that share a credential share its governor. A limit is known only
 * from an answer, so requests go one at a time, as GitHub advises: of several
 * on their way at once, all but one would arrive after the limit was met.
 *
 * https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
 */
import type { TimeProvider } from '../../domain/clock.ts'
import { RetryLaterError } from '../../domain/errors.ts'
import { createAllowance, type Reserve, type Resource, type Wait } from './allowance.ts'
import type { LimitReport } from '../source.ts'
import type { Answer } from './classify.ts'
import { createSharing, type Share } from './sharing.ts'
import { createTurns, LateTurnError, type TurnTimes } from './turns.ts'

/** When somebody who got no turn comes again. */
const COME_AGAIN_MS = 1_000
/** How long a refused token is not sent again: several refusals make GitHub refuse all that comes. */
const REFUSAL_MS = 60_000

/** What a request is for. */
export interface Ask {
  readonly resource: Resource
  readonly reserve: Reserve
  readonly clock: TimeProvider
  readonly signal: AbortSignal
  /** Whose request it is, for the message. */
  readonly what: string
  /** Given where other processes use the credential too, and all are to know of each request. */
  readonly share?: Share | undefined
}

export interface Governor {
  /** How many requests in a row were limited. */
  readonly strikes: number
  /** Requests that are under way or wait for their turn. */
  readonly pending: number
  /** Why a request has to wait now, if it has to. */
  wait(ask: Pick<Ask, 'resource' | 'reserve' | 'clock'>): Wait | undefined
  /** Points that may still be used for a resource; infinite where nothing is known. */
  left(ask: Pick<Ask, 'resource' | 'reserve' | 'clock'>): number
  /**
   * Runs a request when its turn comes, unless it has to wait then.
   *
   * @throws {RetryLaterError} when it has, or when no turn comes soon; with nothing sent
   */
  pass<T>(request: () => Promise<T>, ask: Ask): Promise<T>
  /** What is known of each limit, and for how long nothing may be sent for it: for people to see. The resource asked for is among them. */
  reports(asked: Resource, now: number): readonly LimitReport[]
  /** Counts a request as it is sent. */
  spend(resource: Resource, now: number): void
  /** Takes over what an answer tells of the limits. */
  learn(answer: Answer, resource: Resource): void
  /** A request was limited: nothing more is sent until then, for the resource or for any. */
  limited(until: number, resource?: Resource): void
  /** A request went well. */
  went(): void
  /** A token, by its fingerprint, was refused. */
  refuse(fingerprint: string, now: number): void
  /** Until when a token that was refused is not to be sent again. */
  refusedUntil(fingerprint: string, now: number): number | undefined
  /**
   * Renews the credential, for all who ask meanwhile: once, until a request has
   * gone well or a minute has passed.
   *
   * @returns whether it was this one's task that did it
   */
  renew(task: () => Promise<void>, now: number): Promise<boolean>
}

const toError = ({ until, why }: Wait, what: string): RetryLaterError =>
  new RetryLaterError(`${what}: waiting ${why}`, until)

export function createGovernor(times?: TurnTimes): Governor {
  const allowance = createAllowance()
  const turns = createTurns(times)
  const limits = new Map<Resource | null, number>()
  const sharing = createSharing(allowance, limits)
  const refusals = new Map<string, number>()
  let renewedAt = Number.NEGATIVE_INFINITY
  let renewing: Promise<void> | undefined
  let strikes = 0

  const wait: Governor['wait'] = ({ resource, reserve, clock }) => {
    const now = clock.now()
    const met = Math.max(limits.get(null) ?? 0, limits.get(resource) ?? 0)
    const until = Math.max(met, sharing.blockedUntil(resource))
    if (now >= until) return allowance.wait(resource, reserve, now)
    return { until, why: `for GitHub's rate limit until ${new Date(until).toISOString()}` }
  }

  const check = (ask: Ask): void => {
    const held = wait(ask)
    if (held !== undefined) throw toError(held, ask.what)
  }

  const takeTurn = async (ask: Ask): Promise<() => void> => {
    try {
      return await turns.take(ask)
    } catch (error) {
      if (!(error instanceof LateTurnError)) throw error
      const why = 'for its turn among the requests of the same credential'
      throw toError({ until: ask.clock.now() + COME_AGAIN_MS, why }, ask.what)
    }
  }

  return {
    get strikes() {
      return strikes
    },
    get pending() {
      return turns.pending
    },
    wait,
    left: ({ resource, reserve, clock }) => allowance.left(resource, reserve, clock.now()),
    async pass(request, ask) {
      ask.signal.throwIfAborted()
      check(ask)
      const endTurn = await takeTurn(ask)
      try {
        ask.signal.throwIfAborted()
        // Again: those before it may have met a limit.
        check(ask)
        const { share } = ask
        if (share === undefined) return await request()
        return await sharing.pass(request, { ...ask, share }, () => check(ask))
      } finally {
        endTurn()
      }
    },
    reports: (asked, now) =>
      [...new Set([asked, ...allowance.resources()])].map((resource) => ({
        resource,
        told: allowance.told(resource) ?? null,
        underWay: 0,
        blockedMs: Math.max(0, (limits.get(resource) ?? 0) - now, (limits.get(null) ?? 0) - now),
      })),
    spend: (resource, now) => allowance.spend(resource, now),
    learn: (answer, resource) => allowance.learn(answer, resource),
    limited(until, resource) {
      strikes += 1
      limits.set(resource ?? null, Math.max(limits.get(resource ?? null) ?? 0, until))
      sharing.met()
    },
    went() {
      strikes = 0
      renewedAt = Number.NEGATIVE_INFINITY
    },
    refuse(fingerprint, now) {
      for (const [known, until] of refusals) if (now >= until) refusals.delete(known)
      refusals.set(fingerprint, now + REFUSAL_MS)
    },
    refusedUntil(fingerprint, now) {
      const until = refusals.get(fingerprint)
      return until !== undefined && now < until ? until : undefined
    },
    async renew(task, now) {
      if (renewing !== undefined) {
        // Whether it came to something is told to whoever began it.
        await renewing.catch(() => undefined)
        return false
      }
      if (now < renewedAt + REFUSAL_MS) return false
      renewedAt = now
      try {
        await (renewing = task())
        return true
      } catch (error) {
        // Nothing new was had, so that the next one may try.
        renewedAt = Number.NEGATIVE_INFINITY
        throw error
      } finally {
        renewing = undefined
      }
    },
  }
}
