import type { EventBus } from '../delivery/event-bus.ts'
import type { SharedCoordinator } from '../enumeration/coordinator-port.ts'
import type { ParsedTarget } from '../enumeration/ports.ts'
import type { AnySource } from '../sources/source.ts'
import type { Store } from '../store/store.ts'
import { measureWithAll, type Measure } from './instruments.ts'
import { meteredStore, SOURCE_TYPE } from './metered-store.ts'
import { MeteredWalks } from './metered-walks.ts'
import { observedSource, type WatchFetch } from './observed-source.ts'
import type { Telemetry } from './telemetry.ts'
import { Traces } from './traces.ts'
import { WalkedSpecs } from './walked-specs.ts'

type Sources = ReadonlyMap<string, AnySource>
type Parse = (spec: unknown, auth: unknown) => ParsedTarget

/** Wraps what a Muster is made of, so that what goes through it is measured and traced. */
export interface Observation {
  sources(sources: Sources): Sources
  store(store: Store): Store
  parse(parse: Parse): Parse
  coordinator<C extends SharedCoordinator>(coordinator: C): C
  /** @returns how to stop listening */
  listen(bus: EventBus): () => void
}

export interface ObservationOptions {
  /** Where numbers go. */
  readonly measures: readonly Measure[]
  /** Where spans go; nowhere without it. */
  readonly traces?: Telemetry['traces'] | undefined
}

/** Times every question for a page. */
function fetchWatch({ measure, walks, traces, specs }: Parts): WatchFetch {
  return async ({ sourceType, spec }, fetch) => {
    const sessionId = specs.sessionOf(spec)
    if (sessionId !== undefined) walks.fetching(sessionId)
    const from = performance.now()
    const took = (outcome: string) =>
      measure('muster.fetch.duration', (performance.now() - from) / 1_000, {
        [SOURCE_TYPE]: sourceType,
        'muster.outcome': outcome,
      })
    try {
      const result =
        traces === undefined || sessionId === undefined
          ? await fetch()
          : await traces.fetch(sessionId, sourceType, fetch)
      took(result.done === true ? 'exhausted' : 'page')
      return result
    } catch (thrown) {
      took('failed')
      throw thrown
    }
  }
}

interface Parts {
  readonly measure: Measure
  readonly walks: MeteredWalks
  readonly traces: Traces | undefined
  readonly specs: WalkedSpecs
}

function tracedStore(store: Store, traces: Traces): Store {
  return {
    ...store,
    commitPage: (params) => traces.commit(params, () => store.commitPage(params)),
  }
}

function listenForTraces(bus: EventBus, traces: Traces): () => void {
  const ends = [
    bus.subscribe('session.started', ({ session, resumed }) =>
      traces.sessionStarted(session, resumed),
    ),
    bus.subscribe('session.ended', ({ session }) =>
      traces.sessionEnded(session.sessionId, session.status.toLowerCase(), null),
    ),
    bus.subscribe('session.interrupted', ({ sessionId, error }) =>
      traces.sessionEnded(sessionId, 'interrupted', error?.code ?? null),
    ),
  ]
  return () => {
    for (const end of ends) end()
  }
}

/** What a Muster is wrapped in while somebody measures or traces it. */
export function createObservation(options: ObservationOptions): Observation {
  const measure = measureWithAll(options.measures)
  const traces = options.traces === undefined ? undefined : new Traces(options.traces)
  const walks = new MeteredWalks(measure)
  const specs = new WalkedSpecs()
  const watch = {
    fetch: fetchWatch({ measure, walks, traces, specs }),
    begun(spec: unknown) {
      const sessionId = specs.sessionOf(spec)
      if (sessionId !== undefined) traces?.listingBegun(sessionId)
    },
  }
  return {
    sources: (sources) =>
      new Map([...sources].map(([type, source]) => [type, observedSource(source, watch)])),
    store: (store) => {
      const metered = meteredStore(specs.store(store), measure)
      return traces === undefined ? metered : tracedStore(metered, traces)
    },
    parse: (parse) => specs.parse(parse),
    coordinator: (coordinator) => specs.coordinator(coordinator),
    listen(bus) {
      const ends = [
        walks.listen(bus),
        traces === undefined ? () => {} : listenForTraces(bus, traces),
      ]
      return () => {
        for (const end of ends) end()
      }
    },
  }
}
