import type { SentError } from './errors.ts'

/** A repository and its method, or a method of the store itself. */
export type Method = readonly [repository: string | null, method: string]

/** What the thread of the database does for the rest. */
export interface ThreadFunctions {
  /** @returns the names of everything that can be called */
  open(path: string): Promise<readonly Method[]>
  /** @param now what the clock of the caller says: the thread has none of its own */
  call(method: Method, args: readonly unknown[], now: number): Promise<unknown>
  /** Claims a session; says whose lease is in the way, where one is. */
  claim(params: object, gone: readonly string[]): Promise<Claimed>
  /** @returns the number under which its tasks can be had */
  openStream(filter: object | undefined): number
  /** The next of them; none at the end. */
  pull(stream: number): Promise<readonly unknown[]>
  drop(stream: number): Promise<void>
}

export type Claimed =
  { readonly claimed: unknown } | { readonly heldBy: string | null; readonly error: SentError }
