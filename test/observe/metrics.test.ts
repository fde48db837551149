import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { createMetricsRegistry, createMuster, openStore, serveMetrics } from '../../src/index.ts'
import { ATTRIBUTE_VALUES, INSTRUMENTS } from '../../src/observe/instruments.ts'
import { PROJECT } from '../support/cli.ts'
import { collect, musterOver, QUICK } from '../support/muster.ts'
import { itemsNamed, scriptedTarget } from '../support/scripted-source.ts'
import { tempDatabase } from '../support/temp.ts'

/** The numbers of a scrape, by name and those labels that are Muster's own. */
function numbersOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line.startsWith('muster_'))
  return new Map(
    lines.map((line) => {
      const [, name = '', labels = '', value = ''] = /^(\w+)\{(.*)\} (\S+)$/.exec(line) ?? []
      const own = labels.replaceAll(/,?otel_scope_\w+="[^"]*"/g, '').replaceAll('muster_', '')
      return [`${name}{${own}}`, Number(value)]
    }),
  )
}

async function registryOfTest() {
  const registry = await createMetricsRegistry()
  onTestFinished(() => registry.close())
  return registry
}

test('a walk is counted once in each number, by the outcome of its pages, items and waits', async () => {
  const metricsRegistry = await registryOfTest()
  let failures = 0
  const { coordinator } = await musterOver(
    {
      a: {
        items: [...itemsNamed('a', 12), 'bad', 'skip'],
        pageSize: 5,
        before(page) {
          failures += 1
          if (page === 2 && failures === 2) throw new Error('once')
        },
      },
    },
    { metricsRegistry },
  )
  const run = coordinator.enumerateTarget(scriptedTarget('a'))
  const tasks = await collect(run.tasks)
  await run.done
  await new Promise((resolve) => setImmediate(resolve))
  expect(tasks).toHaveLength(12)
  const numbers = numbersOf(await metricsRegistry.text())
  const source = 'source_type="scripted"'
  const expected = {
    [`muster_enumerations_total{${source}}`]: 1,
    [`muster_enumerations_active{${source}}`]: 0,
    [`muster_targets_processed_total{${source},outcome="partially_completed"}`]: 1,
    [`muster_target_duration_count{${source},outcome="partially_completed"}`]: 1,
    [`muster_tasks_enqueued_total{${source}}`]: 12,
    [`muster_tasks_failed_to_enqueue_total{${source}}`]: 0,
    'muster_tasks_acknowledged_total{}': 12,
    // One task of each page.
    [`muster_delivery_lag_count{${source}}`]: 3,
    [`muster_pages_total{${source},outcome="succeeded"}`]: 2,
    [`muster_pages_total{${source},outcome="partially_completed"}`]: 1,
    [`muster_items_total{${source},outcome="kept"}`]: 12,
    [`muster_items_total{${source},outcome="skipped"}`]: 1,
    [`muster_items_total{${source},outcome="failed"}`]: 1,
    [`muster_fetch_duration_count{${source},outcome="page"}`]: 3,
    [`muster_fetch_duration_count{${source},outcome="failed"}`]: 1,
    [`muster_commit_duration_count{${source},outcome="committed"}`]: 3,
    [`muster_waits_total{${source},reason="error"}`]: 1,
    [`muster_waits_active{${source},reason="error"}`]: 0,
    [`muster_wait_duration_count{${source},reason="error"}`]: 1,
    [`muster_leases_total{${source},event="claimed"}`]: 1,
  }
  expect(Object.fromEntries(Object.keys(expected).map((key) => [key, numbers.get(key)]))).toEqual(
    expected,
  )
})

test('a lease that another process took, and its fenced commits, are counted', async () => {
  const metricsRegistry = await registryOfTest()
  const path = tempDatabase()
  const rival = await openStore({ path })
  onTestFinished(() => rival.close())
  const { coordinator } = await musterOver(
    {
      a: {
        items: itemsNamed('a', 6),
        pageSize: 2,
        async before(page) {
          if (page !== 2) return
          const [state] = await rival.repositories.sessions.getActiveStates()
          const { sessionId = '' } = state ?? {}
          await rival.claimSession({
            sessionId,
            owner: 'rival',
            leaseMs: 60_000,
            isGone: () => true,
          })
        },
      },
    },
    { metricsRegistry, database: path },
  )
  await expect(coordinator.enumerateTarget(scriptedTarget('a')).done).rejects.toMatchObject({
    code: 'LEASE_LOST',
  })
  const numbers = numbersOf(await metricsRegistry.text())
  const source = 'source_type="scripted"'
  expect(numbers.get(`muster_leases_total{${source},event="fenced"}`)).toBeGreaterThan(0)
  expect(numbers.get(`muster_leases_total{${source},event="lost"}`)).toBeGreaterThan(0)
  expect(numbers.get(`muster_tasks_failed_to_enqueue_total{${source}}`)).toBeGreaterThan(0)
  expect(numbers.get(`muster_targets_processed_total{${source},outcome="interrupted"}`)).toBe(1)
})

let scraped: Promise<string> | undefined
/** One scrape for all who look at it. */
const scrapeOfSandbox = (): Promise<string> => (scraped ??= scrapeAnew())

/** A scrape of a walk of the sandbox that meets a limit on its way, with every task taken. */
async function scrapeAnew(): Promise<string> {
  const registry = await registryOfTest()
  const server = await serveMetrics({ registry, port: 0 })
  onTestFinished(() => server.close())
  await using github = await startSandboxGitHub({
    owners: [{ login: 'acme', type: 'Organization', names: itemsNamed('repo', 40) }],
    faults: [null, null, { kind: 'secondary-limit', retryAfterSeconds: 1, limitedSeconds: 1 }],
  })
  await using muster = await createMuster({
    ...QUICK,
    database: ':memory:',
    auth: { gh: { type: 'github', config: { token: 'ghp_fromTheSandbox' } } },
    metricsRegistry: registry,
  })
  const run = muster.coordinator.enumerateTarget({
    name: 'acme',
    sourceType: 'github',
    authRef: 'gh',
    github: { org: 'acme', perPage: 10, baseUrl: github.url },
  })
  await Promise.all([collect(run.tasks), run.done])
  const answer = await fetch(server.url)
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  expect((await fetch(server.url.replace('/metrics', '/'))).status).toBe(404)
  return answer.text()
}

interface Panel {
  readonly type: string
  readonly title: string
  readonly datasource?: { readonly uid: string }
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } }
  readonly targets?: readonly { readonly expr: string }[]
}

interface GrafanaDashboard {
  readonly schemaVersion: number
  readonly panels: readonly Panel[]
  readonly templating: {
    readonly list: readonly { readonly type: string; readonly name: string }[]
  }
}

test('the Grafana dashboard asks for what a real scrape has, and for all of it', async () => {
  const scrape = await scrapeOfSandbox()
  const printed = new Set([...scrape.matchAll(/^(muster_\w+)\{/gm)].map(([, name = '']) => name))
  const file = join(PROJECT, 'docs/grafana/muster.json')
  const dashboard = JSON.parse(readFileSync(file, 'utf8')) as GrafanaDashboard
  expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36)
  expect(dashboard.templating.list).toContainEqual(
    expect.objectContaining({ type: 'datasource', name: 'datasource', query: 'prometheus' }),
  )
  const shown = dashboard.panels.filter(({ type }) => type !== 'row')
  for (const { title, datasource, fieldConfig, targets } of shown) {
    expect(datasource?.uid, title).toBe('${datasource}')
    expect(fieldConfig?.defaults.unit, title).toMatch(/^\w+$/)
    expect(targets?.length, title).toBeGreaterThan(0)
  }
  const asked = new Set(
    shown.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => [...expr.matchAll(/\bmuster_\w+?(?=[{[ )]|$)/g)].map(String)),
    ),
  )
  const labels = /^muster_(source_type|outcome|reason|event)$/
  const metrics = [...asked].filter((name) => !labels.test(name))
  expect(metrics.filter((name) => !printed.has(name))).toEqual([])
  // Every instrument is in a panel.
  const stems = new Set(metrics.map((name) => name.replace(/_(total|bucket|sum|count)$/, '')))
  const all = Object.keys(INSTRUMENTS).map((name) => name.replaceAll('.', '_'))
  expect(all.filter((name) => !stems.has(name))).toEqual([])
})

test('no attribute takes a value that is not in its documented set', async () => {
  const scrape = await scrapeOfSandbox()
  const known = new Set([
    'github',
    ...Object.values(ATTRIBUTE_VALUES['muster.outcome']).flat(),
    ...ATTRIBUTE_VALUES['muster.reason'],
    ...ATTRIBUTE_VALUES['muster.event'],
  ])
  const values = [...scrape.matchAll(/muster_(?:source_type|outcome|reason|event)="([^"]*)"/g)]
  expect(values.length).toBeGreaterThan(20)
  expect(values.map(([, value = '']) => value).filter((value) => !known.has(value))).toEqual([])
  expect(scrape).not.toMatch(/acme|ghp_/)
})

test('docs/observability.md has every instrument, with its unit and what it is told apart by', () => {
  const text = readFileSync(join(PROJECT, 'docs/observability.md'), 'utf8')
  for (const [name, { unit, attributes }] of Object.entries(INSTRUMENTS)) {
    const row = text.split('\n').find((line) => line.startsWith(`| \`${name}\``))
    expect(row, name).toContain(`| ${unit} |`)
    for (const attribute of attributes) expect(row, name).toContain(attribute.split('.')[1])
  }
})

test('an endpoint that cannot be had says so, and an SDK that throws breaks no walk', async () => {
  const registry = await registryOfTest()
  const server = await serveMetrics({ registry, port: 0 })
  onTestFinished(() => server.close())
  const port = Number(new URL(server.url).port)
  await expect(serveMetrics({ registry, port })).rejects.toThrow(/EADDRINUSE.*another port/)
  const { coordinator } = await musterOver(
    { a: { items: itemsNamed('a', 4), pageSize: 2 } },
    {
      metricsRegistry: {
        ...registry,
        measure() {
          throw new Error('of the SDK')
        },
      },
    },
  )
  const { status } = await coordinator.enumerateTarget(scriptedTarget('a')).done
  expect(status).toBe('COMPLETED')
})
