import { median } from './statistics.ts'

/** How often the loop is looked at, in milliseconds: the shortest that a timer of Node's can be. */
const TICK_MS = 1

/** Of all moments, the share that may have waited longer than the 99th percentile. */
const TAIL = 0.01

/**
 * How long an event that comes at any moment waits, in 99 of 100 cases, where
 * the loop came round after each of these gaps. A histogram of the gaps would
 * not do: of a host that is stopped for a second and then looks a thousand
 * times, it says that all is well; and of one that is never let in, nothing.
 */
export function waitOfMost(gaps: readonly number[]): number {
  const all = gaps.reduce((sum, gap) => sum + gap, 0)
  if (all === 0) return 0
  let [low, high] = [0, Math.max(...gaps)]
  while (high - low > 0.001) {
    const wait = (low + high) / 2
    const longer = gaps.reduce((sum, gap) => sum + Math.max(0, gap - wait), 0)
    if (longer / all > TAIL) low = wait
    else high = wait
  }
  return high
}

/** Milliseconds. */
export interface LoopDelays {
  readonly p99: number
  readonly max: number
  readonly median: number
}

/** Looks how often the loop comes round until it is stopped. @returns what stops it */
export function watchLoop(): () => LoopDelays {
  const gaps: number[] = []
  let last = performance.now()
  const look = (): void => {
    const now = performance.now()
    gaps.push(now - last)
    last = now
  }
  const timer = setInterval(look, TICK_MS)
  return () => {
    // Whoever stops it may have kept the loop until now.
    look()
    clearInterval(timer)
    return { p99: waitOfMost(gaps), max: Math.max(...gaps), median: median(gaps) }
  }
}
