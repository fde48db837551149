import { describe, expect, test } from 'vitest'
import { PauseError, RetryLaterError, type EnumerateContext } from '../../src/index.ts'
import { Rig } from '../model/rig.ts'
import { until } from '../model/until.ts'
import { musterOver } from '../support/muster.ts'
import { scriptedTarget } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'
import { ask } from '../support/database.ts'
import { writeConfig } from '../support/config.ts'
import { tempFolder } from '../support/temp.ts'

describe('a wait', () => {
  test.each([8.64e15 + 1, 1e18, Number.MAX_VALUE])(
    'until %d is a wait all the same',
    async (retryAt) => {
      const rig = await Rig.start()
      const run = rig.walk('list')
      await rig.puppet.throws('list', new RetryLaterError('limited', retryAt))
      await rig.reached(run.sessionId, 'waiting')
      const { waiting } = await rig.load(run.sessionId)
      expect(waiting?.until?.getTime()).toBeGreaterThan(rig.time.now)
      let announced = 0
      rig.muster.bus.subscribe('enumerator.changed', () => void (announced += 1))
      // A timer of Node holds 24.8 days; after them it waits on.
      for (let i = 0; i < 5; i += 1) {
        rig.time.pass(2 ** 31 - 1)
        await rig.settle()
      }
      expect(rig.puppet.isAsked('list')).toBe(false)
      expect(announced).toBeLessThanOrEqual(5)
      expect(await rig.load(run.sessionId)).toMatchObject({ status: 'IN_PROGRESS' })
    },
  )

  test('of one credential holds up no other', async () => {
    const database = quickDatabase()
    const auth = {
      old: { type: 'github', config: { token: 'one' } },
      fresh: { type: 'github', config: { token: 'two' } },
    } as const
    const listings = {
      a: {
        items: ['x'],
        pageSize: 1,
        before: (_: number, { authRef }: EnumerateContext) => {
          if (authRef === 'old') throw new RetryLaterError('limited', Date.now() + 3_600_000)
        },
      },
    }
    const one = await musterOver(listings, { database, auth })
    const run = one.coordinator.enumerateTarget({ ...scriptedTarget('a'), authRef: 'old' })
    await until(
      'it waits',
      () => ask(database, 'select * from sessions where waiting_reason is not null').length > 0,
    )
    await one.close()
    await run.done
    const two = await musterOver(listings, { database, auth })
    const again = two.coordinator.enumerateTarget({ ...scriptedTarget('a'), authRef: 'fresh' })
    const state = await Promise.race([
      again.done,
      new Promise<string>((resume) => setTimeout(resume, 1_000, 'still waiting')),
    ])
    expect(state).toMatchObject({ status: 'COMPLETED' })
  })
})

test('a paused session goes on with the credential that the config names by now', async () => {
  const folder = tempFolder()
  const database = quickDatabase()
  const listings = {
    a: {
      items: ['x', 'y'],
      pageSize: 1,
      before: (page: number, { authRef }: EnumerateContext) => {
        if (page === 2 && authRef === 'old')
          throw new PauseError('AUTHENTICATION_FAILED', 'refused')
      },
    },
  }
  const round = async (authRef: string) => {
    const config = writeConfig(folder, {
      auth: { [authRef]: { type: 'github', config: { token: 'a-token-of-the-test' } } },
      targets: [{ name: 'a', source_type: 'scripted', auth_ref: authRef, scripted: { list: 'a' } }],
    })
    const muster = await musterOver(listings, { database, config })
    try {
      return await muster.orchestrator.enumerate()
    } finally {
      await muster.close()
    }
  }
  expect((await round('old')).failures).toMatchObject([
    { error: { code: 'AUTHENTICATION_FAILED' } },
  ])
  const { sessions, failures } = await round('fresh')
  expect(failures).toEqual([])
  expect(sessions).toMatchObject([{ status: 'COMPLETED', metrics: { itemsFound: 2 } }])
})
