import { transition } from 'xstate'
import {
  batchActorId,
  batchMachine,
  sessionActorId,
  type BatchEvent,
  type CommitOutcome,
  type FetchOutcome,
  type SessionEvent,
} from '../../machines/index.ts'
import { announce } from '../delivery/event-bus.ts'
import { batchOf, type Batch, type BatchSnapshot } from '../domain/batch.ts'
import { errorRecord, LeaseError, RetryLaterError } from '../domain/errors.ts'
import { batchId } from '../domain/identity.ts'
import type { CommitSession } from '../store/store.ts'
import { advance, type SessionActor } from './advance.ts'
import type { CoordinatorActor, EnumerationDeps } from './ports.ts'
import { patiently } from './patiently.ts'
import { sortItems } from './sort-items.ts'
import type { Walk } from './walk.ts'

export interface WalkerDeps extends EnumerationDeps {
  readonly owner: string
  coordinator(): CoordinatorActor
}

type Commit = (params: CommitSession) => Promise<unknown>

/** A batch whose actor lives and whose outcome is known. */
interface OpenBatch {
  readonly settled: Batch
  close(committed: boolean): void
}

/** What an enumerator actor does: the implementations behind the names in its machine. */
export class Walker {
  readonly #deps: WalkerDeps

  constructor(deps: WalkerDeps) {
    this.#deps = deps
  }

  /** Sends the session an event, committed before it is sent. */
  advance(walk: Walk, event: SessionEvent, commit?: Commit): Promise<void> {
    const { store, clock, owner, settings } = this.#deps
    return advance({
      walk,
      event,
      owner,
      actor: this.#child(sessionActorId(walk.sessionId)) as unknown as SessionActor,
      leaseUntil: clock.now() + settings.leaseMs,
      commit: commit ?? ((params) => store.commitSession(params)),
    })
  }

  /** Whether the session takes the event as it stands. */
  can(walk: Walk, event: SessionEvent): boolean {
    const actor = this.#child(sessionActorId(walk.sessionId)) as unknown as SessionActor
    return actor.getSnapshot().can(event)
  }

  /** Asks for the next page, in a slot of the queue. */
  async fetchPage(walk: Walk, signal: AbortSignal, started: () => void): Promise<FetchOutcome> {
    try {
      const page = await this.#deps.queue.add(
        () => {
          started()
          return walk.pages.next(walk.state.position, signal)
        },
        { signal },
      )
      walk.page = page
      return { kind: page === null ? 'exhausted' : 'page' }
    } catch (thrown) {
      return failedFetch(walk, thrown, this.#deps)
    }
  }

  /** Keeps the page in hand: items, batch, session and checkpoint in one transaction. */
  async commitPage(walk: Walk): Promise<CommitOutcome> {
    const { page } = walk
    if (page === null) throw new Error(`session ${walk.sessionId} has no page in hand`)
    const { clock, store } = this.#deps
    const at = clock.now()
    const { kept, rejected } = sortItems({
      items: page.items,
      source: walk.source,
      spec: walk.config.spec,
      mask: (text) => walk.credentials.mask(text),
    })
    const batch = this.#openBatch(walk, page.items.length, {
      type: 'batch.settle',
      at,
      processed: kept.length,
      failed: rejected.length,
      firstReason: rejected[0]?.reason ?? null,
    })
    const event: SessionEvent = {
      type: 'batch.committed',
      at,
      position: page.position,
      processed: kept.length,
      failed: rejected.length,
      retried: page.retriedItems.length,
      batchFailed: batch.settled.status === 'FAILED',
      total: page.total,
      shortfalls: page.shortfalls.map(({ code, detail }) => ({
        code: walk.credentials.mask(code),
        detail: walk.credentials.mask(detail),
      })),
    }
    const write = (params: CommitSession) =>
      store.commitPage({
        ...params,
        batch: { ...batch.settled, position: page.position },
        kept,
        rejected,
        retriedItems: page.retriedItems,
        at,
      })
    return this.#write(walk, batch, async () => {
      await this.advance(walk, event, async (params) => {
        const { tasksCreated } = await write(params)
        walk.feed.committed(tasksCreated)
      })
      walk.page = null
      announce(this.#deps.bus, 'session.progressed', { session: walk.state })
    })
  }

  recordStall(walk: Walk): Promise<CommitOutcome> {
    return this.#write(walk, null, async () => {
      if (walk.state.status === 'STALLED') return
      await this.advance(walk, { type: 'session.stall', at: this.#deps.clock.now() })
    })
  }

  /** The listing, or the retry of failed items, is exhausted. */
  async recordEnd(walk: Walk): Promise<CommitOutcome> {
    const outcome = await this.#write(walk, null, () =>
      this.advance(walk, { type: 'listing.exhausted', at: this.#deps.clock.now() }),
    )
    const over = walk.state.timeline.completedAt !== null
    return outcome.kind === 'committed' && over ? { kind: 'ended' } : outcome
  }

  /** The page cannot be had: the session fails, and a batch of its own says why. */
  recordFailure(walk: Walk, reason: string): Promise<CommitOutcome> {
    const at = this.#deps.clock.now()
    const batch = this.#openBatch(walk, 0, { type: 'batch.fail', at, error: reason })
    return this.#write(walk, batch, () =>
      this.advance(walk, { type: 'session.fail', at, reason, pageLost: true }, (params) =>
        this.#deps.store.commitSession({ ...params, batch: batch.settled }),
      ),
    )
  }

  /** Spawns the page's batch actor and works out how it will end; it ends once that is stored. */
  #openBatch(walk: Walk, expectedItems: number, event: BatchEvent): OpenBatch {
    const { sessionId } = walk
    const number = walk.state.metrics.totalBatches + 1
    const coordinator = this.#deps.coordinator()
    const id = batchId(sessionId, number)
    const input = { batchId: id, sessionId, number, expectedItems, at: event.at }
    coordinator.send({ type: 'batch.open', input })
    const actor = this.#child(batchActorId(sessionId, number))
    const [next] = transition(batchMachine, actor.getSnapshot() as BatchSnapshot, event)
    return {
      settled: batchOf(next, null),
      close(committed) {
        if (committed) actor.send(event)
        coordinator.send({ type: 'batch.close', sessionId, number })
      },
    }
  }

  /** A lost lease is an outcome; any other failed write breaks the walk. */
  async #write(
    walk: Walk,
    batch: OpenBatch | null,
    write: () => Promise<void>,
  ): Promise<CommitOutcome> {
    let committed = false
    try {
      await patiently(write, this.#deps)
      committed = true
      return { kind: 'committed', windowFull: walk.feed.isFull }
    } catch (thrown) {
      walk.error = thrown
      if (thrown instanceof LeaseError) return { kind: 'stale', reason: thrown.message }
      throw thrown
    } finally {
      batch?.close(committed)
      walk.changes.notify()
    }
  }

  #child(id: string) {
    const child = this.#deps.coordinator().getSnapshot().children[id]
    if (child === undefined) throw new Error(`the coordinator has no actor "${id}"`)
    return child
  }
}

function failedFetch(walk: Walk, thrown: unknown, { clock, settings }: WalkerDeps): FetchOutcome {
  const { message, retryable } = errorRecord(thrown)
  const reason = walk.credentials.mask(message)
  if (thrown instanceof RetryLaterError && Number.isFinite(thrown.retryAt)) {
    // A time that is past already would have the source asked without a pause.
    const until = Math.max(thrown.retryAt, clock.now() + settings.backoffMs)
    return { kind: 'wait', until, reason }
  }
  return { kind: 'error', retryable, reason }
}
