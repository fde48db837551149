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
  leaseMs: 30_000,
}
