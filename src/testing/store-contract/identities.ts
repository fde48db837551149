import { scanTargetId } from '../../domain/identity.ts'
import { collect, equal, hasLength, matches, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identities, identity, sessionNamed, T0, TestWalk } from './fixtures.ts'
import { at, HARD_JSON } from './samples.ts'

export const noResourceTwice = casesOf('no resource exists twice:', (test) => {
  test('an item met twice on a page is one resource and one task; the first one counts', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const kept = [
      identity('a', { name: 'first' }),
      identity('b'),
      identity('a', { name: 'second' }),
    ]
    same(await walk.page({ kept }), 2)
    const repos = await store.repositories.githubRepos.list(10, 0)
    equal(repos.map(({ name }) => name).toSorted(), ['b', 'first'])
    hasLength(await store.repositories.scanTargets.list(10, 0), 2)
  })

  test('a page that is read again makes no second task, whatever surrounds its items', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('repo', 250) })
    const before = await collect(store.repositories.tasks.stream())
    const again = [identity('new-1'), ...identities('repo', 250), identity('new-2')]
    same(await walk.page({ kept: again }), 2)
    const tasks = await collect(store.repositories.tasks.stream())
    equal(tasks.slice(0, 250), before)
    equal(
      tasks.slice(250).map((task) => task.resourceUri),
      ['https://github.example/new-1', 'https://github.example/new-2'],
    )
    same(await store.repositories.jobs.countTargets(walk.state.jobId), 252)
  })

  test('an acknowledged task is not delivered anew when its page is read again', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('repo', 2) })
    const take = () => store.takeTasks({ sessionId: walk.sessionId, after: 0, limit: 10 })
    await store.acknowledgeTasks({ seqs: (await take()).map(({ seq }) => seq), at: T0 })
    await walk.page({ kept: identities('repo', 2) })
    equal(await take(), [])
  })

  test('two sessions share resource and scan target, and have a task each', async (store) => {
    const one = await TestWalk.begin(store, 'one')
    const two = await TestWalk.begin(store, 'two')
    same(await one.page({ kept: identities('repo', 120) }), 120)
    same(await two.page({ kept: identities('repo', 120) }), 120)
    hasLength(await store.repositories.githubRepos.list(1_000, 0), 120)
    hasLength(await store.repositories.scanTargets.list(1_000, 0), 120)
    const tasks = await collect(store.repositories.tasks.stream())
    same(new Set(tasks.map((task) => task.taskId)).size, 240)
    same(new Set(tasks.map((task) => task.scanTargetId)).size, 120)
    for (const { state } of [one, two]) {
      same(await store.repositories.jobs.countTargets(state.jobId), 120)
    }
  })

  test('the same key of another source is another resource', async (store) => {
    const github = await TestWalk.begin(store, 'one')
    const s3 = await TestWalk.begin(store, sessionNamed('two', { sourceType: 's3' }))
    await github.page({ kept: [identity('same')] })
    await s3.page({ kept: [identity('same')] })
    hasLength(await store.repositories.scanTargets.list(10, 0), 2)
    hasLength(await store.repositories.githubRepos.list(10, 0), 1)
    hasLength(await store.repositories.s3Objects.list(10, 0), 1)
    await s3.page({ kept: [identity('another')] })
    same(await store.repositories.githubRepos.getByUrl('https://github.example/another'), null)
  })

  test('a resource seen again is brought up to date, and keeps its identity and beginning', async (store) => {
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
    equal(await githubRepos.list(10, 0), [
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
    matches(await scanTargets.find('github', before.id), {
      id: scanTargetId('github', 'a'),
      name: 'renamed',
      timeline: { startedAt: at(1), lastUpdate: at(2) },
    })
    const [oldTask, newTask] = await collect(store.repositories.tasks.stream())
    same(oldTask?.resourceUri, 'https://github.example/a')
    same(newTask?.resourceUri, 'https://new.example/a')
  })

  test('what the host noted at a scan target stays when its resource is seen again', async (store) => {
    const one = await TestWalk.begin(store, 'one')
    await one.page({ kept: [identity('a')] })
    const { scanTargets } = store.repositories
    const [target] = await scanTargets.list(1, 0)
    if (target === undefined) throw new Error('the page left nothing')
    await scanTargets.update({ ...target, metadata: HARD_JSON, lastScanTime: at(4) })
    await one.page({ kept: [identity('a', { metadata: { x: 1 } })] })
    matches(await scanTargets.getById(target.id), {
      metadata: HARD_JSON,
      lastScanTime: at(4),
    })
  })
})
