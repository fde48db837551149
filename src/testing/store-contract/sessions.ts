import assert from 'node:assert/strict'
import { LeaseError, MusterError } from '../../domain/errors.ts'
import { newId } from '../../domain/identity.ts'
import type { SessionState } from '../../domain/session-state.ts'
import {
  ANY_NUMBER,
  containing,
  equal,
  hasLength,
  isA,
  isAbove,
  matches,
  same,
  thrownBy,
} from '../checks.ts'
import { casesOf } from './cases.ts'
import { checkpointOf, everythingIn, jobOf, put, sessionNamed } from './fixtures.ts'
import { at, HARD_JSON, HARD_TEXTS } from './samples.ts'

export const sessions = casesOf('sessions', (test) => {
  test('come back as they were stored, field by field', async (store) => {
    const session = sessionNamed('acme', {
      status: 'FAILED',
      failureReason: HARD_TEXTS[1],
      completeness: 'INCOMPLETE',
      shortfalls: [
        { code: 'sso', detail: HARD_TEXTS[2] },
        { code: 'truncated', detail: '' },
      ],
      total: 12_345,
      comparison: { seen: 6, new: 5, changed: 4, unchanged: 3, missing: 2 },
      waiting: { reason: HARD_TEXTS[0], until: at(7) },
      position: { at: 'retrying', after: 3, until: 9, resumeAt: { at: 'after', cursor: null } },
      timeline: { startedAt: at(1), lastUpdate: at(2), completedAt: at(3) },
      metrics: {
        totalBatches: 1,
        failedBatches: 2,
        itemsFound: 3,
        itemsProcessed: 4,
        itemsSkipped: 6,
        itemsFailed: 5,
      },
      config: { name: 'acme', sourceType: 'github', authRef: null, spec: HARD_JSON },
    })
    await put(store, session)
    const loaded = await store.repositories.sessions.load(session.sessionId)
    equal(loaded, {
      ...session,
      lastCheckpoint: {
        id: ANY_NUMBER,
        targetId: session.sessionId,
        data: checkpointOf(session),
        updatedAt: at(2),
      },
    })
    isAbove(loaded?.lastCheckpoint?.id, 0)
  })

  test('may carry any text as a name', async (store) => {
    for (const text of HARD_TEXTS) {
      const { sessionId } = await put(store, sessionNamed(text))
      same((await store.repositories.sessions.load(sessionId))?.targetName, text)
      equal(await store.findUnfinished(text), [{ sessionId, targetKey: text }])
    }
  })

  const positions = [
    ['nothing walked', { at: 'start' }],
    ['a cursor that is null', { at: 'after', cursor: null }],
    ['a cursor with structure', { at: 'after', cursor: HARD_JSON }],
    ['the end', { at: 'end' }],
  ] as const
  for (const [what, position] of positions) {
    test(`keep ${what} apart from every other position`, async (store) => {
      const { sessionId } = await put(store, sessionNamed('acme', { position }))
      equal((await store.repositories.sessions.load(sessionId))?.position, position)
    })
  }

  test('that are unknown are null', async (store) => {
    same(await store.repositories.sessions.load(newId()), null)
  })

  test('are listed from the newest on, a window at a time; the active ones from the oldest', async (store) => {
    const statuses = [
      'INITIALIZED',
      'COMPLETED',
      'IN_PROGRESS',
      'FAILED',
      'STALLED',
      'PARTIALLY_COMPLETED',
    ] as const
    for (const status of statuses) await put(store, sessionNamed(status, { status }))
    const { sessions } = store.repositories
    const names = (states: readonly SessionState[]) => states.map((s) => s.targetName)
    equal(names(await sessions.list(100)), statuses.toReversed())
    equal(names(await sessions.list(2)), ['PARTIALLY_COMPLETED', 'STALLED'])
    equal(names(await sessions.list(2, 4)), ['COMPLETED', 'INITIALIZED'])
    equal(names(await sessions.getActiveStates()), ['INITIALIZED', 'IN_PROGRESS', 'STALLED'])
  })

  test('of one target cannot be unfinished twice', async (store) => {
    await put(store, sessionNamed('acme'))
    const before = await everythingIn(store)
    const second = sessionNamed('acme')
    const thrown = await thrownBy(put(store, second))
    isA(thrown, LeaseError)
    matches(thrown, {
      code: 'LEASE_HELD',
      message: containing('target "acme" has an unfinished session'),
    })
    equal(await everythingIn(store), before)
    same(await store.repositories.jobs.getById(second.jobId), null)
  })

  test('of one target may follow each other', async (store) => {
    for (const status of ['COMPLETED', 'FAILED', 'PARTIALLY_COMPLETED'] as const) {
      await put(store, sessionNamed('acme', { status }))
    }
    await put(store, sessionNamed('acme'))
    hasLength(await store.repositories.sessions.list(10), 4)
  })

  test('are of one target by its key, whatever they are named', async (store) => {
    const begin = async (targetKey: string) => {
      const session = sessionNamed('acme')
      const job = { ...jobOf(session), name: `the job of ${targetKey}`, createdAt: at(7) }
      await store.createSession({ session, targetKey, job, checkpoint: checkpointOf(session) })
      return { session, job }
    }
    const one = await begin('one')
    const two = await begin('two')
    equal(await store.findUnfinished('two'), [
      { sessionId: two.session.sessionId, targetKey: 'two' },
    ])
    equal(await store.findUnfinished('acme'), [])
    matches(await thrownBy(begin('one')), { code: 'LEASE_HELD' })
    equal(await store.repositories.jobs.getById(one.job.jobId), one.job)
  })

  test('of another target under an identity that is taken are not called unfinished', async (store) => {
    const session = await put(store, sessionNamed('acme'))
    const before = await everythingIn(store)
    const twin = sessionNamed('umbrella', { sessionId: session.sessionId })
    const thrown = await thrownBy(put(store, twin))
    isA(thrown, MusterError)
    assert.ok(!(thrown instanceof LeaseError))
    equal(await everythingIn(store), before)
  })

  test('have a job from their beginning', async (store) => {
    const session = await put(store, sessionNamed('acme'))
    equal(await store.repositories.jobs.getById(session.jobId), jobOf(session))
  })
})
