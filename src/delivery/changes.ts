/**
 * Lets readers of the database sleep until there may be more to read.
 *
 * A reader takes `next()` before it looks; had it looked first, a change
 * between the look and the wait would be missed, and it would sleep for ever.
 */
export class Changes {
  #waiting = Promise.withResolvers<void>()
  #closed = false

  get closed(): boolean {
    return this.#closed
  }

  /** Resolves at the next change. */
  next(): Promise<void> {
    return this.#waiting.promise
  }

  notify(): void {
    this.#waiting.resolve()
    if (!this.#closed) this.#waiting = Promise.withResolvers<void>()
  }

  /** Changes are to be expected again. */
  reopen(): void {
    if (!this.#closed) return
    this.#closed = false
    this.#waiting = Promise.withResolvers<void>()
  }

  /** Nothing will change any more. */
  close(): void {
    this.#closed = true
    this.#waiting.resolve()
  }
}

/** Yields what `take` finds, in order, until nothing is left and nothing will change any more. */
export async function* follow<T>(
  changes: Changes,
  take: () => Promise<readonly T[]>,
): AsyncGenerator<T, void, void> {
  for (;;) {
    const over = changes.closed
    const changed = changes.next()
    const found = await take()
    yield* found
    if (found.length > 0) continue
    if (over) return
    await changed
  }
}
