/** One at a time, in order: who waits for a turn, and who has it. */
import { type TimeProvider, timersOf } from '../../domain/clock.ts'

/** GitHub ends requests after 10 s; one that takes longer is not waited for by the others. */
const MAX_TURN_MS = 10_000
/**
 * Who waits longer is told to come again. Waiting in here would in the end look
 * like a request that hangs to whoever watches over the walk (120 s by default);
 * being told to wait does not. Three turns of the longest kind fit into it.
 */
const MAX_WAIT_MS = 30_000

/** No turn came within the time. */
export class LateTurnError extends Error {}

export interface Turns {
  /** How many have a turn or wait for one. */
  readonly pending: number
  /**
   * Waits for a turn, and returns what ends it.
   *
   * @throws {LateTurnError} when none comes within 30 s, or the signal's reason when it aborts
   */
  take(options: { readonly signal: AbortSignal; readonly clock: TimeProvider }): Promise<() => void>
}

export interface TurnTimes {
  readonly maxTurnMs?: number
  readonly maxWaitMs?: number
}

export function createTurns(times: TurnTimes = {}): Turns {
  const { maxTurnMs = MAX_TURN_MS, maxWaitMs = MAX_WAIT_MS } = times
  const queue: (() => void)[] = []
  let taken = false

  const next = (): void => {
    const first = queue.shift()
    taken = first !== undefined
    first?.()
  }

  const begin = (clock: TimeProvider): (() => void) => {
    const timers = timersOf(clock)
    let ended = false
    const end = (): void => {
      if (ended) return
      ended = true
      timers.clearTimeout(timer)
      next()
    }
    const timer = timers.setTimeout(end, maxTurnMs)
    return end
  }

  const wait = async (signal: AbortSignal, clock: TimeProvider): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timers = timersOf(clock)
    const leave = (reason: unknown): void => {
      const at = queue.indexOf(resolve)
      // Who was called already has a turn to end; leaving the queue is for those still in it.
      if (at === -1) return
      queue.splice(at, 1)
      reject(reason)
    }
    const onAbort = (): void => leave(signal.reason)
    const timer = timers.setTimeout(() => leave(new LateTurnError('no turn yet')), maxWaitMs)
    signal.addEventListener('abort', onAbort, { once: true })
    queue.push(resolve)
    try {
      await promise
    } finally {
      timers.clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
  }

  return {
    get pending() {
      return queue.length + (taken ? 1 : 0)
    },
    async take({ signal, clock }) {
      signal.throwIfAborted()
      if (taken) await wait(signal, clock)
      taken = true
      return begin(clock)
    },
  }
}
