import { errorRecord, type ErrorRecord } from '../domain/errors.ts'
import type { JsonRecord } from '../domain/json.ts'
import type { SessionState } from '../domain/session-state.ts'
import type { TaskRecord } from '../domain/task.ts'

/** What can be said on the bus: `noun.pastTense` for a fact. No event carries a secret. */
export interface BusEvents {
  'session.started': { readonly session: SessionState; readonly resumed: boolean }
  'session.progressed': { readonly session: SessionState }
  'session.ended': { readonly session: SessionState }
  /** The walk stopped before the session's end; it can be resumed. */
  'session.interrupted': {
    readonly sessionId: string
    readonly targetName: string
    readonly error: ErrorRecord | null
  }
  'enumerator.changed': {
    readonly sessionId: string
    readonly targetName: string
    readonly state: 'holding' | 'waiting' | 'backingOff' | 'stalling'
    readonly reason: string | null
    /** Until when it waits; milliseconds since the Unix epoch. */
    readonly until: number | null
  }
  /** A task to be scanned. Publishing resolves when every handler has: that acknowledges the task. */
  'task.created': { readonly task: TaskRecord }
  'task.started': { readonly taskId: string }
  'task.progressed': { readonly taskId: string; readonly itemsProcessed: number }
  'task.completed': { readonly taskId: string; readonly itemsProcessed?: number }
  'task.failed': { readonly taskId: string; readonly error: string }
  /** A scanner announces a rule; the same one twice within five minutes counts once. */
  'rule.published': { readonly ruleId: string; readonly definition: JsonRecord }
}

export type BusEventType = keyof BusEvents
export type BusHandler<T extends BusEventType> = (event: BusEvents[T]) => void | Promise<void>

/** The port to an event bus: in this process by default, a broker between several. */
export interface EventBus {
  /** Resolves when every handler has taken the event. @throws what a handler throws. */
  publish<T extends BusEventType>(type: T, event: BusEvents[T]): Promise<void>
  /** @returns how to end the subscription. */
  subscribe<T extends BusEventType>(type: T, handler: BusHandler<T>): () => void
  hasSubscribers(type: BusEventType): boolean
}

/** A bus whose publishers and subscribers are in this process. */
export function createInProcessBus(): EventBus {
  // An entry for each subscription: one function may subscribe twice, and end one of the two.
  const handlers = new Map<BusEventType, Set<{ readonly handle: BusHandler<never> }>>()
  const of = (type: BusEventType) => {
    const known = handlers.get(type)
    if (known !== undefined) return known
    const made = new Set<{ readonly handle: BusHandler<never> }>()
    handlers.set(type, made)
    return made
  }
  return {
    async publish(type, event) {
      await Promise.all([...of(type)].map(async ({ handle }) => handle(event as never)))
    },
    subscribe(type, handler) {
      const subscription = { handle: handler as BusHandler<never> }
      of(type).add(subscription)
      return () => of(type).delete(subscription)
    },
    hasSubscribers: (type) => of(type).size > 0,
  }
}

/** Publishes what nobody has to wait for; a handler that throws is its own host's trouble, not the walk's. */
export function announce<T extends BusEventType>(
  bus: EventBus,
  type: T,
  event: BusEvents[T],
): void {
  const publish = async () => {
    if (bus.hasSubscribers(type)) await bus.publish(type, event)
  }
  publish().catch((thrown: unknown) => {
    const { message } = errorRecord(thrown)
    process.emitWarning(`a handler of "${type}" threw: ${message}`, 'MusterWarning')
  })
}
