import type { AuditEntry } from '../../domain/audit.ts'
import { newId } from '../../domain/identity.ts'
import type { Store } from '../../store/store.ts'
import { equal, isAbove, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import {
  checkpointOf,
  identities,
  LEASE_MS,
  OTHER_OWNER,
  OWNER,
  put,
  sessionNamed,
  TestWalk,
} from './fixtures.ts'
import { old, pruned } from './retention-fixtures.ts'
import { at, HARD_TEXTS } from './samples.ts'

const record = (store: Store, sessionId: string): Promise<AuditEntry[]> =>
  store.repositories.audit.find({ sessionId })

/** What it says, without when. */
const told = async (store: Store, sessionId: string) =>
  (await record(store, sessionId)).map(({ event, detail, by }) => [event, detail, by])

const release = (store: Store, sessionId: string, left?: string) =>
  store.releaseLease({ sessionId, owner: OWNER, ...(left === undefined ? {} : { left }) })

export const audit = casesOf('the record of a session', (test) => {
  test('says who created, claimed, took over and left it', async (store, clock) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    clock.at(LEASE_MS)
    await TestWalk.claim(store, sessionId, OTHER_OWNER)
    await store.releaseLease({ sessionId, owner: OTHER_OWNER, left: HARD_TEXTS[4] })
    const request = { owner: OWNER, leaseMs: LEASE_MS, isGone: () => false }
    await store.claimSessions({ ...request, limit: 9, sourceTypes: ['github'], except: [] })
    equal(await record(store, sessionId), [
      { id: isId, sessionId, at: at(0), event: 'created', detail: null, by: null },
      { id: isId, sessionId, at: at(0), event: 'claimed', detail: null, by: OWNER },
      {
        id: isId,
        sessionId,
        at: at(LEASE_MS),
        event: 'taken-over',
        detail: `from ${OWNER}`,
        by: OTHER_OWNER,
      },
      {
        id: isId,
        sessionId,
        at: at(LEASE_MS),
        event: 'left',
        detail: HARD_TEXTS[4],
        by: OTHER_OWNER,
      },
      { id: isId, sessionId, at: at(LEASE_MS), event: 'claimed', detail: null, by: OWNER },
    ])
  })

  test('says nothing of steps that were refused', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    const before = await record(store, sessionId)
    const late = { sessionId, owner: OTHER_OWNER }
    const claim = { ...late, leaseMs: LEASE_MS, isGone: () => false }
    await thrownBy(store.claimSession(claim))
    await store.recordWaiting({ ...late, waiting: { reason: 'why', until: null } })
    await store.releaseLease({ ...late, left: 'why' })
    const params = { ...walk.params(), fence: walk.fence({ revision: 9 }) }
    const note = { event: 'ended', detail: null } as const
    await thrownBy(store.commitSession({ ...params, note }))
    await thrownBy(store.commitPage({ ...params, note }))
    equal(await record(store, sessionId), before)
  })

  test('says what a commit says of itself, and of another nothing', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId, state: session } = walk
    const before = await record(store, sessionId)
    const params = { fence: walk.fence(), session, checkpoint: checkpointOf(session) }
    const note = { event: 'started', detail: HARD_TEXTS[0] } as const
    await store.commitSession({ ...params, note })
    const next = await TestWalk.claim(store, sessionId)
    await next.page({ kept: identities('a', 3) })
    await next.advance({ status: 'STALLED' })
    const ended = next.params({ session: { status: 'FAILED' } })
    await store.commitPage({ ...ended, note: { event: 'ended', detail: null } })
    equal((await told(store, sessionId)).slice(before.length), [
      ['started', HARD_TEXTS[0], OWNER],
      ['claimed', null, OWNER],
      ['ended', null, OWNER],
    ])
  })

  test('says what it waits for, and the same wait once', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    const before = await record(store, sessionId)
    const wait = (reason: string, until: Date | null) =>
      store.recordWaiting({ sessionId, owner: OWNER, waiting: { reason, until } })
    const minute = new Date(Date.UTC(2031, 4, 6, 8, 30))
    for (const seconds of [-59, -1, 0]) {
      await wait('limited', new Date(minute.getTime() + seconds * 1_000))
      await walk.page()
    }
    await wait('limited', new Date(minute.getTime() + 1))
    await wait('blocked', new Date(minute.getTime() + 1))
    for (let i = 0; i < 3; i += 1) await wait('refused', null)
    equal((await told(store, sessionId)).slice(before.length), [
      ['waiting', 'limited (until 2031-05-06T08:30Z)', OWNER],
      ['waiting', 'limited (until 2031-05-06T08:31Z)', OWNER],
      ['waiting', 'blocked (until 2031-05-06T08:31Z)', OWNER],
      ['paused', 'refused', OWNER],
    ])
  })

  test('says why a walk was left, where there is a reason and it is not at its end', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    await release(store, sessionId)
    const next = await TestWalk.claim(store, sessionId)
    await next.advance({ status: 'COMPLETED' })
    await release(store, sessionId, 'why')
    equal(
      (await told(store, sessionId)).map(([event]) => event),
      ['created', 'claimed', 'claimed'],
    )
  })

  test('says what was asked of it, by whom, and what came of it', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    const steer = (ask: 'pause' | 'cancel' | null) =>
      store.steerSession({ sessionId, ask, by: HARD_TEXTS[1] })
    await steer('pause')
    await steer(null)
    await steer('pause')
    const claim = { sessionId, owner: OWNER, leaseMs: LEASE_MS, isGone: () => false }
    await thrownBy(store.claimSession(claim))
    await store.claimSession({ ...claim, lift: true })
    await steer('pause')
    await steer('cancel')
    const by = HARD_TEXTS[1]
    equal(await told(store, sessionId), [
      ['created', null, null],
      ['pause-asked', null, by],
      ['paused', 'paused on request', by],
      ['pause-lifted', null, by],
      ['pause-asked', null, by],
      ['paused', 'paused on request', by],
      ['pause-lifted', null, OWNER],
      ['claimed', null, OWNER],
      // Whoever walks it says so when it is paused.
      ['pause-asked', null, by],
      ['cancel-asked', null, by],
    ])
  })

  test('is read on from an entry, or from its end, each session’s for itself', async (store) => {
    const { sessionId } = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    await release(store, sessionId, 'first')
    await release(store, other.sessionId, 'other')
    await TestWalk.claim(store, sessionId)
    const all = await record(store, sessionId)
    const { audit: repository } = store.repositories
    same(all.length, 4)
    for (const [i, entry] of all.entries()) {
      isAbove(entry.id, all[i - 1]?.id ?? 0)
      equal(await repository.find({ sessionId, after: entry.id }), all.slice(i + 1))
      equal(await repository.find({ sessionId, limit: i + 1 }), all.slice(0, i + 1))
      equal(await repository.latest({ sessionId, limit: i + 1 }), all.toReversed().slice(0, i + 1))
    }
    equal(await repository.find({ sessionId: newId() }), [])
    equal(await repository.latest({ sessionId: newId(), limit: 9 }), [])
  })

  test('goes with its session', async (store) => {
    const session = await old(store)
    const [newest] = await store.repositories.sessions.list(1)
    const kept = await record(store, newest?.sessionId ?? '')
    same((await record(store, session.sessionId)).length, 2)
    await pruned(store, { limit: 2 })
    equal(await record(store, session.sessionId), [])
    equal(await record(store, newest?.sessionId ?? ''), kept)
    isAbove((await record(store, (await put(store, sessionNamed('new'))).sessionId))[0]?.id, 4)
  })

  test('begins with a session that was saved by hand, too', async (store) => {
    const session = sessionNamed('acme', { asked: 'pause' })
    const { sessionId } = session
    const checkpoint = { id: 0, targetId: sessionId, data: checkpointOf(session), updatedAt: at(0) }
    for (let i = 0; i < 2; i += 1) {
      await store.repositories.sessions.save({ ...session, lastCheckpoint: checkpoint })
    }
    same((await store.repositories.sessions.load(sessionId))?.asked, 'pause')
    equal(await told(store, sessionId), [['created', 'imported', null]])
  })
})

const isId = (id: unknown): boolean => typeof id === 'number' && id > 0
