import PQueue from 'p-queue'
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
import { logEvents } from './observe/log.ts'
import { hosting, relayTo } from './hosting.ts'
import { isGone } from './enumeration/owner.ts'
import { coordinatorWithMetrics, storeWithMetrics } from './observe/metrics.ts'
import { DEFAULT_MAX_SESSIONS, parseOptions, type MusterOptions } from './options.ts'
import { soloLeadership } from './orchestration/leadership.ts'
import {
  createOrchestrator,
  type ConfigLoader,
  type Orchestrator,
} from './orchestration/orchestrator.ts'
import { Demand } from './orchestration/demand.ts'
import { storeLeadership } from './orchestration/store-leadership.ts'
import { createSources } from './sources/factory.ts'
import type { AnySource } from './sources/source.ts'
import { openDatabase } from './store/open-database.ts'
import { pruneAll, type PrunedRows, type PruneOptions } from './store/retention.ts'
import { openStoreInThread } from './store/thread/index.ts'
import type { Repositories, Store } from './store/store.ts'

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
  const opened = await openedDatabase(parsed)
  const store = parsed.metrics === undefined ? opened : storeWithMetrics(opened, parsed.metrics)
  const inspect = guarded(parsed.inspect)
  const closing = new AbortController()
  const deps: EnumerationDeps = {
    store,
    sources,
    clock,
    bus,
    settings,
    inspect,
    parse: targetParser(sources, scope, clock),
    credentials: createResolver(() => scope.current, scope.mask, clock),
    queue: new PQueue({ concurrency: settings.concurrency }),
    closing: closing.signal,
  }
  const walks = await closeOnError(store, () => EnumerationCoordinator.create(deps))
  const { metrics, logger } = parsed
  const coordinator = metrics === undefined ? walks : coordinatorWithMetrics(walks, metrics)
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
    store,
    bus: broker ?? bus,
    clock,
    inspect,
    leadership: parsed.leadership ?? (store.isShared ? elected : soloLeadership),
    configLoader: host?.configLoader ?? loader,
    handover: relay,
    shared: host?.shared,
  })
  let closed: Promise<void> | undefined
  const close = () =>
    (closed ??= (async () => {
      closing.abort()
      store.hurry?.()
      const stops = await Promise.allSettled([orchestrator.stop(), walks.close()])
      await elected.close()
      await store.close()
      stopLogging?.()
      for (const stop of stops) if (stop.status === 'rejected') throw stop.reason
    })())
  return {
    coordinator,
    orchestrator,
    repositories: store.repositories,
    bus,
    prune: (options) => pruneAll(store, options),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function openedDatabase(options: MusterOptions): Promise<Store> | Store {
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

async function closeOnError<T>(store: Store, make: () => Promise<T>): Promise<T> {
  try {
    return await make()
  } catch (thrown) {
    await store.close()
    throw thrown
  }
}
