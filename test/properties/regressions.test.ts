import { describe, expect, test } from 'vitest'
import { RetryLaterError, type Store } from '../../src/index.ts'
import { Gates } from '../model/gated-store.ts'
import { Rig, TIMES } from '../model/rig.ts'
import { until } from '../model/until.ts'
import { ask } from '../support/database.ts'

/** Cases that the properties found, each as small as they came. */
describe('who closes Muster while a walk waits', () => {
  test('leaves no lease behind: another host need not wait for it to run out', async () => {
    const rig = await Rig.start({ concurrency: 2 })
    for (const list of ['one', 'two']) {
      const { sessionId } = rig.walk(list)
      await rig.puppet.throws(list, new RetryLaterError('limited', rig.time.now + TIMES.waitMs))
      await rig.reached(sessionId, 'waiting')
    }
    await rig.close()
    const free = { lease_owner: null }
    expect(ask(rig.path, 'select lease_owner from sessions')).toEqual([free, free])
  })
})

describe('a walk that could not begin because the disk was full', () => {
  test('begins when it is asked for again, and does not look for a session that was never stored', async () => {
    const rig = await Rig.start()
    rig.disk.watch = () => {
      throw new Error('disk I/O error')
    }
    await expect(rig.walk('list').done).rejects.toThrow('disk I/O error')
    rig.disk.watch = undefined
    const again = rig.walk('list')
    await rig.puppet.end('list')
    expect((await again.done).status).toBe('COMPLETED')
  })
})

/** A store that is slow to claim a session, and slower to say whether a lease was renewed. */
class SlowStore extends Gates {
  readonly claims = Promise.withResolvers<void>()
  readonly says = Promise.withResolvers<void>()

  override around(store: Store): Store {
    return {
      ...super.around(store),
      claimSession: async (params) => {
        await this.claims.promise
        return store.claimSession(params)
      },
      renewLease: async (params) => {
        const isHeld = await store.renewLease(params)
        await this.says.promise
        return isHeld
      },
    }
  }
}

describe('a walk that begins while the leases are renewed', () => {
  test('goes on: a lease that it did not have yet was not lost', async () => {
    const gates = new SlowStore()
    const rig = new Rig({}, { gates })
    await rig.start()
    const run = rig.walk('list')
    await until(
      'the session is stored',
      async () => (await rig.storedStatus(run.sessionId)) === 'INITIALIZED',
    )
    rig.time.pass(TIMES.beatMs)
    await rig.settle()
    gates.claims.resolve()
    await until('the list is asked for', () => rig.puppet.isAsked('list'))
    gates.says.resolve()
    await rig.settle()
    await rig.puppet.end('list')
    expect((await run.done).status).toBe('COMPLETED')
  })
})
