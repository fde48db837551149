import type { Identity } from '../../sources/source.ts'
import type { Store } from '../../store/store.ts'
import { equal, hasLength, matches, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import { identity, sessionNamed, TestWalk } from './fixtures.ts'
import { HARD_TEXTS } from './samples.ts'

const all = { onlyChanged: false }

export const addresses = casesOf('an earlier address', (test) => {
  const { uri: home } = identity('acme/one')
  const moved = 'https://github.example/acme/moved'
  const repo = (uri: string, overrides: Partial<Identity> = {}) =>
    identity('h#1', { uri, ...overrides })
  const urls = async (store: Store, id: number) =>
    (await store.repositories.githubRepos.aliases(id)).map(({ url }) => url)

  test('is kept when a resource is met at another, and finds it', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { githubRepos } = store.repositories
    await walk.page({ kept: [repo(home)], at: 1_000 })
    const id = (await githubRepos.getByUrl(home))?.id ?? 0
    equal(await githubRepos.aliases(id), [])
    await walk.page({ kept: [repo(moved)], at: 2_000 })
    await walk.page({ kept: [repo(moved)], at: 3_000 })
    equal(await githubRepos.aliases(id), [{ url: home, at: new Date(2_000) }])
    for (const url of [home, moved]) {
      matches(await githubRepos.getByUrl(url), { id, key: 'h#1', url: moved })
    }
    await walk.page({ kept: [repo('https://github.example/again')], at: 4_000 })
    equal(await githubRepos.aliases(id), [
      { url: home, at: new Date(2_000) },
      { url: moved, at: new Date(4_000) },
    ])
  })

  test('is kept where the source tells it; the present one is none', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { githubRepos } = store.repositories
    const aliases = [home, moved, HARD_TEXTS[2], home]
    await walk.page({ kept: [repo(moved, { aliases })] })
    const id = (await githubRepos.getByUrl(home))?.id ?? 0
    equal((await urls(store, id)).toSorted(), [home, HARD_TEXTS[2]].toSorted())
    await walk.page({ kept: [repo(moved, { aliases: [] })] })
    hasLength(await urls(store, id), 2)
  })

  test('is kept of what a filter leaves out, too', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { githubRepos } = store.repositories
    await walk.page({ kept: [repo(home)], sighted: all })
    await walk.page({ skipped: [repo(moved, { skipped: 'forks' })], sighted: all })
    matches(await githubRepos.getByUrl(home), { key: 'h#1', url: moved })
  })

  test('is whose the resource is that is there now', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { githubRepos } = store.repositories
    await walk.page({ kept: [repo(home)], at: 1_000 })
    await walk.page({ kept: [repo(moved), identity('h#2', { uri: home })], at: 2_000 })
    matches(await githubRepos.getByUrl(home), { key: 'h#2', url: home })
    matches(await githubRepos.getByUrl(moved), { key: 'h#1' })
  })

  test('of several resources is found as that of the one that had it last', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { githubRepos } = store.repositories
    await walk.page({ kept: [repo(home)], at: 1_000 })
    await walk.page({ kept: [repo(moved), identity('h#2', { uri: home })], at: 2_000 })
    await walk.page({ kept: [identity('h#2', { uri: 'https://h/2' })], at: 3_000 })
    matches(await githubRepos.getByUrl(home), { key: 'h#2', url: 'https://h/2' })
  })

  test('is not another source’s', async (store) => {
    const walk = await TestWalk.begin(
      store,
      sessionNamed('objects', {
        sourceType: 's3',
        config: { name: 'objects', sourceType: 's3', authRef: null, spec: {} },
      }),
    )
    await walk.page({ kept: [identity('o', { uri: 's3://b/old' })] })
    await walk.page({ kept: [identity('o', { uri: 's3://b/new' })] })
    same(await store.repositories.githubRepos.getByUrl('s3://b/old'), null)
  })

  test('is found behind whatever is there and active: who was given up comes after', async (store) => {
    const { githubRepos } = store.repositories
    const active = await githubRepos.create({ key: 'h#1', name: 'n', url: home, metadata: {} })
    const other = await githubRepos.create({ key: 'h#2', name: 'n', url: home, metadata: {} })
    const found = await githubRepos.getById(other)
    if (found === null) throw new Error('not stored')
    await githubRepos.update({ ...found, isActive: false })
    same((await githubRepos.getByUrl(home))?.id, active)
  })

  test('of an unknown resource is none', async (store) => {
    equal(await store.repositories.githubRepos.aliases(77), [])
  })
})
