import type { Logger } from 'pino'
import type { EventBus } from '../delivery/event-bus.ts'
import type { SessionState } from '../domain/session-state.ts'

const about = ({ sessionId, targetName, status, metrics }: SessionState) => ({
  sessionId,
  target: targetName,
  status,
  ...metrics,
})

/**
 * Writes what happens to a pino logger: walks that start and end at `info`,
 * pages at `debug`, waits and interruptions at `warn`. The core has no log
 * line in it; all of this is heard on the bus. @returns how to stop.
 */
export function logEvents(bus: EventBus, logger: Logger): () => void {
  const ends = [
    bus.subscribe('session.started', ({ session, resumed }) =>
      logger.info(about(session), resumed ? 'session resumed' : 'session started'),
    ),
    bus.subscribe('session.progressed', ({ session }) =>
      logger.debug(about(session), 'page committed'),
    ),
    bus.subscribe('session.ended', ({ session }) =>
      logger.info({ ...about(session), failureReason: session.failureReason }, 'session ended'),
    ),
    bus.subscribe('session.interrupted', ({ sessionId, targetName, error }) =>
      logger.warn({ sessionId, target: targetName, error }, 'session interrupted'),
    ),
    bus.subscribe('enumerator.changed', ({ sessionId, targetName, state, reason, until }) =>
      logger.warn({ sessionId, target: targetName, reason, until }, `enumerator is ${state}`),
    ),
  ]
  return () => {
    for (const end of ends) end()
  }
}
