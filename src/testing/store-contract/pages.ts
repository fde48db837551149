import { batchId, newId, scanTargetId, taskId } from '../../domain/identity.ts'
import { ANY_NUMBER, collect, equal, hasLength, matches, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identities, identity, T0, TestWalk } from './fixtures.ts'
import { at, HARD_JSON, HARD_TEXTS } from './samples.ts'

export const pages = casesOf('a page', (test) => {
  for (const count of [0, 1, 9, 10, 11, 99, 100, 101, 1_234]) {
    test(`of ${count} items leaves one resource, scan target and task for each, in order`, async (store) => {
      const walk = await TestWalk.begin(store, 'acme')
      const kept = identities('repo', count)
      same(await walk.page({ kept }), count)

      const tasks = await store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 5_000 })
      const { seq: _, ...first } = tasks[0] ?? { seq: 0 }
      if (count > 0) {
        const scanTarget = scanTargetId('github', 'repo-0')
        equal(first, {
          taskId: taskId(walk.sessionId, scanTarget),
          sessionId: walk.sessionId,
          jobId: walk.state.jobId,
          scanTargetId: scanTarget,
          sourceType: 'github',
          resourceUri: 'https://github.example/repo-0',
          metadata: {},
        })
      }
      equal(
        tasks.map((task) => task.resourceUri),
        kept.map(({ uri }) => uri),
      )
      equal(
        tasks.map((task) => task.seq),
        tasks.map((task) => task.seq).toSorted((a, b) => a - b),
      )
      const { githubRepos, scanTargets, jobs } = store.repositories
      equal(
        (await githubRepos.list(5_000, 0)).map(({ key }) => key).toSorted(),
        kept.map(({ key }) => key).toSorted(),
      )
      hasLength(await scanTargets.list(5_000, 0), count)
      same(await jobs.countTargets(walk.state.jobId), count)
      equal(
        await store.takeScanTargets({ sessionId: walk.sessionId, afterBatch: 0 }),
        count === 0
          ? null
          : { batch: 1, scanTargetIds: kept.map(({ key }) => scanTargetId('github', key)) },
      )
    })
  }

  test('keeps every field of its items', async (store) => {
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
      equal(repo, {
        id: ANY_NUMBER,
        key,
        name,
        url: uri,
        isActive: true,
        metadata,
        timeline,
      })
      equal(await githubRepos.getById(repo?.id ?? 0), repo)
      const target = await scanTargets.getById(scanTargetId('github', key))
      equal(target, {
        id: scanTargetId('github', key),
        name,
        targetType: 'github',
        targetId: repo?.id,
        metadata: {},
        lastScanTime: null,
        timeline,
      })
      equal(await scanTargets.find('github', repo?.id ?? 0), target)
    }
    const tasks = await collect(store.repositories.tasks.stream())
    equal(
      tasks.map((task) => task.resourceUri),
      kept.map(({ uri }) => uri),
    )
    equal(
      tasks.map((task) => task.metadata),
      kept.map(({ metadata }) => metadata),
    )
    equal(await store.repositories.tasks.getById(tasks[0]?.taskId ?? ''), tasks[0])
  })

  test('keeps its batch field by field', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({
      batch: {
        status: 'PARTIALLY_COMPLETED',
        position: { at: 'after', cursor: HARD_JSON },
        timeline: { startedAt: at(1), lastUpdate: at(3), completedAt: null },
        metrics: {
          expectedItems: 7,
          itemsProcessed: 3,
          itemsSkipped: 1,
          itemsFailed: 3,
          errorDetails: HARD_TEXTS[3],
        },
      },
    })
    const { batches } = store.repositories
    const id = batchId(walk.sessionId, 1)
    const batch = await batches.findById(id)
    equal(batch, {
      batchId: id,
      sessionId: walk.sessionId,
      number: 1,
      status: 'PARTIALLY_COMPLETED',
      position: { at: 'after', cursor: HARD_JSON },
      timeline: { startedAt: at(1), lastUpdate: at(3), completedAt: null },
      metrics: {
        expectedItems: 7,
        itemsProcessed: 3,
        itemsSkipped: 1,
        itemsFailed: 3,
        errorDetails: HARD_TEXTS[3],
      },
    })
    equal(await batches.findLastBySessionId(walk.sessionId), batch)
    same(await batches.findById(newId()), null)
    same(await batches.findLastBySessionId(newId()), null)
  })

  test('and a page that could not be had are batches in the order of the walk', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    await walk.page({ kept: identities('a', 2) })
    await other.page({ kept: identities('b', 2) })
    const lost = {
      ...walk.params().batch,
      status: 'FAILED' as const,
      position: null,
      metrics: {
        expectedItems: 0,
        itemsProcessed: 0,
        itemsSkipped: 0,
        itemsFailed: 0,
        errorDetails: 'gone',
      },
    }
    await walk.advance({ status: 'FAILED', failureReason: 'gone' }, { batch: lost })
    const { batches } = store.repositories
    equal(
      (await batches.findBySessionId(walk.sessionId)).map((b) => b.number),
      [1, 2],
    )
    equal(await batches.findLastBySessionId(walk.sessionId), lost)
    const failed = await store.repositories.sessions.load(walk.sessionId)
    matches(failed, { status: 'FAILED', failureReason: 'gone' })
  })

  test('follows any number of others', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    for (let page = 0; page < 130; page += 1) await walk.page()
    const batches = await store.repositories.batches.findBySessionId(walk.sessionId)
    equal(
      batches.map((batch) => batch.number),
      Array.from({ length: 130 }, (_, i) => i + 1),
    )
    equal(await store.repositories.batches.findLastBySessionId(walk.sessionId), batches.at(-1))
    equal(await store.repositories.batches.findBySessionId(newId()), [])
  })

  test('moves its session', async (store) => {
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
          itemsSkipped: 0,
          itemsFailed: 1,
        },
      },
    })
    matches(await store.repositories.sessions.load(walk.sessionId), {
      status: 'STALLED',
      total: 99,
      shortfalls: [{ code: 'sso', detail: 'three' }],
      timeline: { startedAt: at(0), lastUpdate: at(9), completedAt: null },
      position: { at: 'after', cursor: 1 },
      metrics: walk.state.metrics,
    })
  })
})

export const scanTargetsOfAWalk = casesOf('scan targets of a walk', (test) => {
  test('come a batch at a time; a batch that made no task is passed over', async (store) => {
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
    equal(first, { batch: 1, scanTargetIds: ids('a-0', 'a-1', 'a-2') })
    const second = await store.takeScanTargets({ sessionId, afterBatch: 1 })
    equal(second, { batch: 4, scanTargetIds: ids('b') })
    same(await store.takeScanTargets({ sessionId, afterBatch: 4 }), null)
    await walk.page({ kept: [identity('c')] })
    const third = await store.takeScanTargets({ sessionId, afterBatch: 4 })
    equal(third, { batch: 5, scanTargetIds: ids('c') })
    same(await store.takeScanTargets({ sessionId: newId(), afterBatch: 0 }), null)
  })
})
