import { LeaseError } from '../domain/errors.ts'
import type { CommitPage, Store } from '../store/store.ts'
import { DeliveryLag } from './delivery-lag.ts'
import { quietly, type Measure } from './instruments.ts'

/** The attribute by which every number is told apart. */
export const SOURCE_TYPE = 'muster.source.type'

const isFenced = (thrown: unknown): boolean =>
  thrown instanceof LeaseError && thrown.code === 'LEASE_LOST'

/** Milliseconds of a clock that never goes back. */
const now = (): number => performance.now()

/** What the commit of one page comes to. */
function measurePage(measure: Measure, { session, batch }: CommitPage, tasks: number): void {
  const source = { [SOURCE_TYPE]: session.config.sourceType }
  measure('muster.pages', 1, { ...source, 'muster.outcome': batch.status.toLowerCase() })
  const { itemsProcessed, itemsSkipped, itemsFailed } = batch.metrics
  const items = { kept: itemsProcessed, skipped: itemsSkipped, failed: itemsFailed }
  for (const [outcome, count] of Object.entries(items)) {
    if (count > 0) measure('muster.items', count, { ...source, 'muster.outcome': outcome })
  }
  if (tasks > 0) measure('muster.tasks.enqueued', tasks, source)
}

/**
 * Whether a claim took the session from a process that had left it without a
 * word is known by the session's record alone, and looked up there; nobody waits for it.
 */
async function measureTakeover(store: Store, measure: Measure, session: Claimed): Promise<void> {
  try {
    const { sessionId, config } = session
    const entries = await store.repositories.audit.latest({ sessionId, limit: 3 })
    const claim = entries.find(({ event }) => event === 'claimed' || event === 'taken-over')
    if (claim?.event !== 'taken-over') return
    measure('muster.leases', 1, { [SOURCE_TYPE]: config.sourceType, 'muster.event': 'taken_over' })
  } catch {
    // A number less; whatever is wrong with the store is told by those who need it.
  }
}

interface Claimed {
  readonly sessionId: string
  readonly config: { readonly sourceType: string }
}

/** The same store, measuring what goes through it. Nothing of it is slower than its own call. */
export function meteredStore(store: Store, measure: Measure): Store {
  const lag = new DeliveryLag(now)
  const sources = new Map<string, string>()
  const lease = (event: string, sourceType = 'unknown') =>
    measure('muster.leases', 1, { [SOURCE_TYPE]: sourceType, 'muster.event': event })
  const claimed = (state: Claimed) => {
    sources.set(state.sessionId, state.config.sourceType)
    lease('claimed', state.config.sourceType)
    void measureTakeover(store, measure, state)
  }
  const lost = (sessionId: string, held: boolean): boolean => {
    if (!held) lease('lost', sources.get(sessionId))
    return held
  }
  const unlessFenced = async <T>(sourceType: string, write: () => Promise<T>): Promise<T> => {
    try {
      return await write()
    } catch (thrown) {
      if (isFenced(thrown)) lease('fenced', sourceType)
      throw thrown
    }
  }
  return {
    ...store,
    async claimSession(params) {
      const session = await store.claimSession(params)
      quietly(() => claimed(session.state))
      return session
    },
    async claimSessions(params) {
      const sessions = await store.claimSessions(params)
      quietly(() => sessions.forEach(({ state }) => claimed(state)))
      return sessions
    },
    async releaseLease(params) {
      sources.delete(params.sessionId)
      await store.releaseLease(params)
    },
    renewLease: async (params) => lost(params.sessionId, await store.renewLease(params)),
    recordWaiting: async (params) => lost(params.sessionId, await store.recordWaiting(params)),
    commitSession: (params) =>
      unlessFenced(params.session.config.sourceType, () => store.commitSession(params)),
    async commitPage(params) {
      const { sourceType } = params.session.config
      const from = now()
      const took = (outcome: string) =>
        measure('muster.commit.duration', (now() - from) / 1_000, {
          [SOURCE_TYPE]: sourceType,
          'muster.outcome': outcome,
        })
      try {
        const committed = await unlessFenced(sourceType, () => store.commitPage(params))
        took('committed')
        quietly(() => {
          measurePage(measure, params, committed.tasksCreated)
          if (committed.tasksCreated > 0) lag.committed(params)
        })
        return committed
      } catch (thrown) {
        took(isFenced(thrown) ? 'fenced' : 'failed')
        const { length } = params.kept
        if (length > 0) {
          measure('muster.tasks.failed_to_enqueue', length, { [SOURCE_TYPE]: sourceType })
        }
        throw thrown
      }
    },
    async takeTasks(params) {
      const tasks = await store.takeTasks(params)
      quietly(() => lag.handedOut(tasks))
      return tasks
    },
    async acknowledgeTasks(params) {
      await store.acknowledgeTasks(params)
      quietly(() => {
        measure('muster.tasks.acknowledged', params.seqs.length, {})
        for (const { sourceType, seconds } of lag.acknowledged(params.seqs)) {
          measure('muster.delivery.lag', seconds, { [SOURCE_TYPE]: sourceType })
        }
      })
    },
  }
}
