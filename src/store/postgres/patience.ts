import { setTimeout as sleep } from 'node:timers/promises'
import { outcomeOf, type Outcome } from './errors.ts'

/** The first pause before another attempt, and the longest; milliseconds. */
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 1_000

/** How long a store waits for what passes; whoever closes it waits for nothing more. */
export interface Patience {
  /** Milliseconds. */
  readonly forMs: number
  /** Aborts when what is under way is to end soon. */
  readonly hurried: AbortSignal
}

/** What fails is told at once. */
export const NO_PATIENCE: Patience = { forMs: 0, hurried: AbortSignal.abort() }

/** From half to all of it: hosts that were cut off at once do not all come back at once. */
const scattered = (ms: number): number => ms * (0.5 + Math.random() / 2)

/**
 * Tries again what failed for a reason that passes, until patience is over;
 * then throws what was thrown last.
 *
 * @param attempt can be repeated after an outcome of which `mayRepeat` says so; default: after any
 */
export async function patiently<T>(
  { forMs, hurried }: Patience,
  attempt: () => Promise<T>,
  mayRepeat: (outcome: Outcome) => boolean = () => true,
): Promise<T> {
  const giveUpAt = performance.now() + forMs
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      return await attempt()
    } catch (thrown) {
      const outcome = outcomeOf(thrown)
      const isFinal = outcome === undefined || !mayRepeat(outcome)
      if (isFinal || hurried.aborted || performance.now() + pause > giveUpAt) throw thrown
    }
    // Cut short, it tries once more.
    await sleep(scattered(pause), undefined, { signal: hurried }).catch(() => undefined)
  }
}

/**
 * The same for a step that must not happen twice, and that refuses to: the
 * connection may be lost while its commit is under way. Nobody knows then
 * whether it happened. It is tried again; when that is refused, `find` tells
 * whether it was the first attempt that did it. Asking at once would not do:
 * the server may still be at work on it.
 */
export async function settled<T>(
  patience: Patience,
  step: {
    attempt(): Promise<T>
    /** What the step gave, where it has happened. */
    find(): Promise<T | undefined>
  },
): Promise<T> {
  let isInDoubt = false
  return patiently(patience, async () => {
    try {
      return await step.attempt()
    } catch (thrown) {
      const outcome = outcomeOf(thrown)
      isInDoubt ||= outcome === 'unknown'
      const found = isInDoubt && outcome === undefined ? await step.find() : undefined
      if (found === undefined) throw thrown
      return found
    }
  })
}
