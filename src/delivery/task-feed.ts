import type { TimeProvider } from '../domain/clock.ts'
import type { OutstandingTask, Store } from '../store/store.ts'
import { Changes } from './changes.ts'

/** Tasks read from the database at a time. */
const READ_WINDOW = 500

export interface TaskFeedOptions {
  readonly store: Pick<Store, 'takeTasks' | 'acknowledgeTasks' | 'beginDelivery' | 'isOutstanding'>
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
 * tasks rather than each taking all. A task is acknowledged, in the database,
 * before the next one is handed out; one that is given back comes again first.
 *
 * The readers do not share a generator, which would be simpler: one failed look
 * at the database ends a generator for ever, and a reader asleep in it is not
 * woken by a task that is given back.
 */
export class TaskFeed {
  readonly #options: TaskFeedOptions
  /** Read or given back, and not handed out, in order. */
  readonly #ahead: OutstandingTask[] = []
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
    this.#readers += 1
    let current: OutstandingTask | undefined
    try {
      await (this.#begun ??= this.#begin())
      for (;;) {
        const next = await this.#take()
        if (next === undefined) break
        current = next
        // A reader can be there before its session is stored; where there is a task, it is.
        await (this.#begunWithTask ??= this.#remember())
        yield next
        // Without a store nothing can be acknowledged: the task comes again next time.
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

  /** The next task, as soon as there is one; undefined at the end. */
  async #take(): Promise<OutstandingTask | undefined> {
    const { changes, closed } = this.#options
    for (;;) {
      const over = changes.closed
      const changed = changes.next()
      if (closed.aborted) return undefined
      const found = this.#ahead.length > 0 || (await this.#look())
      const task = this.#ahead.shift()
      // Read ahead a while ago: another process may have handed it out since.
      if (task !== undefined && !(await this.#isOutstanding(task))) continue
      if (task !== undefined) return this.#handOut(task)
      // Another reader was quicker.
      if (found) continue
      if (over) return undefined
      await changed
    }
  }

  async #isOutstanding(task: OutstandingTask): Promise<boolean> {
    try {
      return await this.#options.store.isOutstanding(task.seq)
    } catch (thrown) {
      this.#ahead.unshift(task)
      throw thrown
    }
  }

  #handOut(task: OutstandingTask): OutstandingTask {
    this.#taken += 1
    this.#inHand += 1
    this.#unheld = false
    if (!this.isFull) this.#room.notify()
    return task
  }

  async #acknowledge(task: OutstandingTask): Promise<void> {
    await this.#options.store.acknowledgeTasks({
      seqs: [task.seq],
      at: this.#options.clock.now(),
    })
    this.#inHand -= 1
  }

  #giveBack(task: OutstandingTask): void {
    this.#taken -= 1
    this.#inHand -= 1
    const later = this.#ahead.findIndex(({ seq }) => seq > task.seq)
    this.#ahead.splice(later === -1 ? this.#ahead.length : later, 0, task)
    this.#options.changes.notify()
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
   * @returns whether there is something to take
   */
  #look(): Promise<boolean> {
    const look = this.#looked.then(async () => {
      if (this.#ahead.length === 0) await this.#read()
      return this.#ahead.length > 0
    })
    this.#looked = look.catch(() => undefined)
    return look
  }

  async #read(): Promise<void> {
    const { store, sessionId, closed } = this.#options
    if (closed.aborted) return
    const found = await store.takeTasks({ sessionId, after: this.#after, limit: READ_WINDOW })
    this.#after = found.at(-1)?.seq ?? this.#after
    this.#ahead.push(...found)
  }
}
