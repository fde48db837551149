import { expect, test } from 'vitest'
import { type SandboxOwner, startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { ask, column, everyRow } from './ask.ts'

const names = (count: number, word: string): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${word}-${at}`)

const owners: readonly SandboxOwner[] = [
  { login: 'acme', type: 'Organization', names: names(7, 'a'), members: names(5, 'member') },
  { login: 'beta', type: 'Organization', names: names(3, 'b'), members: ['ada'] },
  {
    login: 'gamma',
    type: 'Organization',
    repositories: [{ name: 'shared', visibility: 'private', collaborators: ['Ada'] }],
  },
  {
    login: 'ada',
    type: 'User',
    names: ['own-1', 'own-2'],
    repositories: [{ name: 'private', visibility: 'private', pushed_at: '2030-01-01T00:00:00Z' }],
    gists: 5,
    secretGists: 2,
  },
]
const accounts = { ada: { login: 'ada' } }
const token = 'ada'

test('one’s own repositories are those of every affiliation, page by page', async () => {
  await using sandbox = await startSandboxGitHub({ owners, accounts })
  const { rows, pages } = await everyRow(sandbox, '/user/repos?per_page=3', { token })
  expect(pages).toBe(3)
  expect(rows.map((row) => row.full_name)).toEqual([
    'ada/own-1',
    'ada/own-2',
    'ada/private',
    'beta/b-0',
    'beta/b-1',
    'beta/b-2',
    'gamma/shared',
  ])
})

test.each([
  ['affiliation=owner', ['own-1', 'own-2', 'private']],
  ['affiliation=collaborator', ['shared']],
  ['affiliation=organization_member', ['b-0', 'b-1', 'b-2']],
  ['affiliation=owner,collaborator', ['own-1', 'own-2', 'private', 'shared']],
  ['visibility=private', ['private', 'shared']],
  ['type=owner', ['own-1', 'own-2', 'private']],
  ['type=member', ['b-0', 'b-1', 'b-2', 'shared']],
  ['type=private', ['private', 'shared']],
  ['affiliation=owner&visibility=public', ['own-1', 'own-2']],
])('/user/repos?%s', async (parameters, expected) => {
  await using sandbox = await startSandboxGitHub({ owners, accounts })
  const reply = await ask(sandbox, `/user/repos?${parameters}`, { token })
  expect(column(reply, 'name').toSorted()).toEqual(expected)
})

test('one’s own repositories are sorted as asked', async () => {
  await using sandbox = await startSandboxGitHub({ owners, accounts })
  const ids = async (parameters: string) =>
    column(await ask(sandbox, `/user/repos?${parameters}`, { token }), 'id') as number[]
  const rising = (await ids('')).toSorted((a, b) => a - b)
  expect(await ids('sort=created&direction=asc')).toEqual(rising)
  expect(await ids('sort=created')).toEqual(rising.toReversed())
  const pushed = await ask(sandbox, '/user/repos?sort=pushed&per_page=1', { token })
  expect(column(pushed, 'name')).toEqual(['private'])
  const { id } = sandbox.add('ada', 'a-new-one')
  expect((await ids('sort=created&direction=asc')).at(-1)).toBe(id)
})

test('organisations follow each other by number, which nothing shifts', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const { rows, pages } = await everyRow(sandbox, '/organizations?per_page=2')
  expect(pages).toBe(2)
  const ids = rows.map((row) => Number(row.id))
  expect(ids).toEqual(ids.toSorted((a, b) => a - b))
  expect(rows.map((row) => row.login).toSorted()).toEqual(['acme', 'beta', 'gamma'])
  const first = await ask(sandbox, '/organizations?per_page=2')
  expect(first.headers.get('link')).toContain(`since=${ids[1]}>; rel="next"`)
  const rest = await ask(sandbox, `/organizations?since=${ids[0]}`)
  expect(column(rest, 'id')).toEqual(ids.slice(1))
  expect(rest.headers.get('link')).toBeNull()
})

test('members are listed page by page, below the organisation’s number', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const { rows, pages } = await everyRow(sandbox, '/orgs/acme/members?per_page=2')
  expect(pages).toBe(3)
  expect(rows.map((row) => row.login).toSorted()).toEqual(names(5, 'member'))
  const { headers } = await ask(sandbox, '/orgs/acme/members?per_page=2')
  expect(headers.get('link')).toMatch(/<[^>]+\/organizations\/\d+\/members\?per_page=2&page=2>/)
  sandbox.setMembers('acme', ['ada', 'new'])
  const after = await ask(sandbox, '/orgs/acme/members')
  expect(column(after, 'login').toSorted()).toEqual(['ada', 'new'])
  expect((await ask(sandbox, '/users/new')).body).toMatchObject({ type: 'User', public_repos: 0 })
})

test('gists are listed newest first; the secret ones to their owner alone', async () => {
  await using sandbox = await startSandboxGitHub({ owners, accounts })
  const all = sandbox.gists('ada')
  const open = all.filter((gist) => gist.public)
  expect([all.length, open.length]).toEqual([7, 5])
  expect(all.every((gist) => /^[0-9a-f]{32}$/.test(gist.id))).toBe(true)
  const { rows, pages } = await everyRow(sandbox, '/users/ada/gists?per_page=2')
  expect(pages).toBe(3)
  expect(rows.map((row) => row.id)).toEqual(open.map((gist) => gist.id).toReversed())
  expect(rows[0]).toMatchObject({
    public: true,
    html_url: `https://gist.github.com/ada/${rows[0]?.id}`,
    git_pull_url: `https://gist.github.com/${rows[0]?.id}.git`,
  })
  for (const path of ['/users/ada/gists', '/gists']) {
    const own = await ask(sandbox, path, { token })
    expect(column(own, 'id')).toEqual(all.map((gist) => gist.id).toReversed())
  }
  expect(column(await ask(sandbox, '/gists'), 'id')).toHaveLength(5)
  const since = all[3]?.updated_at
  expect(column(await ask(sandbox, `/users/ada/gists?since=${since}`), 'id')).toHaveLength(2)
  const { id } = sandbox.addGist('ada')
  expect(column(await ask(sandbox, '/users/ada/gists'), 'id')[0]).toBe(id)
})

test('an Enterprise Server has its gists below a path', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const { body } = await ask(sandbox, `${sandbox.enterpriseUrl}/users/ada/gists?per_page=1`)
  const [gist] = body as { id: string; html_url: string }[]
  expect(gist?.html_url).toBe(`${sandbox.url}/gist/ada/${gist?.id}`)
})

const MIXED: readonly SandboxOwner[] = [
  {
    login: 'mixed',
    type: 'Organization',
    repositories: [
      { name: 'inner', visibility: 'internal' },
      { name: 'open', fork: false },
      { name: 'secret', visibility: 'private' },
    ],
  },
]

test('some leave internal repositories out, unless asked for them', async () => {
  const listed = async (type: string, omitsInternal: boolean) => {
    await using sandbox = await startSandboxGitHub({ owners: MIXED, omitsInternal })
    const reply = await ask(sandbox, `/orgs/mixed/repos?type=${type}`, { token: 'any' })
    return column(reply, 'name').toSorted()
  }
  expect(await listed('all', false)).toEqual(['inner', 'open', 'secret'])
  expect(await listed('all', true)).toEqual(['open', 'secret'])
  expect(await listed('internal', true)).toEqual(['inner'])
  expect(await listed('private', false)).toEqual(['inner', 'secret'])
  expect(await listed('public', false)).toEqual(['open'])
})

test('facts that are given are answered; the rest is made up as ever', async () => {
  const repositories = [
    { name: 'a', id: 42, topics: ['x', 'y'], language: 'Zig', size: 7, archived: true },
  ]
  await using sandbox = await startSandboxGitHub({
    owners: [{ login: 'acme', type: 'Organization', names: ['a', 'b'], repositories }],
  })
  expect((await ask(sandbox, '/repositories/42')).body).toMatchObject({
    name: 'a',
    topics: ['x', 'y'],
    language: 'Zig',
    size: 7,
    archived: true,
    owner: { type: 'Organization' },
  })
  await using other = await startSandboxGitHub({
    owners: [{ login: 'acme', type: 'Organization', names: ['b'] }],
  })
  expect(sandbox.repositories('acme')).toContainEqual(other.repositories('acme')[0])
})
