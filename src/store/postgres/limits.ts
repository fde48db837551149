/** How long the store waits for what, in milliseconds. */
export interface PostgresLimits {
  /** For a connection, or one of the pool's to be free. Default: 10,000. */
  readonly connectMs: number
  /**
   * For a statement. A server that does not answer, or a network that drops
   * what is sent, is given up then. Default: 120,000; the longest statement goes
   * over all that a target holds, which takes seconds for a million resources.
   */
  readonly statementMs: number
  /** For a row that another host is writing, before the step is tried again. Default: 5,000; a page takes about ten. */
  readonly lockMs: number
  /**
   * For a host to go on with its transaction, before the server ends it: one
   * that is stopped in the middle would keep others from its rows. Default:
   * 10,000; it is less than `patienceMs`, so that the others get their turn.
   */
  readonly idleInTransactionMs: number
  /**
   * For a reason that passes to pass: a server that restarts, a deadlock, a
   * locked row. Default: 30,000; a restart with recovery takes some seconds.
   */
  readonly patienceMs: number
}

export const DEFAULT_LIMITS: PostgresLimits = {
  connectMs: 10_000,
  statementMs: 120_000,
  lockMs: 5_000,
  idleInTransactionMs: 10_000,
  patienceMs: 30_000,
}
