import { expect, onTestFinished, test } from 'vitest'
import type { Muster, MusterOptions } from '../../src/index.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { listing, Setting } from '../orchestration/support.ts'
import { describePostgres, postgresUrl } from '../support/postgres.ts'
import { scriptedTarget } from '../support/scripted-source.ts'
import { waitUntil } from '../support/wait-until.ts'

const LISTINGS = { a: listing('a'), b: listing('b') }

/** Longer than any test: a lease that is free was given up. */
const LONG_LEASE_MS = 3_600_000

/** A host that walks what is wanted, one session at a time, over a database of its own. */
async function hostOf(targets: readonly string[], options: MusterOptions = {}) {
  const database = await postgresUrl()
  const setting = new Setting(...targets)
  const host = (over: MusterOptions = {}) =>
    setting.muster(LISTINGS, { database, leaseMs: LONG_LEASE_MS, ...options, ...over })
  const store = await openDatabase(database)
  onTestFinished(() => store.close())
  return { first: await host(), host, store }
}

/** Listens to tasks, and keeps each until it is let go. */
function keeper(muster: Muster) {
  const gate = Promise.withResolvers<void>()
  const taken: string[] = []
  muster.bus.subscribe('task.created', async ({ task }) => {
    taken.push(task.sessionId)
    await gate.promise
  })
  onTestFinished(() => gate.resolve())
  return { taken, letGo: () => gate.resolve() }
}

describePostgres('a host that hands tasks to handlers of its own', () => {
  test('tries those that a handler refuses a few times, with pauses, and the round ends', async () => {
    const { first } = await hostOf(['a', 'b'], { maxSessions: 1 })
    const refused: string[] = []
    const taken: string[] = []
    const ended: string[] = []
    first.bus.subscribe('session.ended', ({ session }) => void ended.push(session.targetName))
    first.bus.subscribe('task.created', ({ task }) => {
      if (task.resourceUri.includes('b-')) return void taken.push(task.resourceUri)
      refused.push(task.resourceUri)
      throw new Error('not today')
    })
    const { failures } = await first.orchestrator.enumerate()
    expect(failures.map(({ targetName }) => targetName)).toEqual(['a'])
    expect(String(failures[0]?.error)).toContain('not today')
    expect(new Set(taken).size).toBe(6)
    expect(new Set(refused).size).toBe(1)
    expect(refused.length).toBeLessThanOrEqual(4)
    expect(ended.filter((name) => name === 'a').length).toBeLessThanOrEqual(4)
  })

  test('closes though a handler never ends; its task comes again', async () => {
    const { first, host } = await hostOf(['a'])
    const { taken } = keeper(first)
    void first.orchestrator.enumerate()
    await waitUntil('a task is in hand', () => taken.length > 0)
    await first.close()
    const second = await host()
    const again: string[] = []
    second.bus.subscribe('task.created', ({ task }) => void again.push(task.resourceUri))
    await second.orchestrator.enumerate()
    expect(new Set(again).size).toBe(6)
  })

  test('keeps the lease of what it hands on when the target is asked for by hand meanwhile', async () => {
    const { first, store } = await hostOf(['a'])
    const { taken, letGo } = keeper(first)
    const ended = Promise.withResolvers<void>()
    const round = first.orchestrator.enumerate()
    await waitUntil('a task is in hand', () => taken.length > 0)
    const sessionId = taken[0] ?? ''
    const status = async () => (await store.repositories.sessions.load(sessionId))?.status
    while ((await status()) !== 'COMPLETED') await new Promise(setImmediate)
    setTimeout(ended.resolve, 0)
    await ended.promise
    await first.coordinator.enumerateTarget(scriptedTarget('a')).done
    const claim = store.claimSession({ sessionId, owner: 'b', leaseMs: 1, isGone: () => false })
    await expect(claim).rejects.toMatchObject({ code: 'LEASE_HELD' })
    letGo()
    expect((await round).failures).toEqual([])
    // Handed on once, by one of the two.
    expect(taken.length).toBe(6)
  })
})
