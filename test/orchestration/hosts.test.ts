import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import {
  openStore,
  PauseError,
  type Muster,
  type MusterOptions,
  type Store,
} from '../../src/index.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { startPostgres } from '../support/servers/postgres.ts'
import { describePostgres, postgresUrl } from '../support/postgres.ts'
import { collect } from '../support/muster.ts'
import { scriptedTarget, type Scripted } from '../support/scripted-source.ts'
import { waitUntil } from '../support/wait-until.ts'
import { begun, gated, listing, LISTINGS, Setting } from './support.ts'

/** A config that several hosts have, over one database on a server. */
class Hosts {
  readonly setting: Setting
  readonly url: string

  constructor(url: string, ...targets: string[]) {
    this.url = url
    this.setting = new Setting(...targets)
  }

  static async of(...targets: string[]): Promise<Hosts> {
    return new Hosts(await postgresUrl(), ...targets)
  }

  host(listings: Record<string, Scripted>, options: MusterOptions = {}): Promise<Muster> {
    return this.setting.muster(listings, { database: this.url, leaseMs: 3_000, ...options })
  }

  async store(): Promise<Store> {
    const store = await openDatabase(this.url)
    onTestFinished(() => store.close())
    return store
  }
}

const SPEC = scriptedTarget('a')

/** Who walked what: the sessions that each host began. */
async function all(hosts: readonly Muster[], rounds: Promise<unknown>): Promise<string[][]> {
  const lists = hosts.map(begun)
  await rounds
  return lists
}

describePostgres('several hosts on one database', () => {
  test('walk the targets of one round together, each once, and it is over for all of them', async () => {
    const hosts = await Hosts.of('a', 'b', 'c')
    const one = await hosts.host(LISTINGS, { maxSessions: 2 })
    const two = await hosts.host(LISTINGS, { maxSessions: 2 })
    const lists = [begun(one), begun(two)]
    const rounds = await Promise.all([one.orchestrator.enumerate(), two.orchestrator.enumerate()])
    for (const { sessions, failures } of rounds) {
      expect(failures).toEqual([])
      expect(sessions.map(({ targetName }) => targetName).toSorted()).toEqual(['a', 'b', 'c'])
      expect(new Set(sessions.map(({ status }) => status))).toEqual(new Set(['COMPLETED']))
    }
    expect(lists.flat().toSorted()).toEqual(['a', 'b', 'c'])
    const store = await hosts.store()
    expect(await store.repositories.tasks.count()).toBe(18)
    expect((await store.repositories.sessions.list(10)).length).toBe(3)
  })

  test('no host walks more at a time than it has room for; another takes the rest', async () => {
    const hosts = await Hosts.of('a', 'b', 'c')
    const gates = { a: gated('a'), b: gated('b'), c: gated('c') }
    const listings = { a: gates.a.listing, b: gates.b.listing, c: gates.c.listing }
    const one = await hosts.host(listings, { maxSessions: 2 })
    const list = begun(one)
    const round = one.orchestrator.enumerate()
    const isAsked = () => Object.values(gates).filter((gate) => gate.isAsked()).length
    await waitUntil('two are asked for', () => isAsked() === 2)
    const two = await hosts.host(listings, { maxSessions: 2 })
    const others = begun(two)
    await two.orchestrator.run()
    await waitUntil('the third is asked for', () => isAsked() === 3)
    expect([list.length, others.length]).toEqual([2, 1])
    for (const gate of Object.values(gates)) gate.open()
    expect((await round).sessions.length).toBe(3)
  })

  test('a host that comes later goes on with the round of one that went away, walking nothing twice', async () => {
    const hosts = await Hosts.of('a', 'b')
    const gate = gated('b')
    const listings = { a: listing('a'), b: gate.listing }
    const one = await hosts.host(listings)
    const cut = one.orchestrator.enumerate()
    await waitUntil('the list is asked for', () => gate.isAsked())
    const waiting = await hosts.host(listings)
    const list = begun(waiting)
    const round = waiting.orchestrator.enumerate()
    const closing = one.close()
    gate.open()
    await closing
    await cut
    const { sessions, failures } = await round
    expect(failures).toEqual([])
    expect(sessions.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED'])
    expect(list.filter((name) => name.startsWith('a'))).toEqual([])
    const store = await hosts.store()
    expect((await store.repositories.sessions.list(10)).length).toBe(2)
    expect(await store.repositories.tasks.count()).toBe(12)
    expect((await store.lastRound())?.isOpen).toBe(false)
  })

  test('each call begins another round, and those who wait for one take no second', async () => {
    const hosts = await Hosts.of('a')
    const [one, two] = [await hosts.host(LISTINGS), await hosts.host(LISTINGS)]
    for (let n = 1; n <= 3; n += 1) {
      await Promise.all([one.orchestrator.enumerate(), two.orchestrator.enumerate()])
      const store = await hosts.store()
      expect((await store.repositories.sessions.list(10)).length).toBe(n)
    }
  })

  test('a session that is paused is told to who waits for the round, keeps nobody waiting, and goes on in the next', async () => {
    const hosts = await Hosts.of('a', 'b')
    let isRefused = true
    const refused = listing('b', {
      before() {
        if (isRefused) throw new PauseError('AUTHENTICATION_FAILED', 'the token was refused')
      },
    })
    const one = await hosts.host({ a: listing('a'), b: refused })
    const first = await one.orchestrator.enumerate()
    expect(first.failures).toMatchObject([
      { targetName: 'b', error: { code: 'AUTHENTICATION_FAILED' } },
    ])
    expect(first.sessions.map(({ targetName, status }) => [targetName, status])).toEqual([
      ['a', 'COMPLETED'],
    ])
    isRefused = false
    const second = await one.orchestrator.enumerate()
    expect(second.failures).toEqual([])
    expect(second.sessions.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED'])
  })

  test('tasks go to whoever listens in the process that walks, and the next host has the rest', async () => {
    const hosts = await Hosts.of('a', 'b', 'c')
    const got: string[] = []
    const musters = [await hosts.host(LISTINGS), await hosts.host(LISTINGS)]
    for (const muster of musters) {
      muster.bus.subscribe('task.created', async ({ task }) => void got.push(task.taskId))
    }
    await all(musters, Promise.all(musters.map((muster) => muster.orchestrator.enumerate())))
    expect(got.length).toBe(18)
    expect(new Set(got).size).toBe(18)
    const store = await hosts.store()
    expect(await store.findUnfinished()).toEqual([])
  })

  test('who waits for no round keeps nobody from leading one', async () => {
    const hosts = await Hosts.of('a')
    const [walker, before] = [await hosts.host(LISTINGS), await hosts.host(LISTINGS)]
    await walker.orchestrator.run()
    await before.orchestrator.enumerate()
    // The one that led is there still.
    const one = await hosts.host(LISTINGS)
    expect((await one.orchestrator.enumerate()).sessions).toHaveLength(1)
  })

  test('a target that another host walked to its end since is not taken for walked by this call', async () => {
    const hosts = await Hosts.of('a')
    const stop = new AbortController()
    const first = await hosts.host({
      a: listing('a', { before: (page) => void (page === 2 && stop.abort()) }),
    })
    await first.coordinator.enumerateTarget(SPEC, { signal: stop.signal }).done
    await first.close()
    // It knows the session as unfinished.
    const late = await hosts.host(LISTINGS)
    const other = await hosts.host(LISTINGS)
    const { sessionId } = await other.coordinator.enumerateTarget(SPEC).done
    await expect(late.coordinator.enumerateTarget(SPEC).done).rejects.toMatchObject({
      code: 'LEASE_LOST',
      retryable: true,
    })
    const again = await late.coordinator.enumerateTarget(SPEC).done
    expect(again.status).toBe('COMPLETED')
    expect(again.sessionId).not.toBe(sessionId)
  })

  test('a round is over although the one that listened to the tasks has gone', async () => {
    const hosts = await Hosts.of('a')
    const listener = await hosts.host(LISTINGS)
    const taken = Promise.withResolvers<void>()
    listener.bus.subscribe('task.created', () => {
      taken.resolve()
      return new Promise(() => undefined)
    })
    const cut = listener.orchestrator.enumerate()
    await taken.promise
    const other = await hosts.host(LISTINGS)
    const round = other.orchestrator.enumerate()
    await listener.close()
    await cut
    expect((await round).sessions.map(({ status }) => status)).toEqual(['COMPLETED'])
  })

  test('a host can be closed while the server is away', async () => {
    const server = await startPostgres()
    onTestFinished(() => server.stop())
    const hosts = new Hosts(server.url, 'a')
    const gate = gated('a')
    const one = await hosts.host({ a: gate.listing })
    const round = one.orchestrator.enumerate().catch(() => undefined)
    await waitUntil('the list is asked for', () => gate.isAsked())
    await server.kill()
    gate.open()
    // Its patience would outlast the test's by far.
    await one.close().catch(() => undefined)
    await round
  })

  test('a target that is walked by hand is no other host’s meanwhile', async () => {
    const hosts = await Hosts.of('a')
    const gate = gated('a')
    const one = await hosts.host({ a: gate.listing })
    const run = one.coordinator.enumerateTarget(SPEC)
    await waitUntil('the list is asked for', () => gate.isAsked())
    const two = await hosts.host({ a: gate.listing })
    const list = begun(two)
    const round = two.orchestrator.enumerate()
    // Ended before the round is begun, it would be none of it.
    const store = await hosts.store()
    while ((await store.lastRound()) === null) await sleep(5)
    gate.open()
    expect((await run.done).status).toBe('COMPLETED')
    expect((await collect(run.tasks)).length).toBe(6)
    expect((await round).sessions.map(({ sessionId }) => sessionId)).toEqual([run.sessionId])
    expect(list).toEqual([])
  })
})

test('a SQLite file is one process’s, and offers its sessions to nobody', async () => {
  const store = await openStore({ path: ':memory:' })
  onTestFinished(() => store.close())
  expect(store.isShared).toBe(false)
})
