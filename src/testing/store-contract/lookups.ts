import { newId, scanTargetId, taskId } from '../../domain/identity.ts'
import { matches, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identities, identity, TestWalk } from './fixtures.ts'

/** More than a store may take up at a time. */
const MANY = 4_321

export const lookups = casesOf('identities', (test) => {
  test('are found, however many rows came before and between', async (store) => {
    const { tasks, scanTargets } = store.repositories
    const walk = await TestWalk.begin(store, 'acme')
    const target = (key: string) => scanTargetId('github', key)
    const find = async (key: string) => {
      const id = target(key)
      const task = taskId(walk.sessionId, id)
      matches(await tasks.getById(task), { taskId: task, resourceUri: identity(key).uri })
      matches(await tasks.progress(task), { taskId: task, status: 'PENDING' })
      matches(await scanTargets.getById(id), { id, name: identity(key).name })
    }
    await walk.page({ kept: identities('a', MANY) })
    for (const key of [`a-${MANY - 1}`, 'a-0', 'a-2000', 'a-1999']) await find(key)
    await walk.page({ kept: identities('b', 3) })
    for (const key of ['b-2', 'a-17', 'b-0']) await find(key)
    same(await tasks.getById(newId()), null)
    same(await scanTargets.getById(newId()), null)
    same(await tasks.getById(target('a-0')), null)
    same(await scanTargets.getById(taskId(walk.sessionId, target('a-0'))), null)
  })

  test('of scan targets are found where the resource was there long before', async (store) => {
    const { scanTargets } = store.repositories
    const walk = await TestWalk.begin(store, 'acme')
    const sighted = { onlyChanged: false }
    const late = identity('late')
    await walk.page({ skipped: [{ ...late, skipped: 'forks' }], sighted })
    await walk.page({ kept: identities('other', 3), sighted })
    same(await scanTargets.getById(scanTargetId('github', 'late')), null)
    await walk.page({ kept: [late], sighted })
    matches(await scanTargets.getById(scanTargetId('github', 'late')), { name: late.name })
  })
})
