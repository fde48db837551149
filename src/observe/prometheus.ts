import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { InvalidInputError } from '../domain/errors.ts'
import { VERSION } from '../version.ts'
import { measureWith, type Measure } from './instruments.ts'

/** What Prometheus' text is, to those who ask for it by HTTP. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Numbers of this process, as Prometheus reads them; give it to `createMuster({ metricsRegistry })`. */
export interface MetricsRegistry {
  /** Adds to the numbers; for the wrappers of a Muster. */
  readonly measure: Measure
  /** All numbers as they are now, in Prometheus' text format. @throws Error once it is closed */
  text(): Promise<string>
  /** Forgets the numbers. Safe to call twice. */
  close(): Promise<void>
}

/**
 * Makes a registry of its own: nothing of it is registered globally, so that an
 * SDK of the host's goes on beside it. OpenTelemetry's SDK is loaded by it, and
 * by nothing else. One registry may serve several Musters of a process.
 */
export async function createMetricsRegistry(): Promise<MetricsRegistry> {
  const [{ MeterProvider }, { PrometheusExporter, PrometheusSerializer }] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-prometheus'),
  ])
  const reader = new PrometheusExporter({ preventServerStart: true })
  const provider = new MeterProvider({ readers: [reader] })
  const serializer = new PrometheusSerializer()
  let closed: Promise<void> | undefined
  return {
    measure: measureWith(provider.getMeter('muster', VERSION)),
    async text() {
      if (closed !== undefined) throw new Error('the metrics registry is closed: create another')
      const { resourceMetrics, errors } = await reader.collect()
      if (errors.length > 0) throw errors[0]
      return serializer.serialize(resourceMetrics)
    },
    close: () => (closed ??= provider.shutdown()),
  }
}

export interface ServeMetricsOptions {
  readonly registry: Pick<MetricsRegistry, 'text'>
  /** Default 9464, which Prometheus' list of ports has for OpenTelemetry; 0 for any that is free. */
  readonly port?: number
  /** Default 127.0.0.1: whoever else is to read them is named on purpose. */
  readonly host?: string
}

/** A running endpoint. */
export interface MetricsServer {
  /** Where the numbers are. */
  readonly url: string
  close(): Promise<void>
}

/** As OpenTelemetry's own exporter has it. */
const DEFAULT_PORT = 9_464

/**
 * Serves a registry's numbers at `/metrics`. It does not keep the process alive.
 *
 * @throws InvalidInputError where the port cannot be listened on
 */
export async function serveMetrics({
  registry,
  port = DEFAULT_PORT,
  host = '127.0.0.1',
}: ServeMetricsOptions): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0]
    if (path !== '/metrics' || !['GET', 'HEAD'].includes(request.method ?? '')) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('metrics are at /metrics\n')
      return
    }
    registry.text().then(
      (text) => response.writeHead(200, { 'content-type': METRICS_CONTENT_TYPE }).end(text),
      () => response.writeHead(500, { 'content-type': 'text/plain' }).end('no metrics\n'),
    )
  })
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (thrown) {
    const { code = 'unknown' } = thrown as NodeJS.ErrnoException
    throw new InvalidInputError('INVALID_OPTIONS', [
      `metrics cannot be served at ${host}:${port} (${code}): give another port, or 0 for any that is free`,
    ])
  }
  server.unref()
  const { port: bound } = server.address() as AddressInfo
  const shown = host.includes(':') ? `[${host}]` : host
  return {
    url: `http://${shown}:${bound}/metrics`,
    async close() {
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
