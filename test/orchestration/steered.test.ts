import { describe, expect, onTestFinished, test } from 'vitest'
import type { AnyActorRef } from 'xstate'
import type { Muster, MusterOptions, Store } from '../../src/index.ts'
import { openDatabase } from '../../src/store/open-database.ts'
import { describePostgres, postgresUrl } from '../support/postgres.ts'
import { QUICK } from '../support/muster.ts'
import { until } from '../model/until.ts'
import { begun, gated, listing, Setting } from './support.ts'

const PAUSED = expect.objectContaining({ code: 'PAUSED' })

async function sessionOf(muster: Muster, target: string): Promise<string> {
  const sessions = await muster.repositories.sessions.list(10)
  const found = sessions.find(({ targetName }) => targetName === target)
  if (found === undefined) throw new Error(`no session of "${target}"`)
  return found.sessionId
}

/** Whoever has the lease has let go of it, and the pause stands. */
const isPaused = async (muster: Muster, sessionId: string) => {
  const now = await muster.repositories.reports.session(sessionId)
  return now?.asked === 'pause' && now.walkedBy === null
}

/** Whether a process has seen that something is asked of a session that it walks. */
function isDraining(muster: Muster, sessionId: string): boolean {
  const children = muster.actors[1]?.getSnapshot().children as Record<
    string,
    AnyActorRef | undefined
  >
  return children[`enumerator:${sessionId}`]?.getSnapshot().context.draining === true
}

async function storeOf(url: string): Promise<Store> {
  const store = await openDatabase(url)
  onTestFinished(() => store.close())
  return store
}

const taskUris = async (muster: Muster) => {
  const uris: string[] = []
  for await (const { resourceUri } of muster.repositories.tasks.stream({})) uris.push(resourceUri)
  return uris.toSorted()
}

const urisOf = (...prefixes: string[]) =>
  prefixes.flatMap((p) => Array.from({ length: 6 }, (_, i) => `scripted://${p}-0000${i}`))

describe('a round of one process', () => {
  test('goes on without what is paused, tells of it, and so does the next; what is resumed is whole', async () => {
    const setting = new Setting('a', 'b')
    const gate = gated('a')
    const muster = await setting.muster({ a: gate.listing, b: listing('b') })
    const heard = begun(muster)
    const round = muster.orchestrator.enumerate()
    await until('the gate is reached', () => gate.isAsked())
    const sessionId = await sessionOf(muster, 'a')
    await muster.pause(sessionId)
    gate.open()
    expect(await round).toMatchObject({
      sessions: [{ targetName: 'b', status: 'COMPLETED' }],
      failures: [{ targetName: 'a', sessionId, error: PAUSED }],
    })
    const next = await muster.orchestrator.enumerate()
    expect(next.failures).toMatchObject([{ targetName: 'a', sessionId, error: PAUSED }])
    const [again] = await muster.orchestrator.resumeEnumerations(
      await muster.repositories.sessions
        .list(10)
        .then((all) => all.filter((s) => s.sessionId === sessionId)),
    )
    await expect(again?.done).rejects.toEqual(PAUSED)
    expect(heard.filter((name) => name.startsWith('a'))).toEqual(['a'])
    expect(await (await muster.resume(sessionId)).done).toMatchObject({ status: 'COMPLETED' })
    expect(await taskUris(muster)).toEqual(urisOf('a', 'b', 'b').toSorted())
  })

  test('walks on what is resumed while it goes on, whoever ended the pause', async () => {
    const setting = new Setting('a', 'b')
    const [a, b] = [gated('a'), gated('b')]
    const muster = await setting.muster({ a: a.listing, b: b.listing })
    const round = muster.orchestrator.enumerate()
    await until('both gates are reached', () => a.isAsked() && b.isAsked())
    const sessionId = await sessionOf(muster, 'a')
    await muster.pause(sessionId)
    a.open()
    await until('it is paused', () => isPaused(muster, sessionId))
    const other = await storeOf(setting.database)
    await other.steerSession({ sessionId, ask: null, by: 'somebody' })
    await until('it is walked to its end', async () => {
      return (await muster.repositories.sessions.load(sessionId))?.status === 'COMPLETED'
    })
    b.open()
    const { sessions, failures } = await round
    expect(failures).toEqual([])
    expect(sessions.map(({ targetName, status }) => `${targetName} ${status}`).toSorted()).toEqual([
      'a COMPLETED',
      'b COMPLETED',
    ])
    expect(await taskUris(muster)).toEqual(urisOf('a', 'b'))
  })

  test('tells of a session that was cancelled in its pause as one that failed', async () => {
    const setting = new Setting('a', 'b')
    const [a, b] = [gated('a'), gated('b')]
    const muster = await setting.muster({ a: a.listing, b: b.listing })
    const round = muster.orchestrator.enumerate()
    await until('both gates are reached', () => a.isAsked() && b.isAsked())
    const sessionId = await sessionOf(muster, 'a')
    await muster.pause(sessionId)
    a.open()
    await until('it is paused', () => isPaused(muster, sessionId))
    await muster.cancel(sessionId)
    b.open()
    const { sessions, failures } = await round
    expect(failures).toEqual([])
    expect(sessions.map(({ targetName, status }) => `${targetName} ${status}`).toSorted()).toEqual([
      'a FAILED',
      'b COMPLETED',
    ])
  })
})

describePostgres('several hosts', () => {
  async function hosts(listings: Parameters<Setting['muster']>[0], ...targets: string[]) {
    const url = await postgresUrl()
    const setting = new Setting(...targets)
    const host = (options: MusterOptions = {}) =>
      setting.muster(listings, { ...QUICK, database: url, leaseMs: 3_000, ...options })
    return { one: await host(), two: await host(), url }
  }

  test('leave alone what one of them, or a tool, has paused, and one of them walks it on when it is resumed', async () => {
    const [a, b] = [gated('a'), gated('b')]
    const { one, two, url } = await hosts({ a: a.listing, b: b.listing }, 'a', 'b')
    const rounds = Promise.all([one.orchestrator.enumerate(), two.orchestrator.enumerate()])
    await until('both gates are reached', () => a.isAsked() && b.isAsked())
    const sessionId = await sessionOf(one, 'a')
    const tool = await storeOf(url)
    await tool.steerSession({ sessionId, ask: 'pause', by: 'a tool' })
    await until('it is seen', () => [one, two].some((host) => isDraining(host, sessionId)))
    a.open()
    await until('it is paused', () => isPaused(one, sessionId))
    const heard = [begun(one), begun(two)]
    // Both have looked for something to do by then.
    await expect(
      one.coordinator.resumeTarget((await one.repositories.sessions.load(sessionId))!, {
        lift: false,
      }).done,
    ).rejects.toEqual(PAUSED)
    expect(heard.flat()).toEqual([])
    await tool.steerSession({ sessionId, ask: null, by: 'a tool' })
    await until('it is walked to its end', async () => {
      return (await one.repositories.sessions.load(sessionId))?.status === 'COMPLETED'
    })
    expect(heard.flat()).toEqual(['a again'])
    b.open()
    for (const { failures } of await rounds) expect(failures).toEqual([])
    expect(await taskUris(one)).toEqual(urisOf('a', 'b'))
  })

  test('end their round with what is paused, and carry out what is cancelled', async () => {
    const [a, b] = [gated('a'), gated('b')]
    const { one, two } = await hosts({ a: a.listing, b: b.listing }, 'a', 'b')
    const rounds = Promise.all([one.orchestrator.enumerate(), two.orchestrator.enumerate()])
    await until('both gates are reached', () => a.isAsked() && b.isAsked())
    const [paused, cancelled] = [await sessionOf(one, 'a'), await sessionOf(one, 'b')]
    // One of them walks it, and the other one is asked.
    await two.pause(paused)
    await two.cancel(cancelled)
    await until('it is seen', () =>
      [paused, cancelled].every((id) => [one, two].some((host) => isDraining(host, id))),
    )
    a.open()
    b.open()
    const [first, second] = await rounds
    const failures = [...first.failures, ...second.failures]
    expect(failures).not.toHaveLength(0)
    for (const failure of failures) {
      expect(failure).toMatchObject({ sessionId: paused, error: PAUSED })
    }
    for (const { sessions } of [first, second]) {
      expect(sessions).toMatchObject([
        { sessionId: cancelled, status: 'FAILED', failureReason: 'cancelled on request' },
      ])
    }
    expect(await (await one.resume(paused)).done).toMatchObject({ status: 'COMPLETED' })
    expect(await (await two.resume(cancelled)).done).toMatchObject({ status: 'COMPLETED' })
    expect(await taskUris(one)).toEqual(urisOf('a', 'b'))
  })
})
