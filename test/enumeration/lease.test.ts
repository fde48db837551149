import { spawnSync } from 'node:child_process'
import { hostName } from '../../src/enumeration/owner.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import type { InspectionEvent } from 'xstate'
import { describe, expect, onTestFinished, test } from 'vitest'
import { LeaseError, RetryLaterError } from '../../src/domain/errors.ts'
import type { Metrics, MusterOptions } from '../../src/index.ts'
import { ask, dump } from '../support/database.ts'
import { musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedTarget, type Scripted } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

const listing = (prefix: string): Scripted => ({ items: itemsNamed(prefix, 6), pageSize: 2 })

/** A listing whose second page comes when the test lets it. */
function gated(prefix: string) {
  const gate = Promise.withResolvers<void>()
  let asked = 0
  return {
    listing: {
      ...listing(prefix),
      before: (page: number) => {
        asked = Math.max(asked, page)
        return page === 2 ? gate.promise : undefined
      },
    },
    open: () => gate.resolve(),
    isAsked: () => asked >= 2,
  }
}

function change(database: string, sql: string, ...values: unknown[]): void {
  const connection = new Database(database)
  connection.prepare(sql).run(...values)
  connection.close()
}

const taken = (database: string, sessionId: string, owner = 'elsewhere/1/abc') =>
  change(
    database,
    `update sessions set lease_owner = ?, lease_until = ?, revision = revision + 1
      where session_id = ?`,
    owner,
    Date.now() + 60_000,
    sessionId,
  )

/** Counts commits that came too late, and nothing else. */
const counting = (incFencedCommits: () => void): Metrics => ({
  observeTargetProcessingTime: () => undefined,
  incTargetsProcessed: () => undefined,
  trackEnumeration: (walk) => walk(),
  incTasksEnqueued: () => undefined,
  incTasksFailedToEnqueue: () => undefined,
  incFencedCommits,
})

const leaseOf = (database: string, sessionId: string) =>
  ask<{ lease_owner: string | null; lease_until: number | null }>(
    database,
    `select lease_owner, lease_until from sessions where session_id = '${sessionId}'`,
  )[0]

/** A database that holds one session in the middle of its listing, given up by its process. */
async function leftBehind(): Promise<{ database: string; sessionId: string }> {
  const database = quickDatabase()
  const stop = new AbortController()
  const muster = await musterOver(
    { a: { ...listing('a'), before: (page) => void (page === 2 && stop.abort()) } },
    { database },
  )
  const run = muster.coordinator.enumerateTarget(scriptedTarget('a'), { signal: stop.signal })
  await run.done
  await muster.close()
  return { database, sessionId: run.sessionId }
}

describe('two Musters on one database', () => {
  test('do not walk one session at once: the second is told that the lease is held', async () => {
    const database = quickDatabase()
    const gate = gated('a')
    const first = await musterOver({ a: gate.listing }, { database })
    const run = first.coordinator.enumerateTarget(scriptedTarget('a'))
    await waitUntil('the second page is asked for', gate.isAsked)

    const second = await musterOver({ a: listing('a'), b: listing('b') }, { database })
    const refused = second.coordinator.enumerateTarget(scriptedTarget('a'))
    const other = second.coordinator.enumerateTarget(scriptedTarget('b'))
    await expect(refused.done).rejects.toBeInstanceOf(LeaseError)
    await expect(refused.done).rejects.toMatchObject({ code: 'LEASE_HELD', retryable: true })
    expect((await other.done).status).toBe('COMPLETED')

    gate.open()
    expect(await run.done).toMatchObject({
      status: 'COMPLETED',
      metrics: { totalBatches: 3, itemsFound: 6 },
    })
  })

  test('that both take a target for a new one begin one session', async () => {
    const database = quickDatabase()
    const gate = gated('a')
    const first = await musterOver({ a: gate.listing }, { database })
    const second = await musterOver({ a: listing('a') }, { database })
    const run = first.coordinator.enumerateTarget(scriptedTarget('a'))
    await waitUntil('the second page is asked for', gate.isAsked)
    // The second has looked into the database before the session was there.
    const refused = second.coordinator.enumerateTarget(scriptedTarget('a'))
    expect(refused.sessionId).not.toBe(run.sessionId)
    await expect(refused.done).rejects.toMatchObject({ code: 'LEASE_HELD' })
    gate.open()
    expect((await run.done).status).toBe('COMPLETED')
    expect(ask(database, 'select * from sessions')).toHaveLength(1)
    expect(ask(database, 'select * from jobs')).toHaveLength(1)
    expect(ask(database, 'select * from tasks')).toHaveLength(6)
  })

  test('hand a session over when the first is closed', async () => {
    const { database, sessionId } = await leftBehind()
    expect(leaseOf(database, sessionId)).toEqual({ lease_owner: null, lease_until: null })
    const muster = await musterOver({ a: listing('a') }, { database })
    const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
    expect(run.sessionId).toBe(sessionId)
    expect((await run.done).status).toBe('COMPLETED')
  })
})

describe('a lease that a process left behind', () => {
  const walkAgain = async (database: string, options: MusterOptions = {}) => {
    const muster = await musterOver({ a: listing('a') }, { database, ...options })
    return muster.coordinator.enumerateTarget(scriptedTarget('a')).done
  }

  test('on another host has to run out', async () => {
    const { database, sessionId } = await leftBehind()
    taken(database, sessionId)
    await expect(walkAgain(database)).rejects.toMatchObject({ code: 'LEASE_HELD' })
    const later = Date.now() + 60_001
    expect((await walkAgain(database, { clock: { now: () => later } })).status).toBe('COMPLETED')
  })

  test('on this host is taken over at once when that process has ended', async () => {
    const { database, sessionId } = await leftBehind()
    const { pid } = spawnSync(process.execPath, ['--version'])
    taken(database, sessionId, `${hostName()}/${pid}/abc`)
    expect((await walkAgain(database)).status).toBe('COMPLETED')
  })

  test('on this host is respected while that process lives', async () => {
    const { database, sessionId } = await leftBehind()
    taken(database, sessionId, `${hostName()}/${process.ppid}/abc`)
    await expect(walkAgain(database)).rejects.toMatchObject({ code: 'LEASE_HELD' })
  })
})

describe('a lease', () => {
  test('is kept through a wait that is longer than itself', async () => {
    const database = quickDatabase()
    const leaseMs = 150
    let retryAt = 0
    const first = await musterOver(
      {
        a: {
          ...listing('a'),
          before(page) {
            if (page !== 2 || retryAt !== 0) return
            retryAt = Date.now() + leaseMs * 5
            throw new RetryLaterError('limited', retryAt)
          },
        },
      },
      { database, leaseMs },
    )
    const run = first.coordinator.enumerateTarget(scriptedTarget('a'))
    await waitUntil('the source asks for a wait', () => retryAt !== 0)
    const second = await musterOver({ a: listing('a') }, { database, leaseMs })
    // Nothing is committed while the source is left alone, so no commit extends the lease.
    while (Date.now() < retryAt - leaseMs) {
      const refused = second.coordinator.enumerateTarget(scriptedTarget('a'))
      await expect(refused.done).rejects.toMatchObject({ code: 'LEASE_HELD' })
      await sleep(leaseMs / 3)
    }
    expect(await run.done).toMatchObject({ status: 'COMPLETED', metrics: { totalBatches: 3 } })
  })

  test('that ran out while the process was held up is taken back, where nobody has the session', async () => {
    const gate = gated('a')
    // The timers go on, but time has passed: as for a laptop that was closed.
    let now = Date.now()
    let fenced = 0
    const muster = await musterOver(
      { a: gate.listing },
      {
        database: quickDatabase(),
        clock: { now: () => now },
        metrics: counting(() => (fenced += 1)),
      },
    )
    const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
    await waitUntil('the second page is asked for', gate.isAsked)
    now += 3_600_000
    gate.open()
    expect(await run.done).toMatchObject({ status: 'COMPLETED', metrics: { totalBatches: 3 } })
    expect(fenced).toBe(1)
  })

  test('is given up when the session is at its end', async () => {
    const database = quickDatabase()
    const { coordinator } = await musterOver({ a: listing('a') }, { database })
    const { sessionId } = await coordinator.enumerateTarget(scriptedTarget('a')).done
    expect(leaseOf(database, sessionId)).toEqual({ lease_owner: null, lease_until: null })
  })

  test('is extended by every commit', async () => {
    const database = quickDatabase()
    let now = 1_000
    const until: unknown[] = []
    const muster = await musterOver(
      { a: listing('a') },
      { database, clock: { now: () => now }, leaseMs: 60_000 },
    )
    const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
    muster.bus.subscribe('session.progressed', () => {
      until.push(leaseOf(database, run.sessionId)?.lease_until)
      now += 1_000
    })
    await run.done
    expect(until).toEqual([61_000, 62_000, 63_000])
  })
})

describe('a session that another process has taken over', () => {
  /** Walks two sessions; the first is taken over while its second page is out, and its first one stored. */
  async function takenOver(options: MusterOptions, onPage2?: () => void) {
    const database = quickDatabase()
    const gate = gated('a')
    const other = gated('b')
    const { before } = gate.listing
    const muster = await musterOver(
      {
        a: {
          ...gate.listing,
          before: async (page) => {
            await before(page)
            if (page === 2) onPage2?.()
          },
        },
        b: other.listing,
      },
      { database, ...options },
    )
    // Closing waits for pages in hand.
    onTestFinished(() => {
      gate.open()
      other.open()
    })
    const ends: unknown[] = []
    muster.bus.subscribe('session.ended', ({ session }) => void ends.push(session.targetName))
    muster.bus.subscribe('session.interrupted', ({ targetName, error }) => {
      ends.push([targetName, error?.code])
    })
    let stored = 0
    muster.bus.subscribe('session.progressed', () => void (stored += 1))
    const a = muster.coordinator.enumerateTarget(scriptedTarget('a'))
    const b = muster.coordinator.enumerateTarget(scriptedTarget('b'))
    await waitUntil(
      'both second pages are asked for, and both first ones stored',
      () => gate.isAsked() && other.isAsked() && stored === 2,
    )
    taken(database, a.sessionId)
    return { database, muster, gate, other, a, b, ends }
  }

  test('stops here quietly at its next commit, its rows untouched; others go on', async () => {
    const outputs: unknown[] = []
    const inspect = (event: InspectionEvent) => {
      if (event.type !== '@xstate.snapshot' || event.snapshot.status !== 'done') return
      const { id } = event.actorRef as unknown as { id: string }
      const { output } = event.snapshot as { output?: { end: string } }
      if (id.startsWith('enumerator:')) outputs.push(output?.end)
    }
    let fenced = 0
    const metrics = counting(() => (fenced += 1))
    const { database, gate, other, a, b, ends } = await takenOver({ inspect, metrics })
    const before = dump(database)
    gate.open()
    await expect(a.done).rejects.toBeInstanceOf(LeaseError)
    await expect(a.done).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(ends).toEqual([['a', 'LEASE_LOST']])
    expect(fenced).toBe(1)
    // It is an end like another, not a breakdown.
    expect(outputs).toEqual(['abandoned'])
    // The lease is the other process's: it is not given back from here.
    expect(dump(database)).toEqual(before)
    other.open()
    expect((await b.done).status).toBe('COMPLETED')
    expect(ends).toEqual([['a', 'LEASE_LOST'], 'b'])
  })

  test('stops here without a commit too, as soon as its lease cannot be renewed', async () => {
    const leaseMs = 150
    const { database, other, a, b } = await takenOver({ leaseMs })
    await expect(a.done).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(leaseOf(database, a.sessionId)?.lease_owner).toBe('elsewhere/1/abc')
    expect(ask(database, 'select * from tasks')).toHaveLength(4)
    other.open()
    expect((await b.done).status).toBe('COMPLETED')
  })

  test('stops here when its source has failed as well: the failure is not written', async () => {
    const { database, gate, a } = await takenOver({ maxAttempts: 1 }, () => {
      throw new Error('sneeze')
    })
    gate.open()
    await expect(a.done).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(
      ask(database, `select status from sessions where session_id = '${a.sessionId}'`),
    ).toEqual([{ status: 'IN_PROGRESS' }])
  })

  test('tells its readers, and hands out nothing that it did not keep', async () => {
    const { gate, a } = await takenOver({})
    gate.open()
    const errors = []
    for await (const error of a.errors) errors.push(error)
    expect(errors).toMatchObject([{ code: 'LEASE_LOST', item: null }])
    const tasks = []
    for await (const task of a.tasks) tasks.push(task)
    expect(tasks).toHaveLength(2)
  })
})
