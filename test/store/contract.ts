import { describe, expect, onTestFinished, test } from 'vitest'
import { LeaseError, MusterError } from '../../src/domain/errors.ts'
import { batchId, newId, scanTargetId, taskId } from '../../src/domain/identity.ts'
import type { JsonRecord } from '../../src/domain/json.ts'
import type { SessionState } from '../../src/domain/session-state.ts'
import type { TaskProgress } from '../../src/domain/task.ts'
import type { Store } from '../../src/store/store.ts'
import {
  checkpointOf,
  collect,
  everythingIn,
  identities,
  identity,
  jobOf,
  LEASE_MS,
  OTHER_OWNER,
  OWNER,
  sessionNamed,
  store as put,
  T0,
  TestWalk,
} from './fixtures.ts'

/** Texts that a careless store would change, cut or take for SQL. */
const HARD_TEXTS = [
  'quotes \' " ` and \\ backslashes',
  "'); drop table sessions; --",
  'ünïcödé, 日本語, עברית, e\u0301 beside é',
  '🧑‍🚀🏳️‍🌈 beyond the basic plane 𝒳',
  'line\r\nbreaks\tand \u0000 and \u2028',
  '%s ?1 :name $1 @x {}',
  'x'.repeat(300_000),
] as const

const HARD_JSON: JsonRecord = {
  texts: HARD_TEXTS,
  numbers: [0, -1, 1.5, 1e-7, Number.MAX_SAFE_INTEGER, 1e300],
  nothing: null,
  yes: true,
  nested: { '': [], 'a.b': { __proto__x: {} }, 'a"b': [[[]]] },
}

const at = (offset: number) => new Date(T0 + offset)

/** What was thrown; the test fails when nothing was. */
async function thrownBy(doing: Promise<unknown>): Promise<unknown> {
  try {
    await doing
  } catch (thrown) {
    return thrown
  }
  throw new Error('expected an error')
}

/**
 * What every store promises, whatever it is made of. Each test opens a new,
 * empty store.
 */
export function storeContract(openEmpty: () => Promise<Store>): void {
  async function open(): Promise<Store> {
    const store = await openEmpty()
    onTestFinished(() => store.close())
    return store
  }

  describe('sessions', () => {
    test('come back as they were stored, field by field', async () => {
      const store = await open()
      const session = sessionNamed('acme', {
        status: 'FAILED',
        failureReason: HARD_TEXTS[1],
        completeness: 'INCOMPLETE',
        shortfalls: [
          { code: 'sso', detail: HARD_TEXTS[2] },
          { code: 'truncated', detail: '' },
        ],
        total: 12_345,
        position: { at: 'retrying', after: 3, until: 9, resumeAt: { at: 'after', cursor: null } },
        timeline: { startedAt: at(1), lastUpdate: at(2), completedAt: at(3) },
        metrics: {
          totalBatches: 1,
          failedBatches: 2,
          itemsFound: 3,
          itemsProcessed: 4,
          itemsFailed: 5,
        },
        config: { name: 'acme', sourceType: 'github', authRef: null, spec: HARD_JSON },
      })
      await put(store, session)
      const loaded = await store.repositories.sessions.load(session.sessionId)
      expect(loaded).toEqual({
        ...session,
        lastCheckpoint: {
          id: expect.any(Number) as unknown,
          targetId: session.sessionId,
          data: checkpointOf(session),
          updatedAt: at(2),
        },
      })
      expect(loaded?.lastCheckpoint?.id).toBeGreaterThan(0)
    })

    test('may carry any text as a name', async () => {
      const store = await open()
      for (const text of HARD_TEXTS) {
        const { sessionId } = await put(store, sessionNamed(text))
        expect((await store.repositories.sessions.load(sessionId))?.targetName).toBe(text)
        expect(await store.findUnfinished(text)).toEqual([{ sessionId, targetKey: text }])
      }
    })

    test.each([
      ['nothing walked', { at: 'start' }],
      ['a cursor that is null', { at: 'after', cursor: null }],
      ['a cursor with structure', { at: 'after', cursor: HARD_JSON }],
      ['the end', { at: 'end' }],
    ] as const)('keep %s apart from every other position', async (_, position) => {
      const store = await open()
      const { sessionId } = await put(store, sessionNamed('acme', { position }))
      expect((await store.repositories.sessions.load(sessionId))?.position).toEqual(position)
    })

    test('that are unknown are null', async () => {
      const store = await open()
      expect(await store.repositories.sessions.load(newId())).toBeNull()
    })

    test('are listed from the newest on, a window at a time; the active ones from the oldest', async () => {
      const store = await open()
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
      expect(names(await sessions.list(100))).toEqual(statuses.toReversed())
      expect(names(await sessions.list(2))).toEqual(['PARTIALLY_COMPLETED', 'STALLED'])
      expect(names(await sessions.list(2, 4))).toEqual(['COMPLETED', 'INITIALIZED'])
      expect(names(await sessions.getActiveStates())).toEqual([
        'INITIALIZED',
        'IN_PROGRESS',
        'STALLED',
      ])
    })

    test('of one target cannot be unfinished twice', async () => {
      const store = await open()
      await put(store, sessionNamed('acme'))
      const before = await everythingIn(store)
      const thrown = await thrownBy(put(store, sessionNamed('acme')))
      expect(thrown).toBeInstanceOf(LeaseError)
      expect(thrown).toMatchObject({
        code: 'LEASE_HELD',
        message: expect.stringContaining('target "acme" has an unfinished session') as unknown,
      })
      expect(await everythingIn(store)).toEqual(before)
    })

    test('of one target may follow each other', async () => {
      const store = await open()
      for (const status of ['COMPLETED', 'FAILED', 'PARTIALLY_COMPLETED'] as const) {
        await put(store, sessionNamed('acme', { status }))
      }
      await put(store, sessionNamed('acme'))
      expect(await store.repositories.sessions.list(10)).toHaveLength(4)
    })

    test('of another target under an identity that is taken are not called unfinished', async () => {
      const store = await open()
      const session = await put(store, sessionNamed('acme'))
      const before = await everythingIn(store)
      const twin = sessionNamed('umbrella', { sessionId: session.sessionId })
      const thrown = await thrownBy(put(store, twin))
      expect(thrown).toBeInstanceOf(MusterError)
      expect(thrown).not.toBeInstanceOf(LeaseError)
      expect(await everythingIn(store)).toEqual(before)
    })

    test('have a job from their beginning', async () => {
      const store = await open()
      const session = await put(store, sessionNamed('acme'))
      expect(await store.repositories.jobs.getById(session.jobId)).toEqual(jobOf(session))
    })
  })

  describe('a checkpoint', () => {
    test('is found by its session and by its own id, and changes with each commit', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      const { checkpoints } = store.repositories
      const first = await checkpoints.load(walk.sessionId)
      expect(await checkpoints.loadById(first?.id ?? 0)).toEqual(first)
      await walk.advance({
        position: { at: 'after', cursor: HARD_JSON },
        timeline: { ...walk.state.timeline, lastUpdate: at(5) },
      })
      expect(await checkpoints.load(walk.sessionId)).toEqual({
        id: first?.id,
        targetId: walk.sessionId,
        data: checkpointOf(walk.state),
        updatedAt: at(5),
      })
    })

    test('that is unknown is null', async () => {
      const { checkpoints } = (await open()).repositories
      expect(await checkpoints.load(newId())).toBeNull()
      expect(await checkpoints.loadById(7)).toBeNull()
    })
  })

  describe('a claim', () => {
    const claim = (sessionId: string, now: number, owner = OTHER_OWNER, gone = false) => ({
      sessionId,
      owner,
      now,
      leaseUntil: now + LEASE_MS,
      isGone: () => gone,
    })

    test('gives the session and a revision of its own', async () => {
      const store = await open()
      const { sessionId } = await put(store, sessionNamed('acme'))
      const first = await store.claimSession(claim(sessionId, T0))
      expect(first.state).toEqual(await store.repositories.sessions.load(sessionId))
      const second = await store.claimSession(claim(sessionId, T0))
      expect(second.revision).toBeGreaterThan(first.revision)
    })

    test('of an unknown session says where to look', async () => {
      const store = await open()
      const id = newId()
      const thrown = await thrownBy(store.claimSession(claim(id, T0)))
      expect(thrown).toMatchObject({
        code: 'SESSION_NOT_FOUND',
        message: expect.stringMatching(`session ${id}.*muster status`) as unknown,
      })
    })

    test('is refused while another live process walks the session, to the last millisecond', async () => {
      const store = await open()
      const { sessionId } = await TestWalk.begin(store, 'acme')
      const before = await everythingIn(store)
      for (const now of [T0, T0 + LEASE_MS - 1]) {
        const thrown = await thrownBy(store.claimSession(claim(sessionId, now)))
        expect(thrown).toBeInstanceOf(LeaseError)
        expect(thrown).toMatchObject({
          code: 'LEASE_HELD',
          message: expect.stringContaining(`target "acme") is being walked by ${OWNER}`) as unknown,
        })
      }
      expect(await everythingIn(store)).toEqual(before)
      await store.claimSession(claim(sessionId, T0 + LEASE_MS))
    })

    test('succeeds at once when the process that holds the lease is gone', async () => {
      const store = await open()
      const { sessionId } = await TestWalk.begin(store, 'acme')
      const asked: string[] = []
      await store.claimSession({
        ...claim(sessionId, T0),
        isGone: (owner) => asked.push(owner) > 0,
      })
      expect(asked).toEqual([OWNER])
    })

    test('succeeds for the process that holds the lease', async () => {
      const store = await open()
      const { sessionId } = await TestWalk.begin(store, 'acme')
      await store.claimSession(claim(sessionId, T0, OWNER))
    })

    test('succeeds when the lease was released, and only its owner can release it', async () => {
      const store = await open()
      const { sessionId } = await TestWalk.begin(store, 'acme')
      await store.releaseLease({ sessionId, owner: OTHER_OWNER })
      await thrownBy(store.claimSession(claim(sessionId, T0)))
      await store.releaseLease({ sessionId, owner: OWNER })
      await store.claimSession(claim(sessionId, T0))
    })

    test('makes everything stale that was read before it', async () => {
      const store = await open()
      const old = await TestWalk.begin(store, 'acme')
      await store.claimSession(claim(old.sessionId, T0, OWNER))
      expect(await thrownBy(old.page())).toMatchObject({ code: 'LEASE_LOST' })
    })
  })

  describe('a lease', () => {
    const claimAt = (store: Store, sessionId: string, now: number) =>
      store.claimSession({
        sessionId,
        owner: OTHER_OWNER,
        now,
        leaseUntil: now,
        isGone: () => false,
      })

    test('is renewed by its owner alone', async () => {
      const store = await open()
      const { sessionId } = await TestWalk.begin(store, 'acme')
      const leaseUntil = T0 + 2 * LEASE_MS
      expect(await store.renewLease({ sessionId, owner: OTHER_OWNER, leaseUntil })).toBe(false)
      expect(await store.renewLease({ sessionId, owner: OWNER, leaseUntil })).toBe(true)
      await thrownBy(claimAt(store, sessionId, leaseUntil - 1))
      await claimAt(store, sessionId, leaseUntil)
      expect(await store.renewLease({ sessionId, owner: OWNER, leaseUntil })).toBe(false)
    })

    test('of an unknown session is not held', async () => {
      const store = await open()
      expect(await store.renewLease({ sessionId: newId(), owner: OWNER, leaseUntil: 1 })).toBe(
        false,
      )
    })

    test('is extended by every commit', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ fence: { leaseUntil: T0 + 3 * LEASE_MS } })
      await thrownBy(claimAt(store, walk.sessionId, T0 + 3 * LEASE_MS - 1))
    })

    test('does not move a session’s revision when it is renewed', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await store.renewLease({ sessionId: walk.sessionId, owner: OWNER, leaseUntil: T0 + 1 })
      await walk.page({ kept: identities('repo', 1) })
    })
  })

  describe('a page', () => {
    test.each([0, 1, 9, 10, 11, 99, 100, 101, 1_234])(
      'of %i items leaves one resource, scan target and task for each, in order',
      async (count) => {
        const store = await open()
        const walk = await TestWalk.begin(store, 'acme')
        const kept = identities('repo', count)
        expect(await walk.page({ kept })).toBe(count)

        const tasks = await store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 5_000 })
        const { seq: _, ...first } = tasks[0] ?? { seq: 0 }
        if (count > 0) {
          const scanTarget = scanTargetId('github', 'repo-0')
          expect(first).toEqual({
            taskId: taskId(walk.sessionId, scanTarget),
            sessionId: walk.sessionId,
            jobId: walk.state.jobId,
            scanTargetId: scanTarget,
            sourceType: 'github',
            resourceUri: 'https://github.example/repo-0',
            metadata: {},
          })
        }
        expect(tasks.map((task) => task.resourceUri)).toEqual(kept.map(({ uri }) => uri))
        expect(tasks.map((task) => task.seq)).toEqual(
          tasks.map((task) => task.seq).toSorted((a, b) => a - b),
        )
        const { githubRepos, scanTargets, jobs } = store.repositories
        expect((await githubRepos.list(5_000, 0)).map(({ key }) => key).toSorted()).toEqual(
          kept.map(({ key }) => key).toSorted(),
        )
        expect(await scanTargets.list(5_000, 0)).toHaveLength(count)
        expect(await jobs.countTargets(walk.state.jobId)).toBe(count)
        expect(await store.takeScanTargets({ sessionId: walk.sessionId, afterBatch: 0 })).toEqual(
          count === 0
            ? null
            : { batch: 1, scanTargetIds: kept.map(({ key }) => scanTargetId('github', key)) },
        )
      },
    )

    test('keeps every field of its items', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      const kept = HARD_TEXTS.map((text, i) => ({
        key: `${i} ${text}`,
        uri: `u${i} ${text}`,
        name: `n${i} ${text}`,
        metadata: { ...HARD_JSON, i },
      }))
      await walk.page({ kept, at: T0 + 7 })
      const { githubRepos, scanTargets } = store.repositories
      const timeline = { startedAt: at(7), lastUpdate: at(7), completedAt: null }
      for (const { key, uri, name, metadata } of kept) {
        const repo = await githubRepos.getByUrl(uri)
        expect(repo).toEqual({
          id: expect.any(Number) as unknown,
          key,
          name,
          url: uri,
          isActive: true,
          metadata,
          timeline,
        })
        expect(await githubRepos.getById(repo?.id ?? 0)).toEqual(repo)
        const target = await scanTargets.getById(scanTargetId('github', key))
        expect(target).toEqual({
          id: scanTargetId('github', key),
          name,
          targetType: 'github',
          targetId: repo?.id,
          metadata: {},
          lastScanTime: null,
          timeline,
        })
        expect(await scanTargets.find('github', repo?.id ?? 0)).toEqual(target)
      }
      const tasks = await collect(store.repositories.tasks.stream())
      expect(tasks.map((task) => task.resourceUri)).toEqual(kept.map(({ uri }) => uri))
      expect(tasks.map((task) => task.metadata)).toEqual(kept.map(({ metadata }) => metadata))
      expect(await store.repositories.tasks.getById(tasks[0]?.taskId ?? '')).toEqual(tasks[0])
    })

    test('keeps its batch field by field', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({
        batch: {
          status: 'PARTIALLY_COMPLETED',
          position: { at: 'after', cursor: HARD_JSON },
          timeline: { startedAt: at(1), lastUpdate: at(3), completedAt: null },
          metrics: {
            expectedItems: 7,
            itemsProcessed: 4,
            itemsFailed: 3,
            errorDetails: HARD_TEXTS[3],
          },
        },
      })
      const { batches } = store.repositories
      const id = batchId(walk.sessionId, 1)
      const batch = await batches.findById(id)
      expect(batch).toEqual({
        batchId: id,
        sessionId: walk.sessionId,
        number: 1,
        status: 'PARTIALLY_COMPLETED',
        position: { at: 'after', cursor: HARD_JSON },
        timeline: { startedAt: at(1), lastUpdate: at(3), completedAt: null },
        metrics: {
          expectedItems: 7,
          itemsProcessed: 4,
          itemsFailed: 3,
          errorDetails: HARD_TEXTS[3],
        },
      })
      expect(await batches.findLastBySessionId(walk.sessionId)).toEqual(batch)
      expect(await batches.findById(newId())).toBeNull()
      expect(await batches.findLastBySessionId(newId())).toBeNull()
    })

    test('and a page that could not be had are batches in the order of the walk', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      const other = await TestWalk.begin(store, 'other')
      await walk.page({ kept: identities('a', 2) })
      await other.page({ kept: identities('b', 2) })
      const lost = {
        ...walk.params().batch,
        status: 'FAILED' as const,
        position: null,
        metrics: { expectedItems: 0, itemsProcessed: 0, itemsFailed: 0, errorDetails: 'gone' },
      }
      await walk.advance({ status: 'FAILED', failureReason: 'gone' }, lost)
      const { batches } = store.repositories
      expect((await batches.findBySessionId(walk.sessionId)).map((b) => b.number)).toEqual([1, 2])
      expect(await batches.findLastBySessionId(walk.sessionId)).toEqual(lost)
      const failed = await store.repositories.sessions.load(walk.sessionId)
      expect(failed).toMatchObject({ status: 'FAILED', failureReason: 'gone' })
    })

    test('moves its session', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({
        kept: identities('repo', 3),
        session: {
          status: 'STALLED',
          total: 99,
          shortfalls: [{ code: 'sso', detail: 'three' }],
          timeline: { startedAt: at(0), lastUpdate: at(9), completedAt: null },
          metrics: {
            totalBatches: 5,
            failedBatches: 4,
            itemsFound: 3,
            itemsProcessed: 2,
            itemsFailed: 1,
          },
        },
      })
      expect(await store.repositories.sessions.load(walk.sessionId)).toMatchObject({
        status: 'STALLED',
        total: 99,
        shortfalls: [{ code: 'sso', detail: 'three' }],
        timeline: { startedAt: at(0), lastUpdate: at(9), completedAt: null },
        position: { at: 'after', cursor: 1 },
        metrics: walk.state.metrics,
      })
    })
  })

  describe('no resource exists twice', () => {
    test('an item met twice on a page is one resource and one task; the first one counts', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      const kept = [
        identity('a', { name: 'first' }),
        identity('b'),
        identity('a', { name: 'second' }),
      ]
      expect(await walk.page({ kept })).toBe(2)
      const repos = await store.repositories.githubRepos.list(10, 0)
      expect(repos.map(({ name }) => name).toSorted()).toEqual(['b', 'first'])
      expect(await store.repositories.scanTargets.list(10, 0)).toHaveLength(2)
    })

    test('a page that is read again makes no second task, whatever surrounds its items', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ kept: identities('repo', 250) })
      const before = await collect(store.repositories.tasks.stream())
      const again = [identity('new-1'), ...identities('repo', 250), identity('new-2')]
      expect(await walk.page({ kept: again })).toBe(2)
      const tasks = await collect(store.repositories.tasks.stream())
      expect(tasks.slice(0, 250)).toEqual(before)
      expect(tasks.slice(250).map((task) => task.resourceUri)).toEqual([
        'https://github.example/new-1',
        'https://github.example/new-2',
      ])
      expect(await store.repositories.jobs.countTargets(walk.state.jobId)).toBe(252)
    })

    test('an acknowledged task is not delivered anew when its page is read again', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ kept: identities('repo', 2) })
      const take = () => store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 10 })
      await store.acknowledgeTasks({ seqs: (await take()).map(({ seq }) => seq), at: T0 })
      await walk.page({ kept: identities('repo', 2) })
      expect(await take()).toEqual([])
    })

    test('two sessions share resource and scan target, and have a task each', async () => {
      const store = await open()
      const one = await TestWalk.begin(store, 'one')
      const two = await TestWalk.begin(store, 'two')
      expect(await one.page({ kept: identities('repo', 120) })).toBe(120)
      expect(await two.page({ kept: identities('repo', 120) })).toBe(120)
      expect(await store.repositories.githubRepos.list(1_000, 0)).toHaveLength(120)
      expect(await store.repositories.scanTargets.list(1_000, 0)).toHaveLength(120)
      const tasks = await collect(store.repositories.tasks.stream())
      expect(new Set(tasks.map((task) => task.taskId)).size).toBe(240)
      expect(new Set(tasks.map((task) => task.scanTargetId)).size).toBe(120)
      for (const { state } of [one, two]) {
        expect(await store.repositories.jobs.countTargets(state.jobId)).toBe(120)
      }
    })

    test('the same key of another source is another resource', async () => {
      const store = await open()
      const github = await TestWalk.begin(store, 'one')
      const s3 = await TestWalk.begin(store, sessionNamed('two', { sourceType: 's3' }))
      await github.page({ kept: [identity('same')] })
      await s3.page({ kept: [identity('same')] })
      expect(await store.repositories.scanTargets.list(10, 0)).toHaveLength(2)
      expect(await store.repositories.githubRepos.list(10, 0)).toHaveLength(1)
      expect(await store.repositories.s3Objects.list(10, 0)).toHaveLength(1)
    })

    test('a resource seen again is brought up to date, and keeps its identity and beginning', async () => {
      const store = await open()
      const one = await TestWalk.begin(store, 'one')
      const two = await TestWalk.begin(store, 'two')
      await one.page({ kept: [identity('a', { metadata: { old: 1 } })], at: T0 + 1 })
      const { githubRepos, scanTargets } = store.repositories
      const [before] = await githubRepos.list(1, 0)
      if (before === undefined) throw new Error('the page left nothing')
      await githubRepos.update({ ...before, isActive: false })
      await two.page({
        kept: [{ key: 'a', uri: 'https://new.example/a', name: 'renamed', metadata: { new: 2 } }],
        at: T0 + 2,
      })
      expect(await githubRepos.list(10, 0)).toEqual([
        {
          id: before.id,
          key: 'a',
          name: 'renamed',
          url: 'https://new.example/a',
          isActive: true,
          metadata: { new: 2 },
          timeline: { startedAt: at(1), lastUpdate: at(2), completedAt: null },
        },
      ])
      expect(await scanTargets.find('github', before.id)).toMatchObject({
        id: scanTargetId('github', 'a'),
        name: 'renamed',
        timeline: { startedAt: at(1), lastUpdate: at(2) },
      })
      const [oldTask, newTask] = await collect(store.repositories.tasks.stream())
      expect(oldTask?.resourceUri).toBe('https://github.example/a')
      expect(newTask?.resourceUri).toBe('https://new.example/a')
    })

    test('what the host noted at a scan target stays when its resource is seen again', async () => {
      const store = await open()
      const one = await TestWalk.begin(store, 'one')
      await one.page({ kept: [identity('a')] })
      const { scanTargets } = store.repositories
      const [target] = await scanTargets.list(1, 0)
      if (target === undefined) throw new Error('the page left nothing')
      await scanTargets.update({ ...target, metadata: HARD_JSON, lastScanTime: at(4) })
      await one.page({ kept: [identity('a', { metadata: { x: 1 } })] })
      expect(await scanTargets.getById(target.id)).toMatchObject({
        metadata: HARD_JSON,
        lastScanTime: at(4),
      })
    })
  })

  describe('a commit that is too late changes nothing at all', () => {
    const stale = [
      ['a revision that was overtaken', { revision: 0 }],
      ['a revision from the future', { revision: 9 }],
      ['another owner', { owner: OTHER_OWNER }],
      ['an unknown session', { sessionId: newId() }],
    ] as const

    async function prepared() {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({
        kept: identities('repo', 12),
        rejected: [{ item: '"x"', reason: 'bad' }],
      })
      return { store, walk, before: await everythingIn(store) }
    }

    test.each(stale)('a page under %s', async (_, fence) => {
      const { store, walk, before } = await prepared()
      const params = walk.params({
        kept: [...identities('repo', 3), identity('new')],
        rejected: [{ item: '"y"', reason: 'worse' }],
        retriedItems: [1],
        session: { status: 'FAILED', failureReason: 'late' },
        fence,
      })
      const thrown = await thrownBy(store.commitPage(params))
      expect(thrown).toBeInstanceOf(LeaseError)
      expect(thrown).toMatchObject({ code: 'LEASE_LOST', retryable: true })
      expect((thrown as Error).message).toContain(params.fence.sessionId)
      expect(await everythingIn(store)).toEqual(before)
    })

    test.each(stale)('a change of the session under %s', async (_, fence) => {
      const { store, walk, before } = await prepared()
      const { batch, session, checkpoint } = walk.params({ session: { status: 'FAILED' }, fence })
      const params = { fence: walk.fence(fence), session, checkpoint, batch }
      expect(await thrownBy(store.commitSession(params))).toMatchObject({ code: 'LEASE_LOST' })
      expect(await everythingIn(store)).toEqual(before)
    })

    test('a page of which any part cannot be stored', async () => {
      const { store, walk, before } = await prepared()
      // A batch number that is taken is the last thing written.
      const params = walk.params({
        kept: [identity('new')],
        rejected: [{ item: '"y"', reason: 'worse' }],
        retriedItems: [1],
        batch: { number: 1 },
      })
      await thrownBy(store.commitPage(params))
      expect(await everythingIn(store)).toEqual(before)
      // The session goes on from where it was.
      expect(await walk.page({ kept: [identity('new')] })).toBe(1)
    })

    test('a change of the session whose batch cannot be stored', async () => {
      const { store, walk, before } = await prepared()
      const { batch } = walk.params({ batch: { number: 1 } })
      await thrownBy(walk.advance({ status: 'FAILED', failureReason: 'gone' }, batch))
      expect(await everythingIn(store)).toEqual(before)
    })

    test('a session that was taken up by another: the one that commits next wins', async () => {
      const { store, walk } = await prepared()
      const other = await TestWalk.claim(store, walk.sessionId, OTHER_OWNER)
      await other.page({ kept: [identity('theirs')] })
      const before = await everythingIn(store)
      expect(await thrownBy(walk.page({ kept: [identity('ours')] }))).toMatchObject({
        code: 'LEASE_LOST',
      })
      expect(await everythingIn(store)).toEqual(before)
    })

    test('an ended session is not taken up again beside an unfinished one of its target', async () => {
      const store = await open()
      const ended = await TestWalk.begin(store, sessionNamed('acme', { status: 'FAILED' }))
      await put(store, sessionNamed('acme'))
      const before = await everythingIn(store)
      const thrown = await thrownBy(ended.advance({ status: 'IN_PROGRESS' }))
      expect(thrown).toBeInstanceOf(LeaseError)
      expect(thrown).toMatchObject({
        code: 'LEASE_HELD',
        message: expect.stringContaining('target "acme" has an unfinished session') as unknown,
      })
      expect(await everythingIn(store)).toEqual(before)
    })
  })

  describe('tasks', () => {
    test('come in the order of their pages, a window at a time', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      const other = await TestWalk.begin(store, 'other')
      await walk.page({ kept: identities('a', 15) })
      await other.page({ kept: identities('x', 15) })
      await walk.page({ kept: identities('b', 15) })
      const uris: string[] = []
      for (let after = 0; ;) {
        const window = await store.takeTasks({ sessionId: walk.sessionId, after, limit: 7 })
        uris.push(...window.map((task) => task.resourceUri))
        const last = window.at(-1)
        if (last === undefined) break
        after = last.seq
      }
      const expected = [...identities('a', 15), ...identities('b', 15)]
      expect(uris).toEqual(expected.map(({ uri }) => uri))
      expect(await store.takeTasks({ sessionId: newId(), after: 0, limit: 9 })).toEqual([])
    })

    test('are not taken again once they are acknowledged, alone or many at once', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ kept: identities('a', 6) })
      const take = () => store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 10 })
      const [a, b, c, d, e, f] = (await take()).map(({ seq }) => seq)
      await store.acknowledgeTasks({ seqs: [b as number], at: T0 })
      expect((await take()).map(({ seq }) => seq)).toEqual([a, c, d, e, f])
      await store.acknowledgeTasks({ seqs: [a, b, d, 9_999] as number[], at: T0 })
      expect((await take()).map(({ seq }) => seq)).toEqual([c, e, f])
      await store.acknowledgeTasks({ seqs: [], at: T0 })
      expect(await take()).toHaveLength(3)
    })

    test('are streamed through more than one window, and counted', async () => {
      const store = await open()
      const one = await TestWalk.begin(store, 'one')
      const two = await TestWalk.begin(store, 'two')
      for (let page = 0; page < 3; page += 1) {
        await one.page({ kept: identities(`one-${page}`, 700) })
        await two.page({ kept: identities(`two-${page}`, 40) })
      }
      const { tasks } = store.repositories
      const all = await collect(tasks.stream())
      expect(all).toHaveLength(2_220)
      expect(new Set(all.map((task) => task.taskId)).size).toBe(2_220)
      const ofOne = await collect(tasks.stream({ sessionId: one.sessionId }))
      expect(ofOne).toEqual(all.filter((task) => task.sessionId === one.sessionId))
      expect(ofOne).toHaveLength(2_100)
      expect(await collect(tasks.stream({ sessionId: newId() }))).toEqual([])
      expect(await tasks.count()).toBe(2_220)
      expect(await tasks.count({ sessionId: two.sessionId })).toBe(120)
      expect(await tasks.count({ sessionId: newId() })).toBe(0)
    })

    test('can be streamed while more are committed and taken', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ kept: identities('a', 1_100) })
      const uris: string[] = []
      for await (const task of store.repositories.tasks.stream()) {
        uris.push(task.resourceUri)
        if (uris.length === 10) await walk.page({ kept: identities('b', 5) })
      }
      expect(new Set(uris).size).toBe(1_105)
    })

    test('that are unknown are null', async () => {
      const { tasks } = (await open()).repositories
      expect(await tasks.getById(newId())).toBeNull()
      expect(await tasks.progress(newId())).toBeNull()
    })
  })

  describe('scan targets of a walk', () => {
    test('come a batch at a time; a batch that made no task is passed over', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      const other = await TestWalk.begin(store, 'other')
      await walk.page({ kept: identities('a', 3) })
      await other.page({ kept: identities('x', 3) })
      await walk.page({ rejected: [{ item: '1', reason: 'bad' }] })
      await walk.page({ kept: identities('a', 3) })
      await other.page({ kept: identities('a', 3) })
      await walk.page({ kept: [...identities('a', 3), identity('b')] })
      const { sessionId } = walk
      const ids = (...keys: string[]) => keys.map((key) => scanTargetId('github', key))
      const first = await store.takeScanTargets({ sessionId, afterBatch: 0 })
      expect(first).toEqual({ batch: 1, scanTargetIds: ids('a-0', 'a-1', 'a-2') })
      const second = await store.takeScanTargets({ sessionId, afterBatch: 1 })
      expect(second).toEqual({ batch: 4, scanTargetIds: ids('b') })
      expect(await store.takeScanTargets({ sessionId, afterBatch: 4 })).toBeNull()
      await walk.page({ kept: [identity('c')] })
      const third = await store.takeScanTargets({ sessionId, afterBatch: 4 })
      expect(third).toEqual({ batch: 5, scanTargetIds: ids('c') })
      expect(await store.takeScanTargets({ sessionId: newId(), afterBatch: 0 })).toBeNull()
    })
  })

  describe('failed items', () => {
    const bad = (n: number) => ({ item: JSON.stringify(`item ${n}`), reason: `reason ${n}` })

    test('keep item, reason, batch and moment', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page()
      const rejected = HARD_TEXTS.map((text) => ({ item: JSON.stringify(text), reason: text }))
      await walk.page({ rejected, at: T0 + 3 })
      const { sessionId } = walk
      const found = await store.repositories.failedItems.find({ sessionId, after: 0, limit: 99 })
      expect(found).toEqual(
        rejected.map((failed) => ({
          ...failed,
          id: expect.any(Number) as unknown,
          sessionId,
          batchNumber: 2,
          failedAt: at(3),
        })),
      )
      expect(await store.repositories.failedItems.lastId(sessionId)).toBe(found.at(-1)?.id)
    })

    test('are read a window at a time, each session’s for itself', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      const other = await TestWalk.begin(store, 'other')
      const { failedItems } = store.repositories
      await walk.page({ rejected: [bad(1), bad(2)] })
      await other.page({ rejected: [bad(8)] })
      await walk.page({ rejected: Array.from({ length: 118 }, (_, i) => bad(i + 3)) })
      const { sessionId } = walk
      const all = await failedItems.find({ sessionId, after: 0, limit: 1_000 })
      expect(all.map(({ reason }) => reason)).toEqual(
        Array.from({ length: 120 }, (_, i) => `reason ${i + 1}`),
      )
      const ids = all.map(({ id }) => id)
      const window = await failedItems.find({ sessionId, after: ids[3] as number, limit: 4 })
      expect(window.map(({ id }) => id)).toEqual(ids.slice(4, 8))
      const bounded = await failedItems.find({
        sessionId,
        after: ids[3] as number,
        until: ids[5] as number,
        limit: 99,
      })
      expect(bounded.map(({ id }) => id)).toEqual(ids.slice(4, 6))
      expect(await failedItems.lastId(other.sessionId)).toBe((ids[1] as number) + 1)
      expect(await failedItems.lastId(newId())).toBe(0)
    })

    test('that were tried again are gone, and what failed again is a new one after all others', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ rejected: [bad(1), bad(2), bad(3)] })
      const { failedItems } = store.repositories
      const { sessionId } = walk
      const find = () => failedItems.find({ sessionId, after: 0, limit: 10 })
      const ids = (await find()).map(({ id }) => id)
      await walk.page({ kept: identities('ok', 1), rejected: [bad(2), bad(3)], retriedItems: ids })
      const after = await find()
      expect(after.map(({ reason }) => reason)).toEqual(['reason 2', 'reason 3'])
      expect(Math.min(...after.map(({ id }) => id))).toBeGreaterThan(Math.max(...ids))
    })

    test('never take the number of one that was resolved: a reader of the list misses none', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ rejected: [bad(1), bad(2)] })
      const { failedItems } = store.repositories
      const { sessionId } = walk
      const seen = await failedItems.find({ sessionId, after: 0, limit: 10 })
      const after = seen.at(-1)?.id ?? 0
      await walk.page({ kept: identities('ok', 2), retriedItems: seen.map(({ id }) => id) })
      await walk.page({ rejected: [bad(3)] })
      const more = await failedItems.find({ sessionId, after, limit: 10 })
      expect(more.map(({ reason }) => reason)).toEqual(['reason 3'])
    })

    test('are not known for a session that has none', async () => {
      const store = await open()
      const other = await TestWalk.begin(store, 'other')
      await other.page({ rejected: [bad(1)] })
      const { sessionId } = await TestWalk.begin(store, 'acme')
      const { failedItems } = store.repositories
      expect(await failedItems.find({ sessionId, after: 0, limit: 1 })).toEqual([])
      expect(await failedItems.lastId(sessionId)).toBe(0)
    })
  })

  describe('what is unfinished', () => {
    async function session(store: Store, name: string, change: Partial<SessionState>) {
      const walk = await TestWalk.begin(store, name)
      await walk.page({ kept: identities(name, 2) })
      await walk.advance(change)
      return walk
    }
    const names = async (store: Store, key?: string) =>
      (await store.findUnfinished(key)).map(({ targetKey }) => targetKey)

    test('is every session that is not at its end, the oldest first', async () => {
      const store = await open()
      const begun = await session(store, 'stalled', { status: 'STALLED' })
      await session(store, 'running', { status: 'IN_PROGRESS' })
      await put(store, sessionNamed('new'))
      for (const status of ['COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED'] as const) {
        await session(store, status, { status })
      }
      expect(await names(store)).toEqual(['stalled', 'running', 'new'])
      expect(await names(store, 'running')).toEqual(['running'])
      expect(await names(store, 'COMPLETED')).toEqual([])
      expect(await store.findUnfinished('stalled')).toEqual([
        { sessionId: begun.sessionId, targetKey: 'stalled' },
      ])
    })

    test('is an ended session whose tasks a host began to take, until it has acknowledged all', async () => {
      const store = await open()
      for (const status of ['COMPLETED', 'PARTIALLY_COMPLETED'] as const) {
        const { sessionId } = await session(store, status, { status })
        expect(await names(store, status)).toEqual([])
        await store.beginDelivery({ sessionId, at: T0 })
        expect(await names(store, status)).toEqual([status])
        const [one, two] = await store.takeTasks({ sessionId, after: 0, limit: 10 })
        await store.acknowledgeTasks({ seqs: [one?.seq ?? 0], at: T0 })
        expect(await names(store, status)).toEqual([status])
        await store.acknowledgeTasks({ seqs: [two?.seq ?? 0], at: T0 })
        expect(await names(store, status)).toEqual([])
      }
    })

    test('is not a session that failed: it is taken up on purpose only', async () => {
      const store = await open()
      const { sessionId } = await session(store, 'failed', { status: 'FAILED' })
      await store.beginDelivery({ sessionId, at: T0 })
      expect(await names(store)).toEqual([])
    })
  })

  describe('progress of a task', () => {
    async function withTask() {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ kept: [identity('a')], at: T0 + 1 })
      const [task] = await collect(store.repositories.tasks.stream())
      if (task === undefined) throw new Error('the page left no task')
      const report = (status: TaskProgress['status'], offset: number, more = {}): TaskProgress => ({
        taskId: task.taskId,
        status,
        itemsProcessed: 0,
        error: null,
        updatedAt: at(offset),
        ...more,
      })
      const progress = () => store.repositories.tasks.progress(task.taskId)
      const lastScanTime = async () =>
        (await store.repositories.scanTargets.getById(task.scanTargetId))?.lastScanTime
      return { store, walk, task, report, progress, lastScanTime }
    }

    test('is PENDING from the task’s creation on', async () => {
      const { progress, report, lastScanTime } = await withTask()
      expect(await progress()).toEqual(report('PENDING', 1))
      expect(await lastScanTime()).toBeNull()
    })

    test('is kept as it was last reported', async () => {
      const { store, progress, report, lastScanTime } = await withTask()
      const reports = [
        report('IN_PROGRESS', 2, { itemsProcessed: 7 }),
        report('FAILED', 3, { error: HARD_TEXTS[0] }),
        report('IN_PROGRESS', 4),
      ]
      for (const each of reports) {
        expect(await store.recordProgress(each)).toBe(true)
        expect(await progress()).toEqual(each)
      }
      expect(await lastScanTime()).toBeNull()
    })

    test('sets the scan target’s last scan time when the scan is completed, and stays so', async () => {
      const { store, progress, report, lastScanTime } = await withTask()
      const completed = report('COMPLETED', 5, { itemsProcessed: 41 })
      expect(await store.recordProgress(completed)).toBe(true)
      expect(await lastScanTime()).toEqual(at(5))
      for (const status of ['IN_PROGRESS', 'FAILED', 'COMPLETED'] as const) {
        expect(await store.recordProgress(report(status, 6))).toBe(false)
      }
      expect(await progress()).toEqual(completed)
      expect(await lastScanTime()).toEqual(at(5))
    })

    test('of an older scan that is reported late does not set the last scan time back', async () => {
      const { store, task, report, lastScanTime } = await withTask()
      const next = await TestWalk.begin(store, 'next')
      await next.page({ kept: [identity('a')] })
      const newer = { ...report('COMPLETED', 9), taskId: taskId(next.sessionId, task.scanTargetId) }
      expect(await store.recordProgress(newer)).toBe(true)
      expect(await store.recordProgress(report('COMPLETED', 5))).toBe(true)
      expect(await lastScanTime()).toEqual(at(9))
    })

    test('of an unknown task is passed over', async () => {
      const { store, report } = await withTask()
      const before = await everythingIn(store)
      const unknown = { ...report('COMPLETED', 5), taskId: newId() }
      expect(await store.recordProgress(unknown)).toBe(false)
      expect(await everythingIn(store)).toEqual(before)
    })

    test('is not reset when the task’s page is read again', async () => {
      const { store, walk, progress, report } = await withTask()
      await store.recordProgress(report('COMPLETED', 5))
      await walk.page({ kept: [identity('a')], at: T0 + 6 })
      expect(await progress()).toEqual(report('COMPLETED', 5))
    })
  })

  describe('resource repositories', () => {
    const repo = { key: 'k', name: 'n', url: 'https://h/n', metadata: HARD_JSON }

    test('create once a key; the same key again is the same resource, brought up to date', async () => {
      const { githubRepos } = (await open()).repositories
      const id = await githubRepos.create(repo)
      const before = await githubRepos.getById(id)
      expect(before).toMatchObject({ ...repo, id, isActive: true })
      expect(before?.timeline.completedAt).toBeNull()
      expect(await githubRepos.create({ ...repo, name: 'other', metadata: {} })).toBe(id)
      expect(await githubRepos.getById(id)).toMatchObject({ id, name: 'other', metadata: {} })
      expect(await githubRepos.list(10, 0)).toHaveLength(1)
    })

    test('update all but the key, by which a resource is known', async () => {
      const { githubRepos } = (await open()).repositories
      const id = await githubRepos.create(repo)
      const found = await githubRepos.getById(id)
      if (found === null) throw new Error('not stored')
      await githubRepos.update({
        ...found,
        name: 'renamed',
        url: 'https://h/renamed',
        isActive: false,
        metadata: {},
      })
      expect(await githubRepos.getByUrl('https://h/n')).toBeNull()
      expect(await githubRepos.getByUrl('https://h/renamed')).toMatchObject({
        id,
        key: 'k',
        name: 'renamed',
        isActive: false,
        metadata: {},
        timeline: { startedAt: found.timeline.startedAt },
      })
    })

    test('find by URL the repository that was seen there last', async () => {
      const { githubRepos } = (await open()).repositories
      await githubRepos.create({ ...repo, key: 'deleted' })
      const id = await githubRepos.create({ ...repo, key: 'made anew under the same name' })
      expect((await githubRepos.getByUrl(repo.url))?.id).toBe(id)
    })

    test('list by id, a window at a time', async () => {
      const { githubRepos } = (await open()).repositories
      for (let i = 0; i < 5; i += 1) await githubRepos.create({ ...repo, key: `k${i}` })
      const keys = async (limit: number, offset: number) =>
        (await githubRepos.list(limit, offset)).map(({ key }) => key)
      expect(await keys(2, 0)).toEqual(['k0', 'k1'])
      expect(await keys(2, 3)).toEqual(['k3', 'k4'])
      expect(await keys(2, 5)).toEqual([])
    })

    test('keep URLs', async () => {
      const { urls, githubRepos } = (await open()).repositories
      const id = await urls.create({ url: 'https://h/päge?q=1', metadata: HARD_JSON })
      const found = await urls.getByUrl('https://h/päge?q=1')
      expect(found).toMatchObject({ id, url: 'https://h/päge?q=1', metadata: HARD_JSON })
      if (found === null) throw new Error('not stored')
      await urls.update({ ...found, metadata: { seen: true } })
      expect(await urls.getByUrl(found.url)).toMatchObject({ id, metadata: { seen: true } })
      expect(await urls.create({ url: found.url, metadata: {} })).toBe(id)
      expect(await urls.getByUrl('https://h/')).toBeNull()
      // Another type's ids are not this one's.
      expect(await githubRepos.getById(id)).toBeNull()
      expect(await githubRepos.list(10, 0)).toEqual([])
    })

    test('keep objects', async () => {
      const { s3Objects } = (await open()).repositories
      const uri = 's3://bucket/a b/ö.txt'
      const id = await s3Objects.create({ key: uri, uri, name: 'ö.txt', metadata: HARD_JSON })
      expect(await s3Objects.getByUri(uri)).toMatchObject({
        id,
        key: uri,
        uri,
        isActive: true,
        metadata: HARD_JSON,
      })
      expect(await s3Objects.getByUri('s3://bucket/')).toBeNull()
      expect(await s3Objects.list(10, 0)).toHaveLength(1)
    })

    test('say so when there is nothing to update', async () => {
      const { githubRepos, urls } = (await open()).repositories
      const id = await githubRepos.create(repo)
      const found = await githubRepos.getById(id)
      const url = await urls.create({ url: 'https://h/a', metadata: {} })
      const foundUrl = await urls.getByUrl('https://h/a')
      if (found === null || foundUrl === null) throw new Error('not stored')
      const unknown = [
        githubRepos.update({ ...found, id: 77 }),
        githubRepos.update({ ...found, key: 'another' }),
        urls.update({ ...foundUrl, url: 'https://h/b' }),
        urls.update({ ...foundUrl, id }),
      ]
      for (const updating of unknown) {
        expect(await thrownBy(updating)).toMatchObject({
          code: 'STORE_FAILED',
          message: expect.stringMatching(
            /no (github|url) resource \d+ .*: create it first/,
          ) as unknown,
        })
      }
      expect(await githubRepos.getById(id)).toEqual(found)
      expect(await urls.getByUrl('https://h/a')).toEqual(foundUrl)
      expect(url).toBe(foundUrl.id)
    })
  })

  describe('the scan target repository', () => {
    const repo = { key: 'k', name: 'n', url: 'https://h/n', metadata: {} }

    test('creates one for a resource, under the identity that a walk would give it', async () => {
      const { githubRepos, scanTargets } = (await open()).repositories
      const targetId = await githubRepos.create(repo)
      const wanted = { name: 'n', targetType: 'github', targetId, metadata: HARD_JSON }
      const id = await scanTargets.create(wanted)
      expect(id).toBe(scanTargetId('github', 'k'))
      expect(await scanTargets.getById(id)).toMatchObject({ ...wanted, id, lastScanTime: null })
      expect(await scanTargets.create({ ...wanted, name: 'm', metadata: { x: 1 } })).toBe(id)
      expect(await scanTargets.list(10, 0)).toHaveLength(1)
      expect(await scanTargets.getById(id)).toMatchObject({ name: 'm', metadata: { x: 1 } })
    })

    test('updates what the host may change', async () => {
      const { githubRepos, scanTargets } = (await open()).repositories
      const targetId = await githubRepos.create(repo)
      const id = await scanTargets.create({
        name: 'n',
        targetType: 'github',
        targetId,
        metadata: {},
      })
      const found = await scanTargets.getById(id)
      if (found === null) throw new Error('not stored')
      await scanTargets.update({ ...found, name: 'm', metadata: HARD_JSON, lastScanTime: at(8) })
      expect(await scanTargets.getById(id)).toMatchObject({
        name: 'm',
        metadata: HARD_JSON,
        lastScanTime: at(8),
      })
      await scanTargets.update({ ...found, lastScanTime: null })
      expect(await scanTargets.getById(id)).toMatchObject({ name: 'n', lastScanTime: null })
    })

    test('says so of a resource or scan target that does not exist', async () => {
      const { githubRepos, scanTargets } = (await open()).repositories
      const targetId = await githubRepos.create(repo)
      const id = await scanTargets.create({
        name: 'n',
        targetType: 'github',
        targetId,
        metadata: {},
      })
      const found = await scanTargets.getById(id)
      if (found === null) throw new Error('not stored')
      for (const [targetType, wrong] of [
        ['github', 77],
        ['url', targetId],
      ] as const) {
        const creating = scanTargets.create({
          name: 'n',
          targetType,
          targetId: wrong,
          metadata: {},
        })
        expect(await thrownBy(creating)).toMatchObject({
          code: 'STORE_FAILED',
          message: expect.stringContaining(`no ${targetType} resource ${wrong}`) as unknown,
        })
      }
      expect(await thrownBy(scanTargets.update({ ...found, id: newId() }))).toMatchObject({
        code: 'STORE_FAILED',
      })
      expect(await scanTargets.getById(newId())).toBeNull()
      expect(await scanTargets.find('url', targetId)).toBeNull()
      expect(await scanTargets.find('github', 77)).toBeNull()
    })

    test('lists a window at a time', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ kept: identities('a', 12) })
      const { scanTargets } = store.repositories
      const all = await scanTargets.list(100, 0)
      expect(await scanTargets.list(5, 4)).toEqual(all.slice(4, 9))
    })
  })

  describe('jobs', () => {
    const job = { jobId: newId(), name: HARD_TEXTS[2], createdAt: at(1) }

    test('come back as they were stored', async () => {
      const { jobs } = (await open()).repositories
      await jobs.create(job)
      expect(await jobs.getById(job.jobId)).toEqual(job)
      expect(await jobs.getById(newId())).toBeNull()
      expect(await jobs.countTargets(job.jobId)).toBe(0)
      expect(await jobs.countTargets(newId())).toBe(0)
    })

    test('hold each scan target once, however many there are', async () => {
      const store = await open()
      const { jobs, scanTargets } = store.repositories
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ kept: identities('a', 1_234) })
      await jobs.create(job)
      const ids = (await scanTargets.list(5_000, 0)).map(({ id }) => id)
      await jobs.associate(job.jobId, [])
      expect(await jobs.countTargets(job.jobId)).toBe(0)
      await jobs.associate(job.jobId, ids.slice(0, 20))
      await jobs.associate(job.jobId, [...ids, newId()])
      expect(await jobs.countTargets(job.jobId)).toBe(1_234)
      // More than a database takes as parameters of one statement.
      await jobs.associate(job.jobId, [...Array.from({ length: 40_000 }, newId), ...ids])
      expect(await jobs.countTargets(job.jobId)).toBe(1_234)
    })

    test('that do not exist cannot be given scan targets', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      await walk.page({ kept: identities('a', 1) })
      const unknown = newId()
      const associating = store.repositories.jobs.associate(unknown, [
        scanTargetId('github', 'a-0'),
      ])
      expect(await thrownBy(associating)).toMatchObject({
        code: 'STORE_FAILED',
        message: expect.stringContaining(`no job ${unknown}`) as unknown,
      })
    })
  })

  describe('rules', () => {
    test('are kept under their id; saved again, they are replaced', async () => {
      const { rules } = (await open()).repositories
      const b = { ruleId: 'b', definition: HARD_JSON, hash: 'h1', updatedAt: at(1) }
      const a = { ruleId: 'a', definition: {}, hash: 'h2', updatedAt: at(2) }
      await rules.save(b)
      await rules.save(a)
      expect(await rules.getById('b')).toEqual(b)
      expect(await rules.list()).toEqual([a, b])
      const changed = { ...b, definition: { x: 1 }, hash: 'h3', updatedAt: at(3) }
      await rules.save(changed)
      expect(await rules.list()).toEqual([a, changed])
      expect(await rules.getById('c')).toBeNull()
    })
  })

  describe('a round of enumeration', () => {
    test('holds what was unfinished when it began and what was begun in it, until it is closed', async () => {
      const store = await open()
      await put(store, sessionNamed('ended', { status: 'COMPLETED' }))
      await put(store, sessionNamed('left', { status: 'IN_PROGRESS' }))
      const names = (states: readonly SessionState[]) => states.map((s) => s.targetName)
      const first = await store.openRound({ at: T0 })
      expect(names(first.sessions)).toEqual(['left'])
      await put(store, sessionNamed('begun', { status: 'COMPLETED' }))
      const again = await store.openRound({ at: T0 + 1 })
      expect(again.roundId).toBe(first.roundId)
      expect(names(again.sessions)).toEqual(['left', 'begun'])
      await store.closeRound({ roundId: first.roundId, at: T0 + 2 })
      const next = await store.openRound({ at: T0 + 3 })
      expect(next.roundId).not.toBe(first.roundId)
      expect(names(next.sessions)).toEqual(['left'])
    })
  })

  describe('steps at the same time', () => {
    test('each happen whole: many sessions commit at once', async () => {
      const store = await open()
      const walks = await Promise.all(
        Array.from({ length: 8 }, (_, i) => TestWalk.begin(store, `target-${i}`)),
      )
      await Promise.all(
        walks.map(async (walk, i) => {
          for (let page = 0; page < 5; page += 1) {
            await walk.page({ kept: identities(`${i}-${page}`, 30) })
          }
        }),
      )
      for (const { sessionId } of walks) {
        expect(await store.repositories.tasks.count({ sessionId })).toBe(150)
        const batches = await store.repositories.batches.findBySessionId(sessionId)
        expect(batches).toHaveLength(5)
        const found = await store.takeScanTargets({ sessionId, afterBatch: 4 })
        expect(found?.scanTargetIds).toHaveLength(30)
      }
    })

    test('of two commits under one revision, one alone succeeds', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      const commits = await Promise.allSettled([
        store.commitPage(walk.params({ kept: identities('a', 3) })),
        store.commitPage(walk.params({ kept: identities('b', 3) })),
      ])
      expect(commits.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
      expect(await store.repositories.tasks.count()).toBe(3)
    })

    test('reading goes on while a page is written', async () => {
      const store = await open()
      const walk = await TestWalk.begin(store, 'acme')
      const writing = walk.page({ kept: identities('a', 500) })
      const counts = await Promise.all(
        Array.from({ length: 10 }, () => store.repositories.tasks.count()),
      )
      await writing
      // Never a part of a page.
      expect(new Set([0, 500, ...counts])).toEqual(new Set([0, 500]))
    })
  })
}
