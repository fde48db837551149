import type { TimeProvider } from '../domain/clock.ts'
import type { OutstandingTask, Store } from '../store/store.ts'
import { Changes } from './changes.ts'

/**
 * Tasks read from the database at a time, and handed out at most in one window.
 * At 500 what a window costs is its rows, not its statements; reading it and
 * acknowledging it takes a few milliseconds, which a host's event loop can bear.
 */
export const TASKS_A_WINDOW = 500

/** Some tasks, handed out together. */
type Window = readonly OutstandingTask[]

const seqsOf = (window: Window): number[] => window.map(({ seq }) => seq)

export interface TaskFeedOptions {
  readonly store: Pick<
    Store,
    'takeTasks' | 'acknowledgeTasks' | 'beginDelivery' | 'findOutstanding'
  >
  readonly sessionId: string
  readonly clock: TimeProvider
  /** Tasks that may be committed and not yet taken before the walk is held; counts only while somebody takes them. */
  readonly window: number
  readonly changes: Changes
  /** Aborts when the store is about to be closed. */
  readonly closed: AbortSignal
  /** Called when somebody begins to take tasks. */
  readonly onBegun: () => void | Promise<void>
  /** Called when a reader has left. */
  readonly onIdle?: () => void
  /** Called when every task of an ended walk is acknowledged. */
  readonly onDrained: () => void | Promise<void>
}

/**
 * Hands one session's committed tasks to the host, in order, from the database.
 *
 * All iterators of a session share one feed, so that two of them split the
 * tasks rather than each taking all. A window of tasks is acknowledged, in the
 * database and in one transaction, before the next one is handed out; one that
 * is given back comes again first.
 *
 * The readers do not share a generator, which would be simpler: one failed look
 * at the database ends a generator for ever, and a reader asleep in it is not
 * woken by a task that is given back.
 */
export class TaskFeed {
  readonly #options: TaskFeedOptions
  /** Read or given back, and not handed out, in order. */
  #ahead: OutstandingTask[] = []
  #after = 0
  #looked: Promise<unknown> = Promise.resolve()
  #readers = 0
  #committed = 0
  #taken = 0
  #inHand = 0
  /** Whether the walk has given up waiting for the readers. */
  #unheld = false
  #begun: Promise<void> | undefined
  #begunWithTask: Promise<void> | undefined
  #room = new Changes()

  constructor(options: TaskFeedOptions) {
    this.#options = options
  }

  /** Whether somebody takes tasks, and is further behind than the window allows. */
  get isFull(): boolean {
    const behind = this.#committed - this.#taken > this.#options.window
    return behind && this.#readers > 0 && !this.#unheld
  }

  /** The walk committed this many new tasks. */
  committed(tasks: number): void {
    this.#committed += tasks
  }

  /** The walk has waited long enough: the window counts again when somebody takes a task. */
  stopWaiting(): void {
    this.#unheld = true
  }

  /** Whether nobody takes tasks at present. */
  get isIdle(): boolean {
    return this.#readers === 0
  }

  /** Resolves when there is room in the window. */
  async room(): Promise<void> {
    const { changes } = this.#options
    while (this.isFull && !changes.closed) await Promise.race([this.#room.next(), changes.next()])
  }

  /** An iterator that acknowledges a task when it is asked for the next. */
  async *tasks(): AsyncGenerator<OutstandingTask, void, void> {
    for await (const window of this.windows(1)) yield* window
  }

  /**
   * An iterator over what there is, `size` tasks of it at most and one at
   * least, that acknowledges a window whole when it is asked for the next.
   */
  async *windows(size = TASKS_A_WINDOW): AsyncGenerator<Window, void, void> {
    this.#readers += 1
    let current: Window | undefined
    try {
      await (this.#begun ??= this.#begin())
      for (;;) {
        const next = await this.#take(size)
        if (next === undefined) break
        current = next
        // A reader can be there before its session is stored; where there is a task, it is.
        await (this.#begunWithTask ??= this.#remember())
        yield next
        // Without a store nothing can be acknowledged: the tasks come again next time.
        if (this.#options.closed.aborted) break
        await this.#acknowledge(next)
        current = undefined
      }
    } catch (thrown) {
      // A store that is being closed under a reader ends the reading, as if there were no more.
      if (!this.#options.closed.aborted) throw thrown
    } finally {
      this.#readers -= 1
      if (current !== undefined) this.#giveBack(current)
      this.#room.notify()
      this.#options.onIdle?.()
    }
    const noneLeft = this.#inHand === 0 && this.#ahead.length === 0
    if (noneLeft && !this.#options.closed.aborted) await this.#options.onDrained()
  }

  /** The next tasks, as soon as there are any; undefined at the end. */
  async #take(size: number): Promise<Window | undefined> {
    const { changes, closed } = this.#options
    for (;;) {
      const over = changes.closed
      const changed = changes.next()
      if (closed.aborted) return undefined
      const isAhead = this.#ahead.length > 0
      const found = isAhead ? await this.#lookAgain(size) : await this.#look(size)
      // Where what was ahead is gone, there may be more behind it.
      if (found !== undefined && found.length === 0) continue
      if (found !== undefined || over) return found
      await changed
    }
  }

  /** What was read a while ago: another process may have handed it out since. */
  async #lookAgain(size: number): Promise<Window> {
    const window = this.#handOut(size)
    try {
      const outstanding = await this.#options.store.findOutstanding(seqsOf(window))
      const left = window.filter(({ seq }) => outstanding.has(seq))
      this.#inHand -= window.length - left.length
      return left
    } catch (thrown) {
      this.#giveBack(window)
      throw thrown
    }
  }

  #handOut(size: number): Window {
    const window = this.#ahead.splice(0, size)
    this.#taken += window.length
    this.#inHand += window.length
    this.#unheld = false
    if (!this.isFull) this.#room.notify()
    return window
  }

  async #acknowledge(window: Window): Promise<void> {
    const { store, clock } = this.#options
    await store.acknowledgeTasks({ seqs: seqsOf(window), at: clock.now() })
    this.#inHand -= window.length
  }

  #giveBack(window: Window): void {
    this.#taken -= window.length
    this.#inHand -= window.length
    this.#putAhead(window)
    this.#options.changes.notify()
  }

  #putAhead(window: Window): void {
    this.#ahead = [...this.#ahead, ...window].toSorted((one, other) => one.seq - other.seq)
  }

  async #begin(): Promise<void> {
    await this.#remember()
    await this.#options.onBegun()
  }

  /** A restart goes on with the delivery. */
  async #remember(): Promise<void> {
    const { store, sessionId, clock } = this.#options
    try {
      await store.beginDelivery({ sessionId, at: clock.now() })
    } catch (thrown) {
      this.#begun = undefined
      this.#begunWithTask = undefined
      throw thrown
    }
  }

  /**
   * Reads ahead, one reader after the other: two at once would find the same tasks.
   *
   * @returns tasks that were read just now; none where others are ahead by now,
   * undefined where there are none at all
   */
  #look(size: number): Promise<Window | undefined> {
    const look = this.#looked.then(async () => {
      const found = this.#ahead.length > 0 ? [] : await this.#read()
      // Another reader was quicker, or has given back what has to be looked at again.
      const isBehind = this.#ahead.length > 0
      this.#putAhead(found)
      if (isBehind) return []
      return found.length > 0 ? this.#handOut(size) : undefined
    })
    this.#looked = look.catch(() => undefined)
    return look
  }

  async #read(): Promise<Window> {
    const { store, sessionId, closed } = this.#options
    if (closed.aborted) return []
    const found = await store.takeTasks({ sessionId, after: this.#after, limit: TASKS_A_WINDOW })
    this.#after = found.at(-1)?.seq ?? this.#after
    return found
  }
}
