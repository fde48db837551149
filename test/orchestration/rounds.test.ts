import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { openStore, type Muster, type Round } from '../../src/index.ts'
import { ask, askNumber, dump } from '../support/database.ts'
import { waitUntil } from '../support/wait-until.ts'
import { begun, closeMeanwhile, gated, listing, LISTINGS, Setting } from './support.ts'

const outcomes = ({ sessions }: Round) =>
  Object.fromEntries(sessions.map(({ targetName, status }) => [targetName, status]))

const ALL_COMPLETED = { a: 'COMPLETED', b: 'COMPLETED', c: 'COMPLETED' }

/** A round that was broken off while b was being walked and a was finished; c is wanted from then on. */
async function brokenOff(setting: Setting): Promise<Round> {
  const gate = gated('b')
  setting.want('a', 'b')
  const first = await setting.muster({ ...LISTINGS, b: gate.listing })
  const round = first.orchestrator.enumerate()
  const ended = `select count(*) from sessions where status = 'COMPLETED'`
  await waitUntil(
    'a is walked and b is not',
    () => gate.isAsked() && askNumber(setting.database, ended) === 1,
  )
  await closeMeanwhile(first, gate)
  setting.want('a', 'b', 'c')
  return round
}

describe('a round', () => {
  test('walks every target of the config to its end', async () => {
    const setting = new Setting('a', 'b', 'c')
    const muster = await setting.muster(LISTINGS)
    const round = await muster.orchestrator.enumerate()
    expect(outcomes(round)).toEqual(ALL_COMPLETED)
    expect(round.failures).toEqual([])
    expect(await muster.repositories.tasks.count()).toBe(18)
  })

  test('after another one walks everything again, with tasks of its own', async () => {
    const muster = await new Setting('a', 'b').muster(LISTINGS)
    const first = await muster.orchestrator.enumerate()
    const second = await muster.orchestrator.enumerate()
    expect(outcomes(second)).toEqual(outcomes(first))
    expect(await muster.repositories.sessions.list(10)).toHaveLength(4)
    expect(await muster.repositories.tasks.count()).toBe(24)
  })

  test('takes the targets of the config as it is then', async () => {
    const setting = new Setting('a')
    const muster = await setting.muster(LISTINGS)
    expect(outcomes(await muster.orchestrator.enumerate())).toEqual({ a: 'COMPLETED' })
    setting.want('b')
    expect(outcomes(await muster.orchestrator.enumerate())).toEqual({ b: 'COMPLETED' })
  })

  test('called for twice at once is two rounds, one after the other', async () => {
    const muster = await new Setting('a').muster(LISTINGS)
    const rounds = await Promise.all([
      muster.orchestrator.enumerate(),
      muster.orchestrator.enumerate(),
      muster.orchestrator.enumerate(),
    ])
    expect(rounds.map(outcomes)).toEqual([
      { a: 'COMPLETED' },
      { a: 'COMPLETED' },
      { a: 'COMPLETED' },
    ])
    expect(await muster.repositories.sessions.list(10)).toHaveLength(3)
  })

  test('without a config says what is missing, and starts nothing', async () => {
    const setting = new Setting('a')
    const muster = await setting.muster(LISTINGS, { config: undefined as never })
    await expect(muster.orchestrator.enumerate()).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringContaining('needs targets') as string,
    })
    expect(askNumber(setting.database, 'select count(*) from rounds')).toBe(0)
  })

  test('of a config that has become invalid rejects and changes nothing; mended, it goes on', async () => {
    const setting = new Setting('a', 'b')
    const muster = await setting.muster(LISTINGS)
    await muster.orchestrator.enumerate()
    const before = dump(setting.database)
    setting.breakConfig()
    await expect(muster.orchestrator.enumerate()).rejects.toMatchObject({ code: /^INVALID_/ })
    expect(dump(setting.database)).toEqual(before)
    setting.want('a')
    expect(outcomes(await muster.orchestrator.enumerate())).toEqual({ a: 'COMPLETED' })
  })

  test('tells of a target that failed, and walks the others', async () => {
    const muster = await new Setting('a', 'b', 'c').muster(
      {
        ...LISTINGS,
        b: listing('b', {
          before() {
            throw new Error('no such place')
          },
        }),
      },
      { maxAttempts: 1 },
    )
    expect(outcomes(await muster.orchestrator.enumerate())).toEqual({
      ...ALL_COMPLETED,
      b: 'FAILED',
    })
  })
})

describe('a round that a process left', () => {
  test('is gone on with: the interrupted session first, then the targets not begun, the finished ones not', async () => {
    const setting = new Setting('a', 'b', 'c')
    const left = await brokenOff(setting)
    expect(outcomes(left)).toMatchObject({ a: 'COMPLETED', b: 'IN_PROGRESS' })

    const second = await setting.muster(LISTINGS)
    const order = begun(second)
    const round = await second.orchestrator.enumerate()
    expect(outcomes(round)).toEqual(ALL_COMPLETED)
    expect(order).toEqual(['b again', 'c'])
    expect(await second.repositories.tasks.count()).toBe(18)

    // The next one is a round of its own.
    order.length = 0
    expect(outcomes(await second.orchestrator.enumerate())).toEqual(ALL_COMPLETED)
    expect(order.toSorted()).toEqual(['a', 'b', 'c'])
    expect(await second.repositories.tasks.count()).toBe(36)
  })

  test('uses the job of each session that it resumes', async () => {
    const setting = new Setting('a', 'b', 'c')
    const left = await brokenOff(setting)
    const jobOf = (round: Round, name: string) =>
      round.sessions.find(({ targetName }) => targetName === name)?.jobId
    const second = await setting.muster(LISTINGS)
    const round = await second.orchestrator.enumerate()
    expect(jobOf(round, 'b')).toBe(jobOf(left, 'b'))
    expect(askNumber(setting.database, 'select count(*) from jobs')).toBe(3)
    expect(await second.repositories.jobs.countTargets(jobOf(round, 'b') ?? '')).toBe(6)
  })

  test('takes up a session whose target is wanted no more', async () => {
    const setting = new Setting('a', 'b', 'c')
    await brokenOff(setting)
    setting.want('c')
    const second = await setting.muster(LISTINGS)
    expect(outcomes(await second.orchestrator.enumerate())).toEqual(ALL_COMPLETED)
    expect(outcomes(await second.orchestrator.enumerate())).toEqual({ c: 'COMPLETED' })
  })

  test('does not walk a target again that failed in it; the next round does', async () => {
    const setting = new Setting('a', 'b', 'c')
    const gate = gated('b')
    const down = listing('a', {
      before() {
        throw new Error('no such place')
      },
    })
    const options = { concurrency: 1, maxAttempts: 1 }
    const first = await setting.muster({ ...LISTINGS, a: down, b: gate.listing }, options)
    const left = first.orchestrator.enumerate()
    await waitUntil('the second page of b is asked for', gate.isAsked)
    await closeMeanwhile(first, gate)
    await left
    const second = await setting.muster(LISTINGS)
    expect(outcomes(await second.orchestrator.enumerate())).toEqual({
      ...ALL_COMPLETED,
      a: 'FAILED',
    })
    expect(outcomes(await second.orchestrator.enumerate())).toEqual(ALL_COMPLETED)
  })

  test('wherever the process dies, comes to the same: each target walked once, each task there once', async () => {
    let boundary = 0
    /** Runs a round with the database gone from one statement on. */
    async function attempt(setting: Setting, dieAt: number): Promise<void> {
      boundary = 0
      const onStatement = () => {
        boundary += 1
        if (boundary >= dieAt) throw new Error('the process is gone')
      }
      let muster: Muster | undefined
      try {
        const database = await openStore({ path: setting.database, onStatement })
        muster = await setting.muster(LISTINGS, { database, concurrency: 2 })
        await muster.orchestrator.enumerate()
      } catch (thrown) {
        if (boundary < dieAt) throw thrown
      } finally {
        await muster?.close().catch(() => undefined)
      }
    }
    const isClosedIn = ({ database }: Setting) => {
      const hasRounds = `select count(*) from sqlite_master where name = 'rounds'`
      return (
        askNumber(database, hasRounds) === 1 &&
        askNumber(database, 'select count(*) from rounds where completed_at is not null') === 1
      )
    }
    const whole = new Setting('a', 'b', 'c')
    await attempt(whole, Infinity)
    const boundaries = boundary
    expect(boundaries).toBeGreaterThan(100)
    for (let dieAt = 1; dieAt <= boundaries; dieAt += 7) {
      const setting = new Setting('a', 'b', 'c')
      await attempt(setting, dieAt)
      // Past the round's end there is nothing to take up; another would be a round of its own.
      if (!isClosedIn(setting)) await attempt(setting, Infinity)
      const isClosed = ask(setting.database, 'select completed_at from rounds')
      expect(isClosed).toHaveLength(1)
      expect(isClosed[0]?.['completed_at']).not.toBeNull()
      const sessions = ask(setting.database, 'select target_name, status from sessions order by 1')
      expect(sessions, `death at statement ${dieAt}`).toEqual(
        ['a', 'b', 'c'].map((name) => ({ target_name: name, status: 'COMPLETED' })),
      )
      expect(askNumber(setting.database, 'select count(distinct uri) from tasks')).toBe(18)
      expect(askNumber(setting.database, 'select count(*) from tasks')).toBe(18)
    }
  })
})

describe('a session that cannot be taken up', () => {
  test('blocks neither the others nor the next round', async () => {
    const setting = new Setting('a', 'b', 'c')
    const left = await brokenOff(setting)
    const stuck = left.sessions.find(({ targetName }) => targetName === 'b')?.sessionId ?? ''
    const connection = new Database(setting.database)
    connection
      .prepare(`update checkpoints set data = json_set(data, '$.v', 99) where target_id = ?`)
      .run(stuck)
    connection.close()

    const muster = await setting.muster(LISTINGS)
    const order = begun(muster)
    const incompatible = {
      targetName: 'b',
      sessionId: stuck,
      error: { code: 'CHECKPOINT_INCOMPATIBLE' },
    }
    const round = await muster.orchestrator.enumerate()
    expect(round.failures).toMatchObject([incompatible])
    expect(outcomes(round)).toEqual({ a: 'COMPLETED', c: 'COMPLETED' })
    expect(order).toEqual(['c'])

    const next = await muster.orchestrator.enumerate()
    expect(next.failures).toMatchObject([incompatible])
    expect(outcomes(next)).toEqual({ a: 'COMPLETED', c: 'COMPLETED' })
    expect(order.toSorted()).toEqual(['a', 'c', 'c'])
    // It is still there, for the Muster that can read it.
    expect(await muster.repositories.sessions.load(stuck)).toMatchObject({ status: 'IN_PROGRESS' })
  })

  test('because its source is not registered any more does not either', async () => {
    const setting = new Setting('a', 'b', 'c')
    await brokenOff(setting)
    const connection = new Database(setting.database)
    connection
      .prepare(
        `update sessions set config = json_set(config, '$.sourceType', 'gone') where target_name = 'b'`,
      )
      .run()
    connection.close()
    setting.want('a', 'c')
    const muster = await setting.muster(LISTINGS)
    const round = await muster.orchestrator.enumerate()
    expect(round.failures).toMatchObject([{ targetName: 'b', error: { code: 'INVALID_SPEC' } }])
    expect(outcomes(round)).toEqual({ a: 'COMPLETED', c: 'COMPLETED' })
  })
})

describe('tasks of a round', () => {
  const uris = (names: string[]) =>
    names.flatMap((name) => LISTINGS[name as 'a'].items.map((item) => `scripted://${item}`))

  test('are put on the bus, and acknowledged when the handlers have taken them', async () => {
    const setting = new Setting('a', 'b')
    const muster = await setting.muster(LISTINGS)
    const taken: string[] = []
    let inHand = 0
    let most = 0
    muster.bus.subscribe('task.created', async ({ task }) => {
      most = Math.max(most, (inHand += 1))
      await new Promise((resolve) => setImmediate(resolve))
      taken.push(task.resourceUri)
      inHand -= 1
      expect(task).not.toHaveProperty('credentials')
    })
    await muster.orchestrator.enumerate()
    expect(taken.toSorted()).toEqual(uris(['a', 'b']))
    // One at a time for each walk: the next is not handed out before the one before is taken.
    expect(most).toBeLessThanOrEqual(2)
    expect(
      askNumber(setting.database, 'select count(*) from tasks where acknowledged_at is null'),
    ).toBe(0)
  })

  test('that nobody listens for are stored and left alone', async () => {
    const setting = new Setting('a')
    const muster = await setting.muster(LISTINGS)
    expect(outcomes(await muster.orchestrator.enumerate())).toEqual({ a: 'COMPLETED' })
    expect(
      askNumber(setting.database, 'select count(*) from tasks where acknowledged_at is null'),
    ).toBe(6)
  })

  test('whose handler throws come again in the next round, the same task first', async () => {
    const setting = new Setting('a')
    const muster = await setting.muster(LISTINGS)
    const taken: string[] = []
    let refuse = true
    muster.bus.subscribe('task.created', ({ task }) => {
      taken.push(task.taskId)
      if (refuse && taken.length === 3) throw new Error('the scanner is full')
    })
    const round = await muster.orchestrator.enumerate()
    expect(outcomes(round)).toEqual({ a: 'COMPLETED' })
    expect(taken).toHaveLength(3)
    refuse = false
    const next = await muster.orchestrator.enumerate()
    expect(next.sessions[0]?.sessionId).toBe(round.sessions[0]?.sessionId)
    expect(taken[3]).toBe(taken[2])
    expect(taken).toHaveLength(3 + 4)
    expect(new Set(taken).size).toBe(6)
    // All is delivered: from here on it is walked anew.
    const third = await muster.orchestrator.enumerate()
    expect(third.sessions[0]?.sessionId).not.toBe(round.sessions[0]?.sessionId)
    expect(new Set(taken).size).toBe(12)
  })

  test('of a target that the dead process had walked, and not delivered, come in the round that goes on', async () => {
    const setting = new Setting('a', 'b')
    const gate = gated('b')
    const first = await setting.muster({ ...LISTINGS, b: gate.listing })
    const taken: string[] = []
    const full = Promise.withResolvers<void>()
    first.bus.subscribe('task.created', async ({ task }) => {
      if (!task.resourceUri.includes('://a-')) return
      taken.push(task.taskId)
      if (taken.length === 3) await full.promise
    })
    const left = first.orchestrator.enumerate()
    await waitUntil('a is walked and b is not', () => {
      const ended = `select count(*) from sessions where status = 'COMPLETED'`
      return gate.isAsked() && taken.length === 3 && askNumber(setting.database, ended) === 1
    })
    full.reject(new Error('the process is gone'))
    await closeMeanwhile(first, gate)
    await left

    const second = await setting.muster(LISTINGS)
    const later: string[] = []
    second.bus.subscribe('task.created', ({ task }) => {
      if (task.resourceUri.includes('://a-')) later.push(task.taskId)
    })
    expect(outcomes(await second.orchestrator.enumerate())).toEqual({
      a: 'COMPLETED',
      b: 'COMPLETED',
    })
    expect(later[0]).toBe(taken[2])
    expect(new Set([...taken, ...later]).size).toBe(6)
    expect(await second.repositories.sessions.list(10)).toHaveLength(2)
  })
})
