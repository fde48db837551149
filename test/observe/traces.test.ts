import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { context, trace, type Tracer } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { batchId } from '../../src/domain/identity.ts'
import { createMuster, openStore } from '../../src/index.ts'
import { musterOver, QUICK } from '../support/muster.ts'
import { itemsNamed, scriptedSource, scriptedTarget } from '../support/scripted-source.ts'
import { tempDatabase } from '../support/temp.ts'

const exporter = new InMemorySpanExporter()

beforeEach(() => {
  exporter.reset()
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  trace.setGlobalTracerProvider(provider)
})

afterEach(() => {
  trace.disable()
  context.disable()
})

type Spans = ReturnType<typeof exporter.getFinishedSpans>
type Span = Spans[number]

const named = (name: string): Spans =>
  exporter.getFinishedSpans().filter((span) => span.name === name)
const only = (name: string): Span => {
  const [span, ...more] = named(name)
  if (span === undefined || more.length > 0) throw new Error(`${1 + more.length} spans "${name}"`)
  return span
}
const linksOf = (span: Span | undefined) => span?.links.map((link) => link.context.spanId)
const idOf = (span: Span | undefined) => span?.spanContext().spanId
const nanos = ([seconds, rest]: readonly [number, number]) =>
  BigInt(seconds) * 10n ** 9n + BigInt(rest)
const byOutcome = (outcome: string): Spans =>
  named('muster.page').filter((span) => span.attributes['muster.outcome'] === outcome)
const ended = () => new Promise((resolve) => setImmediate(resolve))

test('a page is a trace over its fetch and its commit, linked to its session and to the page before', async () => {
  const seen: (string | undefined)[] = []
  const { coordinator } = await musterOver({
    a: {
      items: [...itemsNamed('a', 5), 'bad'],
      pageSize: 2,
      // Whatever a source's own requests are traced by finds its parent here.
      before: () => void seen.push(trace.getActiveSpan()?.spanContext().traceId),
    },
  })
  const { sessionId } = await coordinator.enumerateTarget(scriptedTarget('a')).done
  await ended()
  const session = only('muster.session')
  const pages = named('muster.page').filter((span) => 'muster.batch.id' in span.attributes)
  expect(pages.map(({ attributes }) => attributes)).toEqual([
    ...[1, 2].map((number) =>
      pageAttributes(sessionId, number, 'succeeded', { kept: 2, failed: 0 }),
    ),
    pageAttributes(sessionId, 3, 'partially_completed', { kept: 1, failed: 1 }),
  ])
  expect(pages.map(linksOf)).toEqual([
    [idOf(session)],
    [idOf(session), idOf(pages[0])],
    [idOf(session), idOf(pages[1])],
  ])
  for (const [index, page] of pages.entries()) {
    const children = exporter
      .getFinishedSpans()
      .filter((span) => span.parentSpanContext?.spanId === idOf(page))
    expect(children.map((span) => span.name)).toEqual(['muster.fetch', 'muster.commit'])
    expect(page.spanContext().traceId).toBe(seen[index])
    for (const child of children) {
      expect(nanos(child.startTime)).toBeGreaterThanOrEqual(nanos(page.startTime) - APART)
      expect(nanos(child.endTime)).toBeLessThanOrEqual(nanos(page.endTime) + APART)
    }
  }
  // Read ahead: the second page is asked for before the first is committed.
  expect(nanos(pages[1]!.startTime)).toBeLessThan(nanos(pages[0]!.endTime))
  expect(byOutcome('exhausted')).toHaveLength(1)
  expect(session.attributes).toMatchObject({
    'muster.session.id': sessionId,
    'muster.outcome': 'partially_completed',
  })
})

/** Each span is dated by a clock of its own, which is set to the millisecond; nanoseconds. */
const APART = 5_000_000n

const pageAttributes = (
  sessionId: string,
  number: number,
  outcome: string,
  { kept, failed }: { readonly kept: number; readonly failed: number },
) => ({
  'muster.session.id': sessionId,
  'muster.target.name': 'a',
  'muster.source.type': 'scripted',
  'muster.batch.id': batchId(sessionId, number),
  'muster.items.kept': kept,
  'muster.items.skipped': 0,
  'muster.items.failed': failed,
  'muster.outcome': outcome,
})

test('a page that could not be had has the code of its error, and not its words', async () => {
  let calls = 0
  const { coordinator } = await musterOver({
    a: {
      items: itemsNamed('a', 4),
      pageSize: 2,
      before() {
        calls += 1
        if (calls === 2) throw new Error('no answer from https://user:hunter2secret@host/')
      },
    },
  })
  await coordinator.enumerateTarget(scriptedTarget('a')).done
  await ended()
  expect(byOutcome('failed').map((span) => span.attributes['error.type'])).toEqual([
    'SOURCE_FAILED',
  ])
  expect(byOutcome('succeeded')).toHaveLength(2)
  const all = exporter.getFinishedSpans().map((span) => [span.attributes, span.status, span.events])
  expect(JSON.stringify(all)).not.toContain('hunter2')
})

test('a session that is resumed by another process is traced there from its own first page', async () => {
  const path = tempDatabase()
  const stop = new AbortController()
  const listing = {
    items: itemsNamed('a', 6),
    pageSize: 2,
    before: (page: number) => (page === 2 ? stop.abort() : undefined),
  }
  const options = { ...QUICK, database: path, sources: [scriptedSource({ a: listing })] }
  const first = await createMuster(options)
  const before = first.coordinator.enumerateTarget(scriptedTarget('a'), { drain: stop.signal })
  await before.done
  await first.close()
  expect(only('muster.session').attributes['muster.outcome']).toBe('interrupted')
  exporter.reset()
  await using second = await createMuster(options)
  await second.coordinator.enumerateTarget(scriptedTarget('a')).done
  await ended()
  expect(only('muster.session').attributes['muster.session.resumed']).toBe(true)
  const store = await openStore({ path })
  const batches = await store.repositories.batches.findBySessionId(before.sessionId)
  await store.close()
  const pages = named('muster.page').filter((span) => 'muster.batch.id' in span.attributes)
  expect(pages.length).toBeGreaterThan(0)
  expect(batches.map((batch) => batch.batchId)).toEqual(
    expect.arrayContaining(pages.map((span) => span.attributes['muster.batch.id'])),
  )
  expect(linksOf(pages[0])).toEqual([idOf(only('muster.session'))])
})

test('an SDK that throws wherever it can breaks no walk', async () => {
  const broken = (): never => {
    throw new Error('of the SDK')
  }
  trace.disable()
  context.disable()
  const good = new TracerProvider().getTracer('good')
  let spans = 0
  const tracer = {
    startSpan(...args: Parameters<Tracer['startSpan']>) {
      spans += 1
      const span = good.startSpan(...args)
      return Object.assign(Object.create(span) as typeof span, {
        end: broken,
        setAttribute: broken,
        setAttributes: broken,
        setStatus: broken,
      })
    },
    startActiveSpan: broken,
  }
  trace.setGlobalTracerProvider({ getTracer: () => tracer as unknown as Tracer })
  context.setGlobalContextManager({
    active: broken,
    with: broken,
    bind: broken,
    enable: broken,
    disable: () => null as never,
  })
  const { coordinator } = await musterOver({ a: { items: itemsNamed('a', 6), pageSize: 2 } })
  const { status, metrics } = await coordinator.enumerateTarget(scriptedTarget('a')).done
  expect([status, metrics.itemsProcessed]).toEqual(['COMPLETED', 6])
  expect(spans).toBeGreaterThan(3)
})

test.each([
  ['no SDK', 'none', []],
  ['an SDK, and telemetry: false', 'refused', ['sdk']],
  ['an SDK', 'registered', ['sdk', 'muster']],
])('with %s, what is loaded is no more than is needed', (_, mode, loadedBy) => {
  const child = fileURLToPath(new URL('./children/loads.ts', import.meta.url))
  const { stdout, stderr } = spawnSync(process.execPath, [child, mode], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const { status, telemetry, dashboard, meters } = JSON.parse(
    stdout || `{"status":${JSON.stringify(stderr)}}`,
  )
  expect(status).toBe('COMPLETED')
  expect(telemetry).toEqual(loadedBy)
  expect(dashboard).toEqual([])
  expect(meters).toBe(mode === 'registered' ? 2 : 0)
})
