/** Over how long a rate is measured, in milliseconds: long enough to even out pages, short enough to show a standstill. */
export const RATE_WINDOW_MS = 30_000

/** The shortest span that says anything about a rate, in milliseconds. */
const MIN_SPAN_MS = 900

/** Samples kept of a session: one a second for the window, and the one before it. */
const MAX_SAMPLES = 32

/** Sessions of which samples are kept; those that were seen longest ago are forgotten first. */
const MAX_SESSIONS = 10_000

interface Sample {
  readonly at: number
  readonly items: number
}

/** How fast sessions are walked, by what was read of them one time after another. */
export class Rates {
  readonly #samples = new Map<string, Sample[]>()

  /** Takes note of what a session has found by now. @param at milliseconds since the Unix epoch */
  observe(sessionId: string, items: number, at: number): void {
    const known = this.#samples.get(sessionId) ?? []
    const last = known.at(-1)
    // Several questions within a second say nothing more than one.
    if (last !== undefined && at - last.at < MIN_SPAN_MS) return
    // A count that falls, or a long silence, begins anew.
    const isBroken = last !== undefined && (items < last.items || at - last.at > RATE_WINDOW_MS)
    const recent = isBroken ? [] : known.filter((sample) => at - sample.at <= RATE_WINDOW_MS)
    this.#samples.delete(sessionId)
    this.#samples.set(sessionId, [...recent.slice(1 - MAX_SAMPLES), { at, items }])
    this.#forgetOldest()
  }

  /** Forgets a session that is not walked any more. */
  forget(sessionId: string): void {
    this.#samples.delete(sessionId)
  }

  /** Forgets all sessions but these. */
  keep(sessionIds: ReadonlySet<string>): void {
    for (const known of this.#samples.keys()) {
      if (!sessionIds.has(known)) this.#samples.delete(known)
    }
  }

  /** Items a second; null where too little is known. */
  of(sessionId: string, at: number): number | null {
    const samples = this.#samples.get(sessionId)
    const [first, last] = [samples?.[0], samples?.at(-1)]
    if (first === undefined || last === undefined) return null
    if (at - last.at > RATE_WINDOW_MS || last.at - first.at < MIN_SPAN_MS) return null
    return (1000 * (last.items - first.items)) / (last.at - first.at)
  }

  /** Items a second of all sessions that are known; null where nothing is. */
  total(at: number): number | null {
    let sum: number | null = null
    for (const sessionId of this.#samples.keys()) {
      const rate = this.of(sessionId, at)
      if (rate !== null) sum = (sum ?? 0) + rate
    }
    return sum
  }

  #forgetOldest(): void {
    if (this.#samples.size <= MAX_SESSIONS) return
    const [oldest] = this.#samples.keys()
    if (oldest !== undefined) this.#samples.delete(oldest)
  }
}

/** When the rest will have been walked at a rate, in milliseconds since the Unix epoch; null where that cannot be said. */
export function etaOf(
  { total, found, rate }: { total: number | null; found: number; rate: number | null },
  at: number,
): number | null {
  if (total === null || rate === null || rate <= 0) return null
  // Whole seconds: what changes by milliseconds with each look would be sent anew each time.
  const seconds = Math.ceil(Math.max(0, total - found) / rate)
  return Math.round(at / 1000 + seconds) * 1000
}
