import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { EVERY_MS } from '../../src/dashboard/live-feed.ts'
import { watchActors } from '../../src/dashboard/live.ts'
import { StoreReadModel } from '../../src/dashboard/read-model.ts'
import type { SessionDetail } from '../../src/dashboard/wire.ts'
import type { Muster } from '../../src/index.ts'
import { dashboardOf, follow, get, type LiveStream } from '../support/dashboard.ts'
import { copySession } from '../support/many-sessions.ts'
import { musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedTarget } from '../support/scripted-source.ts'
import { tempDatabase } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

/** Lets a listing go on page by page. */
function steps(items: number) {
  const gates: PromiseWithResolvers<void>[] = []
  const gate = (page: number) => (gates[page] ??= Promise.withResolvers<void>())
  return {
    let: (page: number) => gate(page).resolve(),
    letAll: () => {
      for (let page = 1; page <= items / 10; page++) gate(page).resolve()
    },
    listing: {
      items: itemsNamed('w', items),
      pageSize: 10,
      before: (page: number) => gate(page).promise,
    },
  }
}

/** Counts what is asked of the store, and the rows that it answers with. */
function countReads(muster: Muster) {
  const counted = { calls: 0, rows: 0, largest: 0, rounds: 0 }
  const { reports, audit } = muster.repositories
  for (const repository of [reports, audit]) {
    for (const [name, method] of Object.entries(repository) as [string, Function][]) {
      const counting = async (...given: unknown[]) => {
        const answer = await method.apply(repository, given)
        const rows = (answer as { rows?: unknown[] } | null)?.rows ?? answer
        counted.calls += 1
        counted.rows += Array.isArray(rows) ? rows.length : 1
        counted.largest = Math.max(counted.largest, JSON.stringify(answer).length)
        // What is active is read once a round, whoever looks.
        const isRound = (given[0] as { group?: string } | undefined)?.group === 'active'
        if (isRound) counted.rounds += 1
        return answer
      }
      Object.assign(repository, { [name]: counting })
    }
  }
  return counted
}

const overviews = (stream: LiveStream) =>
  stream.events.filter(({ name }) => name === 'overview').length

describe('whoever looks', () => {
  test('is told at once, and then of each page that is walked', async () => {
    const walk = steps(40)
    const muster = await musterOver({ whole: walk.listing })
    const dashboard = await dashboardOf(muster)
    const live = await follow(dashboard)
    expect((await live.until('overview', () => true)).counts.all).toBe(0)
    const { sessionId, done } = muster.coordinator.enumerateTarget(scriptedTarget('whole'))
    const watched = await follow(dashboard, `?session=${sessionId}&limit=1`)
    for (const page of [1, 2]) {
      walk.let(page)
      const found = await live.until(
        'sessions',
        ({ rows }) => rows[0]?.metrics.itemsFound === 10 * page,
      )
      expect(found.rows[0]).toMatchObject({ status: 'IN_PROGRESS', total: 40 })
    }
    // It is walked here: its actors are told of as they are.
    const detail = await watched.until('detail', ({ batches }) => batches.length === 2)
    const actors = Object.fromEntries(detail.actors.map((actor) => [actor.machine, actor]))
    expect(actors['session']).toMatchObject({ seen: 'live', states: ['session.IN_PROGRESS'] })
    expect(actors['enumerator']).toMatchObject({
      id: `enumerator:${sessionId}`,
      seen: 'live',
      states: ['enumerator.fetching', 'enumerator.fetching.asking'],
    })
    expect(actors['enumerator']?.transitions).toContainEqual(
      expect.objectContaining({
        event: 'fetchPage done',
        from: ['enumerator.fetching', 'enumerator.fetching.asking'],
        to: ['enumerator.committing'],
      }),
    )
    expect(actors['batch']).toMatchObject({
      id: `batch:${sessionId}:2`,
      states: ['batch.SUCCEEDED'],
    })
    const rated = await watched.until('detail', ({ session }) => session.rate !== null)
    expect(rated.session.rate).toBeGreaterThanOrEqual(0)
    walk.letAll()
    await done
    const over = await watched.until('detail', ({ session }) => session.status === 'COMPLETED')
    expect(over.session).toMatchObject({ rate: null, eta: null, actions: [] })
    expect(over.actors.map(({ machine, states, seen }) => [machine, states, seen])).toEqual([
      ['session', ['session.COMPLETED'], 'stored'],
      ['enumerator', ['enumerator.ended'], 'stored'],
      ['batch', ['batch.SUCCEEDED'], 'stored'],
    ])
    expect(over.actors[0]?.transitions.at(-1)).toMatchObject({
      event: 'listing.exhausted',
      to: ['session.COMPLETED'],
    })
  })

  test('is told of no rate, and of no end, where nobody walks', async () => {
    const walk = steps(40)
    const muster = await musterOver({ whole: walk.listing })
    let [now, committed] = [0, 0]
    const { repositories, actors, bus } = muster
    bus.subscribe('session.progressed', ({ session }) => {
      committed = session.metrics.itemsFound
    })
    const live = watchActors(actors, () => now)
    onTestFinished(() => live.close())
    const model = new StoreReadModel({
      repositories,
      live,
      version: '',
      database: '',
      canWalk: true,
      now: () => now,
    })
    const { sessionId, done } = muster.coordinator.enumerateTarget(scriptedTarget('whole'))
    const found = async (items: number) => {
      walk.let(items / 10)
      await waitUntil(`${items} items are found`, () => committed === items)
      return model.session(sessionId)
    }
    await found(10)
    now = 2_000
    expect(await found(20)).toMatchObject({ rate: 5 })
    expect((await model.overview()).rate).toBe(5)
    const paused = expect(done).rejects.toMatchObject({ code: 'PAUSED' })
    await muster.pause(sessionId)
    walk.let(3)
    await paused
    now = 4_000
    expect(await model.session(sessionId)).toMatchObject({
      status: 'IN_PROGRESS',
      rate: null,
      eta: null,
    })
    expect((await model.overview()).rate).toBeNull()
    // That its actors were stopped then is no transition of theirs.
    const { actors: left } = await model.detail(sessionId)
    expect(left.map(({ machine, transitions }) => [machine, transitions.at(-1)?.to])).toEqual([
      ['session', ['session.IN_PROGRESS']],
      ['enumerator', ['enumerator.stopped']],
      ['batch', ['batch.SUCCEEDED']],
    ])
    const events = left.flatMap(({ transitions }) => transitions.map(({ event }) => event))
    expect(events).not.toContain('xstate.stop')
  })

  test('is not told of the time alone, and one who has gone costs nothing', async () => {
    const muster = await musterOver({})
    const counted = countReads(muster)
    const dashboard = await dashboardOf(muster)
    const live = await follow(dashboard)
    await live.until('sessions', () => true)
    const before = counted.calls
    await waitUntil('it was read anew twice', () => counted.calls >= before + 8)
    expect(live.events.map(({ name }) => name).toSorted()).toEqual(['overview', 'sessions'])
    live.close()
    let last = -1
    // Two looks, longer apart than it is read: nothing was read between them.
    await waitUntil(
      'nothing is read any more',
      () => {
        const isStill = counted.calls === last
        last = counted.calls
        return isStill
      },
      { everyMs: 1.5 * EVERY_MS },
    )
  })

  test('who looks at what is not there is told so, and sees the rest', async () => {
    const dashboard = await dashboardOf(await musterOver({}))
    const live = await follow(dashboard, '?session=none')
    expect(await live.until('problem', (problem) => problem !== null)).toMatchObject({
      error: { code: 'SESSION_NOT_FOUND' },
    })
    await live.until('overview', () => true)
  })

  test('is told when the store fails, and when it is back', async () => {
    const muster = await musterOver({})
    const dashboard = await dashboardOf(muster)
    const live = await follow(dashboard)
    await live.until('overview', () => true)
    const { reports } = muster.repositories
    const { counts } = reports
    Object.assign(reports, { counts: () => Promise.reject(new Error('the disk is gone')) })
    expect(await live.until('problem', (problem) => problem !== null)).toMatchObject({
      error: { code: 'INTERNAL' },
    })
    Object.assign(reports, { counts })
    await live.until('problem', (problem) => problem === null)
    expect(live.isOver).toBe(false)
  })
})

describe('many', () => {
  test('pages share what is read', async () => {
    const muster = await musterOver({ whole: { items: itemsNamed('w', 5), pageSize: 5 } })
    await muster.coordinator.enumerateTarget(scriptedTarget('whole')).done
    const counted = countReads(muster)
    const dashboard = await dashboardOf(muster)
    const perRound = async (streams: number) => {
      const opened = await Promise.all(Array.from({ length: streams }, () => follow(dashboard)))
      await Promise.all(opened.map((stream) => stream.until('sessions', () => true)))
      const { calls, rounds } = counted
      await waitUntil('two rounds are over', () => counted.rounds >= rounds + 2)
      const asked = counted.calls - calls
      const told = opened.map(overviews)
      for (const stream of opened) stream.close()
      return { asked, told }
    }
    const one = await perRound(1)
    const fifty = await perRound(50)
    expect(one.told).toEqual([1])
    expect(fifty.told).toEqual(Array(50).fill(1))
    expect(fifty.asked).toBeLessThanOrEqual(one.asked * 2)
  })

  test.each<[string, { readonly status?: string }]>([
    ['all of them at their end', {}],
    ['all of them active', { status: `'IN_PROGRESS'` }],
  ])('sessions cost no more than a few, %s', async (_, set) => {
    const read = async (sessions: number) => {
      const path = tempDatabase()
      const made = await musterOver(
        { whole: { items: itemsNamed('w', 5), pageSize: 5 } },
        { database: path },
      )
      const { sessionId, done } = made.coordinator.enumerateTarget(scriptedTarget('whole'))
      await done
      copySession(path, sessions - 1, set)
      const counted = countReads(made)
      const dashboard = await dashboardOf(made)
      const live = await follow(dashboard, `?session=${sessionId}&sort=items`)
      const { total, rows } = await live.until('sessions', () => true)
      await live.until('detail', () => true)
      await live.until('overview', () => true)
      if (set.status !== undefined) {
        await waitUntil('what is active was read', () => counted.rounds > 0)
      }
      expect([total, rows.length]).toEqual([sessions, 50])
      const sent = JSON.stringify(live.events).length
      live.close()
      return { ...counted, sent }
    }
    const [few, many] = [await read(300), await read(10_000)]
    expect(many.calls).toBeLessThanOrEqual(few.calls * 2)
    expect(many.rows).toBeLessThanOrEqual(few.rows * 2)
    expect(many.largest).toBeLessThanOrEqual(few.largest * 1.2)
    expect(many.sent).toBeLessThanOrEqual(few.sent * 1.2)
  })
})

test('one that takes nothing holds up neither the others nor the end', async () => {
  const walk = steps(400)
  const muster = await musterOver({ whole: walk.listing })
  const dashboard = await dashboardOf(muster)
  const port = Number(new URL(dashboard.url).port)
  const slow = connect(port, '127.0.0.1')
  onTestFinished(() => void slow.destroy())
  slow.pause().write(`GET /api/live HTTP/1.1\r\nhost: localhost:${port}\r\n\r\n`)
  const { done } = muster.coordinator.enumerateTarget(scriptedTarget('whole'))
  const live = await follow(dashboard)
  walk.letAll()
  await done
  await live.until('overview', ({ counts }) => counts.ended === 1)
  await dashboard.close()
  await waitUntil('the other stream is over', () => live.isOver)
})

describe('closing', () => {
  test('ends all streams at once, and leaves nothing that keeps the process alive', async () => {
    const muster = await musterOver({})
    const before = process.getActiveResourcesInfo().toSorted()
    const dashboard = await muster.dashboard({ port: 0 })
    const streams = await Promise.all(Array.from({ length: 5 }, () => follow(dashboard)))
    await Promise.all(streams.map((stream) => stream.until('overview', () => true)))
    await Promise.all([dashboard.close(), dashboard.close()])
    await waitUntil('all streams are over', () => streams.every(({ isOver }) => isOver))
    expect(streams.filter(({ isCut }) => isCut)).toEqual([])
    const servers = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'TCPServerWrap').length
    expect(servers()).toBe(before.filter((name) => name === 'TCPServerWrap').length)
    // Streams of this process have let go too as soon as their ends were heard.
    await waitUntil('nothing is left', () => {
      const now = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap')
      return now.length <= before.filter((name) => name === 'TCPSocketWrap').length
    })
  })

  test('lets the actors go', async () => {
    const walk = steps(30)
    const muster = await musterOver({ whole: walk.listing })
    let watched = 0
    for (const { system } of muster.actors) {
      const { inspect } = system
      system.inspect = (observer) => {
        watched += 1
        const { unsubscribe } = inspect(observer)
        const leave = () => {
          watched -= 1
          unsubscribe()
        }
        return { unsubscribe: leave }
      }
    }
    const first = await muster.dashboard({ port: 0 })
    expect(watched).toBe(2)
    const { sessionId, done } = muster.coordinator.enumerateTarget(scriptedTarget('whole'))
    walk.let(1)
    const live = await follow(first, `?session=${sessionId}`)
    await live.until('detail', ({ batches }) => batches.length === 1)
    await first.close()
    expect(watched).toBe(0)
    walk.letAll()
    await done
    const second = await dashboardOf(muster)
    const detail = await get<SessionDetail>(second, `/api/sessions/${sessionId}`)
    expect(detail.actors[0]).toMatchObject({ seen: 'stored', states: ['session.COMPLETED'] })
  })
})

test('a walk of another process is seen through the database', async () => {
  const path = tempDatabase()
  const walk = steps(30)
  const walking = await musterOver({ whole: walk.listing }, { database: path })
  // A Muster of its own on the same file knows of the other by its rows alone, as another process does.
  const looking = await musterOver({}, { database: path })
  const dashboard = await dashboardOf(looking, { canWalk: false })
  const { sessionId, done } = walking.coordinator.enumerateTarget(scriptedTarget('whole'))
  walk.let(1)
  const live = await follow(dashboard, `?session=${sessionId}`)
  await waitUntil('it is found', () => live.latest('sessions')?.total === 1)
  const detail = await live.until('detail', ({ batches }) => batches.length === 1)
  expect(detail.session.walkedBy).not.toBeNull()
  expect(detail.actors.map(({ seen, states }) => [seen, states])).toEqual([
    ['stored', ['session.IN_PROGRESS']],
    ['stored', ['enumerator.fetching']],
    ['stored', ['batch.SUCCEEDED']],
  ])
  walk.letAll()
  await done
  const over = await live.until('detail', ({ session }) => session.status === 'COMPLETED')
  expect(over.actors[0]?.transitions.map(({ event, from, to }) => [event, from, to])).toEqual([
    ['created', [], ['session.INITIALIZED']],
    ['session.start', ['session.INITIALIZED'], ['session.IN_PROGRESS']],
    ['ended', ['session.IN_PROGRESS'], ['session.COMPLETED']],
  ])
})
