import { Changes } from '../delivery/changes.ts'
import { TaskFeed } from '../delivery/task-feed.ts'
import type { EnumerationDeps } from './ports.ts'
import type { Channel } from './result.ts'

interface Session {
  readonly sessionId: string
  readonly targetKey: string
}

export interface ChannelsDeps extends Pick<EnumerationDeps, 'store' | 'clock' | 'settings'> {
  /** Aborts when the store is about to be closed. */
  readonly closed: AbortSignal
  isWalked(sessionId: string): boolean
  onBegun(session: Session): Promise<void>
  onDrained(session: Session): Promise<void>
}

/**
 * What all walks and readers of a session share in this process. A walk can be
 * over while its tasks are still being taken, and the next walk of the session
 * begin: with a feed for each, both would hand out the same tasks.
 */
export class Channels {
  readonly #deps: ChannelsDeps
  readonly #channels = new Map<string, Channel>()

  constructor(deps: ChannelsDeps) {
    this.#deps = deps
  }

  of(session: Session): Channel {
    const known = this.#channels.get(session.sessionId)
    if (known !== undefined) return known
    const made = this.#make(session)
    this.#channels.set(session.sessionId, made)
    return made
  }

  /** Without a walk and without a reader there is nothing to share. */
  dropIdle(sessionId: string): void {
    const idle = this.#channels.get(sessionId)?.feed.isIdle === true
    if (idle && !this.#deps.isWalked(sessionId)) this.#channels.delete(sessionId)
  }

  #make(session: Session): Channel {
    const { store, clock, settings, closed, isWalked, onBegun, onDrained } = this.#deps
    const { sessionId } = session
    const changes = new Changes()
    if (!isWalked(sessionId)) changes.close()
    const feed = new TaskFeed({
      store,
      sessionId,
      clock,
      window: settings.deliveryWindow,
      changes,
      closed,
      onBegun: () => onBegun(session),
      onIdle: () => this.dropIdle(sessionId),
      onDrained: async () => {
        if (!isWalked(sessionId)) await onDrained(session)
      },
    })
    return { feed, changes }
  }
}
