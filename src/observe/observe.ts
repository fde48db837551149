import type { Observation } from './observation.ts'
import type { MetricsRegistry } from './prometheus.ts'
import { hostTelemetry } from './telemetry.ts'

/** What of a Muster's options says who measures it. */
export interface ObserveOptions {
  readonly telemetry?: boolean
  readonly metricsRegistry?: Pick<MetricsRegistry, 'measure'>
}

/** Nobody looks: everything is as it is. */
const UNOBSERVED: Observation = {
  sources: (sources) => sources,
  store: (store) => store,
  parse: (parse) => parse,
  coordinator: (coordinator) => coordinator,
  listen: () => () => {},
}

/** What a Muster is wrapped in: nothing, and nothing is loaded, unless somebody is there to be told. */
export async function observationOf(options: ObserveOptions): Promise<Observation> {
  const host = options.telemetry === false ? null : await hostTelemetry()
  const measures = [host?.measure, options.metricsRegistry?.measure].filter(
    (measure) => measure !== undefined,
  )
  if (measures.length === 0) return UNOBSERVED
  const { createObservation } = await import('./observation.ts')
  return createObservation({ measures, traces: host?.traces })
}
