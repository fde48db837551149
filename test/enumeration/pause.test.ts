import { describe, expect, test } from 'vitest'
import {
  PauseError,
  RetryLaterError,
  type BusEvents,
  type EnumerateContext,
  type SessionState,
} from '../../src/index.ts'
import { expectConsistent } from '../model/agreement.ts'
import { Rig, TIMES } from '../model/rig.ts'
import { until } from '../model/until.ts'
import { ask } from '../support/database.ts'
import { musterOver } from '../support/muster.ts'
import { scriptedTarget } from '../support/scripted-source.ts'

const REASON = 'the token was refused: put another in its place'
const refused = () => new PauseError('AUTHENTICATION_FAILED', REASON)

/** A session that was paused before its second page. */
async function paused(rig: Rig) {
  const run = rig.walk('list')
  await rig.puppet.page('list', ['a', 'b'])
  await rig.puppet.throws('list', refused())
  const error: unknown = await run.done.catch((thrown: unknown) => thrown)
  return { run, error }
}

const waitingOf = async (rig: Rig, sessionId: string) => (await rig.load(sessionId)).waiting

describe('a session whose source asks for a pause', () => {
  test('stays as it is: the walk rejects with what is wrong, and what is waited for is stored', async () => {
    const rig = await Rig.start()
    const { run, error } = await paused(rig)
    expect(error).toBeInstanceOf(PauseError)
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', message: REASON })
    expect(await rig.load(run.sessionId)).toMatchObject({
      status: 'IN_PROGRESS',
      failureReason: null,
      shortfalls: [],
      position: { at: 'after', cursor: 1 },
      metrics: { itemsFound: 2, totalBatches: 1, failedBatches: 0 },
      waiting: { reason: REASON, until: null },
    } satisfies Partial<Record<keyof SessionState, unknown>>)
    // It is free for whoever takes it up.
    expect(ask(rig.path, 'select lease_owner from sessions')).toEqual([{ lease_owner: null }])
    expectConsistent(rig.path)
  })

  test('is announced as interrupted, with the code, and not as ended', async () => {
    const rig = await Rig.start()
    const heard: unknown[] = []
    const { bus } = rig.muster
    bus.subscribe('session.ended', () => void heard.push('ended'))
    bus.subscribe('session.interrupted', (event: BusEvents['session.interrupted']) => {
      heard.push(event)
    })
    const { run } = await paused(rig)
    await until('it is announced', () => heard.length > 0)
    expect(heard).toEqual([
      {
        sessionId: run.sessionId,
        targetName: 'list',
        error: expect.objectContaining({ code: 'AUTHENTICATION_FAILED', message: REASON }),
      },
    ])
  })

  test.each([
    ['by the same process', false],
    ['by the next process', true],
  ])('is taken up %s, where it was, and its pause is over', async (_, another) => {
    const rig = await Rig.start()
    const { run } = await paused(rig)
    if (another) {
      await rig.close()
      await rig.start()
    }
    const again = rig.walk('list')
    expect(again.sessionId).toBe(run.sessionId)
    await until('the next page is asked for', () => rig.puppet.isAsked('list'))
    expect(await waitingOf(rig, run.sessionId)).toBeNull()
    await rig.puppet.page('list', ['c'])
    await rig.puppet.end('list')
    expect(await again.done).toMatchObject({
      status: 'COMPLETED',
      waiting: null,
      metrics: { itemsFound: 3, totalBatches: 2 },
    })
    expect(ask(rig.path, 'select uri from tasks order by seq')).toEqual(
      ['a', 'b', 'c'].map((key) => ({ uri: `puppet://${key}` })),
    )
    expectConsistent(rig.path)
  })

  test('is paused as often as it is refused, and no attempt runs out', async () => {
    const rig = await Rig.start()
    const { run } = await paused(rig)
    for (let i = 0; i < 5; i += 1) {
      const again = rig.walk('list')
      expect(again.sessionId).toBe(run.sessionId)
      await rig.puppet.throws('list', refused())
      await expect(again.done).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
      expect(await waitingOf(rig, run.sessionId)).toEqual({ reason: REASON, until: null })
    }
  })

  test('holds up no other session', async () => {
    const rig = await Rig.start({ concurrency: 2 })
    const other = rig.walk('other')
    await rig.puppet.page('other', ['x'])
    await paused(rig)
    await rig.puppet.page('other', ['y'])
    await rig.puppet.end('other')
    expect((await other.done).status).toBe('COMPLETED')
  })

  test('that is being stopped is paused all the same', async () => {
    const rig = await Rig.start()
    const drain = new AbortController()
    const run = rig.walk('list', { drain: drain.signal })
    await until('the list is asked for', () => rig.puppet.isAsked('list'))
    drain.abort()
    await rig.puppet.throws('list', refused())
    await expect(run.done).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
    expect(await waitingOf(rig, run.sessionId)).toMatchObject({ until: null })
  })

  test('that another process has taken over is that one’s: its rows stay as they are', async () => {
    const rig = await Rig.start()
    const run = rig.walk('list')
    await until('the list is asked for', () => rig.puppet.isAsked('list'))
    await rig.steal(run.sessionId)
    await rig.puppet.throws('list', refused())
    await expect(run.done).rejects.toMatchObject({ code: 'LEASE_LOST' })
    expect(await waitingOf(rig, run.sessionId)).toBeNull()
  })

  test('whose pause cannot be stored breaks with what the store says', async () => {
    const rig = await Rig.start()
    const run = rig.walk('list')
    await until('the list is asked for', () => rig.puppet.isAsked('list'))
    rig.disk.failNext = /^update "sessions" set "waiting_reason"/
    await rig.puppet.throws('list', refused())
    await expect(run.done).rejects.toThrow('disk I/O error')
  })

  test('says nothing of a secret that the reason holds', async () => {
    const token = 'a-token-that-nobody-may-see'
    const before = async (_: number, { credentials }: EnumerateContext) => {
      await credentials()
      throw new PauseError('CREDENTIAL_UNAVAILABLE', `${token} was refused`)
    }
    const muster = await musterOver(
      { a: { items: ['x'], pageSize: 1, before } },
      { auth: { gh: { type: 'github', config: { token } } } },
    )
    const target = { ...scriptedTarget('a'), authRef: 'gh' }
    const run = muster.coordinator.enumerateTarget(target)
    await expect(run.done).rejects.toMatchObject({
      code: 'CREDENTIAL_UNAVAILABLE',
      message: '*** was refused',
    })
    const state = await muster.repositories.sessions.load(run.sessionId)
    expect(state?.waiting).toEqual({ reason: '*** was refused', until: null })
  })
})

describe('a wait that a source asked for', () => {
  async function waiting(rig: Rig) {
    const run = rig.walk('list')
    await rig.puppet.page('list', ['a'])
    const until = rig.time.now + TIMES.waitMs
    await rig.puppet.throws('list', new RetryLaterError('limited', until))
    await rig.reached(run.sessionId, 'waiting')
    return { run, until, sessionId: run.sessionId }
  }

  test('can be seen in the store while it lasts, and is gone with the next page', async () => {
    const rig = await Rig.start()
    const { run, until: retryAt, sessionId } = await waiting(rig)
    expect(await rig.load(sessionId)).toMatchObject({
      status: 'IN_PROGRESS',
      waiting: { reason: 'limited', until: new Date(retryAt) },
    })
    rig.time.pass(TIMES.waitMs)
    let stored = false
    rig.muster.bus.subscribe('session.progressed', () => void (stored = true))
    await rig.puppet.page('list', ['b'])
    await until('the page is stored', () => stored)
    expect(await waitingOf(rig, sessionId)).toBeNull()
    await rig.puppet.end('list')
    expect(await run.done).toMatchObject({ status: 'COMPLETED', waiting: null })
    expect(await waitingOf(rig, sessionId)).toBeNull()
  })

  test.each([
    ['died', async (rig: Rig) => rig.crash()],
    ['was closed', async (rig: Rig) => rig.close()],
  ])(
    'is honoured by the process after the one that %s: nothing is asked before',
    async (_, end) => {
      const rig = await Rig.start()
      const { sessionId } = await waiting(rig)
      rig.time.pass(1_000)
      await end(rig)
      await rig.start()
      const states: string[] = []
      rig.muster.bus.subscribe('enumerator.changed', ({ state, until }) => {
        states.push(`${state} ${(until ?? 0) - rig.time.now}`)
      })
      const again = rig.walk('list')
      expect(again.sessionId).toBe(sessionId)
      await rig.reached(sessionId, 'waiting')
      expect(await waitingOf(rig, sessionId)).toMatchObject({ reason: 'limited' })
      rig.time.pass(TIMES.waitMs - 1_001)
      await rig.settle()
      expect(rig.puppet.isAsked('list')).toBe(false)
      rig.time.pass(1)
      await until('the list is asked for', () => rig.puppet.isAsked('list'))
      expect(states).toEqual(['waiting 4000'])
      await rig.puppet.end('list')
      expect((await again.done).status).toBe('COMPLETED')
    },
  )

  test('that is over when the next process comes holds nobody up', async () => {
    const rig = await Rig.start()
    const { sessionId } = await waiting(rig)
    await rig.crash()
    rig.time.pass(TIMES.waitMs)
    await rig.start()
    rig.walk('list')
    await until('the list is asked for', () => rig.puppet.isAsked('list'))
    expect(await waitingOf(rig, sessionId)).toBeNull()
    expect(
      rig.recorder.takenBy('enumerator', sessionId).map(({ transition }) => transition),
    ).toEqual([expect.stringContaining('request.started')])
  })

  test('is not asked for by a session that is stopped meanwhile, and holds for the next walk of it', async () => {
    const rig = await Rig.start()
    const stop = new AbortController()
    const run = rig.walk('list', { signal: stop.signal })
    await rig.puppet.throws('list', new RetryLaterError('limited', rig.time.now + TIMES.waitMs))
    await rig.reached(run.sessionId, 'waiting')
    stop.abort()
    expect(await run.done).toMatchObject({ status: 'IN_PROGRESS', waiting: { reason: 'limited' } })
    rig.walk('list')
    await rig.reached(run.sessionId, 'waiting')
    expect(rig.puppet.isAsked('list')).toBe(false)
    rig.time.pass(TIMES.waitMs)
    await until('the list is asked for', () => rig.puppet.isAsked('list'))
  })
})
