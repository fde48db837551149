import { setTimeout as sleep } from 'node:timers/promises'
import type { TimeProvider } from '../../domain/clock.ts'
import { RetryLaterError } from '../../domain/errors.ts'
import { ContractError } from '../contract-case.ts'

/** How often in a row a source may ask to be left alone, with no page in between. */
const MAX_IN_A_ROW = 20

/** Waits with no page in between. */
interface Row {
  times: number
  sleptMs: number
}

export const newRow = (): Row => ({ times: 0, sleptMs: 0 })

/** Whether a source asks to be left alone until a time, which Muster would wait for. */
export const isWait = (thrown: unknown): thrown is RetryLaterError =>
  thrown instanceof RetryLaterError && Number.isFinite(thrown.retryAt)

/** Waits limits out, as Muster does, and in next to no time where the source keeps to its clock. */
export class Waits {
  /** The clock that the source is given. */
  readonly clock: TimeProvider = { now: () => Date.now() + this.#aheadMs }
  /** What the source threw to be left alone. */
  readonly thrown: RetryLaterError[] = []
  readonly #patienceMs: number
  #aheadMs = 0

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs
  }

  /** @throws ContractError when that would take longer than a case has patience for */
  async out(thrown: RetryLaterError, row: Row): Promise<void> {
    this.thrown.push(thrown)
    row.times += 1
    if (row.times > MAX_IN_A_ROW) {
      throw new ContractError(
        `the source asked to be left alone ${MAX_IN_A_ROW} times in a row, and gave no page: ${thrown.message}`,
      )
    }
    const byItsClock = thrown.retryAt - this.clock.now()
    this.#aheadMs += Math.max(0, byItsClock)
    // The clock was moved on and it was not enough: the service behind the source may have another.
    if (row.times > 1) await this.#sleep(thrown, byItsClock, row)
  }

  async #sleep(thrown: RetryLaterError, byItsClock: number, row: Row): Promise<void> {
    const ms = byItsClock > 0 ? byItsClock : Math.max(1, thrown.retryAt - Date.now())
    if (row.sleptMs + ms <= this.#patienceMs) {
      row.sleptMs += ms
      await sleep(ms)
    } else if (byItsClock <= 0) {
      throw new ContractError(
        `the source asks to be left alone for ${Math.ceil(ms)} ms, by another clock than the one that it is given; a case waits for ${this.#patienceMs} ms at most (patienceMs)`,
      )
    }
  }
}
