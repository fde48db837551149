import type { Measure } from './instruments.ts'
import { measureWith } from './instruments.ts'
import type { TraceApi } from './traces.ts'
import { VERSION } from '../version.ts'

/** Where OpenTelemetry's API keeps what an SDK has registered; 1 is the API's major version. */
const REGISTERED = Symbol.for('opentelemetry.js.api.1')

/** The telemetry of the process that Muster runs in. */
export interface Telemetry {
  readonly measure: Measure
  readonly traces: TraceApi
}

/** Whether somebody has registered an SDK in this process. Loads nothing. */
export function hasTelemetrySdk(): boolean {
  const registered = (globalThis as Record<symbol, unknown>)[REGISTERED]
  if (typeof registered !== 'object' || registered === null) return false
  const { metrics, trace } = registered as { readonly metrics?: unknown; readonly trace?: unknown }
  return metrics !== undefined || trace !== undefined
}

/**
 * The host's telemetry, through OpenTelemetry's API. Without an SDK the API
 * does nothing, so that it is not even loaded then.
 *
 * @returns null where no SDK is registered, or its API cannot be used
 */
export async function hostTelemetry(): Promise<Telemetry | null> {
  if (!hasTelemetrySdk()) return null
  try {
    const api = await import('@opentelemetry/api')
    return {
      measure: measureWith(api.metrics.getMeter('muster', VERSION)),
      traces: {
        tracer: api.trace.getTracer('muster', VERSION),
        root: api.ROOT_CONTEXT,
        errorStatus: api.SpanStatusCode.ERROR,
        withSpan: (context, span) => api.trace.setSpan(context, span),
        run: (context, work) => api.context.with(context, work),
      },
    }
  } catch {
    // A host whose telemetry is broken walks without it.
    return null
  }
}
