import { newId, scanTargetId } from '../../domain/identity.ts'
import { containing, equal, matches, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identities, TestWalk } from './fixtures.ts'
import { at, HARD_JSON, HARD_TEXTS } from './samples.ts'

export const jobs = casesOf('jobs', (test) => {
  const job = { jobId: newId(), name: HARD_TEXTS[2], createdAt: at(1) }

  test('come back as they were stored', async (store) => {
    const { jobs } = store.repositories
    await jobs.create(job)
    equal(await jobs.getById(job.jobId), job)
    same(await jobs.getById(newId()), null)
    same(await jobs.countTargets(job.jobId), 0)
    same(await jobs.countTargets(newId()), 0)
  })

  test('hold each scan target once, however many there are', async (store) => {
    const { jobs, scanTargets } = store.repositories
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('a', 1_234) })
    await jobs.create(job)
    const ids = (await scanTargets.list(5_000, 0)).map(({ id }) => id)
    await jobs.associate(job.jobId, [])
    same(await jobs.countTargets(job.jobId), 0)
    await jobs.associate(job.jobId, ids.slice(0, 20))
    await jobs.associate(job.jobId, [...ids, newId()])
    same(await jobs.countTargets(job.jobId), 1_234)
    // More than a database takes as parameters of one statement.
    await jobs.associate(job.jobId, [...Array.from({ length: 40_000 }, newId), ...ids])
    same(await jobs.countTargets(job.jobId), 1_234)
  })

  test('that do not exist cannot be given scan targets', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('a', 1) })
    const unknown = newId()
    const associating = store.repositories.jobs.associate(unknown, [scanTargetId('github', 'a-0')])
    matches(await thrownBy(associating), {
      code: 'STORE_FAILED',
      message: containing(`no job ${unknown}`),
    })
  })
})

export const rules = casesOf('rules', (test) => {
  test('are kept under their id; saved again, they are replaced', async (store) => {
    const { rules } = store.repositories
    const b = { ruleId: 'b', definition: HARD_JSON, hash: 'h1', updatedAt: at(1) }
    const a = { ruleId: 'a', definition: {}, hash: 'h2', updatedAt: at(2) }
    await rules.save(b)
    await rules.save(a)
    equal(await rules.getById('b'), b)
    equal(await rules.list(), [a, b])
    const changed = { ...b, definition: { x: 1 }, hash: 'h3', updatedAt: at(3) }
    await rules.save(changed)
    equal(await rules.list(), [a, changed])
    same(await rules.getById('c'), null)
  })
})
