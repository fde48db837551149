import { expect, test } from 'vitest'
import { type SandboxGitHubOptions, startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { ask, column, query } from './ask.ts'

const OPTIONS = {
  owners: [
    {
      login: 'acme',
      type: 'Organization',
      names: ['open'],
      repositories: [
        { name: 'secret', visibility: 'private' },
        { name: 'inner', visibility: 'internal' },
        { name: 'shared', visibility: 'private', collaborators: ['outsider'] },
      ],
      members: ['member'],
      enterprise: 'big',
    },
    { login: 'sister', type: 'Organization', names: [], members: ['colleague'], enterprise: 'big' },
    {
      login: 'member',
      type: 'User',
      names: ['shown'],
      repositories: [{ name: 'diary', visibility: 'private' }],
    },
  ],
  accounts: {
    member: { login: 'member' },
    'without-repo': { login: 'member', scopes: ['read:org', 'gist'] },
    fine: { login: 'member', kind: 'fine-grained' },
    colleague: { login: 'colleague' },
    outsider: { login: 'outsider' },
    guest: { login: 'guest' },
    expired: { login: 'member', expired: true },
  },
  tokens: ['all-seeing'],
} as const satisfies SandboxGitHubOptions

const PUBLIC = ['open']
const ALL = ['inner', 'open', 'secret', 'shared']

const LISTING = `query ($login: String!) { organization(login: $login) {
  repositories(first: 100) { totalCount nodes { name } } } }`

test.each([
  ['member', ALL],
  ['without-repo', PUBLIC],
  ['fine', ALL],
  ['colleague', ['inner', 'open']],
  ['outsider', ['open', 'shared']],
  ['guest', PUBLIC],
  ['all-seeing', ALL],
])('%s sees of an organisation what it may, by REST and by GraphQL', async (token, names) => {
  await using sandbox = await startSandboxGitHub(OPTIONS)
  const rest = await ask(sandbox, '/orgs/acme/repos', { token })
  expect(column(rest, 'name').toSorted()).toEqual(names)
  const { data } = await query(sandbox, LISTING, { token, variables: { login: 'acme' } })
  const { nodes, totalCount } = data.organization.repositories
  expect(nodes.map((node: { name: string }) => node.name).toSorted()).toEqual(names)
  expect(totalCount).toBe(names.length)
  for (const name of ALL) {
    const { status } = await ask(sandbox, `/repos/acme/${name}`, { token })
    expect(status, name).toBe(names.includes(name) ? 200 : 404)
    const one = await query(sandbox, `{ repository(owner: "acme", name: "${name}") { name } }`, {
      token,
    })
    expect(one.data.repository === null, name).toBe(!names.includes(name))
  }
})

test('nobody sees what is not public', async () => {
  await using sandbox = await startSandboxGitHub(OPTIONS)
  expect(column(await ask(sandbox, '/orgs/acme/repos'), 'name')).toEqual(PUBLIC)
  expect((await ask(sandbox, '/orgs/acme')).body).toMatchObject({ public_repos: 1 })
  expect((await ask(sandbox, '/orgs/acme')).body).not.toHaveProperty('total_private_repos')
  const told = await ask(sandbox, '/orgs/acme', { token: 'member' })
  expect(told.body).toMatchObject({ public_repos: 1, total_private_repos: 3 })
})

test('where there are no accounts, any token sees everything and nobody sees the public', async () => {
  await using sandbox = await startSandboxGitHub({ owners: OPTIONS.owners })
  const names = async (token?: string) =>
    column(await ask(sandbox, '/orgs/acme/repos', { token }), 'name').toSorted()
  expect(await names('whatever')).toEqual(ALL)
  expect(await names()).toEqual(PUBLIC)
  const own = await ask(sandbox, '/user/repos', { token: 'whatever' })
  expect(column(own, 'name').toSorted()).toEqual(ALL)
  const { data } = await query(sandbox, '{ organization(login: "acme") { viewerIsAMember } }')
  expect(data.organization.viewerIsAMember).toBe(true)
})

test('a user listing by name shows the public ones, even to the user', async () => {
  await using sandbox = await startSandboxGitHub(OPTIONS)
  const token = 'member'
  expect(column(await ask(sandbox, '/users/member/repos', { token }), 'name')).toEqual(['shown'])
  const { data } = await query(
    sandbox,
    '{ viewer { login repositories(first: 9) { totalCount } } }',
    {
      token,
    },
  )
  expect(data.viewer).toEqual({ login: 'member', repositories: { totalCount: 2 } })
  const other = await query(
    sandbox,
    '{ user(login: "member") { repositories(first: 9) { totalCount } } }',
    { token: 'guest' },
  )
  expect(other.data.user.repositories.totalCount).toBe(1)
})

test('scopes are told of a classic token, and of no other', async () => {
  await using sandbox = await startSandboxGitHub(OPTIONS)
  const scopes = async (token?: string) =>
    (await ask(sandbox, '/orgs/acme', { token })).headers.get('x-oauth-scopes')
  expect(await scopes('without-repo')).toBe('read:org, gist')
  expect(await scopes('member')).toContain('repo')
  expect([await scopes('fine'), await scopes('all-seeing'), await scopes()]).toEqual([
    null,
    null,
    null,
  ])
})

test.each(['expired', 'unknown', 'revoked'])('a token that is %s is refused', async (token) => {
  await using sandbox = await startSandboxGitHub({
    ...OPTIONS,
    accounts: { ...OPTIONS.accounts, revoked: { login: 'member' } },
  })
  sandbox.revoke('revoked')
  for (const path of ['/orgs/acme', '/user', '/rate_limit']) {
    const { status, body } = await ask(sandbox, path, { token })
    expect([status, body]).toMatchObject([401, { message: 'Bad credentials' }])
  }
  expect(await query(sandbox, '{ viewer { login } }', { token })).toMatchObject({
    message: 'Bad credentials',
  })
  expect(new Set(sandbox.requests.map((request) => request.caller))).toEqual(new Set(['anonymous']))
  sandbox.accept(token, { login: 'member' })
  expect((await ask(sandbox, '/user', { token })).body).toMatchObject({ login: 'member' })
})

test('a token is revoked where any other is good, and accepted again', async () => {
  await using sandbox = await startSandboxGitHub({ owners: OPTIONS.owners })
  const status = async (token: string) => (await ask(sandbox, '/orgs/acme', { token })).status
  sandbox.revoke('bad')
  expect([await status('bad'), await status('good')]).toEqual([401, 200])
  sandbox.accept('bad')
  expect(await status('bad')).toBe(200)
})

test('an account that was accepted stays what it was', async () => {
  await using sandbox = await startSandboxGitHub(OPTIONS)
  sandbox.accept('expired')
  expect((await ask(sandbox, '/user', { token: 'expired' })).body).toMatchObject({
    login: 'member',
  })
})

const WALLED = {
  owners: [
    { login: 'walled', type: 'Organization', names: ['a', 'b'], members: ['dev'], sso: true },
    { login: 'plain', type: 'Organization', names: ['c'], members: ['dev'] },
    {
      login: 'dev',
      type: 'User',
      repositories: [{ name: 'own' }],
    },
  ],
  accounts: {
    shut: { login: 'dev' },
    open: { login: 'dev', ssoAuthorised: ['Walled'] },
    fine: { login: 'dev', kind: 'fine-grained' },
  },
} as const satisfies SandboxGitHubOptions

test('single sign-on shuts a token out of an organisation, and says where to go', async () => {
  await using sandbox = await startSandboxGitHub(WALLED)
  const id = sandbox.repositories('walled')[0]?.id
  for (const path of [
    '/orgs/walled',
    '/orgs/walled/repos',
    '/orgs/walled/members',
    '/users/walled/repos',
    '/repos/walled/a',
    `/repositories/${id}`,
  ]) {
    const { status, headers } = await ask(sandbox, path, { token: 'shut' })
    expect(status, path).toBe(403)
    expect(headers.get('x-github-sso')).toMatch(
      /^required; url=https:\/\/github\.com\/orgs\/walled/,
    )
    expect((await ask(sandbox, path, { token: 'open' })).status, path).toBe(200)
    expect((await ask(sandbox, path, { token: 'fine' })).status, path).toBe(200)
  }
  expect((await ask(sandbox, '/orgs/plain/repos', { token: 'shut' })).status).toBe(200)
})

test('a listing across organisations leaves the shut one out, and names its number', async () => {
  await using sandbox = await startSandboxGitHub(WALLED)
  const { id } = (await ask(sandbox, '/orgs/walled')).body as { id: number }
  const shut = await ask(sandbox, '/user/repos', { token: 'shut' })
  expect([shut.status, column(shut, 'name')]).toEqual([200, ['own', 'c']])
  expect(shut.headers.get('x-github-sso')).toBe(`partial-results; organizations=${id}`)
  const open = await ask(sandbox, '/user/repos', { token: 'open' })
  expect(column(open, 'full_name')).toEqual(['dev/own', 'plain/c', 'walled/a', 'walled/b'])
  expect(open.headers.get('x-github-sso')).toBeNull()
})

test('GraphQL answers null for what is shut, and why', async () => {
  await using sandbox = await startSandboxGitHub(WALLED)
  const text = `{ organization(login: "walled") { login }
    repository(owner: "walled", name: "a") { name }
    viewer { repositories(first: 9, ownerAffiliations: [OWNER, ORGANIZATION_MEMBER], orderBy: { field: NAME, direction: ASC }) { nodes { name } } } }`
  const shut = await query(sandbox, text, { token: 'shut' })
  expect(shut.data).toEqual({
    organization: null,
    repository: null,
    viewer: { repositories: { nodes: [null, null, { name: 'c' }, { name: 'own' }] } },
  })
  expect(shut.errors).toHaveLength(4)
  for (const error of shut.errors ?? []) {
    expect(error).toMatchObject({ type: 'FORBIDDEN', extensions: { saml_failure: true } })
  }
  expect((await query(sandbox, text, { token: 'open' })).errors).toBeUndefined()
})
