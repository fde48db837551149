/**
 * What the processes that use one credential tell each other, through their
 * store, before each request.
 *
 * Requests of one process go one at a time; those of several hosts do not wait
 * for each other. A turn for all hosts would cost a second answer of the store
 * for each request, to end it, or leave the credential idle until it runs out.
 * GitHub bears a hundred requests at once, and what serial requests are for is
 * had without a turn: each host counts its point before it sends, and leaves a
 * point of what remains to each request that the others have under way.
 *
 * https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 */
import type { TimeProvider } from '../../domain/clock.ts'
import { SourceError } from '../../domain/errors.ts'
import type { BudgetReport, BudgetState, LimitReport } from '../source.ts'
import type { Allowance, Resource } from './allowance.ts'

/** Reports the use of one credential. */
export type Share = (report: Omit<BudgetReport, 'credential'>) => Promise<BudgetState>

/** What a request is for, and whom to tell of it. */
export interface Told {
  readonly resource: Resource
  readonly clock: TimeProvider
  readonly signal: AbortSignal
  readonly what: string
  readonly share: Share
}

export interface Sharing {
  /** Until when the others know that nothing may be sent for a resource; 0 where they know nothing. */
  blockedUntil(resource: Resource): number
  /** A limit was met, of which the others are to hear when the request is over. */
  met(): void
  /**
   * Sends a request that all processes know of first.
   *
   * @param check throws when, by what all of them know, it may not be sent
   * @throws {SourceError} retryable, with nothing sent, when the store does not answer
   */
  pass<T>(request: () => Promise<T>, ask: Told, check: () => void): Promise<T>
}

/** GitHub's names of resources are words; what is longer is no name to make a key of. */
const LONGEST_NAME = 100

/** Requests of this process that the store counts as under way in a window of a limit. */
interface Counted {
  readonly window: number
  readonly requests: number
}

const windowOf = ({ told }: Pick<LimitReport, 'told'>): number => told?.resetAt ?? 0

/** A store that hangs must not keep whoever no longer wants the page. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/**
 * @param allowance takes over what the others know
 * @param limits until when nothing may be sent, as this process was told itself; null is for all resources
 */
export function createSharing(
  allowance: Allowance,
  limits: ReadonlyMap<Resource | null, number>,
): Sharing {
  const underWay = new Map<Resource, number>()
  const counted = new Map<Resource, Counted>()
  const blocked = new Map<Resource | null, number>()
  let isLimitUntold = false

  const count = (resource: Resource, requests: number): void => {
    underWay.set(resource, (underWay.get(resource) ?? 0) + requests)
  }

  const reportOf = (resource: Resource, now: number): LimitReport => {
    const report = { resource, told: allowance.told(resource) ?? null }
    const known = counted.get(resource)
    const requests = known?.window === windowOf(report) ? known.requests : 0
    return {
      ...report,
      underWay: (underWay.get(resource) ?? 0) - requests,
      // Only what was met here: what the others told would grow by the time on its way at each turn.
      blockedMs: Math.max(0, (limits.get(resource) ?? 0) - now),
    }
  }

  const reports = (asked: Resource, now: number): LimitReport[] => {
    const met = [...limits.keys()].filter((resource) => resource !== null)
    const all = new Set([asked, ...allowance.resources(), ...met])
    return [...all]
      .filter((resource) => resource.length <= LONGEST_NAME)
      .map((resource) => reportOf(resource, now))
  }

  const block = (resource: Resource | null, ms: number, now: number): void => {
    if (ms > 0) blocked.set(resource, Math.max(blocked.get(resource) ?? 0, now + ms))
  }

  /** In a window that is another than was reported, the store counts only what was new. */
  const adoptLimit = (state: LimitReport, report: LimitReport, now: number): void => {
    const { resource, told } = state
    const window = windowOf(state)
    const known = counted.get(resource)
    const before = window === windowOf(report) && known?.window === window ? known.requests : 0
    const requests = before + report.underWay
    counted.set(resource, { window, requests })
    allowance.adopt(resource, told, Math.max(0, state.underWay - requests))
    block(resource, state.blockedMs, now)
  }

  const adopt = (state: BudgetState, told: readonly LimitReport[], now: number): void => {
    for (const one of state.limits) {
      const report = told.find(({ resource }) => resource === one.resource)
      if (report !== undefined) adoptLimit(one, report, now)
    }
    block(null, state.blockedMs, now)
  }

  /** Tells what is known, and of so many points more, and takes over what comes back. */
  const tell = async ({ resource, clock, signal, share }: Told, more: number): Promise<void> => {
    signal.throwIfAborted()
    const minute = allowance.minuteOf(resource)
    const now = clock.now()
    const points = minute.untold(now) + more
    const limitReports = reports(resource, now)
    isLimitUntold = false
    const report = {
      spent: { kind: allowance.kindOf(resource), points },
      limits: limitReports,
      blockedMs: Math.max(0, (limits.get(null) ?? 0) - now),
    }
    const state = await unlessAborted(share(report), signal)
    const at = clock.now()
    const spent = state.minute.map((one) => ({ points: one.points, until: at + one.overInMs }))
    minute.share(points, spent)
    adopt(state, limitReports, at)
  }

  const announce = (ask: Told): Promise<void> =>
    tell(ask, 1).catch((cause: unknown) => {
      ask.signal.throwIfAborted()
      const why = 'what all hosts have spent of its credential could not be read from the store'
      throw new SourceError('SOURCE_UNAVAILABLE', `${ask.what}: ${why}`, { retryable: true, cause })
    })

  return {
    met() {
      isLimitUntold = true
    },
    blockedUntil: (resource) => Math.max(blocked.get(null) ?? 0, blocked.get(resource) ?? 0),
    async pass(request, ask, check) {
      const { resource } = ask
      count(resource, 1)
      try {
        await announce(ask)
        check()
        return await request()
      } finally {
        count(resource, -1)
        allowance.minuteOf(resource).settle()
        // Its own next report comes when the limit is over. Where this one fails, the others meet
        // the limit themselves; whoever asked is told of the limit all the same.
        if (isLimitUntold) await tell(ask, 0).catch(() => undefined)
      }
    },
  }
}
