import { newId, scanTargetId } from '../../domain/identity.ts'
import { containing, equal, hasLength, matches, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identities, TestWalk } from './fixtures.ts'
import { at, HARD_JSON } from './samples.ts'

export const scanTargets = casesOf('the scan target repository', (test) => {
  const repo = { key: 'k', name: 'n', url: 'https://h/n', metadata: {} }

  test('creates one for a resource, under the identity that a walk would give it', async (store) => {
    const { githubRepos, scanTargets } = store.repositories
    const targetId = await githubRepos.create(repo)
    const wanted = { name: 'n', targetType: 'github', targetId, metadata: HARD_JSON }
    const id = await scanTargets.create(wanted)
    same(id, scanTargetId('github', 'k'))
    matches(await scanTargets.getById(id), { ...wanted, id, lastScanTime: null })
    same(await scanTargets.create({ ...wanted, name: 'm', metadata: { x: 1 } }), id)
    hasLength(await scanTargets.list(10, 0), 1)
    matches(await scanTargets.getById(id), { name: 'm' })
    equal((await scanTargets.getById(id))?.metadata, { x: 1 })
  })

  test('updates what the host may change', async (store) => {
    const { githubRepos, scanTargets } = store.repositories
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
    matches(await scanTargets.getById(id), {
      name: 'm',
      metadata: HARD_JSON,
      lastScanTime: at(8),
    })
    await scanTargets.update({ ...found, lastScanTime: null })
    matches(await scanTargets.getById(id), { name: 'n', lastScanTime: null })
    equal((await scanTargets.getById(id))?.metadata, {})
  })

  test('says so of a resource or scan target that does not exist', async (store) => {
    const { githubRepos, scanTargets } = store.repositories
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
      matches(await thrownBy(creating), {
        code: 'STORE_FAILED',
        message: containing(`no ${targetType} resource ${wrong}`),
      })
    }
    matches(await thrownBy(scanTargets.update({ ...found, id: newId() })), {
      code: 'STORE_FAILED',
    })
    same(await scanTargets.getById(newId()), null)
    same(await scanTargets.find('url', targetId), null)
    same(await scanTargets.find('github', 77), null)
  })

  test('lists a window at a time', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: identities('a', 12) })
    const { scanTargets } = store.repositories
    const all = await scanTargets.list(100, 0)
    equal(await scanTargets.list(5, 4), all.slice(4, 9))
  })
})
