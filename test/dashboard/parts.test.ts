import { setImmediate as turn } from 'node:timers/promises'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import type { AnyStateMachine, AnyStateNode } from 'xstate'
import { batchMachine, enumeratorMachine, sessionMachine } from '../../machines/index.ts'
import { charts, stateIds } from '../../src/dashboard/charts.ts'
import { EventStreams, MAX_STREAMS } from '../../src/dashboard/event-stream.ts'
import { serveReplay } from '../../src/dashboard/index.ts'
import { LiveFeed, type Topic } from '../../src/dashboard/live-feed.ts'
import { problemOf } from '../../src/dashboard/problem.ts'
import { etaOf, RATE_WINDOW_MS, Rates } from '../../src/dashboard/rates.ts'
import {
  KEPT_SESSIONS,
  KEPT_TRANSITIONS,
  TransitionLog,
} from '../../src/dashboard/transition-log.ts'
import { actionsOf } from '../../src/dashboard/views.ts'
import {
  CHART_NAMES,
  type ChartName,
  type Overview,
  type Recording,
} from '../../src/dashboard/wire.ts'
import type { SessionSummary } from '../../src/store/store.ts'
import { ask, follow, get } from '../support/dashboard.ts'
import { waitUntil } from '../support/wait-until.ts'

const MACHINES: Readonly<Record<ChartName, AnyStateMachine>> = {
  session: sessionMachine,
  enumerator: enumeratorMachine,
  batch: batchMachine,
}

const nodesUnder = (node: AnyStateNode): AnyStateNode[] =>
  (Object.values(node.states) as AnyStateNode[]).flatMap((child) => [child, ...nodesUnder(child)])

describe('charts', () => {
  test.each(CHART_NAMES)('%s has every state and transition of its machine', (name) => {
    const machine = MACHINES[name]
    const { nodes, edges } = charts()[name]
    const stateNodes = nodesUnder(machine.root as AnyStateNode)
    const ids = stateNodes.map(({ id }) => id)
    expect(nodes.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    const parents = new Set([null, ...nodes.filter((n) => n.kind === 'compound').map((n) => n.id)])
    expect(nodes.filter(({ parent }) => !parents.has(parent))).toEqual([])
    // One begins in each level.
    for (const parent of parents) {
      const initial = nodes.filter((node) => node.parent === parent && node.isInitial)
      expect(initial).toHaveLength(1)
    }
    const known = new Set(ids)
    expect(edges.filter(({ from, to }) => !known.has(from) || !known.has(to))).toEqual([])
    const defined = stateNodes.flatMap((node) => [
      ...[...node.transitions.values()].flat(),
      ...(node.always ?? []),
    ])
    expect(edges.flatMap(({ labels }) => labels)).toHaveLength(defined.length)
    expect(new Set(edges.map(({ from, to }) => `${from} ${to}`)).size).toBe(edges.length)
  })

  test('their words are those of people', () => {
    const { enumerator, session } = charts()
    const between = (from: string, to: string) =>
      enumerator.edges.find((edge) => edge.from === from && edge.to === to)?.labels
    expect(between('enumerator.fetching.asking', 'enumerator.stalling')).toEqual(['after STALL'])
    expect(between('enumerator.committing', 'enumerator.holding')).toEqual([
      'commitPage done [isWindowFull]',
    ])
    expect(between('enumerator.committing', 'enumerator.broken')).toEqual(['commitPage failed'])
    expect(between('enumerator.holding', 'enumerator.stopped')).toEqual([
      'enumerator.cancel',
      'always [isDraining]',
    ])
    expect(session.nodes.find(({ id }) => id === 'session.COMPLETED')).toMatchObject({
      kind: 'final',
      parent: null,
    })
  })

  test('the states of an actor are nodes of them, parents first', () => {
    expect(stateIds('session', 'STALLED')).toEqual(['session.STALLED'])
    expect(stateIds('enumerator', { fetching: 'asking' })).toEqual([
      'enumerator.fetching',
      'enumerator.fetching.asking',
    ])
  })
})

describe('a rate', () => {
  const START = 1_000_000
  const over = (samples: readonly (readonly [seconds: number, items: number])[]) => {
    const rates = new Rates()
    for (const [seconds, items] of samples) rates.observe('one', items, START + seconds * 1000)
    return (seconds: number) => rates.of('one', START + seconds * 1000)
  }

  test('is unknown at first, then that of the last half minute', () => {
    expect(over([[0, 0]])(0)).toBeNull()
    expect(
      over([
        [0, 0],
        [1, 50],
      ])(1),
    ).toBe(50)
    const walk = over(
      Array.from({ length: 100 }, (_, i) => [i, i < 60 ? i * 10 : 600 + (i - 60) * 30]),
    )
    expect(walk(99)).toBe(30)
  })

  test('of a walk that stands still falls to nothing', () => {
    expect(
      over([
        [0, 0],
        [10, 500],
        [20, 500],
        [35, 500],
        [45, 500],
      ])(45),
    ).toBe(0)
  })

  test('is of no use after a silence, and begins anew where a count falls', () => {
    expect(
      over([
        [0, 0],
        [1, 50],
      ])(RATE_WINDOW_MS / 1000 + 2),
    ).toBeNull()
    expect(
      over([
        [0, 0],
        [100, 5_000],
      ])(100),
    ).toBeNull()
    expect(
      over([
        [0, 900],
        [1, 950],
        [2, 10],
        [3, 30],
      ])(3),
    ).toBe(20)
  })

  test('of all is the sum, and what is forgotten counts no more', () => {
    const rates = new Rates()
    expect(rates.total(START)).toBeNull()
    for (const [id, items] of [
      ['one', 10],
      ['two', 30],
    ] as const) {
      rates.observe(id, 0, START)
      rates.observe(id, items, START + 1000)
    }
    expect(rates.total(START + 1000)).toBe(40)
    rates.forget('two')
    expect(rates.total(START + 1000)).toBe(10)
    rates.keep(new Set(['two']))
    expect(rates.total(START + 1000)).toBeNull()
  })

  test('says when the rest is walked, where it can', () => {
    expect(etaOf({ total: 100, found: 40, rate: 20 }, 5_000)).toBe(8_000)
    expect(etaOf({ total: 100, found: 120, rate: 20 }, 5_000)).toBe(5_000)
    expect(etaOf({ total: null, found: 40, rate: 20 }, 5_000)).toBeNull()
    expect(etaOf({ total: 100, found: 40, rate: 0 }, 5_000)).toBeNull()
    expect(etaOf({ total: 100, found: 40, rate: null }, 5_000)).toBeNull()
  })
})

test('the transitions that are kept grow with neither a walk nor the number of walks', () => {
  const log = new TransitionLog()
  const step = (event: string) => ({
    at: 1,
    event,
    from: ['enumerator.fetching'],
    to: ['enumerator.committing'],
  })
  for (let i = 0; i < 100; i++) log.add('enumerator:one', step(`e${i}`))
  const trail = log.of('one').enumerator
  expect(trail?.transitions).toHaveLength(KEPT_TRANSITIONS)
  expect(trail?.transitions.at(-1)?.event).toBe('e99')
  log.add('batch:one:1', step('settle'))
  log.add('batch:one:2', step('settle'))
  expect(log.of('one').batch).toMatchObject({
    id: 'batch:one:2',
    transitions: [{ event: 'settle' }],
  })
  for (let i = 0; i < 10_000; i++) log.add(`session:s${i}`, step('e'))
  expect(log.size).toBe(KEPT_SESSIONS)
  expect(log.of('s9999').session).toBeDefined()
  expect(log.of('one')).toEqual({})
  log.add('fetchPage', step('e'))
  expect(log.size).toBe(KEPT_SESSIONS)
})

describe('actions', () => {
  const session = (given: Partial<SessionSummary>) =>
    ({
      status: 'IN_PROGRESS',
      asked: null,
      waiting: null,
      walkedBy: 'somebody',
      metrics: { itemsFailed: 0 },
      ...given,
    }) as SessionSummary
  const failed = { metrics: { itemsFailed: 2 } as SessionSummary['metrics'] }
  const paused = { waiting: { reason: 'put it right', until: null }, walkedBy: null }
  test.each<[string, Partial<SessionSummary>, string, string]>([
    ['walked', {}, 'pause cancel', 'pause cancel'],
    ['left', { walkedBy: null }, 'pause resume cancel', 'pause cancel'],
    [
      'waiting',
      { waiting: { reason: 'limit', until: new Date(9) } },
      'pause cancel',
      'pause cancel',
    ],
    ['paused by itself', paused, 'pause resume cancel', 'pause cancel'],
    ['asked to pause', { asked: 'pause' }, 'resume cancel', 'resume cancel'],
    ['asked to end', { asked: 'cancel' }, '', ''],
    ['failed', { status: 'FAILED' }, 'resume', ''],
    ['failed with items', { status: 'FAILED', ...failed }, 'resume retry', ''],
    ['partial', { status: 'PARTIALLY_COMPLETED', ...failed }, 'retry', ''],
    ['partial without failed items', { status: 'PARTIALLY_COMPLETED' }, '', ''],
    ['complete', { status: 'COMPLETED' }, '', ''],
  ])('of one that is %s are those that make sense', (_, given, walking, looking) => {
    expect(actionsOf(session(given), true).join(' ')).toBe(walking)
    expect(actionsOf(session(given), false).join(' ')).toBe(looking)
  })
})

test('reading leaves most of the time to others, however long it takes', async () => {
  let [busy, reads] = [0, 0]
  const read = async () => {
    const startedAt = performance.now()
    while (performance.now() - startedAt < 10);
    busy += performance.now() - startedAt
    reads += 1
  }
  const feed = new LiveFeed(undefined, 1)
  const startedAt = performance.now()
  const following = feed.follow([{ key: 'slow', event: 'overview', read }], () => {})
  await waitUntil('it was read ten times', () => reads > 10)
  expect(busy / (performance.now() - startedAt)).toBeLessThan(0.5)
  following.stop()
  feed.close()
})

describe('a stream', () => {
  const counter = () => {
    const seen = { value: 0, reads: 0 }
    const topic: Topic = {
      key: 'counter',
      event: 'overview',
      read: async () => {
        seen.reads += 1
        return { value: (seen.value += 1) }
      },
    }
    return { seen, topic }
  }

  test('of one who takes nothing is no queue: what comes after is the newest', async () => {
    const { seen, topic } = counter()
    const feed = new LiveFeed(undefined, 1)
    const streams = new EventStreams(feed)
    const app = new Hono().get('/', (context) => streams.open(context, [topic]))
    const response = await app.request('/')
    await waitUntil('it changed a hundred times', () => seen.reads > 100)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    const values: number[] = []
    await waitUntilRead(reader, (text) => {
      for (const [, value] of text.matchAll(/"value":(\d+)/g)) values.push(Number(value))
      return values.length >= 4
    })
    // A chunk or two were on their way already; then it is where the others are.
    expect(values[0]).toBe(1)
    expect(values[3]).toBeGreaterThan(90)
    await reader.cancel()
    await waitUntil('it is let go', () => streams.size === 0 && feed.followed === 0)
    const { reads } = seen
    await turn()
    expect(seen.reads - reads).toBeLessThanOrEqual(1)
    feed.close()
  })

  test('is one too many beyond a limit, and none after the end', async () => {
    const feed = new LiveFeed(undefined, 1_000)
    const streams = new EventStreams(feed)
    const app = new Hono().get('/', (context) => streams.open(context, [counter().topic]))
    app.onError((thrown, context) => {
      const { status, problem } = problemOf(thrown)
      return context.json(problem, status)
    })
    for (let i = 0; i < MAX_STREAMS; i++) expect((await app.request('/')).status).toBe(200)
    expect((await app.request('/')).status).toBe(503)
    streams.close()
    feed.close()
    expect((await app.request('/')).status).toBe(503)
  })
})

async function waitUntilRead(
  reader: ReadableStreamDefaultReader<string>,
  isEnough: (text: string) => boolean,
): Promise<void> {
  for (;;) {
    const { value, done } = await reader.read()
    if (done || isEnough(value)) return
  }
}

test('a recording is served to the same page, and nothing of it can be steered', async () => {
  const recording: Recording = {
    name: 'walk.jsonl',
    startedAt: 1,
    endedAt: 2,
    frames: [
      {
        at: 1,
        event: 'go',
        from: [],
        to: ['session.INITIALIZED'],
        actor: 'session:a',
        machine: 'session',
      },
    ],
    isCut: false,
  }
  await using dashboard = await serveReplay(recording, { port: 0, version: '9.9.9' })
  expect(await get(dashboard, '/api/recording')).toEqual(recording)
  const overview = await get<Overview>(dashboard, '/api/overview')
  expect(overview).toMatchObject({
    version: '9.9.9',
    isReplay: true,
    canWalk: false,
    database: 'walk.jsonl',
  })
  expect(await get(dashboard, '/api/sessions')).toEqual({ total: 0, offset: 0, rows: [] })
  expect(await get(dashboard, '/api/charts')).toHaveProperty('enumerator')
  const headers = { 'content-type': 'application/json' }
  for (const [method, path] of [
    ['POST', '/api/sessions/a/pause'],
    ['GET', '/api/sessions/a'],
  ] as const) {
    const { status } = await ask(new URL(path, dashboard.url), { method, headers })
    expect(status).toBe(method === 'POST' ? 409 : 404)
  }
  const live = await follow(dashboard)
  expect((await live.until('overview', () => true)).isReplay).toBe(true)
  live.close()
})
