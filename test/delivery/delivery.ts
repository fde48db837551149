import { onTestFinished } from 'vitest'
import { Changes } from '../../src/delivery/changes.ts'
import { TaskFeed } from '../../src/delivery/task-feed.ts'
import { openStore } from '../../src/store/open.ts'
import type { OutstandingTask, Store } from '../../src/store/store.ts'
import { identities, T0, TestWalk } from '../store/fixtures.ts'

/** A call of the store by the feed. */
export type Step = 'beginDelivery' | 'takeTasks' | 'findOutstanding' | 'acknowledgeTasks'

/**
 * A walk over a real store, and the feed of its tasks: what a process holds of
 * a session, without the walking.
 */
export class Delivery {
  readonly store: Store
  readonly walk: TestWalk
  feed!: TaskFeed
  changes!: Changes
  closed!: AbortController
  begun = 0
  drained = 0
  committed = 0
  /** The next call of the step fails once; one that `hasDoneSo` only says so. */
  failNext: Step | undefined
  hasDoneSo = false
  /** Waited for before a call. */
  before: (step: Step) => Promise<void> = async () => undefined
  /** The calls of the store, in order. */
  readonly calls: Step[] = []
  readonly #window: number

  private constructor(store: Store, walk: TestWalk, window: number) {
    this.store = store
    this.walk = walk
    this.#window = window
    this.open()
  }

  static async start(window = 1_000): Promise<Delivery> {
    const store = await openStore({ path: ':memory:' })
    onTestFinished(() => store.close())
    return new Delivery(store, await TestWalk.begin(store, 'acme'), window)
  }

  /** A new process: nothing is known of the session but what is stored. */
  open(): void {
    this.changes = new Changes()
    this.closed = new AbortController()
    const step =
      <P, R>(name: Step, run: (params: P) => Promise<R>) =>
      async (params: P): Promise<R> => {
        this.calls.push(name)
        await this.before(name)
        if (this.failNext !== name) return run(params)
        this.failNext = undefined
        if (this.hasDoneSo) await run(params)
        throw new Error(`${name} failed`)
      }
    this.feed = new TaskFeed({
      store: {
        beginDelivery: step('beginDelivery', this.store.beginDelivery),
        takeTasks: step('takeTasks', this.store.takeTasks),
        acknowledgeTasks: step('acknowledgeTasks', this.store.acknowledgeTasks),
        findOutstanding: step('findOutstanding', this.store.findOutstanding),
      },
      sessionId: this.walk.sessionId,
      clock: { now: () => T0 },
      window: this.#window,
      changes: this.changes,
      closed: this.closed.signal,
      onBegun: () => void (this.begun += 1),
      onDrained: () => void (this.drained += 1),
    })
  }

  /** Commits a page of new items. */
  async commit(count: number): Promise<void> {
    const kept = identities(`page-${this.walk.batches}`, count)
    this.feed.committed(await this.walk.page({ kept }))
    this.committed += count
    this.changes.notify()
  }

  /** The tasks that nobody has acknowledged, by the database. */
  async outstanding(): Promise<string[]> {
    return (await this.#rows()).map(nameOf)
  }

  /** Another process has been handed these of the outstanding tasks, and has acknowledged them. */
  async acknowledgeElsewhere(from: number, to = from + 1): Promise<string[]> {
    const found = (await this.#rows()).slice(from, to)
    await this.store.acknowledgeTasks({ seqs: found.map(({ seq }) => seq), at: T0 })
    return found.map(nameOf)
  }

  #rows(): Promise<OutstandingTask[]> {
    const { sessionId } = this.walk
    return this.store.takeTasks({ sessionId, after: 0, limit: 10_000 })
  }
}

/** A task's name: the number of its page and its own in it. */
export const nameOf = (task: OutstandingTask): string =>
  task.resourceUri.replace('https://github.example/page-', '')

/** The next task's name; undefined at the end. */
export async function next(reader: AsyncIterator<OutstandingTask>): Promise<string | undefined> {
  const { done, value } = await reader.next()
  return done === true ? undefined : nameOf(value)
}

/** Resolves when all that could happen has happened. */
export async function calm(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Whether it is still open then. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  await calm()
  const pending = Symbol('pending')
  return (await Promise.race([promise, Promise.resolve(pending)])) === pending
}

/** The next window's names; undefined at the end. */
export async function nextWindow(
  reader: AsyncIterator<readonly OutstandingTask[]>,
): Promise<string[] | undefined> {
  const { done, value } = await reader.next()
  return done === true ? undefined : value.map(nameOf)
}
