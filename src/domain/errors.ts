/** Every way in which Muster can fail; a closed set, so that a host can switch over it. */
export type ErrorCode =
  | 'INVALID_OPTIONS'
  | 'INVALID_CONFIG'
  | 'INVALID_SPEC'
  | 'NOT_SUPPORTED'
  | 'CREDENTIAL_UNAVAILABLE'
  | 'AUTHENTICATION_FAILED'
  | 'FORBIDDEN'
  | 'SSO_REQUIRED'
  | 'NOT_FOUND'
  | 'GONE'
  | 'DMCA'
  | 'RATE_LIMITED'
  | 'SOURCE_UNAVAILABLE'
  | 'SOURCE_MALFORMED'
  | 'SOURCE_CHANGED'
  | 'SOURCE_FAILED'
  | 'ITEM_REJECTED'
  | 'LEASE_HELD'
  | 'LEASE_LOST'
  | 'CHECKPOINT_INCOMPATIBLE'
  | 'SESSION_NOT_FOUND'
  | 'ILLEGAL_TRANSITION'
  | 'PAUSED'
  | 'CLOSED'
  | 'STORE_NEWER'
  | 'STORE_FOREIGN'
  | 'STORE_CORRUPT'
  | 'STORE_READ_ONLY'
  | 'STORE_FULL'
  | 'STORE_BUSY'
  | 'STORE_FAILED'

export interface MusterErrorOptions {
  readonly retryable?: boolean
  readonly cause?: unknown
}

/** The base of every error that Muster throws on purpose. */
export class MusterError extends Error {
  override readonly name: string = 'MusterError'
  readonly code: ErrorCode
  /** Whether the same call can succeed later with nothing changed by the user. */
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: MusterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? false
  }
}

/** Options, a config file or a target spec that cannot be used; nothing was opened or changed. */
export class InvalidInputError extends MusterError {
  override readonly name = 'InvalidInputError'
  /** One line for each fault found. */
  readonly problems: readonly string[]

  constructor(
    code: 'INVALID_OPTIONS' | 'INVALID_CONFIG' | 'INVALID_SPEC',
    problems: readonly string[],
  ) {
    super(code, problems.join('\n'))
    this.problems = problems
  }
}

/** A source could not deliver a page. */
export class SourceError extends MusterError {
  override readonly name = 'SourceError'
}

/** The source asked to be left alone until a time; waiting for it is not a failure. */
export class RetryLaterError extends MusterError {
  override readonly name = 'RetryLaterError'
  /** Milliseconds since the Unix epoch. */
  readonly retryAt: number

  constructor(message: string, retryAt: number, options: { cause?: unknown } = {}) {
    super('RATE_LIMITED', message, { ...options, retryable: true })
    this.retryAt = retryAt
  }
}

const PAUSE_CODES = ['AUTHENTICATION_FAILED', 'CREDENTIAL_UNAVAILABLE', 'PAUSED'] as const
type PauseCode = (typeof PAUSE_CODES)[number]

/** Whether an error left its session paused: it goes on once somebody has put a credential right. */
export function isPause({ code }: Pick<ErrorRecord, 'code'>): boolean {
  return (PAUSE_CODES as readonly ErrorCode[]).includes(code)
}

/**
 * What stands in the way is not the source's: a credential that is refused or
 * cannot be had. Trying again at once would not help, and nothing is lost
 * either: the session stays as it is and goes on once that is put right.
 */
export class PauseError extends MusterError {
  override readonly name = 'PauseError'
  declare readonly code: PauseCode

  constructor(code: PauseCode, message: string, options: { cause?: unknown } = {}) {
    super(code, message, { ...options, retryable: true })
  }
}

/** One item of a page is not a resource of its source. */
export class ItemRejectedError extends MusterError {
  override readonly name = 'ItemRejectedError'

  constructor(message: string, options: { cause?: unknown } = {}) {
    super('ITEM_REJECTED', message, options)
  }
}

/** Another process walks the session, or has taken it over. */
export class LeaseError extends MusterError {
  override readonly name = 'LeaseError'

  constructor(code: 'LEASE_HELD' | 'LEASE_LOST', message: string) {
    super(code, message, { retryable: true })
  }
}

/** A stored checkpoint that this version can neither read nor migrate; it is left as it is. */
export class IncompatibleCheckpointError extends MusterError {
  override readonly name = 'IncompatibleCheckpointError'

  constructor(message: string) {
    super('CHECKPOINT_INCOMPATIBLE', message)
  }
}

/** The database could not be opened, read or written. */
export class StoreError extends MusterError {
  override readonly name = 'StoreError'
}

/** An error as plain data, for events, rows and snapshots: an `Error` loses its message in JSON. */
export interface ErrorRecord {
  readonly code: ErrorCode
  readonly message: string
  readonly retryable: boolean
}

/**
 * Turns anything thrown into plain data. An unknown error from a source counts
 * as retryable: the attempts run out soon enough if it is not. Anything can be
 * thrown, even what cannot be read; that must not become a second failure.
 */
export function errorRecord(thrown: unknown): ErrorRecord {
  const unknown = { code: 'SOURCE_FAILED', message: 'unknown error', retryable: true } as const
  try {
    if (thrown instanceof MusterError) {
      return { code: thrown.code, message: thrown.message, retryable: thrown.retryable }
    }
    const message = thrown instanceof Error ? String(thrown.message) : String(thrown)
    return { ...unknown, message: message || unknown.message }
  } catch {
    return unknown
  }
}
