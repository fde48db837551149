/** What the progress display knows: what the bus has said of each walk. */
import type { BusEvents, EventBus } from '../delivery/event-bus.ts'
import { isPause } from '../domain/errors.ts'
import type { SessionState } from '../domain/session-state.ts'

/** What a walk is doing. */
export type Doing =
  | 'walking'
  /** Until a time, as the source asked. */
  | 'waiting'
  /** Until the host takes more tasks. */
  | 'holding'
  /** After an error, or a request that hung. */
  | 'retrying'
  | 'paused'
  /** Ended in this process only; it can be resumed. */
  | 'stopped'
  | 'ended'

/** One walk as it is shown. */
export interface Line {
  readonly session: SessionState
  /** When this process began to walk it; milliseconds since the Unix epoch. */
  readonly startedAt: number
  /** Items that were there already: a resumed walk's rate is this process's own. */
  readonly itemsBefore: number
  readonly doing: Doing
  /** Why, where it does not walk. */
  readonly reason: string | null
  /** Until when it waits; milliseconds since the Unix epoch. */
  readonly until: number | null
}

/** By session, in the order in which they were taken up. */
export type ProgressState = ReadonlyMap<string, Line>

type Change = Partial<Pick<Line, 'doing' | 'reason' | 'until'>>

const interruption = (error: BusEvents['session.interrupted']['error']): Change => {
  if (error === null) return { doing: 'stopped', reason: null, until: null }
  const doing = isPause(error) ? 'paused' : 'stopped'
  return { doing, reason: error.message, until: null }
}

const wait = ({ state, reason, until }: BusEvents['enumerator.changed']): Change => {
  if (state === 'holding') return { doing: 'holding', reason, until: null }
  return { doing: until === null ? 'retrying' : 'waiting', reason, until }
}

/** Keeps what the bus says of the walks. */
export class Progress {
  readonly #lines = new Map<string, Line>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  get state(): ProgressState {
    return this.#lines
  }

  /** @returns how to stop */
  follow(bus: EventBus): () => void {
    const ends = [
      bus.subscribe('session.started', ({ session }) => this.#see(session, 'walking')),
      bus.subscribe('session.progressed', ({ session }) => this.#see(session, 'walking')),
      bus.subscribe('session.ended', ({ session }) => this.#see(session, 'ended')),
      bus.subscribe('session.interrupted', ({ sessionId, error }) =>
        this.#change(sessionId, interruption(error)),
      ),
      bus.subscribe('enumerator.changed', (change) => this.#change(change.sessionId, wait(change))),
    ]
    return () => {
      for (const end of ends) end()
    }
  }

  #see(session: SessionState, doing: Doing): void {
    const known = this.#lines.get(session.sessionId)
    this.#lines.set(session.sessionId, {
      startedAt: known?.startedAt ?? this.#now(),
      itemsBefore: known?.itemsBefore ?? session.metrics.itemsFound,
      session,
      doing,
      reason: null,
      until: null,
    })
  }

  #change(sessionId: string, change: Change): void {
    const line = this.#lines.get(sessionId)
    if (line !== undefined) this.#lines.set(sessionId, { ...line, ...change })
  }
}
