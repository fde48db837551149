/** Our own count of a minute's points, for which GitHub has a limit that it does not tell. */

const MINUTE_MS = 60_000

/** Points that cease to count at a time. */
interface Spent {
  readonly until: number
  readonly points: number
}

/** When there is room again among points that are in the order of their ends. */
function roomAt(spent: readonly Spent[], sum: number, limit: number): number | undefined {
  let left = sum
  let until: number | undefined
  for (const one of spent) {
    if (left < limit) break
    left -= one.points
    until = one.until
  }
  return until
}

/** What this process spent in the last minute and, where several share a credential, what all of them did. */
export class Minute {
  readonly #limit: number
  readonly #own: Spent[] = []
  #sum = 0
  /** Of all processes, as they were told last. */
  #shared: readonly Spent[] = []
  #untold = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(points: number, now: number): void {
    this.#forget(now)
    this.#own.push({ until: now + MINUTE_MS, points })
    this.#sum += points
    this.#untold += points
  }

  /** When there is room again; undefined while there is. */
  until(now: number): number | undefined {
    this.#forget(now)
    const shared = this.#shared.filter(({ until }) => now < until)
    const all = shared.reduce((sum, { points }) => sum + points, this.#untold)
    const own = roomAt(this.#own, this.#sum, this.#limit)
    const others = roomAt(shared, all, this.#limit)
    return own === undefined || others === undefined ? (own ?? others) : Math.max(own, others)
  }

  /** Points that the other processes do not know of; those that are a minute old need not be told. */
  untold(now: number): number {
    this.#forget(now)
    return Math.min(this.#untold, this.#sum)
  }

  /** The others were told of so many points, and this is what all have spent then. */
  share(told: number, spent: readonly Spent[]): void {
    this.#untold -= told
    this.#shared = spent
  }

  /** What was told and not sent in the end stays counted. */
  settle(): void {
    this.#untold = Math.max(0, this.#untold)
  }

  #forget(now: number): void {
    while (this.#own[0] !== undefined && this.#own[0].until <= now) {
      this.#sum -= this.#own.shift()?.points ?? 0
    }
  }
}
