/**
 * A host with or without an OpenTelemetry SDK; prints which parts asked for
 * telemetry's packages, and which files of the dashboard were loaded.
 */
import { registerHooks } from 'node:module'

const asked = new Set<string>()
const dashboard = new Set<string>()
registerHooks({
  resolve(specifier, { parentURL = '', ...context }, next) {
    if (specifier.startsWith('@opentelemetry/')) {
      if (parentURL.includes('/src/')) asked.add('muster')
      if (parentURL.includes('/test/')) asked.add('sdk')
    }
    const resolved = next(specifier, { ...context, parentURL })
    if (/\/src\/dashboard\/|\/hono\//.test(resolved.url)) dashboard.add(resolved.url)
    return resolved
  },
})

const mode = process.argv[2]
let meters = 0
if (mode !== 'none') {
  const { metrics, trace } = await import('@opentelemetry/api')
  const { MeterProvider } = await import('@opentelemetry/sdk-metrics')
  const { TracerProvider } = await import('@opentelemetry/sdk-trace')
  const [meterProvider, tracerProvider] = [new MeterProvider(), new TracerProvider()]
  const count = <T>(made: T): T => {
    meters += 1
    return made
  }
  metrics.setGlobalMeterProvider({
    getMeter: (...args) => count(meterProvider.getMeter(...args)),
  })
  trace.setGlobalTracerProvider({
    getTracer: (...args) => count(tracerProvider.getTracer(...args)),
  })
}

const { createMuster } = await import('../../../src/index.ts')
const { itemsNamed, scriptedSource, scriptedTarget } =
  await import('../../support/scripted-source.ts')
const listings = { a: { items: itemsNamed('a', 4), pageSize: 2 } }
const muster = await createMuster({
  database: ':memory:',
  sources: [scriptedSource(listings)],
  ...(mode === 'refused' && { telemetry: false }),
})
const { status } = await muster.coordinator.enumerateTarget(scriptedTarget('a')).done
await muster.close()
console.log(JSON.stringify({ status, telemetry: [...asked], dashboard: [...dashboard], meters }))
