import { describe, expect, onTestFinished, test } from 'vitest'
import type { AnyActorRef } from 'xstate'
import {
  createMuster,
  LeaseError,
  PauseError,
  RetryLaterError,
  type EnumerationResult,
  type Store,
} from '../../src/index.ts'
import type { Ask } from '../../src/domain/steering.ts'
import { expectConsistent } from '../model/agreement.ts'
import { Rig, TIMES } from '../model/rig.ts'
import { until } from '../model/until.ts'
import { ask } from '../support/database.ts'

/** How often a process looks what is asked of its walks. */
const LOOK_MS = 1_000

const ended = (run: EnumerationResult): Promise<unknown> =>
  run.done.then(
    (state) => state.status,
    (error: unknown) => error,
  )

const PAUSED = expect.objectContaining({ name: 'PauseError', code: 'PAUSED' })

const tasksIn = (rig: Rig) => ask<{ uri: string }>(rig.path, 'select uri from tasks order by seq')
const urisOf = (...keys: string[]) => keys.map((key) => ({ uri: `puppet://${key}` }))

const record = async (rig: Rig, sessionId: string) => {
  const entries = await rig.muster.repositories.audit.find({ sessionId })
  return entries.map(({ event, detail }) => (detail === null ? event : `${event}: ${detail}`))
}

/** Another process on the same database, such as the command line. */
async function other(rig: Rig): Promise<Store> {
  const store = await rig.database.open({ clock: { now: () => rig.time.now } })
  onTestFinished(() => store.close())
  return store
}

const steer = async (rig: Rig, sessionId: string, wish: Ask | null) =>
  (await other(rig)).steerSession({ sessionId, ask: wish, by: 'somebody' })

/** A walk whose first page is kept, and whose second is asked for. */
async function walking(rig: Rig) {
  const run = rig.walk('list')
  await rig.puppet.page('list', ['a', 'b'])
  await until('the second page is asked for', () => rig.puppet.isAsked('list'))
  await rig.settle()
  return run
}

/** Walks on to the end, where everything was found once. */
async function expectWhole(rig: Rig, run: EnumerationResult, from: readonly string[]) {
  await rig.puppet.page('list', from)
  await rig.puppet.end('list')
  expect(await run.done).toMatchObject({ status: 'COMPLETED', asked: null, waiting: null })
  expect(tasksIn(rig)).toEqual(urisOf('a', 'b', 'c', 'd'))
  expectConsistent(rig.path)
}

describe('a session that is paused on request', () => {
  test.each([
    ['here', (rig: Rig, sessionId: string) => rig.muster.pause(sessionId)],
    [
      'by another process',
      async (rig: Rig, sessionId: string) => {
        await steer(rig, sessionId, 'pause')
        rig.time.pass(LOOK_MS)
      },
    ],
  ])(
    '%s finishes the page in hand, and stays paused over restarts until it is resumed',
    async (_, pause) => {
      const rig = await Rig.start()
      const run = await walking(rig)
      await pause(rig, run.sessionId)
      await rig.settle()
      expect(rig.puppet.isAsked('list'), 'the page in hand is waited for').toBe(true)
      await rig.puppet.page('list', ['c'])
      const error = await ended(run)
      expect(error).toEqual(PAUSED)
      expect((error as Error).message).toContain(`muster resume ${run.sessionId}`)
      expect(await rig.load(run.sessionId)).toMatchObject({
        status: 'IN_PROGRESS',
        asked: 'pause',
        waiting: { reason: 'paused on request', until: null },
        position: { at: 'after', cursor: 2 },
        metrics: { itemsFound: 3, failedBatches: 0 },
      })
      expect(ask(rig.path, 'select lease_owner from sessions')).toEqual([{ lease_owner: null }])
      expect(await ended(rig.walk('list'))).toEqual(PAUSED)
      await rig.close()
      await rig.start()
      const again = rig.walk('list')
      expect(again.sessionId).toBe(run.sessionId)
      expect(await ended(again)).toEqual(PAUSED)
      expect(rig.puppet.isAsked('list'), 'nothing is asked for').toBe(false)
      expect(ask(rig.path, 'select lease_owner from sessions')).toEqual([{ lease_owner: null }])

      const resumed = await rig.muster.resume(run.sessionId)
      await expectWhole(rig, resumed, ['d'])
      expect(await record(rig, run.sessionId)).toEqual([
        'created',
        'claimed',
        'started',
        'pause-asked',
        'paused: paused on request',
        'left: paused on request',
        'pause-lifted',
        'claimed',
        'ended: COMPLETED, COMPLETE: 4 kept, 3 pages',
      ])
    },
  )

  test.each([
    [
      'waits for a limit',
      'waiting',
      (rig: Rig) => new RetryLaterError('limited', rig.time.now + TIMES.waitMs),
    ],
    ['backs off', 'backingOff', () => new Error('connection reset')],
  ])('while it %s comes to rest at once', async (_, state, error) => {
    const rig = await Rig.start()
    const run = await walking(rig)
    await rig.puppet.throws('list', error(rig))
    await rig.reached(run.sessionId, state)
    await rig.muster.pause(run.sessionId)
    expect(await ended(run)).toEqual(PAUSED)
    expect(await rig.load(run.sessionId)).toMatchObject({ asked: 'pause' })
    const resumed = await rig.muster.resume(run.sessionId)
    await rig.settle()
    if (state === 'waiting') {
      expect(rig.puppet.isAsked('list'), 'the limit outlasts the pause').toBe(false)
      rig.time.pass(TIMES.waitMs)
    }
    await expectWhole(rig, resumed, ['c', 'd'])
  })

  test('while it waits for its turn asks for nothing any more', async () => {
    const rig = await Rig.start()
    const busy = rig.walk('other')
    await until('the other one is asked for', () => rig.puppet.isAsked('other'))
    const run = rig.walk('list')
    await rig.reached(run.sessionId, 'fetching.queued')
    await rig.muster.pause(run.sessionId)
    expect(await ended(run)).toEqual(PAUSED)
    await rig.puppet.end('other')
    expect(await ended(busy)).toBe('COMPLETED')
    expect(rig.puppet.isAsked('list')).toBe(false)
  })

  test.each([
    ['here', (rig: Rig, id: string) => rig.muster.resume(id)],
    ['by another process', (rig: Rig, id: string) => steer(rig, id, null)],
  ])('and resumed %s before its page has come goes on as if nothing had been', async (_, lift) => {
    const rig = await Rig.start()
    const run = await walking(rig)
    await rig.muster.pause(run.sessionId)
    await lift(rig, run.sessionId)
    await rig.puppet.page('list', ['c'])
    await expectWhole(rig, run, ['d'])
  })

  test('and resumed while that is written goes on, and leaves no mark', async () => {
    const rig = await Rig.start()
    const run = await walking(rig)
    rig.gates.hold('recordWaiting')
    await rig.muster.pause(run.sessionId)
    await rig.puppet.page('list', ['c'])
    await until('the pause is written', () => rig.gates.isWaiting('recordWaiting'))
    await steer(rig, run.sessionId, null)
    rig.gates.release('recordWaiting')
    await until('it is walked on', () => rig.puppet.isAsked('list'))
    expect((await rig.load(run.sessionId)).waiting).toBeNull()
    await expectWhole(rig, run, ['d'])
  })

  test('by a process that dies before it has written so is paused all the same', async () => {
    const rig = await Rig.start()
    const run = await walking(rig)
    rig.gates.hold('recordWaiting')
    await rig.muster.pause(run.sessionId)
    await rig.puppet.page('list', ['c'])
    await until('the pause is written', () => rig.gates.isWaiting('recordWaiting'))
    await rig.crash()
    rig.gates.release('recordWaiting')
    await rig.start()
    expect(await ended(rig.walk('list'))).toEqual(PAUSED)
    expect(rig.puppet.isAsked('list')).toBe(false)
    await expectWhole(rig, await rig.muster.resume(run.sessionId), ['d'])
  })

  test('and taken over meanwhile is the other one’s', async () => {
    const rig = await Rig.start()
    const run = await walking(rig)
    await rig.steal(run.sessionId)
    await steer(rig, run.sessionId, 'pause')
    rig.time.pass(LOOK_MS)
    await rig.puppet.page('list', ['c'])
    expect(await ended(run)).toBeInstanceOf(LeaseError)
    expect(await rig.load(run.sessionId)).toMatchObject({ asked: 'pause', waiting: null })
    expect(tasksIn(rig)).toEqual(urisOf('a', 'b'))
  })

  test('as its process closes is paused', async () => {
    const rig = await Rig.start()
    const run = await walking(rig)
    await rig.muster.pause(run.sessionId)
    const closed = rig.close()
    await rig.puppet.page('list', ['c'])
    await closed
    expect(await ended(run)).toEqual(PAUSED)
    expect(ask(rig.path, 'select asked, waiting_reason, lease_owner from sessions')).toEqual([
      { asked: 'pause', waiting_reason: 'paused on request', lease_owner: null },
    ])
  })

  test('holds up no other session', async () => {
    const rig = await Rig.start({ concurrency: 2 })
    const busy = rig.walk('other')
    await rig.puppet.page('other', ['x'])
    const run = await walking(rig)
    await rig.muster.pause(run.sessionId)
    await rig.puppet.page('list', ['c'])
    expect(await ended(run)).toEqual(PAUSED)
    await rig.puppet.end('other')
    expect(await ended(busy)).toBe('COMPLETED')
  })
})

const CANCELLED = {
  status: 'FAILED',
  completeness: 'INCOMPLETE',
  failureReason: 'cancelled on request',
  shortfalls: [expect.objectContaining({ code: 'cancelled' })],
  asked: null,
  waiting: null,
}

describe('a session that is cancelled', () => {
  test.each([
    ['here', (rig: Rig, id: string) => rig.muster.cancel(id)],
    [
      'by another process',
      async (rig: Rig, id: string) => {
        await steer(rig, id, 'cancel')
        rig.time.pass(LOOK_MS)
      },
    ],
    [
      'after a pause was asked for',
      async (rig: Rig, id: string) => {
        await rig.muster.pause(id)
        await rig.muster.cancel(id)
      },
    ],
  ])('%s fails after the page in hand, and can be resumed on purpose', async (_, cancel) => {
    const rig = await Rig.start()
    const run = await walking(rig)
    await cancel(rig, run.sessionId)
    await rig.puppet.page('list', ['c'])
    expect(await run.done).toMatchObject({
      ...CANCELLED,
      metrics: { failedBatches: 0, totalBatches: 2 },
    })
    expect(await rig.load(run.sessionId)).toMatchObject(CANCELLED)
    expect(ask(rig.path, 'select lease_owner from sessions')).toEqual([{ lease_owner: null }])
    expectConsistent(rig.path)
    expect(await record(rig, run.sessionId)).toContain(
      'ended: FAILED, INCOMPLETE: 3 kept, 2 pages; cancelled on request; incomplete for: cancelled',
    )
    const again = rig.walk('list')
    expect(again.sessionId, 'the next call begins anew').not.toBe(run.sessionId)
    await until('it is asked for', () => rig.puppet.isAsked('list'))
    await rig.puppet.end('list')
    await again.done
    await expectWhole(rig, await rig.muster.resume(run.sessionId), ['d'])
  })

  test('while it is paused ends at once, by a process that knows neither its source nor its credential', async () => {
    const rig = await Rig.start()
    const run = await walking(rig)
    await rig.muster.pause(run.sessionId)
    await rig.puppet.page('list', ['c'])
    await ended(run)
    await using tool = await createMuster({ database: rig.path, clock: rig.clock })
    expect(await tool.cancel(run.sessionId)).toMatchObject({ ...CANCELLED, walkedBy: null })
    expect(await record(rig, run.sessionId)).toContain('cancel-asked')
    await expect(tool.cancel(run.sessionId)).rejects.toMatchObject({ code: 'ILLEGAL_TRANSITION' })
  })

  test('and was never walked is begun and ended', async () => {
    const rig = await Rig.start()
    rig.disk.failNext = /^update "sessions" set "job_id"|^update "sessions" set .*"status"/
    const run = rig.walk('list')
    await ended(run)
    expect(await rig.storedStatus(run.sessionId)).toBe('INITIALIZED')
    expect(await rig.muster.cancel(run.sessionId)).toMatchObject(CANCELLED)
    expect(rig.puppet.isAsked('list')).toBe(false)
  })

  test('and left by a process that died is ended by the next that takes it up, without a request', async () => {
    const rig = await Rig.start()
    const run = await walking(rig)
    await steer(rig, run.sessionId, 'cancel')
    await rig.crash()
    await rig.start()
    const next = rig.walk('list')
    expect(next.sessionId).toBe(run.sessionId)
    expect(await next.done).toMatchObject(CANCELLED)
    expect(rig.puppet.isAsked('list')).toBe(false)
    expect(tasksIn(rig)).toEqual(urisOf('a', 'b'))
    expectConsistent(rig.path)
  })

  test('as its process closes is ended before the lease is given up', async () => {
    const rig = await Rig.start()
    const run = await walking(rig)
    await steer(rig, run.sessionId, 'cancel')
    const closed = rig.close()
    await rig.puppet.page('list', ['c'])
    await closed
    expect(await run.done).toMatchObject(CANCELLED)
    expect(ask(rig.path, 'select status, asked, lease_owner from sessions')).toEqual([
      { status: 'FAILED', asked: null, lease_owner: null },
    ])
  })

  test('while its credential is refused is ended when that is known', async () => {
    const rig = await Rig.start()
    const run = await walking(rig)
    await steer(rig, run.sessionId, 'cancel')
    await rig.puppet.throws('list', new PauseError('AUTHENTICATION_FAILED', 'refused'))
    expect(await run.done).toMatchObject(CANCELLED)
  })

  test('in its last page comes to the end that it has', async () => {
    const rig = await Rig.start()
    const run = await walking(rig)
    await rig.puppet.page('list', ['c', 'd'])
    await until('the end is asked for', () => rig.puppet.isAsked('list'))
    await rig.settle()
    await rig.muster.cancel(run.sessionId)
    await rig.puppet.end('list')
    expect(await run.done).toMatchObject({ status: 'COMPLETED', asked: null })
  })
})

describe('steering', () => {
  test('refuses what makes no sense, in words that say what would', async () => {
    const rig = await Rig.start()
    for (const wish of ['pause', 'cancel', 'resume', 'retryFailed'] as const) {
      await expect(rig.muster[wish]('nobody')).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
    }
    const run = await walking(rig)
    await expect(rig.muster.retryFailed(run.sessionId)).rejects.toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      message: expect.stringContaining('IN_PROGRESS'),
    })
    await rig.puppet.end('list')
    await run.done
    for (const wish of ['pause', 'cancel', 'retryFailed'] as const) {
      await expect(rig.muster[wish](run.sessionId)).rejects.toMatchObject({
        code: 'ILLEGAL_TRANSITION',
      })
    }
  })

  test('tries failed items again, and nothing else', async () => {
    const rig = await Rig.start()
    const run = rig.walk('list')
    await rig.puppet.page('list', ['a', 'bad-b'])
    await rig.puppet.end('list')
    expect(await ended(run)).toBe('PARTIALLY_COMPLETED')
    rig.puppet.mended = true
    const again = await rig.muster.retryFailed(run.sessionId)
    expect(await ended(again)).toBe('COMPLETED')
    expect(tasksIn(rig)).toEqual(urisOf('a', 'bad-b'))
    expect(await record(rig, run.sessionId)).toEqual([
      'created',
      'claimed',
      'started',
      'ended: PARTIALLY_COMPLETED, INCOMPLETE: 1 kept, 1 failed, 1 page',
      'claimed',
      'resumed: its failed items are tried again',
      'ended: COMPLETED, COMPLETE: 2 kept, 2 pages',
    ])
  })

  test('shows both root actors, and whoever inspects them sees what happens from then on', async () => {
    const rig = await Rig.start()
    const run = await walking(rig)
    const [orchestrator, coordinator] = rig.muster.actors
    expect([orchestrator?.id, coordinator?.id]).toEqual(['orchestrator', 'coordinator'])
    expect(Object.keys(coordinator?.getSnapshot().children)).toContain(`session:${run.sessionId}`)
    const seen = new Set<string>()
    coordinator?.system.inspect({
      next: ({ actorRef }) => void seen.add((actorRef as AnyActorRef).id),
    })
    await rig.puppet.page('list', ['c'])
    await rig.puppet.end('list')
    await run.done
    expect(seen).toContain(`session:${run.sessionId}`)
  })
})
