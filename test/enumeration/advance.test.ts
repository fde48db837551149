import { createActor, type InspectionEvent } from 'xstate'
import { describe, expect, test } from 'vitest'
import { sessionMachine, type SessionEvent } from '../../machines/index.ts'
import { RetryLaterError } from '../../src/domain/errors.ts'
import { machineState, type SessionSnapshot } from '../../src/domain/session-state.ts'
import { advance } from '../../src/enumeration/advance.ts'
import { sealSnapshot } from '../../src/enumeration/envelope.ts'
import type { Walk } from '../../src/enumeration/walk.ts'
import type { CommitSession } from '../../src/store/store.ts'
import { ask } from '../support/database.ts'
import { musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedTarget, type Scripted } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'

const batch = (cursor: number): SessionEvent => ({
  type: 'batch.committed',
  at: cursor,
  position: { at: 'after', cursor },
  processed: 1,
  skipped: 0,
  failed: 0,
  retried: 0,
  batchFailed: false,
  total: null,
  shortfalls: [],
})

/** A session that is being walked, and a store that commits when the test says so. */
function session() {
  const actor = createActor(sessionMachine, {
    input: { sessionId: 's1', sourceType: 'url', at: 1 },
  }).start()
  actor.send({ type: 'session.start', at: 2 })
  const snapshot = () => actor.getSnapshot() as SessionSnapshot
  const walk = {
    sessionId: 's1',
    revision: 7,
    state: machineState(snapshot()),
    settled: Promise.resolve(),
  } as unknown as Walk
  const commits: {
    readonly params: CommitSession
    readonly written: PromiseWithResolvers<void>
  }[] = []
  const send = (event: SessionEvent) =>
    advance({
      walk,
      actor,
      event,
      owner: 'me',
      leaseMs: 99,
      commit(params) {
        const written = Promise.withResolvers<void>()
        commits.push({ params, written })
        return written.promise
      },
    })
  return { walk, commits, send, snapshot }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a change of a session', () => {
  test('is committed first; only then does the live session move', async () => {
    const { walk, commits, send, snapshot } = session()
    const before = snapshot()
    const advanced = send(batch(1))
    await turn()
    expect(commits).toHaveLength(1)
    expect(commits[0]?.params).toMatchObject({
      fence: { sessionId: 's1', owner: 'me', revision: 7, leaseMs: 99 },
      session: { status: 'IN_PROGRESS', metrics: { totalBatches: 1 } },
    })
    expect(snapshot()).toBe(before)
    expect(walk).toMatchObject({ revision: 7, state: { metrics: { totalBatches: 0 } } })
    commits[0]?.written.resolve()
    await advanced
    expect(snapshot().context.metrics.totalBatches).toBe(1)
    expect(walk).toMatchObject({ revision: 8, state: { metrics: { totalBatches: 1 } } })
    expect(commits[0]?.params.checkpoint).toEqual(sealSnapshot(snapshot()))
  })

  test('waits for the one before it: two at once commit one after the other', async () => {
    const { walk, commits, send, snapshot } = session()
    const both = Promise.all([
      send(batch(1)),
      send(batch(2)),
      send({ type: 'session.stall', at: 3 }),
    ])
    await turn()
    expect(commits).toHaveLength(1)
    for (let i = 0; i < 3; i += 1) {
      commits[i]?.written.resolve()
      await turn()
    }
    await both
    expect(commits.map(({ params }) => params.fence.revision)).toEqual([7, 8, 9])
    expect(commits.map(({ params }) => params.session.metrics.totalBatches)).toEqual([1, 2, 2])
    expect(commits.map(({ params }) => params.session.status)).toEqual([
      'IN_PROGRESS',
      'IN_PROGRESS',
      'STALLED',
    ])
    expect(walk.revision).toBe(10)
    expect(snapshot().value).toBe('STALLED')
  })

  test('that cannot be committed leaves everything where it was, and the next one is taken', async () => {
    const { walk, commits, send, snapshot } = session()
    const before = snapshot()
    const state = walk.state
    const failing = send(batch(1))
    const next = send(batch(2))
    await turn()
    commits[0]?.written.reject(new Error('the disk is full'))
    await expect(failing).rejects.toThrow('the disk is full')
    expect(snapshot()).toBe(before)
    expect(walk).toMatchObject({ revision: 7, state })
    await turn()
    expect(commits[1]?.params).toMatchObject({
      fence: { revision: 7 },
      session: { metrics: { totalBatches: 1 }, position: { cursor: 2 } },
    })
    commits[1]?.written.resolve()
    await next
    expect(walk.revision).toBe(8)
  })

  test('that the session does not take is refused in words, and nothing is written', async () => {
    const { walk, commits, send, snapshot } = session()
    const before = snapshot()
    await expect(send({ type: 'session.start', at: 3 })).rejects.toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      message: 'session s1 is IN_PROGRESS: "session.start" is not possible there',
    })
    expect(commits).toEqual([])
    expect(snapshot()).toBe(before)
    expect(walk.revision).toBe(7)
  })

  test('is judged by how the session stands when its turn comes, not when it was asked for', async () => {
    const { commits, send } = session()
    const end = send({ type: 'listing.exhausted', at: 3 })
    const late = send(batch(1))
    await turn()
    commits[0]?.written.resolve()
    await end
    await expect(late).rejects.toMatchObject({ code: 'ILLEGAL_TRANSITION' })
    expect(commits).toHaveLength(1)
  })
})

describe('after every event of a whole walk', () => {
  /** Reads each session's row at the moment in which the live session has moved. */
  function comparing(database: string) {
    const moments: { readonly moment: string; readonly live: unknown; readonly stored: unknown }[] =
      []
    const inspect = (event: InspectionEvent) => {
      if (event.type !== '@xstate.snapshot') return
      const { id } = event.actorRef as unknown as { id: string }
      // Stopping is no event of the session, and writes nothing.
      if (!id.startsWith('session:') || event.snapshot.status === 'stopped') return
      const sessionId = id.slice('session:'.length)
      const live = event.snapshot as unknown as SessionSnapshot
      const [row] = ask<{ data: string; status: string; total_batches: number }>(
        database,
        `select data, status, total_batches, items_found, items_processed, items_failed
          from checkpoints join sessions on session_id = target_id
          where target_id = '${sessionId}'`,
      )
      const { data, ...columns } = row ?? { data: 'null' }
      const { metrics } = live.context
      moments.push({
        moment: `${event.event.type} ${live.value}`,
        stored: { snapshot: JSON.parse(data), columns },
        live: {
          snapshot: JSON.parse(JSON.stringify(sealSnapshot(live))),
          columns: {
            status: live.value,
            total_batches: metrics.totalBatches,
            items_found: metrics.itemsFound,
            items_processed: metrics.itemsProcessed,
            items_failed: metrics.itemsFailed,
          },
        },
      })
    }
    return { moments, inspect }
  }

  test('the stored snapshot equals the live one', async () => {
    const database = quickDatabase()
    const { moments, inspect } = comparing(database)
    let down = true
    let hung = false
    let limited = false
    const eventful: Scripted = {
      items: [...itemsNamed('a', 5), 'bad-1', ...itemsNamed('b', 6)],
      pageSize: 2,
      before(page) {
        if (page === 2 && !hung) {
          hung = true
          return new Promise(() => {})
        }
        if (page === 3 && !limited) {
          limited = true
          throw new RetryLaterError('limited', Date.now() + 20)
        }
        if (page === 5 && down) throw new Error('the network is down')
        return undefined
      },
    }
    const { coordinator } = await musterOver(
      { eventful, other: { items: itemsNamed('o', 9), pageSize: 3 } },
      { database, inspect, stallMs: 40, maxAttempts: 2 },
    )
    const other = coordinator.enumerateTarget(scriptedTarget('other'))
    const failed = await coordinator.enumerateTarget(scriptedTarget('eventful')).done
    expect(failed.status).toBe('FAILED')
    expect((await other.done).status).toBe('COMPLETED')
    down = false
    const resumed = await coordinator.resumeTarget(failed).done
    expect(resumed).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      metrics: { itemsFound: 12, itemsProcessed: 11, itemsSkipped: 0, itemsFailed: 1 },
    })
    for (const { moment, live, stored } of moments) expect(stored, moment).toEqual(live)
    const seen = moments.map(({ moment }) => moment)
    // Every kind of event was among those compared.
    for (const moment of [
      'session.start IN_PROGRESS',
      'batch.committed IN_PROGRESS',
      'session.stall STALLED',
      'session.fail FAILED',
      'session.resume IN_PROGRESS',
      'listing.exhausted IN_PROGRESS',
      'listing.exhausted PARTIALLY_COMPLETED',
      'listing.exhausted COMPLETED',
    ]) {
      expect(seen).toContain(moment)
    }
  })
})
