import { setImmediate as turnOfTheLoop, setTimeout as sleep } from 'node:timers/promises'
import type PQueue from 'p-queue'
import type { Position } from '../../machines/index.ts'
import type { FetchedPage, PageReader } from './page-reader.ts'

export interface ReadAheadOptions {
  readonly pages: Pick<PageReader, 'next' | 'discard'>
  readonly queue: PQueue
}

/**
 * Turns of the event loop that a request is given to leave before a commit
 * keeps the loop to itself: a write to SQLite lets nothing else run. Node's
 * `fetch` needs two on a connection that has just been read from (measured:
 * with one, no request left before the commit was over); the third is spare.
 */
const TURNS_TO_LEAVE = 3

/** A page that was asked for, whether or not somebody waits for it by now. */
interface Asked {
  readonly page: Promise<FetchedPage | null>
  readonly abort: AbortController
  /** Whether its request is out; until then it waits for a slot. */
  isOut: boolean
  /** Whether it came, or failed to. */
  isSettled: boolean
  /** Tells whoever waits for the page that its request is out. */
  onOut(): void
}

/**
 * Asks for a session's pages, each in a slot of the queue, and for one of them
 * before it is wanted: its request travels while the page before it is stored.
 *
 * What came of a page that was read ahead, an error too, is heard by whoever
 * asks for it next, and by nobody before. It is never more than one page, and
 * one that nobody asks for any more is as if it had not been read: the next
 * walk begins at the cursor that was committed.
 */
export class ReadAhead {
  readonly #options: ReadAheadOptions
  #ahead: Asked | undefined

  constructor(options: ReadAheadOptions) {
    this.#options = options
  }

  /**
   * Asks for the page after the one that is about to be committed, and resolves
   * once its request has left, as far as that can be known: not later than
   * after a few turns of the event loop. It never rejects.
   *
   * @param position where the walk will stand then. Failed items that are tried
   *   again are not read ahead: which of them are left is known by the commit.
   */
  async begin(position: Position): Promise<void> {
    if (position.at !== 'after') return
    const asked = (this.#ahead ??= this.#ask(position))
    for (let turn = 0; turn < TURNS_TO_LEAVE; turn += 1) {
      if (!asked.isOut || asked.isSettled) return
      await turnOfTheLoop()
    }
  }

  /**
   * The next page: the one that was read ahead, or one that is asked for now.
   *
   * @param started called once its request is out, which may be at once
   * @returns null when there is nothing more there
   */
  async next(
    position: Position,
    signal: AbortSignal,
    started: () => void,
  ): Promise<FetchedPage | null> {
    signal.throwIfAborted()
    const asked = this.#ahead ?? this.#ask(position)
    this.#ahead = undefined
    const onAbort = () => asked.abort.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (asked.isOut) started()
    else asked.onOut = started
    try {
      return await asked.page
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /**
   * Drops the page that was read ahead, like `discard`, after its request has
   * had its say.
   *
   * @param patienceMs how long a request that is out is waited for
   * @returns what it failed with, where it failed by then
   */
  async leave(patienceMs: number): Promise<unknown> {
    const asked = this.#ahead
    const isWorthIt = asked !== undefined && (asked.isSettled || (asked.isOut && patienceMs > 0))
    if (!isWorthIt) return this.discard()
    const late = new AbortController()
    const failure = asked.page.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    const patience = sleep(patienceMs, undefined, { signal: late.signal }).catch(() => undefined)
    const thrown = await Promise.race([failure, patience])
    late.abort()
    this.discard()
    return thrown
  }

  /** Drops the page that was read ahead, with its request or its place in the queue, and the listing. */
  discard(reason?: unknown): void {
    this.#ahead?.abort.abort(reason)
    this.#ahead = undefined
    this.#options.pages.discard(reason)
  }

  #ask(position: Position): Asked {
    const { pages, queue } = this.#options
    const abort = new AbortController()
    const { signal } = abort
    const { promise, resolve } = Promise.withResolvers<FetchedPage | null>()
    const asked: Asked = { page: promise, abort, isOut: false, isSettled: false, onOut: () => {} }
    const request = () => {
      asked.isOut = true
      asked.onOut()
      return pages.next(position, signal)
    }
    resolve(queue.add(request, { signal }))
    const settle = () => {
      asked.isSettled = true
    }
    // An error that was met ahead is heard by whoever asks next, and that may be nobody.
    promise.then(settle, settle)
    return asked
  }
}
