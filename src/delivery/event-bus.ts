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

/** What a broker is told besides the event; a bus within the process needs none of it. */
export interface PublishOptions {
  /**
   * What makes it the same event when it is published again: a broker keeps it
   * once. At most 200 characters without blanks. Default: a new one each time.
   */
  readonly id?: string
  /** The session that it belongs to; events of one session stay in order. Default: the one that the event names, if any. */
  readonly sessionId?: string
  /** When it aborts, what the broker has not acknowledged is given up, and publishing rejects with its reason. */
  readonly signal?: AbortSignal
}

/** The port to an event bus: in this process by default, a broker between several. */
export interface EventBus {
  /**
   * Resolves when every handler has taken the event; on a durable bus, when the
   * broker has it. There it also waits while consumers are too far behind.
   *
   * @throws what a handler throws; on a durable bus CLOSED when it is closed
   * meanwhile, and NOT_SUPPORTED for an event that no broker of this kind takes
   */
  publish<T extends BusEventType>(
    type: T,
    event: BusEvents[T],
    options?: PublishOptions,
  ): Promise<void>
  /**
   * On a durable bus the processes of one consumer share the events between
   * them, and a handler that throws is handed the event again.
   *
   * @returns how to end the subscription.
   */
  subscribe<T extends BusEventType>(type: T, handler: BusHandler<T>): () => void
  /** Whether publishing is of any use; always true on a durable bus. */
  hasSubscribers(type: BusEventType): boolean
  /** Whether what is published is kept for consumers that come later, in whatever process. Default false. */
  readonly isDurable?: boolean
  /** Lets what is under way come to its end, and lets go of the broker. Safe to call twice. */
  close?(): Promise<void>
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
