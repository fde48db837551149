import {
  batchActorId,
  batchMachine,
  sessionActorId,
  type BatchEvent,
  type CommitOutcome,
  type FetchOutcome,
  type SessionEvent,
  type WaitRecord,
} from '../../machines/index.ts'
import { announce } from '../delivery/event-bus.ts'
import { batchOf, type Batch, type BatchSnapshot } from '../domain/batch.ts'
import { errorRecord, LeaseError, PauseError, RetryLaterError } from '../domain/errors.ts'
import { batchId } from '../domain/identity.ts'
import { nextSnapshot } from '../domain/next-snapshot.ts'
import type { Identity } from '../sources/source.ts'
import type { CommitSession } from '../store/store.ts'
import { drawUpAccount, shortfallOf } from './account.ts'
import { advance, type Advance, type SessionActor } from './advance.ts'
import type { CoordinatorActor, EnumerationDeps } from './ports.ts'
import { patiently } from './patiently.ts'
import { sortItems } from './sort-items.ts'
import type { Walk } from './walk.ts'

export interface WalkerDeps extends EnumerationDeps {
  readonly owner: string
  coordinator(): CoordinatorActor
}

type Commit = (params: CommitSession) => Promise<unknown>

/** The last time that a `Date` can hold: a later one would be stored as none. */
const LAST_MOMENT = 8.64e15

/**
 * How long a walk that is stopped waits for the answer to a request that is
 * out, in milliseconds. A service that refuses does so quickly; for a slow page
 * nobody who stops has to wait.
 */
const LAST_WORD_MS = 1_000

/**
 * How often a lease is taken back for one write. A process that is held up
 * again in between finds it run out once more; one whose revision is not the
 * stored one would never come to an end.
 */
const MOST_TAKEN_BACK = 3

interface AdvanceOptions {
  readonly told?: Advance['told']
  /** Default: the session alone is written. */
  readonly commit?: Commit
}

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
  advance(walk: Walk, event: SessionEvent, options: AdvanceOptions = {}): Promise<void> {
    const { store, owner, settings } = this.#deps
    return advance({
      walk,
      event,
      owner,
      actor: this.#child(sessionActorId(walk.sessionId)) as unknown as SessionActor,
      told: options.told,
      leaseMs: settings.leaseMs,
      commit: options.commit ?? ((params) => store.commitSession(params)),
    })
  }

  /** The same for the first event after a claim, before there is an enumerator that could tell what came of it. */
  takeUp(walk: Walk, event: SessionEvent, options: AdvanceOptions = {}): Promise<void> {
    return this.#writeUnderLease(walk, () => this.advance(walk, event, options))
  }

  /** Whether the session takes the event as it stands. */
  can(walk: Walk, event: SessionEvent): boolean {
    const actor = this.#child(sessionActorId(walk.sessionId)) as unknown as SessionActor
    return actor.getSnapshot().can(event)
  }

  /** Takes the next page: the one that was read ahead, or one that is asked for in a slot of the queue. */
  async fetchPage(walk: Walk, signal: AbortSignal, started: () => void): Promise<FetchOutcome> {
    const limit = limitFromBefore(walk, this.#deps)
    if (limit !== null) return limit
    try {
      const page = await walk.pages.next(walk.state.position, signal, started)
      walk.page = page
      walk.failure = null
      return { kind: page === null ? 'exhausted' : 'page' }
    } catch (thrown) {
      return failedFetch(walk, thrown, this.#deps)
    }
  }

  /**
   * Keeps the page in hand: items, batch, session and checkpoint in one
   * transaction. Meanwhile the next one is on its way.
   */
  async commitPage(walk: Walk): Promise<CommitOutcome> {
    const { page } = walk
    if (page === null) throw new Error(`session ${walk.sessionId} has no page in hand`)
    const { clock, store } = this.#deps
    const at = clock.now()
    const { kept, skipped, rejected } = sortItems({
      items: page.items,
      source: walk.source,
      spec: walk.config.spec,
      mask: (text) => walk.credentials.mask(text),
    })
    // Not before the items were read: a source may fill the same array with the next ones.
    if (!isStopping(walk) && !walk.feed.isFull) await walk.pages.begin(page.position)
    const seen = page.again ? await this.#seenBefore(walk, [...kept, ...skipped]) : null
    const counts = {
      processed: countNew(kept, seen),
      skipped: countNew(skipped, seen),
      failed: rejected.length,
    }
    const batch = this.#openBatch(walk, counts.processed + counts.skipped + counts.failed, {
      type: 'batch.settle',
      at,
      ...counts,
      firstReason: rejected[0]?.reason ?? null,
    })
    const event: SessionEvent = {
      type: 'batch.committed',
      at,
      position: page.position,
      ...counts,
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
        skipped,
        rejected,
        retriedItems: page.retriedItems,
        ...(!walk.feed.isIdle && { delivering: true }),
        ...(walk.source.comparable === true && {
          sighted: { onlyChanged: walk.config.onlyChanged === true },
        }),
        at,
      })
    return this.#write(walk, batch, async () => {
      await this.advance(walk, event, {
        commit: async (params) => {
          const { tasksCreated } = await write(params)
          walk.feed.committed(tasksCreated)
        },
      })
      walk.page = null
      announce(this.#deps.bus, 'session.progressed', { session: walk.state })
    })
  }

  /** What earlier pages of the session had: a source may read a page twice, and what is on it counts once. */
  async #seenBefore(walk: Walk, found: readonly Identity[]): Promise<ReadonlySet<string>> {
    const { sessionId } = walk
    const keys = found.map(({ key }) => key)
    try {
      return await patiently(() => this.#deps.store.findSeen({ sessionId, keys }), this.#deps)
    } catch (thrown) {
      walk.error = thrown
      throw thrown
    }
  }

  recordStall(walk: Walk): Promise<CommitOutcome> {
    return this.#write(walk, null, async () => {
      if (walk.state.status === 'STALLED') return
      await this.advance(walk, { type: 'session.stall', at: this.#deps.clock.now() })
    })
  }

  /** Writes down what is waited for; it is forgotten when the session next moves. */
  recordWait(walk: Walk, { until, reason }: WaitRecord): Promise<CommitOutcome> {
    const { store, owner } = this.#deps
    const { sessionId } = walk
    const waiting = { reason, until: until === null ? null : new Date(until) }
    return this.#write(walk, null, async () => {
      const held = await store.recordWaiting({ sessionId, owner, waiting })
      if (!held) throw new LeaseError('LEASE_LOST', `session ${sessionId} was taken over`)
      walk.state = { ...walk.state, waiting }
    })
  }

  /**
   * Drops the page that was read ahead. A limit that its request has met holds
   * for the next process too, and is written down; it never rejects.
   */
  async leave(walk: Walk): Promise<void> {
    const isPatient = isStopping(walk) && walk.stopping !== 'cancel'
    const patienceMs = isPatient ? LAST_WORD_MS : 0
    const thrown = await walk.pages.leave(patienceMs)
    if (!(thrown instanceof RetryLaterError)) return
    const outcome = failedFetch(walk, thrown, this.#deps)
    if (outcome.kind !== 'wait') return
    const waiting = { reason: outcome.reason, until: new Date(outcome.until) }
    const { store, owner } = this.#deps
    const { sessionId } = walk
    const held = await store.recordWaiting({ sessionId, owner, waiting }).catch(() => false)
    if (held) walk.state = { ...walk.state, waiting }
  }

  /** The listing, or the retry of failed items, is exhausted. */
  async recordEnd(walk: Walk): Promise<CommitOutcome> {
    const outcome = await this.#write(walk, null, async () => {
      const at = this.#deps.clock.now()
      const { comparison, shortfalls } = await drawUpAccount(walk, this.#deps)
      const event = { type: 'listing.exhausted', at, shortfalls } as const
      await this.advance(walk, event, { told: { comparison }, commit: this.#commitEnd(walk) })
    })
    const over = walk.state.timeline.completedAt !== null
    return outcome.kind === 'committed' && over ? { kind: 'ended' } : outcome
  }

  /** What a complete session did not see is missing. */
  #commitEnd(walk: Walk): Commit {
    const { store, settings } = this.#deps
    const deactivateAfter = walk.config.deactivateAfter ?? settings.deactivateAfter
    return (params) => {
      const sawAll = walk.source.comparable === true && params.session.status === 'COMPLETED'
      return store.commitSession({ ...params, ...(sawAll && { missing: { deactivateAfter } }) })
    }
  }

  /** The page cannot be had: the session fails, and a batch of its own says why. */
  recordFailure(walk: Walk, reason: string): Promise<CommitOutcome> {
    const at = this.#deps.clock.now()
    const batch = this.#openBatch(walk, 0, { type: 'batch.fail', at, error: reason })
    const shortfalls = [{ code: shortfallOf(walk.failure), detail: reason }]
    const failure = { type: 'session.fail', at, reason, pageLost: true, shortfalls } as const
    return this.#write(walk, batch, () =>
      this.advance(walk, failure, {
        commit: (params) => this.#deps.store.commitSession({ ...params, batch: batch.settled }),
      }),
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
    const next = nextSnapshot(batchMachine, actor.getSnapshot() as BatchSnapshot, event)
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
      await this.#writeUnderLease(walk, write)
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

  /**
   * A lease that ran out while the process was held up is taken back where
   * nobody has the session by now; the write is then done again.
   */
  async #writeUnderLease(walk: Walk, write: () => Promise<void>): Promise<void> {
    const { store, owner, settings } = this.#deps
    const lease = { sessionId: walk.sessionId, owner, leaseMs: settings.leaseMs }
    for (let takenBack = 0; ; takenBack += 1) {
      try {
        return await patiently(write, this.#deps)
      } catch (thrown) {
        const isLost = thrown instanceof LeaseError && thrown.code === 'LEASE_LOST'
        if (!isLost || takenBack === MOST_TAKEN_BACK) throw thrown
        if (!(await patiently(() => store.renewLease(lease), this.#deps))) throw thrown
      }
    }
  }

  #child(id: string) {
    const child = this.#deps.coordinator().getSnapshot().children[id]
    if (child === undefined) throw new Error(`the coordinator has no actor "${id}"`)
    return child
  }
}

/** Whether no page after the one in hand is wanted here. */
const isStopping = ({ stopping, asked }: Walk): boolean => stopping !== null || asked !== null

/** How many of a page count: all, or each once that was not seen before. */
function countNew(found: readonly Identity[], seen: ReadonlySet<string> | null): number {
  if (seen === null) return found.length
  return new Set(found.map(({ key }) => key).filter((key) => !seen.has(key))).size
}

/** A limit that a process before this one was told of holds for this one too: a restart must not spend more. */
function limitFromBefore({ state }: Walk, { clock }: WalkerDeps): FetchOutcome | null {
  const until = state.waiting?.until?.getTime() ?? 0
  if (state.waiting === null || until <= clock.now()) return null
  return { kind: 'wait', until, reason: state.waiting.reason }
}

function failedFetch(walk: Walk, thrown: unknown, { clock, settings }: WalkerDeps): FetchOutcome {
  walk.failure = errorRecord(thrown)
  const { message, retryable } = walk.failure
  const reason = walk.credentials.mask(message)
  if (thrown instanceof PauseError) {
    walk.error = new PauseError(thrown.code, reason)
    return { kind: 'pause', reason }
  }
  if (thrown instanceof RetryLaterError && Number.isFinite(thrown.retryAt)) {
    // A time that is past already would have the source asked without a pause.
    const until = Math.min(Math.max(thrown.retryAt, clock.now() + settings.backoffMs), LAST_MOMENT)
    return { kind: 'wait', until, reason }
  }
  return { kind: 'error', retryable, reason }
}
