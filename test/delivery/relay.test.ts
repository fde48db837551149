import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createInProcessBus, type EventBus } from '../../src/delivery/event-bus.ts'
import { relaySession, type RelayParams } from '../../src/delivery/relay.ts'
import { systemClock } from '../../src/domain/clock.ts'
import { createMuster } from '../../src/index.ts'
import { relayTo } from '../../src/hosting.ts'
import { openStore } from '../../src/store/open.ts'
import { LEASE_MS, OWNER, T0 } from '../store/fixtures.ts'
import { QUICK } from '../support/muster.ts'
import { itemsNamed, scriptedSource, scriptedTarget } from '../support/scripted-source.ts'
import { secretsIn } from '../support/secret-forms.ts'
import { waitUntil } from '../support/wait-until.ts'
import { Delivery } from './delivery.ts'
import { ownNats, Space } from './nats.ts'

const nats = ownNats()

const warnings: string[] = []
beforeEach(() => {
  warnings.length = 0
  const warn = vi.spyOn(process, 'emitWarning')
  warn.mockImplementation((warning) => void warnings.push(String(warning)))
  return () => warn.mockRestore()
})

const ENDED = {
  status: 'COMPLETED',
  timeline: { startedAt: new Date(T0), lastUpdate: new Date(T0), completedAt: new Date(T0) },
} as const

/** A session whose events are owed to a bus, with its pages committed. */
async function owed(...pages: number[]): Promise<Delivery> {
  const delivery = await Delivery.start()
  const { sessionId } = delivery.walk
  const { state, revision } = await delivery.store.claimSession({
    sessionId,
    owner: OWNER,
    leaseMs: LEASE_MS,
    announcing: true,
    isGone: () => true,
  })
  Object.assign(delivery.walk, { state, revision })
  for (const count of pages) await delivery.commit(count)
  return delivery
}

async function end(delivery: Delivery): Promise<void> {
  await delivery.walk.advance(ENDED)
  delivery.changes.close()
}

/** The relay of a process that has claimed the session. */
function relayOf(delivery: Delivery, bus: EventBus, over: Partial<RelayParams> = {}) {
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const done = relaySession({
    bus,
    store: delivery.store,
    session: delivery.walk.state,
    revision: delivery.walk.revision,
    resumed: false,
    windows: () => delivery.feed.windows(4),
    signal: leaving.signal,
    clock: systemClock,
    ...over,
  })
  return { done, leaving }
}

const isOwed = async ({ store, walk }: Delivery): Promise<boolean> =>
  (await store.findUnfinished()).some(({ sessionId }) => sessionId === walk.sessionId)

/** A bus that remembers what was published, and fails where it is told to. */
function recording(fails: (type: string, times: number) => boolean = () => false) {
  const published: { readonly type: string; readonly id: string | undefined }[] = []
  const bus: EventBus = {
    ...createInProcessBus(),
    async publish(type, _, { id } = {}) {
      published.push({ type, id })
      if (fails(type, published.filter((one) => one.id === id).length))
        throw new Error('bus is away')
    },
  }
  return { bus, published }
}

describe('the relay of a session', () => {
  test('publishes its beginning, its tasks in order, its progress and its end', async () => {
    const space = new Space(nats.server)
    const delivery = await owed(6, 3)
    const { sessionId, state } = delivery.walk
    await end(delivery)
    const { bus, published } = recording()
    const real = await space.bus()
    const both: EventBus = {
      ...bus,
      async publish(type, event, options) {
        await real.publish(type, event, options)
        await bus.publish(type, event, options)
      },
    }
    await relayOf(delivery, both, { session: state }).done
    const tasks = await space.envelopes()
    expect(tasks.map(({ data }) => 'task' in data && data.task.resourceUri)).toEqual(
      [...Array(6).keys()]
        .map((n) => `https://github.example/page-0-${n}`)
        .concat([...Array(3).keys()].map((n) => `https://github.example/page-1-${n}`)),
    )
    expect(tasks.every(({ id, data }) => 'task' in data && data.task.taskId === id)).toBe(true)
    expect((await space.envelopes(space.sessions)).map(({ id }) => id)).toEqual([
      `${sessionId}:started:${delivery.walk.revision}`,
      `${sessionId}:ended:${T0}`,
    ])
    expect(published.at(0)?.type).toBe('session.started')
    expect(published.at(-1)?.type).toBe('session.ended')
    expect(await delivery.outstanding()).toEqual([])
    expect(await isOwed(delivery)).toBe(false)
  })

  test('tells the progress after a window, once for each state', async () => {
    const delivery = await owed()
    const { bus, published } = recording()
    const { done } = relayOf(delivery, bus)
    const told = (batches: number) => () =>
      published.some(({ id }) => id === `${delivery.walk.sessionId}:progressed:${batches}`)
    await delivery.commit(6)
    await waitUntil('it is told', told(1))
    await delivery.commit(1)
    await waitUntil('it is told again', told(2))
    await end(delivery)
    await done
    expect(published.filter(({ type }) => type === 'session.progressed')).toHaveLength(2)
    expect(published.at(-1)?.type).toBe('session.ended')
  })

  test('acknowledges a window when the broker has every task of it, and not before', async () => {
    const delivery = await owed(4)
    const gate = Promise.withResolvers<void>()
    const asked: string[] = []
    const { bus } = recording()
    const slow: EventBus = {
      ...bus,
      async publish(type, _, { id } = {}) {
        if (type !== 'task.created') return
        asked.push(id ?? '')
        if (asked.length === 3) await gate.promise
      },
    }
    const { done } = relayOf(delivery, slow)
    await waitUntil('all are on their way', () => asked.length === 4)
    expect(await delivery.outstanding()).toHaveLength(4)
    gate.resolve()
    await end(delivery)
    await done
    expect(await delivery.outstanding()).toEqual([])
  })

  test('says nothing of the beginning of a session that is over, and nothing of an end that has not come', async () => {
    const over = await owed(1)
    await end(over)
    const first = recording()
    await relayOf(over, first.bus).done
    expect(first.published.map(({ type }) => type)).toEqual(['task.created', 'session.ended'])
    const interrupted = await owed(1)
    interrupted.changes.close()
    const second = recording()
    await relayOf(interrupted, second.bus).done
    expect(second.published.map(({ type }) => type)).toEqual(['session.started', 'task.created'])
    expect(await isOwed(interrupted)).toBe(true)
  })

  test('does not end before another reader has given back what it has in hand', async () => {
    const delivery = await owed(3)
    const other = delivery.feed.tasks()[Symbol.asyncIterator]()
    await other.next()
    await end(delivery)
    const { bus, published } = recording()
    const { done } = relayOf(delivery, bus)
    await waitUntil('it waits', () => warnings.length > 0)
    expect(published.map(({ type }) => type)).not.toContain('session.ended')
    await other.return?.()
    await done
    expect(published.filter(({ type }) => type === 'task.created')).toHaveLength(3)
    expect(published.at(-1)?.type).toBe('session.ended')
  })
})

describe('a relay whose bus or database fails', () => {
  test('tries again until it is done', async () => {
    const delivery = await owed(5)
    const { state } = delivery.walk
    await end(delivery)
    const { bus, published } = recording((_, times) => times === 1)
    delivery.failNext = 'acknowledgeTasks'
    const store = { ...delivery.store }
    let marks = 0
    store.markAnnounced = async (params) => {
      if ((marks += 1) === 1) throw new Error('database is away')
      await delivery.store.markAnnounced(params)
    }
    await relayOf(delivery, bus, { session: state, store }).done
    expect(new Set(published.map(({ id }) => id)).size).toBe(7)
    expect(await delivery.outstanding()).toEqual([])
    expect(await isOwed(delivery)).toBe(false)
    expect(warnings.join()).toContain('its events are held up: bus is away')
  })

  test('leaves at once when its session is no longer its own, and gives back what it has', async () => {
    const delivery = await owed(5)
    const { bus, published } = recording((type) => type === 'task.created')
    const { done, leaving } = relayOf(delivery, bus)
    await waitUntil('it tries', () => published.length > 3)
    leaving.abort()
    await done
    expect(await delivery.outstanding()).toHaveLength(5)
    const next = delivery.feed.windows(9)
    expect((await next.next()).value).toHaveLength(5)
    await next.return()
    const held = relayOf(delivery, { ...bus, publish: () => new Promise(() => undefined) })
    held.leaving.abort()
    await held.done
    const asleep = await owed()
    const sleeping = relayOf(asleep, recording().bus)
    await new Promise((resolve) => setImmediate(resolve))
    sleeping.leaving.abort()
    await sleeping.done
  })
})

describe('a process that dies', () => {
  test('between publishing and marking has the same ids published again, and stored once', async () => {
    const space = new Space(nats.server)
    const delivery = await owed(6)
    const { state } = delivery.walk
    await end(delivery)
    const bus = await space.bus()
    const published: (string | undefined)[] = []
    const watched: EventBus = {
      ...createInProcessBus(),
      async publish(type, event, options) {
        await bus.publish(type, event, options)
        published.push(options?.id)
      },
    }
    // Dies with the first window published and not acknowledged, then with the end published and not marked.
    const dying = new AbortController()
    const killed = relayOf(delivery, watched, { session: state, signal: dying.signal })
    delivery.before = async (step) => {
      if (step !== 'acknowledgeTasks') return
      dying.abort()
      throw new Error('killed')
    }
    await killed.done
    expect(await delivery.outstanding()).toHaveLength(6)
    delivery.before = async () => undefined
    delivery.open()
    delivery.changes.close()
    const dyingAgain = new AbortController()
    const store = { ...delivery.store }
    store.markAnnounced = async () => {
      dyingAgain.abort()
      throw new Error('killed')
    }
    await relayOf(delivery, watched, { session: state, store, signal: dyingAgain.signal }).done
    expect(await isOwed(delivery)).toBe(true)
    delivery.open()
    delivery.changes.close()
    await relayOf(delivery, watched).done
    expect(await isOwed(delivery)).toBe(false)
    const stored = [...(await space.envelopes()), ...(await space.envelopes(space.sessions))]
    const ids = stored.map(({ id }) => id)
    // Four tasks were published twice, and so were the beginning and the end.
    expect(published.length - new Set(published).size).toBe(6)
    expect(ids.toSorted()).toEqual([...new Set(published)].toSorted())
  })
})

test('no message has a secret of the walk in it', async () => {
  const space = new Space(nats.server)
  const bus = await space.bus()
  const secrets = { token: 'ghp_Relay+Token/0123456789' }
  const store = await openStore({ path: ':memory:' })
  const muster = await createMuster({
    ...QUICK,
    database: store,
    auth: { ci: { type: 'github', config: { token: secrets.token } } },
    sources: [
      scriptedSource({
        good: {
          items: [...itemsNamed('repo', 30), 'bad-one'],
          pageSize: 10,
          before: async (_, context) => void (await context.credentials()),
        },
        telling: {
          items: itemsNamed('repo', 30),
          pageSize: 10,
          before: async (page, context) => {
            const { values } = await context.credentials()
            if (page > 1) throw new Error(`refused ${String(values['token'])}`)
          },
          page: () => ({ shortfalls: [{ code: 'gone', detail: `with ${secrets.token}` }] }),
        },
      }),
    ],
  })
  onTestFinished(() => muster.close())
  const handover = relayTo(bus, { store, clock: systemClock })
  for (const list of ['good', 'telling']) {
    const target = { ...scriptedTarget(list), authRef: 'ci' }
    await muster.coordinator.enumerateTarget(target, { handover }).done
  }
  const stored = await Promise.all([space.stored(), space.stored(space.sessions)])
  const texts = stored.flat().map((message) => `${message.subject} ${message.string()}`)
  // Of both walks there is all that there is to tell, and why one of them failed.
  expect(texts.filter((text) => text.includes('session.ended'))).toHaveLength(2)
  expect(texts.filter((text) => text.includes('task.created'))).toHaveLength(40)
  expect(texts.join()).toContain('refused ')
  expect(secretsIn(texts.join(), secrets)).toEqual([])
})
