/** How the coordinator walks. All durations are milliseconds. */
export interface WalkSettings {
  /** Targets whose pages are fetched at the same time. Default 4. */
  readonly concurrency: number
  /** Attempts at one page before its session is FAILED. Default 8: with the pauses below, about two minutes. */
  readonly maxAttempts: number
  /** Pause before the second attempt; doubles with each further one. Default 1,000. */
  readonly backoffMs: number
  /** The longest pause between attempts. Default 60,000. */
  readonly maxBackoffMs: number
  /** After how long a request counts as hung. Default 120,000: GitHub cuts requests at 10 s, a slow S3 at 60 s. */
  readonly stallMs: number
  /** How long the walk is held for a host that has stopped taking tasks. Default 60,000. */
  readonly holdMs: number
  /** Tasks committed ahead of a host that is taking them. Default 10,000. */
  readonly deliveryWindow: number
  /**
   * The share of what the target's last session saw below which a session
   * doubts itself: its verdict is INCOMPLETE (`shrunk`), and nothing is
   * deactivated on its word. The session after it is held against it, so that
   * a place that has really shrunk is believed the second time. 0 to 1; 0
   * turns it off. Default 0.5, and never for fewer than 20 resources.
   */
  readonly shrinkAlarm: number
  /** Complete sessions in a row that do not see a resource before it is deactivated, where the target does not say. Default 3. */
  readonly deactivateAfter: number
  /** How long a process may be silent before another takes over its sessions. Default 30,000. */
  readonly leaseMs: number
}

export const DEFAULT_SETTINGS: WalkSettings = {
  concurrency: 4,
  maxAttempts: 8,
  backoffMs: 1_000,
  maxBackoffMs: 60_000,
  stallMs: 120_000,
  holdMs: 60_000,
  deliveryWindow: 10_000,
  shrinkAlarm: 0.5,
  deactivateAfter: 3,
  leaseMs: 30_000,
}
