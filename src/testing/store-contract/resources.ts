import { equal, hasLength, matches, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import { HARD_JSON } from './samples.ts'

export const resources = casesOf('resource repositories', (test) => {
  const repo = { key: 'k', name: 'n', url: 'https://h/n', metadata: HARD_JSON }

  test('create once a key; the same key again is the same resource, brought up to date', async (store) => {
    const { githubRepos } = store.repositories
    const id = await githubRepos.create(repo)
    const before = await githubRepos.getById(id)
    matches(before, { ...repo, id, isActive: true })
    same(before?.timeline.completedAt, null)
    same(await githubRepos.create({ ...repo, name: 'other', metadata: {} }), id)
    matches(await githubRepos.getById(id), { id, name: 'other' })
    equal((await githubRepos.getById(id))?.metadata, {})
    hasLength(await githubRepos.list(10, 0), 1)
    // What is created is there, whatever was said of it before.
    if (before === null) throw new Error('not stored')
    await githubRepos.update({ ...before, isActive: false })
    same(await githubRepos.create(repo), id)
    matches(await githubRepos.getById(id), {
      ...repo,
      isActive: true,
      timeline: { startedAt: before?.timeline.startedAt },
    })
  })

  test('update all but the key, by which a resource is known', async (store) => {
    const { githubRepos } = store.repositories
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
    same(await githubRepos.getByUrl('https://h/n'), null)
    matches(await githubRepos.getByUrl('https://h/renamed'), {
      id,
      key: 'k',
      name: 'renamed',
      isActive: false,
      timeline: { startedAt: found.timeline.startedAt },
    })
    equal((await githubRepos.getById(id))?.metadata, {})
  })

  test('find by URL the repository that was seen there last', async (store) => {
    const { githubRepos } = store.repositories
    await githubRepos.create({ ...repo, key: 'deleted' })
    const id = await githubRepos.create({ ...repo, key: 'made anew under the same name' })
    same((await githubRepos.getByUrl(repo.url))?.id, id)
  })

  test('list by id, a window at a time', async (store) => {
    const { githubRepos } = store.repositories
    for (let i = 0; i < 5; i += 1) await githubRepos.create({ ...repo, key: `k${i}` })
    const keys = async (limit: number, offset: number) =>
      (await githubRepos.list(limit, offset)).map(({ key }) => key)
    equal(await keys(2, 0), ['k0', 'k1'])
    equal(await keys(2, 3), ['k3', 'k4'])
    equal(await keys(2, 5), [])
  })

  test('keep URLs', async (store) => {
    const { urls, githubRepos } = store.repositories
    const id = await urls.create({ url: 'https://h/päge?q=1', metadata: HARD_JSON })
    const found = await urls.getByUrl('https://h/päge?q=1')
    matches(found, { id, url: 'https://h/päge?q=1', metadata: HARD_JSON })
    if (found === null) throw new Error('not stored')
    await urls.update({ ...found, metadata: { seen: true } })
    equal((await urls.getByUrl(found.url))?.metadata, { seen: true })
    same(await urls.create({ url: found.url, metadata: { again: 1 } }), id)
    equal((await urls.getByUrl(found.url))?.metadata, { again: 1 })
    same(await urls.getByUrl('https://h/'), null)
    // Another type's ids are not this one's.
    same(await githubRepos.getById(id), null)
    equal(await githubRepos.list(10, 0), [])
  })

  test('keep objects', async (store) => {
    const { s3Objects } = store.repositories
    const uri = 's3://bucket/a b/ö.txt'
    const id = await s3Objects.create({ key: uri, uri, name: 'ö.txt', metadata: HARD_JSON })
    matches(await s3Objects.getByUri(uri), {
      id,
      key: uri,
      uri,
      isActive: true,
      metadata: HARD_JSON,
    })
    same(await s3Objects.getByUri('s3://bucket/'), null)
    same(await s3Objects.create({ key: uri, uri, name: 'ö.txt', metadata: { size: 7 } }), id)
    equal((await s3Objects.getByUri(uri))?.metadata, { size: 7 })
    const other = await s3Objects.create({ key: 'b', uri: 'b', name: 'b', metadata: {} })
    const ids = async (limit: number, offset: number) =>
      (await s3Objects.list(limit, offset)).map((object) => object.id)
    equal(await ids(10, 0), [id, other])
    equal(await ids(1, 1), [other])
    equal(await ids(1, 0), [id])
  })

  test('say so when there is nothing to update', async (store) => {
    const { githubRepos, urls } = store.repositories
    const id = await githubRepos.create(repo)
    const found = await githubRepos.getById(id)
    const url = await urls.create({ url: 'https://h/a', metadata: {} })
    const foundUrl = await urls.getByUrl('https://h/a')
    if (found === null || foundUrl === null) throw new Error('not stored')
    const unknown = [
      () => githubRepos.update({ ...found, id: 77 }),
      () => githubRepos.update({ ...found, key: 'another' }),
      () => urls.update({ ...foundUrl, url: 'https://h/b' }),
      () => urls.update({ ...foundUrl, id }),
    ]
    for (const updating of unknown) {
      matches(await thrownBy(updating()), {
        code: 'STORE_FAILED',
        message: /no (github|url) resource \d+ .*: create it first/,
      })
    }
    equal(await githubRepos.getById(id), found)
    equal(await urls.getByUrl('https://h/a'), foundUrl)
    same(url, foundUrl.id)
  })
})
