import type { Logger } from 'pino'
import type { EventBus } from '../delivery/event-bus.ts'
import { batchId } from '../domain/identity.ts'
import type { SessionState } from '../domain/session-state.ts'

/** The batch that was committed last; null before the first. Its identity is derived, and is that of its row and its span. */
const lastBatch = ({ sessionId, metrics }: SessionState): string | null =>
  metrics.totalBatches === 0 ? null : batchId(sessionId, metrics.totalBatches)

const about = (session: SessionState) => ({
  sessionId: session.sessionId,
  target: session.targetName,
  batchId: lastBatch(session),
  status: session.status,
  ...session.metrics,
})

/**
 * Writes what happens to a pino logger: walks that start and end at `info`,
 * pages at `debug`, waits and interruptions at `warn`. Every line has the ids
 * to search for: of its session, its target and the batch that was committed
 * last. The core has no log line in it; all of this is heard on the bus.
 *
 * @returns how to stop
 */
export function logEvents(bus: EventBus, logger: Logger): () => void {
  /** Of the sessions that are walked here. */
  const batches = new Map<string, string | null>()
  const noted = (session: SessionState) => {
    batches.set(session.sessionId, lastBatch(session))
    return about(session)
  }
  const idsOf = (sessionId: string, target: string) => ({
    sessionId,
    target,
    batchId: batches.get(sessionId) ?? null,
  })
  const ends = [
    bus.subscribe('session.started', ({ session, resumed }) =>
      logger.info(noted(session), resumed ? 'session resumed' : 'session started'),
    ),
    bus.subscribe('session.progressed', ({ session }) =>
      logger.debug(noted(session), 'page committed'),
    ),
    bus.subscribe('session.ended', ({ session }) => {
      batches.delete(session.sessionId)
      logger.info({ ...about(session), failureReason: session.failureReason }, 'session ended')
    }),
    bus.subscribe('session.interrupted', ({ sessionId, targetName, error }) => {
      logger.warn({ ...idsOf(sessionId, targetName), error }, 'session interrupted')
      batches.delete(sessionId)
    }),
    bus.subscribe('enumerator.changed', ({ sessionId, targetName, state, reason, until }) =>
      logger.warn({ ...idsOf(sessionId, targetName), reason, until }, `enumerator is ${state}`),
    ),
  ]
  return () => {
    for (const end of ends) end()
  }
}
