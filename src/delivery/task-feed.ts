import type { TimeProvider } from '../domain/clock.ts'
import type { OutstandingTask, Store } from '../store/store.ts'
import { Changes, follow } from './changes.ts'

/** Tasks read from the database at a time. */
const READ_WINDOW = 500

export interface TaskFeedOptions {
  readonly store: Pick<Store, 'takeTasks' | 'acknowledgeTasks' | 'beginDelivery'>
  readonly sessionId: string
  readonly clock: TimeProvider
  /** Tasks that may be committed and not yet taken before the walk is held; counts only while somebody takes them. */
  readonly window: number
  readonly changes: Changes
  /** Aborts when the store is about to be closed. */
  readonly closed: AbortSignal
  /** Called when somebody begins to take tasks. */
  readonly onBegun: () => void
  /** Called when every task of an ended walk is acknowledged. */
  readonly onDrained: () => void
}

/**
 * Hands one session's committed tasks to the host, in order, from the database.
 *
 * All iterators of a session share one feed, so that two of them split the
 * tasks rather than each taking all. A task is acknowledged, in the database,
 * before the next one is handed out; one that is given back comes again first.
 */
export class TaskFeed {
  readonly #options: TaskFeedOptions
  readonly #source: AsyncGenerator<OutstandingTask, void, void>
  readonly #givenBack: OutstandingTask[] = []
  #after = 0
  #readers = 0
  #committed = 0
  #taken = 0
  #inHand = 0
  #begun: Promise<void> | undefined
  #room = new Changes()

  constructor(options: TaskFeedOptions) {
    this.#options = options
    this.#source = follow(options.changes, () => this.#read())
  }

  /** Whether somebody takes tasks, and is further behind than the window allows. */
  get isFull(): boolean {
    return this.#readers > 0 && this.#committed - this.#taken > this.#options.window
  }

  /** The walk committed this many new tasks. */
  committed(tasks: number): void {
    this.#committed += tasks
  }

  /** Resolves when there is room in the window. */
  async room(): Promise<void> {
    while (this.isFull && !this.#options.changes.closed) await this.#room.next()
  }

  /** An iterator that acknowledges a task when it is asked for the next. */
  async *tasks(): AsyncGenerator<OutstandingTask, void, void> {
    this.#readers += 1
    let current: OutstandingTask | undefined
    try {
      this.#begun ??= this.#begin()
      await this.#begun
      for (;;) {
        const next = await this.#take()
        if (next === undefined) break
        current = next
        yield next
        // Without a store nothing can be acknowledged: the task comes again next time.
        if (this.#options.closed.aborted) break
        await this.#acknowledge(next)
        current = undefined
      }
    } finally {
      this.#readers -= 1
      if (current !== undefined) this.#giveBack(current)
      this.#room.notify()
    }
    const { closed, changes, onDrained } = this.#options
    if (this.#inHand === 0 && changes.closed && !closed.aborted) onDrained()
  }

  async #take(): Promise<OutstandingTask | undefined> {
    if (this.#options.closed.aborted) return undefined
    const again = this.#givenBack.shift()
    const task = again ?? (await this.#source.next()).value ?? this.#givenBack.shift()
    if (task === undefined) return undefined
    if (again === undefined) this.#taken += 1
    this.#inHand += 1
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
    this.#inHand -= 1
    this.#givenBack.unshift(task)
  }

  async #begin(): Promise<void> {
    await this.#options.store.beginDelivery({
      sessionId: this.#options.sessionId,
      at: this.#options.clock.now(),
    })
    this.#options.onBegun()
  }

  async #read(): Promise<OutstandingTask[]> {
    if (this.#options.closed.aborted) return []
    const found = await this.#options.store.takeTasks({
      sessionId: this.#options.sessionId,
      after: this.#after,
      limit: READ_WINDOW,
    })
    this.#after = found.at(-1)?.seq ?? this.#after
    return found
  }
}
