import type { BusEvents, EventBus } from '../delivery/event-bus.ts'
import { isPause } from '../domain/errors.ts'
import type { Measure } from './instruments.ts'
import { SOURCE_TYPE } from './metered-store.ts'

/** A wait that goes on. */
interface OpenWait {
  readonly reason: string
  readonly from: number
}

/** A walk of this process. */
interface OpenWalk {
  readonly sourceType: string
  readonly from: number
  wait: OpenWait | null
}

const STATE_REASONS = {
  holding: 'back_pressure',
  backingOff: 'error',
  stalling: 'hung_request',
} as const

/** The class of what is waited for: the words themselves would be a class each. */
function reasonClass({ state, reason }: BusEvents['enumerator.changed']): string {
  if (state !== 'waiting') return STATE_REASONS[state]
  return /\bsecondary\b/i.test(reason ?? '') ? 'secondary_limit' : 'limit'
}

/** Counts walks and their waits, from what is said of them on the bus. */
export class MeteredWalks {
  readonly #measure: Measure
  readonly #walks = new Map<string, OpenWalk>()

  constructor(measure: Measure) {
    this.#measure = measure
  }

  /** @returns how to stop listening */
  listen(bus: EventBus): () => void {
    const ends = [
      bus.subscribe('session.started', (event) => this.#started(event)),
      bus.subscribe('session.ended', ({ session }) =>
        this.#over(session.sessionId, session.status.toLowerCase(), session.config.sourceType),
      ),
      bus.subscribe('session.interrupted', ({ sessionId, error }) =>
        this.#over(sessionId, error !== null && isPause(error) ? 'paused' : 'interrupted'),
      ),
      bus.subscribe('enumerator.changed', (event) => this.#changed(event)),
    ]
    return () => {
      for (const end of ends) end()
    }
  }

  /** The source is asked again: whatever was waited for is over. */
  fetching(sessionId: string): void {
    const walk = this.#walks.get(sessionId)
    if (walk !== undefined) this.#endWait(walk)
  }

  #started({ session: { sessionId, config } }: BusEvents['session.started']): void {
    const { sourceType } = config
    const walk = { sourceType, from: performance.now(), wait: null }
    this.#walks.set(sessionId, walk)
    const source = { [SOURCE_TYPE]: sourceType }
    this.#measure('muster.enumerations', 1, source)
    this.#measure('muster.enumerations.active', 1, source)
    // There from the beginning, so that the first one is seen as a rise.
    this.#measure('muster.tasks.enqueued', 0, source)
    this.#measure('muster.tasks.failed_to_enqueue', 0, source)
  }

  #changed(event: BusEvents['enumerator.changed']): void {
    const walk = this.#walks.get(event.sessionId)
    if (walk === undefined) return
    this.#endWait(walk)
    const reason = reasonClass(event)
    const attributes = { [SOURCE_TYPE]: walk.sourceType, 'muster.reason': reason }
    this.#measure('muster.waits', 1, attributes)
    this.#measure('muster.waits.active', 1, attributes)
    walk.wait = { reason, from: performance.now() }
  }

  #endWait(walk: OpenWalk): void {
    const { wait } = walk
    if (wait === null) return
    walk.wait = null
    const attributes = { [SOURCE_TYPE]: walk.sourceType, 'muster.reason': wait.reason }
    this.#measure('muster.waits.active', -1, attributes)
    this.#measure('muster.wait.duration', (performance.now() - wait.from) / 1_000, attributes)
  }

  #over(sessionId: string, outcome: string, sourceType = 'unknown'): void {
    const walk = this.#walks.get(sessionId)
    this.#walks.delete(sessionId)
    const source = { [SOURCE_TYPE]: walk?.sourceType ?? sourceType }
    if (outcome === 'paused') {
      this.#measure('muster.waits', 1, { ...source, 'muster.reason': 'paused' })
    }
    if (walk !== undefined) {
      this.#endWait(walk)
      this.#measure('muster.enumerations.active', -1, source)
    }
    const attributes = { ...source, 'muster.outcome': outcome }
    this.#measure('muster.targets.processed', 1, attributes)
    if (walk === undefined) return
    this.#measure('muster.target.duration', (performance.now() - walk.from) / 1_000, attributes)
  }
}
