/** A repository and its method, or a method of the store itself. */
export type Method = readonly [repository: string | null, method: string]

/** What the thread of the database does for the rest. */
export interface ThreadFunctions {
  /** @returns the names of everything that can be called */
  open(path: string): Promise<readonly Method[]>
  /** @param now what the clock of the caller says: the thread has none of its own */
  call(method: Method, args: readonly unknown[], now: number): Promise<unknown>
  /** Asks for a lease; asks back whether an owner is gone that is not among those known. */
  request(
    method: LeaseMethod,
    params: object,
    known: ReadonlyMap<string, boolean>,
    now: number,
  ): Promise<Requested>
  /** @returns the number under which its tasks can be had */
  openStream(filter: object | undefined): number
  /** The next of them; none at the end. */
  pull(stream: number): Promise<readonly unknown[]>
  drop(stream: number): Promise<void>
}

/** What asks for a lease, and whether somebody else's process is gone. */
export type LeaseMethod = 'claimSession' | 'claimSessions' | 'lead'
export const LEASE_METHODS: readonly LeaseMethod[] = ['claimSession', 'claimSessions', 'lead']

export type Requested = { readonly answer: unknown } | { readonly isGone: string }
