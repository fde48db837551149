import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { type SandboxGitHub, startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { PUBLIC_KEY, signedBy, statement } from './app-key.ts'
import { ask, query, testClock } from './ask.ts'

const start = (clock: { now(): number }) =>
  startSandboxGitHub({
    owners: [
      {
        login: 'acme',
        type: 'Organization',
        names: ['one', 'two'],
        repositories: [
          { name: 'secret', visibility: 'private' },
          { name: 'hidden', visibility: 'private' },
        ],
      },
      {
        login: 'other',
        type: 'Organization',
        repositories: [{ name: 'theirs', visibility: 'private' }],
      },
    ],
    apps: [
      {
        appId: 11,
        publicKey: PUBLIC_KEY,
        tokenSeconds: 600,
        installations: [
          { id: 1, account: 'acme', repositories: ['one', 'secret'] },
          { id: 2, account: 'other' },
        ],
      },
    ],
    clock,
  })

const mint = async (sandbox: SandboxGitHub, token: string, installation = 1) =>
  ask(sandbox, `/app/installations/${installation}/access_tokens`, { token, method: 'POST' })

const minted = async (sandbox: SandboxGitHub, now: number, installation = 1): Promise<string> =>
  ((await mint(sandbox, statement(11, now), installation)).body as { token: string }).token

interface Listing {
  total_count: number
  repository_selection: string
  repositories: { name: string }[]
}

const listing = async (sandbox: SandboxGitHub, token: string) => {
  const { body } = await ask(sandbox, '/installation/repositories', { token })
  const { repositories, ...rest } = body as Listing
  return { ...rest, names: repositories.map((row) => row.name).toSorted() }
}

test('a signed statement buys a token that lists what the installation was given', async () => {
  const clock = testClock()
  await using sandbox = await start(clock)
  const { status, body } = await mint(sandbox, statement(11, clock.now()))
  expect([status, body]).toMatchObject([
    201,
    {
      token: expect.stringMatching(/^ghs_[0-9a-f]{36}$/),
      expires_at: '2025-01-01T00:10:00Z',
      repository_selection: 'selected',
    },
  ])
  const { token } = body as { token: string }
  expect(await listing(sandbox, token)).toEqual({
    total_count: 2,
    repository_selection: 'selected',
    names: ['one', 'secret'],
  })
  const all = await minted(sandbox, clock.now(), 2)
  expect(await listing(sandbox, all)).toMatchObject({ repository_selection: 'all', total_count: 1 })
  sandbox.add('other', 'late', { visibility: 'private' })
  expect((await listing(sandbox, all)).names).toEqual(['late', 'theirs'])
})

test('a token can be had without asking for it', async () => {
  await using sandbox = await start(testClock())
  expect(await listing(sandbox, sandbox.mintToken(1))).toMatchObject({ total_count: 2 })
  expect(() => sandbox.mintToken(9)).toThrow('no installation 9')
})

test('an installation sees what is public, and of the rest what it was given', async () => {
  const clock = testClock()
  await using sandbox = await start(clock)
  const token = await minted(sandbox, clock.now())
  const names = async (org: string) =>
    ((await ask(sandbox, `/orgs/${org}/repos`, { token })).body as { name: string }[])
      .map((row) => row.name)
      .toSorted()
  expect(await names('acme')).toEqual(['one', 'secret', 'two'])
  expect(await names('other')).toEqual([])
  const { data } = await query(sandbox, '{ viewer { login } }', { token })
  expect(data.viewer.login).toBe('app-11[bot]')
  sandbox.rename('acme/secret', 'renamed')
  expect(await names('acme')).toEqual(['one', 'renamed', 'two'])
  const { headers } = await ask(sandbox, '/orgs/acme', { token })
  expect(headers.get('x-oauth-scopes')).toBeNull()
})

test('a token runs out by the clock of the sandbox; one made before goes on to its own time', async () => {
  const clock = testClock()
  await using sandbox = await start(clock)
  const first = await minted(sandbox, clock.now())
  clock.advance(300_000)
  const second = await minted(sandbox, clock.now())
  expect(second).not.toBe(first)
  const status = async (token: string) => (await ask(sandbox, '/orgs/acme', { token })).status
  clock.advance(299_999)
  expect([await status(first), await status(second)]).toEqual([200, 200])
  clock.advance(1)
  expect([await status(first), await status(second)]).toEqual([401, 200])
  sandbox.revoke(second)
  expect(await status(second)).toBe(401)
})

const AT = Date.parse('2025-01-01T00:00:00Z') / 1000
const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

test.each([
  ['of another key', signedBy({ iss: 11, iat: AT, exp: AT + 60 }, { key: other }), 401, 'decoded'],
  [
    'of another algorithm',
    signedBy({ iss: 11, iat: AT, exp: AT + 60 }, { alg: 'HS256' }),
    401,
    'decoded',
  ],
  ['of another app', signedBy({ iss: 12, iat: AT, exp: AT + 60 }), 404, 'Integration not found'],
  ['that is over', signedBy({ iss: 11, iat: AT - 300, exp: AT - 61 }), 401, "('exp')"],
  [
    'that lasts too long',
    signedBy({ iss: 11, iat: AT, exp: AT + 661 }),
    401,
    'too far in the future',
  ],
  ['from the future', signedBy({ iss: 11, iat: AT + 61, exp: AT + 120 }), 401, "('iat')"],
  ['without times', signedBy({ iss: 11 }), 401, "('iat')"],
])('a statement %s buys nothing', async (_, token, status, message) => {
  await using sandbox = await start(testClock())
  const refused = await mint(sandbox, token)
  expect([refused.status, refused.body]).toMatchObject([
    status,
    { message: expect.stringContaining(message) },
  ])
})

test('a statement a minute off, either way, is good', async () => {
  await using sandbox = await start(testClock())
  for (const claims of [
    { iat: AT + 60, exp: AT + 660 },
    { iat: AT - 600, exp: AT - 60 },
  ]) {
    expect((await mint(sandbox, signedBy({ iss: '11', ...claims }))).status).toBe(201)
  }
})

test('a statement is for buying tokens alone', async () => {
  const clock = testClock()
  await using sandbox = await start(clock)
  const token = statement(11, clock.now())
  expect((await ask(sandbox, '/orgs/acme/repos', { token })).status).toBe(401)
  expect(await query(sandbox, '{ viewer { login } }', { token })).toMatchObject({ status: '401' })
  expect((await ask(sandbox, '/orgs/acme/installation', { token })).body).toMatchObject({ id: 1 })
  expect(sandbox.requests.map((request) => request.caller)).toEqual(['app:11', 'app:11', 'app:11'])
})

test('an allowance is the installation’s, whichever of its tokens asks', async () => {
  const clock = testClock()
  await using sandbox = await start(clock)
  const tokens = [await minted(sandbox, clock.now()), await minted(sandbox, clock.now())]
  const other = await minted(sandbox, clock.now(), 2)
  const remaining = async (token = '') =>
    (await ask(sandbox, '/orgs/acme', { token })).headers.get('x-ratelimit-remaining')
  expect(await remaining(tokens[0])).toBe('4999')
  expect(await remaining(tokens[1])).toBe('4998')
  expect(await remaining(other)).toBe('4999')
  expect(sandbox.requests.slice(-3).map((request) => request.caller)).toEqual([
    'installation:1',
    'installation:1',
    'installation:2',
  ])
})

test('what an app names must be there', async () => {
  const app = { appId: 1, publicKey: PUBLIC_KEY }
  await expect(
    startSandboxGitHub({
      owners: [],
      apps: [{ ...app, installations: [{ id: 1, account: 'x' }] }],
    }),
  ).rejects.toThrow('no owner "x"')
})
