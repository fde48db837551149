/** Where time comes from; injected, so that tests can move it. */
export interface TimeProvider {
  /** Milliseconds since the Unix epoch. */
  now(): number
}

/** The clock of the operating system. */
export const systemClock: TimeProvider = { now: () => Date.now() }
