import { relaySession } from './delivery/relay.ts'
import type { EventBus } from './delivery/event-bus.ts'
import { untilAborted } from './domain/abort.ts'
import type { TimeProvider } from './domain/clock.ts'
import { errorRecord } from './domain/errors.ts'
import { isActive, targetKeyOf, type TargetConfig } from './domain/session-state.ts'
import type { Handover, SharedCoordinator } from './enumeration/coordinator-port.ts'
import type { Demand } from './orchestration/demand.ts'
import type { ConfigLoader } from './orchestration/orchestrator.ts'
import { SessionPool } from './orchestration/pool.ts'
import type { SharedDeps } from './orchestration/shared-round.ts'
import type { Store } from './store/store.ts'

interface HandoverDeps {
  readonly store: Store
  readonly clock: TimeProvider
}

/** Publishes what a session finds on a bus that outlives the process. */
export function relayTo(bus: EventBus, { store, clock }: HandoverDeps): Handover {
  return ({ result, session, revision, signal }) =>
    relaySession({
      bus,
      store,
      clock,
      session,
      revision,
      resumed: session.status !== 'INITIALIZED',
      windows: () => result.taskWindows,
      signal,
    })
}

/**
 * Hands a session's tasks to those who listen in this process; whoever has
 * listened to all of them is owed nothing more.
 *
 * @param refused is told where a handler threw: the session is not to be handed to it again at once
 */
function handHere(
  bus: EventBus,
  { store }: HandoverDeps,
  refused: (sessionId: string, error: unknown) => void,
): Handover {
  return async ({ result, session: { sessionId }, signal }) => {
    try {
      for await (const { credentials: _, ...task } of result.tasks) {
        // A handler may take its time; whoever closes, or has lost the session, does not wait for it.
        await untilAborted(bus.publish('task.created', { task }), signal)
        if (signal.aborted) return
      }
      const session = await store.repositories.sessions.load(sessionId)
      if (signal.aborted || session === null || isActive(session.status)) return
      await store.markAnnounced({ sessionId })
    } catch (thrown) {
      refused(sessionId, thrown)
      process.emitWarning(
        `session ${sessionId}: its tasks are not delivered further by this host: ${errorRecord(thrown).message}`,
        'MusterWarning',
      )
    }
  }
}

/** How often a host looks for something to do: often within a lease, and not more than once a second. */
const pollMsOf = (leaseMs: number): number => Math.min(1_000, Math.ceil(leaseMs / 4))

/** The targets that this host's own config names, by what they walk. */
function configuredHere(loader: ConfigLoader) {
  let byKey: ReadonlyMap<string, TargetConfig> = new Map()
  return {
    async load() {
      const targets = await loader.load()
      byKey = new Map(targets.map((target) => [targetKeyOf(target), target]))
      return targets
    },
    currently: (config: TargetConfig) => byKey.get(targetKeyOf(config)) ?? config,
  }
}

/** What a process needs to walk together with the others that share its database. */
export function hosting(params: {
  readonly coordinator: SharedCoordinator
  readonly store: Store
  readonly clock: TimeProvider
  /** The bus of this process. */
  readonly bus: EventBus
  /** Publishes on a bus between processes, where there is one. */
  readonly relay: Handover | undefined
  readonly configLoader: ConfigLoader
  readonly maxSessions: number
  readonly leaseMs: number
  readonly demand: Demand
}): { readonly shared: Omit<SharedDeps, 'store' | 'clock'>; readonly configLoader: ConfigLoader } {
  const { coordinator, bus, relay, clock, maxSessions } = params
  const pollMs = pollMsOf(params.leaseMs)
  const { load, currently } = configuredHere(params.configLoader)
  const here = handHere(bus, params, (sessionId, error) => pool.refused(sessionId, error))
  const pool: SessionPool = new SessionPool({
    coordinator,
    clock,
    maxSessions,
    pollMs,
    currently,
    handover: () => relay ?? (bus.hasSubscribers('task.created') ? here : undefined),
  })
  return { shared: { coordinator, pool, demand: params.demand, pollMs }, configLoader: { load } }
}
