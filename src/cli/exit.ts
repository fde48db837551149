/** What the tool tells the shell. */
export const ExitCode = {
  /** Everything asked for is complete. */
  ok: 0,
  /** Some targets failed. */
  failed: 1,
  /** The command line, the config or the database could not be used; nothing was changed. */
  usage: 2,
  /** Some targets are complete only in part. */
  partial: 3,
  /** What was checked is not up to date. */
  outdated: 3,
  /** 128 + the signal's number, as shells have it. */
  interrupted: 130,
  terminated: 143,
} as const

/** A fault of the command line. */
export class UsageError extends Error {}
