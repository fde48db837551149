/** What waits: as Node's functions of the same names, which do it where a clock has none of its own. */
export interface Timers {
  /** Calls back once, after this many milliseconds. */
  setTimeout(callback: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

/**
 * Where time comes from; injected, so that tests can move it. A clock with
 * timers of its own, such as XState's `SimulatedClock`, moves every wait of a
 * walk with it: pauses, limits, the watchdog, the renewal of leases.
 */
export interface TimeProvider extends Partial<Timers> {
  /** Milliseconds since the Unix epoch. */
  now(): number
}

/** The clock of the operating system. */
export const systemClock: TimeProvider = { now: () => Date.now() }

/** The timers that belong to a clock. */
export function timersOf(clock: TimeProvider): Timers {
  const { setTimeout: start, clearTimeout: clear } = clock
  if (start === undefined || clear === undefined) return nodeTimers
  return {
    setTimeout: (callback, ms) => start.call(clock, callback, ms),
    clearTimeout: (timer) => clear.call(clock, timer),
  }
}

const nodeTimers: Timers = {
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

/** Waits by a clock, until the time is over or one of the signals aborts. */
export async function pause(
  clock: TimeProvider,
  ms: number,
  signals: readonly AbortSignal[] = [],
): Promise<void> {
  if (signals.some(({ aborted }) => aborted)) return
  const timers = timersOf(clock)
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = timers.setTimeout(resolve, ms)
  // Signals outlive many a pause: none of them keeps what listened.
  const over = new AbortController()
  const cut = () => resolve()
  for (const signal of signals) signal.addEventListener('abort', cut, { signal: over.signal })
  await promise
  over.abort()
  timers.clearTimeout(timer)
}
