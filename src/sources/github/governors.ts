/** The governors of a process: one for each credential, found by any name that it is known under. */
import type { TimeProvider } from '../../domain/clock.ts'
import { createGovernor, type Governor } from './governor.ts'

/** Names of credentials that are remembered: far more than a process uses within an hour. */
const MAX_NAMES = 2_000

export interface Governors {
  /**
   * The governor that is known by one of the names, which is known by all of
   * them from then on. The first name that is known decides.
   *
   * @param names such as a token's fingerprint, then the credential that it came from
   * @param clock what its times are of; times of another clock cannot be compared with them
   */
  find(names: readonly string[], clock: TimeProvider): Governor
}

/** Forgets whoever was used least recently, but nobody with a request under way. */
const makeRoom = (known: Map<string, Governor>, max: number): void => {
  for (const [name, governor] of known) {
    if (known.size <= max) return
    if (governor.pending === 0) known.delete(name)
  }
}

export function createGovernors(max: number = MAX_NAMES): Governors {
  const clocks = new WeakMap<TimeProvider, Map<string, Governor>>()
  return {
    find(names, clock) {
      const known = clocks.get(clock) ?? new Map<string, Governor>()
      clocks.set(clock, known)
      const name = names.find((name) => known.has(name))
      const governor = (name === undefined ? undefined : known.get(name)) ?? createGovernor()
      for (const name of names) {
        known.delete(name)
        known.set(name, governor)
      }
      makeRoom(known, max)
      return governor
    },
  }
}

/** Of all sources of the process, so that two of them that share a credential share its limits. */
export const processGovernors: Governors = createGovernors()
