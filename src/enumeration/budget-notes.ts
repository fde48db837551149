import { timersOf, type TimeProvider } from '../domain/clock.ts'
import type { BudgetNote, LimitReport } from '../sources/source.ts'
import type { Store } from '../store/store.ts'

/** How often what is known of a credential is written at the most; milliseconds. People look at it, and nobody counts by it. */
const REST_MS = 1_000

/** What was told of a credential since it was last written. */
interface Resting {
  label: string | null
  readonly told: Map<string, LimitReport>
  timer: unknown
}

/**
 * Writes down what a service told of the limits of credentials, once a second
 * for each of them: a walk learns of them with every answer, and waits for
 * none of this.
 */
export class BudgetNotes {
  readonly #deps: { readonly store: Pick<Store, 'noteBudget'>; readonly clock: TimeProvider }
  readonly #resting = new Map<string, Resting>()
  #isOver = false

  constructor(deps: { readonly store: Pick<Store, 'noteBudget'>; readonly clock: TimeProvider }) {
    this.#deps = deps
  }

  /** Returns at once, and throws nothing. */
  note({ credential, label = null, limits }: BudgetNote): void {
    if (this.#isOver || limits.length === 0) return
    const resting = this.#resting.get(credential)
    if (resting === undefined) {
      this.#write({ credential, label, limits })
      return
    }
    resting.label = label
    for (const limit of limits) resting.told.set(limit.resource, limit)
  }

  /** What is not written by now is told again by the next answer. */
  stop(): void {
    this.#isOver = true
    const timers = timersOf(this.#deps.clock)
    for (const { timer } of this.#resting.values()) timers.clearTimeout(timer)
    this.#resting.clear()
  }

  #write(note: BudgetNote): void {
    const { store, clock } = this.#deps
    const { credential, label = null } = note
    const timer = timersOf(clock).setTimeout(() => this.#rested(credential), REST_MS)
    ;(timer as Partial<NodeJS.Timeout>).unref?.()
    this.#resting.set(credential, { label, told: new Map(), timer })
    // Nobody is told of what cannot be written: the walk does without it.
    store.noteBudget(note).catch(() => undefined)
  }

  #rested(credential: string): void {
    const resting = this.#resting.get(credential)
    this.#resting.delete(credential)
    if (resting === undefined || resting.told.size === 0) return
    const { label, told } = resting
    this.note({ credential, label, limits: [...told.values()] })
  }
}
