/** What a host process is told, and what it tells. */
export interface HostInput {
  /** Its host name, which its leases bear. */
  readonly name: string
  /** As `createMuster` takes it. */
  readonly database: string
  readonly config: string
  readonly leaseMs: number
  readonly maxSessions: number
  /** Of the numbered source. */
  readonly pageSize: number
  readonly latencyMs: number
  /** Default: what it finds is handed to nobody. */
  readonly nats?: { readonly url: string; readonly prefix: string } | undefined
  /** Whether it begins only when it is sent a line. */
  readonly waits?: boolean
}

export type HostLine =
  /** It is there, and takes part from now on, or when it is told to. */
  | { readonly is: 'ready' }
  /** The store has refused a commit: it came too late. */
  | { readonly is: 'refused'; readonly sessionId: string }
  /** The metrics have counted one that was refused. */
  | { readonly is: 'counted' }
  | Over
  /** The round broke here; it takes part again. */
  | { readonly is: 'broke'; readonly why: string }
  /** It has let go of everything. */
  | { readonly is: 'closed' }

/** The round is over. */
export interface Over {
  readonly is: 'over'
  readonly sessions: number
  /** Of all hosts. */
  readonly items: number
  /** From the beginning of its first session to the end of its last. */
  readonly tookMs: number
  readonly failures: readonly string[]
}
