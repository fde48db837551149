import { LeaseError } from '../domain/errors.ts'
import type { SharedCoordinator } from '../enumeration/coordinator-port.ts'
import type { EnumerationResult } from '../enumeration/result.ts'
import type { Store } from '../store/store.ts'

/** What a host may count: the model's metrics. Every method returns at once and throws nothing. */
export interface Metrics {
  /** How long the walk of one target took in this process, in milliseconds. */
  observeTargetProcessingTime(durationMs: number): void
  /** The walk of one target is over, however it ended. */
  incTargetsProcessed(): void
  /** Surrounds a walk, from its call to the end of it. */
  trackEnumeration<T>(walk: () => Promise<T>): Promise<T>
  /** Tasks were committed; they are stored, and will be delivered. */
  incTasksEnqueued(count: number): void
  /** A page with items that would have become tasks was not committed. */
  incTasksFailedToEnqueue(count: number): void
  /** A commit came too late and changed nothing: its lease had run out, or another process has the session. */
  incFencedCommits?(): void
}

/** The same store, counting what it commits. */
export function storeWithMetrics(store: Store, metrics: Metrics): Store {
  const countFenced = (thrown: unknown) => {
    if (thrown instanceof LeaseError && thrown.code === 'LEASE_LOST') metrics.incFencedCommits?.()
  }
  return {
    ...store,
    async commitSession(params) {
      try {
        await store.commitSession(params)
      } catch (thrown) {
        countFenced(thrown)
        throw thrown
      }
    },
    async commitPage(params) {
      try {
        const committed = await store.commitPage(params)
        metrics.incTasksEnqueued(committed.tasksCreated)
        return committed
      } catch (thrown) {
        metrics.incTasksFailedToEnqueue(params.kept.length)
        countFenced(thrown)
        throw thrown
      }
    },
  }
}

/** The same coordinator, timing its walks. */
export function coordinatorWithMetrics(
  coordinator: SharedCoordinator,
  metrics: Metrics,
): SharedCoordinator {
  const timed = (result: EnumerationResult): EnumerationResult => {
    const began = performance.now()
    metrics
      .trackEnumeration(() => result.done)
      .catch(() => undefined)
      .finally(() => {
        metrics.observeTargetProcessingTime(performance.now() - began)
        metrics.incTargetsProcessed()
      })
    return result
  }
  return {
    owner: coordinator.owner,
    get walking() {
      return coordinator.walking
    },
    claim: async (options) => (await coordinator.claim(options)).map(timed),
    offer: (config, to) => coordinator.offer(config, to),
    enumerateTarget: (spec, options) => timed(coordinator.enumerateTarget(spec, options)),
    resumeTarget: (state, options) => timed(coordinator.resumeTarget(state, options)),
  }
}
