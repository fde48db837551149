import PQueue from 'p-queue'
import type { AnyActorRef } from 'xstate'
import { createResolver, SecretMask } from './config/resolver.ts'
import { createCredentialStore, type CredentialStore } from './config/secrets.ts'
import { parseTargetSpec } from './config/target-spec.ts'
import type { AuthConfigs } from './config/auth.ts'
import { createInProcessBus, type EventBus } from './delivery/event-bus.ts'
import { systemClock, type TimeProvider } from './domain/clock.ts'
import { errorRecord, InvalidInputError } from './domain/errors.ts'
import type { TargetConfig } from './domain/session-state.ts'
import { EnumerationCoordinator } from './enumeration/coordinator.ts'
import type { Coordinator } from './enumeration/coordinator-port.ts'
import type { EnumerationDeps, Inspect, ParsedTarget } from './enumeration/ports.ts'
import type { EnumerationResult } from './enumeration/result.ts'
import { Steering } from './enumeration/steering.ts'
import { logEvents } from './observe/log.ts'
import { hosting, relayTo } from './hosting.ts'
import { isGone } from './enumeration/owner.ts'
import { coordinatorWithMetrics, storeWithMetrics } from './observe/metrics.ts'
import { observationOf } from './observe/observe.ts'
import { recorderOf } from './observe/recorder.ts'
import { DEFAULT_MAX_SESSIONS, parseOptions, type MusterOptions } from './options.ts'
import { soloLeadership } from './orchestration/leadership.ts'
import {
  createOrchestrator,
  type ConfigLoader,
  type Orchestrator,
} from './orchestration/orchestrator.ts'
import { Demand } from './orchestration/demand.ts'
import { storeLeadership } from './orchestration/store-leadership.ts'
import type { Dashboard } from './dashboard/index.ts'
import { dashboardsOf, type DashboardOptions } from './serving.ts'
import { planTargets } from './planning/plan.ts'
import { historyOf } from './planning/store-history.ts'
import type { Plan } from './planning/types.ts'
import { createSources } from './sources/factory.ts'
import type { AnySource } from './sources/source.ts'
import { openDatabase } from './store/open-database.ts'
import { pruneAll, type PrunedRows, type PruneOptions } from './store/retention.ts'
import { openStoreInThread } from './store/thread/index.ts'
import type { Repositories, SessionSummary, Store } from './store/store.ts'

/** Whether a process that has a lease is known to have ended; for the command line. */
export { isGone } from './enumeration/owner.ts'

/** A running Muster. */
export interface Muster extends AsyncDisposable {
  readonly coordinator: Coordinator
  readonly orchestrator: Orchestrator
  readonly repositories: Repositories
  /** What happens in this process; a bus between processes that was given is fed from the database. */
  readonly bus: EventBus
  /**
   * Forgets what ended before a moment and is needed no more: sessions with
   * their batches and tasks. Walks go on meanwhile.
   *
   * @returns how many rows of what are gone
   * @throws InvalidInputError for a moment that is none
   */
  prune(options: PruneOptions): Promise<PrunedRows>
  /**
   * Pauses a session, whichever process walks it: the page in hand is finished,
   * and the walk ends there with a PauseError (PAUSED). It stays paused over
   * restarts, until it is resumed.
   *
   * @returns the session as it is when that is written down; a walk in another
   * process learns of it within a second
   * @throws SESSION_NOT_FOUND; ILLEGAL_TRANSITION for a session at its end, or one that is to be cancelled
   */
  pause(sessionId: string): Promise<SessionSummary>
  /**
   * Ends a session as FAILED, after the page in hand, whichever process walks
   * it; where nobody does, at once. It can be resumed on purpose, as any that failed.
   *
   * @returns the session as it is then
   * @throws SESSION_NOT_FOUND; ILLEGAL_TRANSITION for a session at its end
   */
  cancel(sessionId: string): Promise<SessionSummary>
  /**
   * Takes up a session on purpose, as `coordinator.resumeTarget` does: one that
   * is paused, was left, or ended without being complete.
   *
   * @throws SESSION_NOT_FOUND; `done` rejects with LEASE_HELD where another
   * process walks it, which then goes on with it
   */
  resume(sessionId: string): Promise<EnumerationResult>
  /**
   * Tries the failed items of an ended session again, then goes on with its listing if that is left.
   *
   * @throws SESSION_NOT_FOUND; ILLEGAL_TRANSITION for a session that is not at
   * its end, or has no failed items
   */
  retryFailed(sessionId: string): Promise<EnumerationResult>
  /**
   * The root actors: the orchestrator and the coordinator. `actor.system.inspect(observer)`
   * shows all that happens from then on; `actor.getSnapshot().children` what there is now.
   */
  readonly actors: readonly AnyActorRef[]
  /**
   * Serves a page that shows all sessions of the database as they are walked,
   * by whichever process, and lets them be paused, resumed, cancelled and
   * retried. It is loaded now, reads nothing while nobody looks, and is closed
   * with this Muster.
   *
   * @throws InvalidInputError for an address that cannot be had, or a token that can be guessed
   */
  dashboard(options?: DashboardOptions): Promise<Dashboard>
  /**
   * What `orchestrator.enumerate()` would come to now, target by target: what
   * would be done, items, requests, time, and what the credentials do not see.
   * A few requests a target are sent, within the limits; nothing is written.
   *
   * @param options.signal aborts when the plan is no longer wanted
   * @throws InvalidInputError (INVALID_OPTIONS) without a config, INVALID_CONFIG for one with a fault
   */
  plan(options?: { readonly signal?: AbortSignal }): Promise<Plan>
  /** Finishes the pages in hand, gives up the leases, closes the database. Safe to call twice. */
  close(): Promise<void>
}

/** The credentials of one Muster: those of its options, and those of the config it loaded last. */
class CredentialScope {
  readonly mask = new SecretMask()
  readonly #auth: AuthConfigs
  #current: CredentialStore

  constructor(auth: AuthConfigs) {
    this.#auth = auth
    this.#current = createCredentialStore(auth)
  }

  get current(): CredentialStore {
    return this.#current
  }

  /** Takes over what a config file defines; the options' credentials come first. */
  adopt(loaded: CredentialStore): void {
    this.#current = loaded.with(this.#auth)
  }
}

function targetParser(
  sources: ReadonlyMap<string, AnySource>,
  scope: CredentialScope,
  clock: TimeProvider,
) {
  return (spec: unknown, auth: unknown): ParsedTarget => {
    // A scope of its own: two targets of one name must not share the values of their headers.
    const credentials = scope.current.with(auth as AuthConfigs | undefined)
    return {
      config: parseTargetSpec(spec, { sources, credentials }),
      credentials: createResolver(() => credentials, scope.mask, clock),
    }
  }
}

/** Reads the config file; what its targets name is known from then on. */
async function readConfig(
  file: string,
  sources: ReadonlyMap<string, AnySource>,
  scope: CredentialScope,
): Promise<readonly TargetConfig[]> {
  // With the parser of YAML, for those who have a config file.
  const { loadConfigFile } = await import('./config/config-file.ts')
  const loaded = await loadConfigFile(file, { sources })
  scope.adopt(loaded.credentials)
  return loaded.targets
}

function configLoader(
  file: string | undefined,
  sources: ReadonlyMap<string, AnySource>,
  scope: CredentialScope,
): ConfigLoader {
  return {
    async load() {
      if (file !== undefined) return readConfig(file, sources, scope)
      throw new InvalidInputError('INVALID_OPTIONS', [
        'orchestrator.enumerate() needs targets: give createMuster({ config: "muster.yaml" })',
      ])
    },
  }
}

/**
 * Makes a running Muster: opens its database and knows what it left unfinished.
 *
 * @throws InvalidInputError for bad options or a bad config file, before anything
 * is opened; StoreError when the database cannot be used, which is then left as it was
 */
export async function createMuster(options: MusterOptions = {}): Promise<Muster> {
  const parsed = parseOptions(options)
  const sources = createSources(parsed.sources)
  const scope = new CredentialScope(parsed.auth ?? {})
  // Before the database is touched: a config with a fault must leave no trace.
  if (parsed.config !== undefined) await readConfig(parsed.config, sources, scope)
  const { clock = systemClock, settings } = parsed
  // What happens here is heard here; what is to leave the process is read from the database.
  const broker = parsed.bus?.isDurable === true ? parsed.bus : undefined
  const bus = broker === undefined ? (parsed.bus ?? createInProcessBus()) : createInProcessBus()
  const observation = await observationOf(parsed)
  const recorder = await recorderOf(parsed.record, (text) => scope.mask.apply(text))
  const opened = observation.store(await closeOnError(recorder, () => openedDatabase(parsed)))
  const store = parsed.metrics === undefined ? opened : storeWithMetrics(opened, parsed.metrics)
  const inspect = recorder.beside(guarded(parsed.inspect))
  const closing = new AbortController()
  const deps: EnumerationDeps = {
    store,
    sources: observation.sources(sources),
    clock,
    bus,
    settings,
    inspect,
    parse: observation.parse(targetParser(sources, scope, clock)),
    credentials: createResolver(() => scope.current, scope.mask, clock),
    queue: new PQueue({ concurrency: settings.concurrency }),
    closing: closing.signal,
  }
  const walks = await closeOnError(recorder, () =>
    closeOnError(store, () => EnumerationCoordinator.create(deps)),
  )
  const { metrics, logger } = parsed
  const observed = observation.coordinator(walks)
  const coordinator = metrics === undefined ? observed : coordinatorWithMetrics(observed, metrics)
  const stopObserving = observation.listen(bus)
  const stopLogging = logger === undefined ? undefined : logEvents(bus, logger)
  const relay = broker === undefined ? undefined : relayTo(broker, { store, clock })
  const loader = configLoader(parsed.config, sources, scope)
  const { leaseMs } = settings
  const demand = new Demand()
  const host = store.isShared
    ? hosting({
        coordinator,
        store,
        clock,
        bus,
        relay,
        configLoader: loader,
        maxSessions: parsed.maxSessions ?? DEFAULT_MAX_SESSIONS,
        leaseMs,
        demand,
      })
    : undefined
  const elected = storeLeadership({ store, owner: walks.owner, leaseMs, clock, isGone, demand })
  const orchestrator = createOrchestrator({
    coordinator,
    owner: walks.owner,
    store,
    bus: broker ?? bus,
    clock,
    inspect,
    leadership: parsed.leadership ?? (store.isShared ? elected : soloLeadership),
    configLoader: host?.configLoader ?? loader,
    handover: relay,
    shared: host?.shared,
  })
  const steering = new Steering({ store, clock, bus, settings, walks, coordinator })
  const actors = [orchestrator.actor, walks.actor]
  const dashboards = dashboardsOf({
    options: parsed,
    store,
    steering,
    owner: walks.owner,
    actors,
    clock,
  })
  let closed: Promise<void> | undefined
  const close = () =>
    (closed ??= (async () => {
      closing.abort()
      await dashboards.close()
      store.hurry?.()
      const stops = await Promise.allSettled([orchestrator.stop(), walks.close()])
      await elected.close()
      await store.close()
      stopLogging?.()
      stopObserving()
      await recorder.close()
      for (const stop of stops) if (stop.status === 'rejected') throw stop.reason
    })())
  return {
    coordinator,
    orchestrator,
    repositories: store.repositories,
    bus,
    prune: (options) => pruneAll(store, options),
    pause: (sessionId) => steering.pause(sessionId),
    cancel: (sessionId) => steering.cancel(sessionId),
    resume: (sessionId) => steering.resume(sessionId),
    retryFailed: (sessionId) => steering.retryFailed(sessionId),
    actors,
    plan: async ({ signal } = {}) =>
      planTargets({
        targets: await loader.load(),
        sources,
        credentials: deps.credentials,
        clock,
        history: await historyOf(store),
        concurrency: settings.concurrency,
        signal,
      }),
    dashboard: (options) => dashboards.open(options),
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function openedDatabase(options: MusterOptions): Promise<Store> {
  const { database = './muster.db', databaseThread, clock } = options
  if (typeof database !== 'string') return database
  if (databaseThread !== true) return openDatabase(database, { clock })
  return openStoreInThread({ path: database, ...(clock === undefined ? {} : { clock }) })
}

/** An inspector that throws is its own trouble: an actor would die of it. */
function guarded(inspect: Inspect | undefined): Inspect | undefined {
  if (inspect === undefined) return undefined
  return (event) => {
    try {
      if (typeof inspect === 'function') inspect(event)
      else inspect.next?.(event)
    } catch (thrown) {
      process.emitWarning(`inspect threw: ${errorRecord(thrown).message}`, 'MusterWarning')
    }
  }
}

async function closeOnError<T>(
  opened: { close(): Promise<void> },
  make: () => Promise<T>,
): Promise<T> {
  try {
    return await make()
  } catch (thrown) {
    await opened.close()
    throw thrown
  }
}
