import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { openStore, type Leadership, type Muster, type Store } from '../../src/index.ts'
import { ask, askNumber } from '../support/database.ts'
import { waitUntil } from '../support/wait-until.ts'
import { begun, closeMeanwhile, gated, LISTINGS, Setting } from './support.ts'

/** A leadership that the test gives and takes. */
class Election implements Leadership {
  campaigns = 0
  withdrawn = 0
  set: (leads: boolean) => void = () => {}

  campaign(onChange: (leads: boolean) => void): () => void {
    this.campaigns += 1
    this.set = onChange
    return () => {
      this.withdrawn += 1
    }
  }
}

/** Whether a promise is settled by now; what is due to happen at once has happened. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  const settle = () => {
    settled = true
  }
  promise.then(settle, settle)
  await sleep(20)
  return settled
}

const statuses = (database: string) =>
  Object.fromEntries(
    ask<{ target_name: string; status: string }>(
      database,
      'select target_name, status from sessions order by id',
    ).map(({ target_name, status }) => [target_name, status]),
  )

const openRounds = (database: string) =>
  askNumber(database, 'select count(*) from rounds where completed_at is null')

describe('a process that does not lead', () => {
  test('does nothing until it does', async () => {
    const election = new Election()
    const setting = new Setting('a', 'b')
    const muster = await setting.muster(LISTINGS, { leadership: election })
    const round = muster.orchestrator.enumerate()
    expect(await isSettled(round)).toBe(false)
    expect(statuses(setting.database)).toEqual({})
    election.set(true)
    expect((await round).sessions.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED'])
  })

  test('campaigns once, from its first call until it stops', async () => {
    const election = new Election()
    const muster = await new Setting('a').muster(LISTINGS, { leadership: election })
    expect(election.campaigns).toBe(0)
    await muster.orchestrator.run()
    await muster.orchestrator.run()
    election.set(true)
    await muster.orchestrator.enumerate()
    expect(election).toMatchObject({ campaigns: 1, withdrawn: 0 })
    await muster.orchestrator.stop()
    expect(election).toMatchObject({ campaigns: 1, withdrawn: 1 })
  })

  test('can walk a target that its host asks for all the same', async () => {
    const muster = await new Setting('a').muster(LISTINGS, { leadership: new Election() })
    await muster.orchestrator.run()
    const run = muster.coordinator.enumerateTarget({
      name: 'a',
      sourceType: 'scripted',
      scripted: { list: 'a' },
    })
    expect((await run.done).status).toBe('COMPLETED')
  })
})

describe('a process that loses leadership', () => {
  /** A leader in the middle of b, with a finished. */
  async function inTheMiddle() {
    const election = new Election()
    const setting = new Setting('a', 'b')
    const gate = gated('b')
    const muster = await setting.muster({ ...LISTINGS, b: gate.listing }, { leadership: election })
    const order = begun(muster)
    await muster.orchestrator.run()
    election.set(true)
    const round = muster.orchestrator.enumerate()
    await waitUntil(
      'a is walked and b is not',
      () => gate.isAsked() && statuses(setting.database)['a'] === 'COMPLETED',
    )
    return { election, setting, gate, muster, order, round }
  }

  test('stops its walks and gives up their leases; the round is left open', async () => {
    const { election, setting, round } = await inTheMiddle()
    election.set(false)
    expect((await round).sessions.map(({ status }) => status).toSorted()).toEqual([
      'COMPLETED',
      'IN_PROGRESS',
    ])
    expect(statuses(setting.database)).toEqual({ a: 'COMPLETED', b: 'IN_PROGRESS' })
    expect(
      askNumber(setting.database, 'select count(*) from sessions where lease_owner is not null'),
    ).toBe(0)
    expect(openRounds(setting.database)).toBe(1)
  })

  test('lets the next leader go on with the rest', async () => {
    const { election, setting, round } = await inTheMiddle()
    election.set(false)
    await round
    const next = await setting.muster(LISTINGS)
    const order = begun(next)
    const rest = await next.orchestrator.enumerate()
    expect(order).toEqual(['b again'])
    expect(rest.sessions.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED'])
    expect(openRounds(setting.database)).toBe(0)
  })

  test('and gains it back at once goes on itself, when its own pages are finished', async () => {
    const { election, setting, gate, muster, order, round } = await inTheMiddle()
    election.set(false)
    election.set(true)
    const next = muster.orchestrator.enumerate()
    gate.open()
    await round
    expect((await next).sessions.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED'])
    expect(order.filter((name) => name.startsWith('b'))).toEqual(['b', 'b again'])
    expect(statuses(setting.database)).toEqual({ a: 'COMPLETED', b: 'COMPLETED' })
    expect(openRounds(setting.database)).toBe(0)
  })

  test('in the middle of a write finishes that before another round can begin here', async () => {
    const setting = new Setting('b')
    const store = await openStore({ path: setting.database })
    const writing = Promise.withResolvers<void>()
    let isWriting = false
    const slow: Store = {
      ...store,
      async commitPage(params) {
        isWriting = true
        await writing.promise
        return store.commitPage(params)
      },
    }
    const election = new Election()
    const muster = await setting.muster(LISTINGS, { leadership: election, database: slow })
    await muster.orchestrator.run()
    election.set(true)
    const round = muster.orchestrator.enumerate()
    await waitUntil('a page is being written', () => isWriting)
    election.set(false)
    election.set(true)
    const next = muster.orchestrator.enumerate()
    expect(await isSettled(round)).toBe(false)
    writing.resolve()
    expect((await round).sessions.map(({ status }) => status)).toEqual(['IN_PROGRESS'])
    // Had it begun at once, it would have been handed the walk that was being stopped.
    expect((await next).sessions.map(({ status }) => status)).toEqual(['COMPLETED'])
  })

  test('while it takes up its sessions takes up none', async () => {
    const setting = new Setting('a', 'b')
    const { election: first, round } = await (async () => {
      const gate = gated('b')
      const election = new Election()
      const muster = await setting.muster(
        { ...LISTINGS, b: gate.listing },
        { leadership: election },
      )
      await muster.orchestrator.run()
      election.set(true)
      const round = muster.orchestrator.enumerate()
      await waitUntil('b is being walked', gate.isAsked)
      return { election, round }
    })()
    first.set(false)
    await round

    const revisions = () => ask(setting.database, 'select session_id, revision from sessions')
    const before = revisions()
    const opening = Promise.withResolvers<void>()
    let isOpening = false
    const store = await openStore({ path: setting.database })
    const slow: Store = {
      ...store,
      async openRound(params) {
        isOpening = true
        await opening.promise
        return store.openRound(params)
      },
    }
    const election = new Election()
    const muster = await setting.muster(LISTINGS, { leadership: election, database: slow })
    const order = begun(muster)
    await muster.orchestrator.run()
    election.set(true)
    const late = muster.orchestrator.enumerate()
    await waitUntil('the round is being opened', () => isOpening)
    election.set(false)
    opening.resolve()
    expect(await late).toEqual({ sessions: [], failures: [] })
    expect(await isSettled(late)).toBe(true)
    expect(order).toEqual([])
    // Not even claimed for a moment, in which the new leader would be refused.
    expect(revisions()).toEqual(before)
  })
})

describe('stopping', () => {
  const afterwards = async (muster: Muster) => {
    await expect(muster.orchestrator.enumerate()).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(muster.orchestrator.run()).rejects.toMatchObject({ code: 'CLOSED' })
    expect(muster.bus.hasSubscribers('rule.published')).toBe(false)
    expect(muster.bus.hasSubscribers('task.completed')).toBe(false)
  }

  test('before anything was begun', async () => {
    const muster = await new Setting('a').muster(LISTINGS)
    await muster.orchestrator.stop()
    await afterwards(muster)
  })

  test('while ready for a round, twice', async () => {
    const muster = await new Setting('a').muster(LISTINGS)
    await muster.orchestrator.run()
    await Promise.all([muster.orchestrator.stop(), muster.orchestrator.stop()])
    await muster.orchestrator.stop()
    await afterwards(muster)
  })

  test('on standby refuses the rounds that wait for leadership', async () => {
    const muster = await new Setting('a').muster(LISTINGS, { leadership: new Election() })
    const rounds = [muster.orchestrator.enumerate(), muster.orchestrator.enumerate()]
    const refused = Promise.allSettled(rounds)
    await sleep(5)
    await muster.orchestrator.stop()
    for (const outcome of await refused) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } })
    }
    await afterwards(muster)
  })

  test('in the middle of a round stops its walks; the round is told of, and left open', async () => {
    const setting = new Setting('a', 'b')
    const gate = gated('b')
    const muster = await setting.muster({ ...LISTINGS, b: gate.listing })
    const round = muster.orchestrator.enumerate()
    const waiting = Promise.allSettled([muster.orchestrator.enumerate()])
    let stored = 0
    muster.bus.subscribe('session.progressed', ({ session }) => {
      if (session.targetName === 'b') stored += 1
    })
    await waitUntil('b is being walked', () => gate.isAsked() && stored === 1)
    const stopped = muster.orchestrator.stop()
    gate.open()
    await stopped
    // Nothing is written any more once it has stopped: the store may be closed.
    expect(
      askNumber(setting.database, 'select count(*) from sessions where lease_owner is not null'),
    ).toBe(0)
    const { sessions, failures } = await round
    expect(failures).toEqual([])
    // The page in hand was finished, and the next one not asked for.
    expect(sessions.find(({ targetName }) => targetName === 'b')).toMatchObject({
      status: 'IN_PROGRESS',
      metrics: { totalBatches: 2 },
    })
    expect(openRounds(setting.database)).toBe(1)
    expect(await waiting).toMatchObject([{ status: 'rejected', reason: { code: 'CLOSED' } }])
    await afterwards(muster)
  })

  test('while the config is read, or the round opened, begins nothing', async () => {
    const setting = new Setting('a', 'b')
    const store = await openStore({ path: setting.database })
    let isOpening = false
    const opening = Promise.withResolvers<void>()
    const slow: Store = {
      ...store,
      async openRound(params) {
        isOpening = true
        await opening.promise
        return store.openRound(params)
      },
    }
    const muster = await setting.muster(LISTINGS, { database: slow })
    const order = begun(muster)
    const round = muster.orchestrator.enumerate()
    await waitUntil('the round is being opened', () => isOpening)
    const stopped = muster.orchestrator.stop()
    opening.resolve()
    await stopped
    expect(await round).toEqual({ sessions: [], failures: [] })
    await sleep(20)
    expect(order).toEqual([])
    await afterwards(muster)
  })

  test('leaves walks alone that the host began by itself', async () => {
    const gate = gated('b')
    const muster = await new Setting('a').muster({ ...LISTINGS, b: gate.listing })
    const run = muster.coordinator.enumerateTarget({
      name: 'b',
      sourceType: 'scripted',
      scripted: { list: 'b' },
    })
    await waitUntil('b is being walked', gate.isAsked)
    const round = muster.orchestrator.enumerate()
    await sleep(20)
    const stopped = muster.orchestrator.stop()
    await sleep(20)
    gate.open()
    expect((await run.done).status).toBe('COMPLETED')
    await Promise.all([round, stopped])
  })
})

describe('taking up sessions outside a round', () => {
  test('walks what can be walked, and passes over what cannot', async () => {
    const setting = new Setting('a', 'b')
    const gate = gated('b')
    const first = await setting.muster({ ...LISTINGS, b: gate.listing })
    const left = first.orchestrator.enumerate()
    await waitUntil('b is being walked', gate.isAsked)
    await closeMeanwhile(first, gate)
    await left

    const muster = await setting.muster(LISTINGS)
    const states = await muster.repositories.sessions.getActiveStates()
    const [state] = states
    if (state === undefined) throw new Error('nothing was left')
    const lost = { ...state, sessionId: 'x', config: { ...state.config, sourceType: 'gone' } }
    const results = await muster.orchestrator.resumeEnumerations([lost, ...states])
    expect(results.map(({ sessionId }) => sessionId)).toEqual(
      states.map(({ sessionId }) => sessionId),
    )
    for (const { done } of results) expect((await done).status).toBe('COMPLETED')
  })
})
