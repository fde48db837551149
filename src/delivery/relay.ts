import { untilAborted } from '../domain/abort.ts'
import { pause, type TimeProvider } from '../domain/clock.ts'
import { errorRecord } from '../domain/errors.ts'
import { isActive, type SessionState } from '../domain/session-state.ts'
import type { TaskRecord } from '../domain/task.ts'
import type { Store } from '../store/store.ts'
import type { BusEvents, BusEventType, EventBus, PublishOptions } from './event-bus.ts'

/** Between two attempts: at first, and at most, in milliseconds. */
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 10_000

export interface RelayParams {
  readonly bus: Pick<EventBus, 'publish'>
  readonly store: Pick<Store, 'takeTasks' | 'markAnnounced'> & {
    readonly repositories: { readonly sessions: Pick<Store['repositories']['sessions'], 'load'> }
  }
  /** The session as it was claimed, or as it was taken up since. */
  readonly session: SessionState
  /** The session's revision when it was claimed: each claim announces itself once. */
  readonly revision: number
  /** Whether it was begun before, perhaps by another process. */
  readonly resumed: boolean
  /**
   * The session's tasks that nobody has acknowledged, in order. Asking for the
   * next window acknowledges the one before; leaving gives the current one
   * back. It ends when the walk is over and nothing is left. May be called again.
   */
  readonly windows: () => AsyncIterable<readonly TaskRecord[]>
  /** Aborts when the session is no longer this process's. */
  readonly signal: AbortSignal
  readonly clock: TimeProvider
}

/**
 * Publishes what one session has to tell, from the database, on a durable bus:
 * that it is taken up, its tasks in order, how far it has come, and at last its
 * end. Each event has an id of its own, derived from what is stored: after a
 * crash between publishing and writing that down, the same ids are published
 * again, and the broker passes over those that it has.
 *
 * Resolves when the session's end is on the bus, or the walk was interrupted and
 * its tasks so far are, or the signal aborts. What fails is tried again until
 * then; it never rejects.
 */
export async function relaySession(params: RelayParams): Promise<void> {
  const relay = new Relay(params)
  try {
    await relay.run()
  } catch (thrown) {
    if (params.signal.aborted) return
    // Whatever can fail is tried again where it fails.
    const { sessionId } = params.session
    warn(`session ${sessionId}: its events are not published further`, thrown)
  }
}

class Relay {
  readonly #params: RelayParams
  readonly #sessionId: string
  /** Batches of the session when its progress was last published. */
  #batches: number

  constructor(params: RelayParams) {
    this.#params = params
    this.#sessionId = params.session.sessionId
    this.#batches = params.session.metrics.totalBatches
  }

  async run(): Promise<void> {
    await this.#started()
    await this.#persist(() => this.#tasks())
    const session = await this.#persist(() => this.#load())
    if (session === null || isActive(session.status)) return
    await this.#ended(session)
  }

  async #started(): Promise<void> {
    const { session, resumed, revision } = this.#params
    if (!isActive(session.status)) return
    const id = `${this.#sessionId}:started:${revision}`
    await this.#persist(() => this.#publish('session.started', { session, resumed }, id))
  }

  /** All of them: another reader of the session may have some in hand, and give them back. */
  async #tasks(): Promise<void> {
    const { store, windows } = this.#params
    await this.#read(windows())
    const params = { sessionId: this.#sessionId, after: 0, limit: 1 }
    const left = await store.takeTasks(params)
    if (left.length > 0) throw new Error('another reader has some of its tasks in hand')
  }

  async #read(windows: AsyncIterable<readonly TaskRecord[]>): Promise<void> {
    const reader = windows[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value } = await this.#unlessAborted(reader.next())
        if (done === true) return
        await this.#persist(() => this.#publishTasks(value))
        await this.#persist(() => this.#progressed())
      }
    } finally {
      // Not waited for: a reader that sleeps leaves when it next wakes, and may have nothing to wake for.
      reader.return?.().catch(() => undefined)
    }
  }

  /** All at once; the bus keeps them in order. */
  async #publishTasks(window: readonly TaskRecord[]): Promise<void> {
    const published = await Promise.allSettled(
      window.map((task) => this.#publish('task.created', { task: bare(task) }, task.taskId)),
    )
    const failed = published.find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** As far as it has come by now: what happened in between is not told. */
  async #progressed(): Promise<void> {
    const session = await this.#load()
    if (session === null || !isActive(session.status)) return
    const { totalBatches } = session.metrics
    if (totalBatches === this.#batches) return
    const id = `${this.#sessionId}:progressed:${totalBatches}`
    await this.#publish('session.progressed', { session }, id)
    this.#batches = totalBatches
  }

  async #ended(session: SessionState): Promise<void> {
    const { store } = this.#params
    const sessionId = this.#sessionId
    const id = `${sessionId}:ended:${session.timeline.completedAt?.getTime()}`
    await this.#persist(() => this.#publish('session.ended', { session }, id))
    await this.#persist(() => store.markAnnounced({ sessionId }))
  }

  #load(): Promise<SessionState | null> {
    const { sessions } = this.#params.store.repositories
    return sessions.load(this.#sessionId)
  }

  #publish<T extends BusEventType>(type: T, event: BusEvents[T], id: string): Promise<void> {
    const { bus, signal } = this.#params
    const options: PublishOptions = { id, sessionId: this.#sessionId, signal }
    return bus.publish(type, event, options)
  }

  /** Does a step again and again until it is done. */
  async #persist<T>(step: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#unlessAborted(step())
      } catch (thrown) {
        this.#params.signal.throwIfAborted()
        if (attempt === 1) warn(`session ${this.#sessionId}: its events are held up`, thrown)
        await this.#pause(Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS))
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    const { clock, signal } = this.#params
    await pause(clock, ms, [signal])
    signal.throwIfAborted()
  }

  /** @throws the signal's reason as soon as it aborts */
  async #unlessAborted<T>(step: Promise<T>): Promise<T> {
    const { signal } = this.#params
    const given = await untilAborted(step, signal)
    signal.throwIfAborted()
    return given as T
  }
}

/** Without its place in the database, and without what a host's task can do. */
const bare = (task: TaskRecord): TaskRecord => ({
  taskId: task.taskId,
  sessionId: task.sessionId,
  jobId: task.jobId,
  scanTargetId: task.scanTargetId,
  sourceType: task.sourceType,
  resourceUri: task.resourceUri,
  metadata: task.metadata,
})

function warn(what: string, thrown: unknown): void {
  process.emitWarning(`${what}: ${errorRecord(thrown).message}`, 'MusterWarning')
}
