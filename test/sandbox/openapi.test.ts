import { expect, test } from 'vitest'
import { type SandboxGitHub, startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { PUBLIC_KEY, statement } from './app-key.ts'
import { ask, type Asking } from './ask.ts'
import { problemsOf, queryParametersOf, statusesOf, typesIn, valuesOf } from './openapi.ts'

const INSTALLATION = 7

/** A sandbox that has one of everything. */
const everything = (): Promise<SandboxGitHub> =>
  startSandboxGitHub({
    owners: [
      {
        login: 'acme',
        type: 'Organization',
        names: ['one', 'two', 'three'],
        repositories: [
          { name: 'secret', visibility: 'private', topics: ['a', 'b'] },
          { name: 'inner', visibility: 'internal', language: null },
          { name: 'empty', empty: true },
          { name: 'stopped', disabled: true, archived: true, fork: true },
          { name: 'taken', dmca: true },
          { name: 'old' },
        ],
        members: ['ada', 'ben'],
      },
      { login: 'walled', type: 'Organization', names: ['x'], members: ['ada'], sso: true },
      { login: 'ada', type: 'User', names: ['own', 'more'], gists: 3, secretGists: 1 },
    ],
    tokens: ['free'],
    accounts: {
      ada: { login: 'ada' },
      expired: { login: 'ada', expired: true },
      guest: { login: 'guest', kind: 'fine-grained' },
    },
    apps: [
      { appId: 1, publicKey: PUBLIC_KEY, installations: [{ id: INSTALLATION, account: 'acme' }] },
    ],
  })

interface Case {
  readonly template: string
  readonly path: string
  readonly status: number
  /** Whose token; `app` signs. Default: nobody's. */
  readonly as?: string
  readonly method?: string
}

const CASES: readonly Case[] = [
  { template: '/orgs/{org}', path: '/orgs/acme', status: 200 },
  { template: '/orgs/{org}', path: '/orgs/acme', as: 'ada', status: 200 },
  { template: '/orgs/{org}', path: '/orgs/nobody', status: 404 },
  { template: '/orgs/{org}', path: '/orgs/walled', as: 'ada', status: 403 },
  { template: '/orgs/{org}', path: '/orgs/acme', as: 'wrong', status: 401 },
  { template: '/orgs/{org}/repos', path: '/orgs/acme/repos', status: 200 },
  { template: '/orgs/{org}/repos', path: '/orgs/acme/repos?per_page=2', as: 'ada', status: 200 },
  { template: '/orgs/{org}/repos', path: '/organizations/ORG/repos', as: 'ada', status: 200 },
  { template: '/orgs/{org}/repos', path: '/orgs/nobody/repos', status: 404 },
  { template: '/orgs/{org}/repos', path: '/orgs/walled/repos', as: 'ada', status: 403 },
  { template: '/orgs/{org}/members', path: '/orgs/acme/members', as: 'ada', status: 200 },
  { template: '/orgs/{org}/members', path: '/organizations/ORG/members?per_page=1', status: 200 },
  { template: '/orgs/{org}/members', path: '/orgs/walled/members', as: 'ada', status: 403 },
  { template: '/orgs/{org}/members', path: '/orgs/ada/members', status: 404 },
  { template: '/organizations', path: '/organizations?since=0&per_page=1', status: 200 },
  { template: '/users/{username}', path: '/users/ada', status: 200 },
  { template: '/users/{username}', path: '/users/nobody', status: 404 },
  { template: '/user/{account_id}', path: '/user/USER', status: 200 },
  { template: '/users/{username}/repos', path: '/users/ada/repos', status: 200 },
  { template: '/users/{username}/repos', path: '/user/USER/repos?per_page=1', status: 200 },
  { template: '/users/{username}/repos', path: '/users/nobody/repos', status: 404 },
  { template: '/users/{username}/gists', path: '/users/ada/gists', status: 200 },
  { template: '/users/{username}/gists', path: '/user/USER/gists?per_page=2', status: 200 },
  { template: '/users/{username}/gists', path: '/users/nobody/gists', status: 404 },
  { template: '/gists', path: '/gists', as: 'ada', status: 200 },
  { template: '/gists', path: '/gists', status: 200 },
  { template: '/gists', path: '/gists', as: 'installation', status: 403 },
  { template: '/gists/{gist_id}', path: '/gists/GIST', status: 200 },
  { template: '/gists/{gist_id}', path: '/gists/0123456789abcdef', status: 404 },
  { template: '/user', path: '/user', as: 'ada', status: 200 },
  { template: '/user', path: '/user', as: 'guest', status: 200 },
  { template: '/user', path: '/user', status: 401 },
  { template: '/user', path: '/user', as: 'expired', status: 401 },
  { template: '/user', path: '/user', as: 'installation', status: 403 },
  { template: '/user/repos', path: '/user/repos', as: 'ada', status: 200 },
  { template: '/user/repos', path: '/user/repos?affiliation=owner', as: 'free', status: 200 },
  { template: '/user/repos', path: '/user/repos', status: 401 },
  { template: '/user/repos', path: '/user/repos', as: 'installation', status: 403 },
  {
    template: '/user/repos',
    path: '/user/repos?type=all&visibility=all',
    as: 'ada',
    status: 422,
  },
  { template: '/repos/{owner}/{repo}', path: '/repos/acme/one', status: 200 },
  { template: '/repos/{owner}/{repo}', path: '/repos/acme/secret', as: 'ada', status: 200 },
  { template: '/repos/{owner}/{repo}', path: '/repos/acme/empty', status: 200 },
  { template: '/repos/{owner}/{repo}', path: '/repos/acme/stopped', status: 200 },
  { template: '/repos/{owner}/{repo}', path: '/repositories/REPOSITORY', status: 200 },
  { template: '/repos/{owner}/{repo}', path: '/repositories/1', status: 404 },
  { template: '/repos/{owner}/{repo}', path: '/repos/acme/old', status: 301 },
  { template: '/repos/{owner}/{repo}', path: '/repos/walled/x', as: 'ada', status: 403 },
  { template: '/repos/{owner}/{repo}', path: '/repos/acme/secret', status: 404 },
  { template: '/repos/{owner}/{repo}', path: '/repos/acme/secret', as: 'guest', status: 404 },
  { template: '/repos/{owner}/{repo}', path: '/repos/acme/taken', status: 451 },
  {
    template: '/installation/repositories',
    path: '/installation/repositories?per_page=2',
    as: 'installation',
    status: 200,
  },
  { template: '/installation/repositories', path: '/installation/repositories', status: 401 },
  {
    template: '/installation/repositories',
    path: '/installation/repositories',
    as: 'ada',
    status: 403,
  },
  { template: '/app/installations', path: '/app/installations', as: 'ada', status: 401 },
  {
    template: '/app/installations/{installation_id}',
    path: `/app/installations/${INSTALLATION}`,
    as: 'app',
    status: 200,
  },
  {
    template: '/app/installations/{installation_id}',
    path: '/app/installations/8',
    as: 'app',
    status: 404,
  },
  { template: '/orgs/{org}/installation', path: '/orgs/acme/installation', as: 'app', status: 200 },
  {
    template: '/users/{username}/installation',
    path: '/users/acme/installation',
    as: 'app',
    status: 200,
  },
  {
    template: '/app/installations/{installation_id}/access_tokens',
    path: `/app/installations/${INSTALLATION}/access_tokens`,
    method: 'POST',
    as: 'app',
    status: 201,
  },
  {
    template: '/app/installations/{installation_id}/access_tokens',
    path: '/app/installations/8/access_tokens',
    method: 'POST',
    as: 'app',
    status: 404,
  },
  {
    template: '/app/installations/{installation_id}/access_tokens',
    path: `/app/installations/${INSTALLATION}/access_tokens`,
    method: 'POST',
    as: 'ada',
    status: 401,
  },
  { template: '/rate_limit', path: '/rate_limit', as: 'ada', status: 200 },
]

const tokenOf = async (sandbox: SandboxGitHub, as: string): Promise<Asking> => {
  if (as === 'nobody') return {}
  if (as !== 'app' && as !== 'installation') return { token: as }
  const signed: Asking = { token: statement(1, Date.now()) }
  if (as === 'app') return signed
  const path = `/app/installations/${INSTALLATION}/access_tokens`
  const { body } = await ask(sandbox, path, { ...signed, method: 'POST' })
  return { token: (body as { token: string }).token }
}

/** The numbers that only the sandbox knows. */
const withNumbers = async (sandbox: SandboxGitHub, path: string): Promise<string> => {
  const id = async (of: string) => String(((await ask(sandbox, of)).body as { id: number }).id)
  return path
    .replace('ORG', await id('/orgs/acme'))
    .replace('USER', await id('/users/ada'))
    .replace('REPOSITORY', await id('/repos/acme/one'))
    .replace('GIST', String(sandbox.gists('ada')[0]?.id))
}

test.each(CASES.map((one) => ({ method: 'GET', as: 'nobody', ...one })))(
  '$method $path as $as is answered $status, as GitHub describes it',
  async ({ template, path, status, as, method }) => {
    await using sandbox = await everything()
    sandbox.rename('acme/old', 'new')
    const asking = { ...(await tokenOf(sandbox, as)), method }
    const reply = await ask(sandbox, await withNumbers(sandbox, path), asking)
    expect(reply.status, JSON.stringify(reply.body)).toBe(status)
    expect(problemsOf({ method, template, status }, reply.body)).toEqual([])
  },
)

test('every route of the sandbox answers well here at least once', async () => {
  const answered = new Set(CASES.filter((one) => one.status < 300).map((one) => one.template))
  expect(answered.size).toBe(19)
  for (const template of answered) {
    const method = template.endsWith('access_tokens') ? 'POST' : 'GET'
    expect(statusesOf(method, template), template).toContain(method === 'POST' ? '201' : '200')
  }
})

test('installations are listed as each is answered by itself', async () => {
  // The listing's own description wants an account to be a user and an enterprise at once.
  const template = '/app/installations/{installation_id}'
  await using sandbox = await everything()
  const { body } = await ask(sandbox, '/app/installations', await tokenOf(sandbox, 'app'))
  expect(body).toMatchObject([{ id: INSTALLATION, account: { login: 'acme' } }])
  for (const row of body as unknown[]) {
    expect(problemsOf({ method: 'GET', template, status: 200 }, row)).toEqual([])
  }
})

test('a body with a field of another type is seen', () => {
  const operation = { method: 'GET', template: '/orgs/{org}/repos', status: 200 }
  expect(problemsOf(operation, [{ id: 'text' }]).map((problem) => problem.message)).toContain(
    "must have required property 'node_id'",
  )
})

test.each([
  ['/orgs/{org}/repos', ['type', 'sort', 'direction', 'per_page', 'page']],
  ['/users/{username}/repos', ['type', 'sort', 'direction', 'per_page', 'page']],
  [
    '/user/repos',
    [
      'visibility',
      'affiliation',
      'type',
      'sort',
      'direction',
      'per_page',
      'page',
      'since',
      'before',
    ],
  ],
  ['/organizations', ['since', 'per_page']],
  ['/orgs/{org}/members', ['per_page', 'page']],
  ['/users/{username}/gists', ['since', 'per_page', 'page']],
  ['/gists', ['since', 'per_page', 'page']],
  ['/installation/repositories', ['per_page', 'page']],
  ['/app/installations', ['per_page', 'page']],
])('%s takes the parameters that the sandbox heeds', (template, names) => {
  expect(queryParametersOf('GET', template)).toEqual(expect.arrayContaining(names))
})

test('the words that are sent in them are words of GitHub', () => {
  for (const template of ['/orgs/{org}/repos', '/users/{username}/repos', '/user/repos']) {
    expect(valuesOf('GET', template, 'sort')).toContain('created')
    expect(valuesOf('GET', template, 'direction')).toContain('asc')
  }
  expect(valuesOf('GET', '/orgs/{org}/repos', 'type')).toEqual(
    expect.arrayContaining(['all', 'public', 'private', 'forks', 'sources', 'member']),
  )
})

test('internal repositories can be asked for where there are some', () => {
  expect(typesIn('ghec')).toContain('internal')
  expect(typesIn('ghes-3.17')).toContain('internal')
  expect(typesIn('api.github.com')).not.toContain('internal')
})
