/**
 * Keeps the walks that share a credential from sending anything while GitHub
 * has told one of them to wait: going on while limited may get the credential
 * banned. A limit is known only from an answer, so requests also go one at a
 * time, as GitHub advises: of several on their way at once, all but one would
 * arrive after the limit was met.
 *
 * https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
 */
import { RetryLaterError } from '../../domain/errors.ts'

/** GitHub ends requests after 10 s; one that takes longer will not be waited for by the others. */
const MAX_TURN_MS = 10_000

export interface Gate {
  /** How many requests in a row were limited. */
  readonly strikes: number
  /**
   * Runs a request when its turn comes, unless the gate is closed then.
   *
   * @throws {RetryLaterError} when it is, with nothing sent
   */
  pass<T>(request: () => Promise<T>, options: PassOptions): Promise<T>
  /** A request was limited: nothing more is to be sent before this time. */
  limited(until: number): void
  /** A request went well; `until` where it spent the allowance. */
  went(until: number | undefined): void
}

export interface PassOptions {
  readonly signal: AbortSignal
  readonly now: () => number
  /** Whose request it is, for the message. */
  readonly what: string
}

/** Waits for a promise, or for the signal to abort, whichever comes first. */
const abortable = async (promise: Promise<void>, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<void>()
  const abort = (): void => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

export function createGate(maxTurnMs: number = MAX_TURN_MS): Gate {
  let closedUntil = 0
  let strikes = 0
  let lastTurn: Promise<void> = Promise.resolve()

  const checkOpen = ({ now, what }: PassOptions): void => {
    if (now() >= closedUntil) return
    const until = new Date(closedUntil).toISOString()
    throw new RetryLaterError(
      `${what}: waiting for GitHub's rate limit until ${until}`,
      closedUntil,
    )
  }

  const pass = async <T>(request: () => Promise<T>, options: PassOptions): Promise<T> => {
    const before = lastTurn
    const { promise: turn, resolve: endTurn } = Promise.withResolvers<void>()
    // A turn ends after those before it, even if its owner has left the queue.
    lastTurn = Promise.all([before, turn]).then(() => undefined)
    let timer: NodeJS.Timeout | undefined
    try {
      await abortable(before, options.signal)
      checkOpen(options)
      timer = setTimeout(endTurn, maxTurnMs)
      return await request()
    } finally {
      clearTimeout(timer)
      endTurn()
    }
  }

  return {
    get strikes() {
      return strikes
    },
    pass,
    limited(until) {
      strikes += 1
      closedUntil = Math.max(closedUntil, until)
    },
    went(until) {
      strikes = 0
      if (until !== undefined) closedUntil = Math.max(closedUntil, until)
    },
  }
}
