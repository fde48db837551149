import { expect, test } from 'vitest'
import { type SandboxGitHub, startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { ask, query, testClock } from './ask.ts'

const owners = [{ login: 'acme', type: 'Organization', names: ['a'] }] as const
const VIEWER = '{ viewer { login } }'

const remaining = async (sandbox: SandboxGitHub, token?: string): Promise<number> =>
  Number((await ask(sandbox, '/orgs/acme', { token })).headers.get('x-ratelimit-remaining'))

test('the tokens of one account share its allowance, another account has its own', async () => {
  const accounts = { a1: { login: 'ada' }, a2: { login: 'ada' }, b: { login: 'ben' } }
  await using sandbox = await startSandboxGitHub({ owners, accounts })
  expect(await remaining(sandbox, 'a1')).toBe(4_999)
  expect(await remaining(sandbox, 'a2')).toBe(4_998)
  expect(await remaining(sandbox, 'b')).toBe(4_999)
  expect(await remaining(sandbox)).toBe(59)
  expect(sandbox.requests.map((request) => request.caller)).toEqual([
    'ada',
    'ada',
    'ben',
    'anonymous',
  ])
})

test('the log tells callers apart and never names a token', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  for (const token of ['secret-one', 'secret-two', 'secret-one']) await remaining(sandbox, token)
  expect(sandbox.requests.map((request) => request.caller)).toEqual([
    'viewer-1',
    'viewer-2',
    'viewer-1',
  ])
  expect(JSON.stringify(sandbox.requests)).not.toContain('secret')
})

test('an account can have a limit of its own, which is enforced', async () => {
  const clock = testClock()
  const accounts = { a1: { login: 'ada', limit: 2 }, a2: { login: 'ada' }, b: { login: 'ben' } }
  await using sandbox = await startSandboxGitHub({ owners, accounts, clock })
  const status = async (token: string) => (await ask(sandbox, '/orgs/acme', { token })).status
  expect([await status('a1'), await status('a2'), await status('a2')]).toEqual([200, 200, 403])
  expect(await status('b')).toBe(200)
  expect(sandbox.requests.map((request) => request.whileLimited)).toEqual([
    false,
    false,
    true,
    false,
  ])
  clock.advance(3_600_000)
  expect(await status('a1')).toBe(200)
})

test('REST and GraphQL have an allowance each; GraphQL says 200 when its own is spent', async () => {
  const accounts = { a: { login: 'ada', limit: 1 } }
  await using sandbox = await startSandboxGitHub({ owners, accounts })
  const token = 'a'
  expect((await query(sandbox, VIEWER, { token })).data).toEqual({ viewer: { login: 'ada' } })
  expect(await query(sandbox, VIEWER, { token })).toMatchObject({
    errors: [{ type: 'RATE_LIMITED' }],
  })
  expect((await ask(sandbox, '/orgs/acme', { token })).status).toBe(200)
  expect((await ask(sandbox, '/orgs/acme', { token })).status).toBe(403)
  expect(sandbox.requests.map((request) => [request.status, request.whileLimited])).toEqual([
    [200, false],
    [200, true],
    [200, false],
    [403, true],
  ])
  const { body } = await ask(sandbox, '/rate_limit', { token })
  expect(body).toMatchObject({
    resources: { core: { remaining: 0 }, graphql: { remaining: 0, used: 1 } },
  })
  expect(sandbox.requests.at(-1)?.whileLimited).toBe(false)
})

test('a primary limit is for what was asked for, a secondary one for everything', async () => {
  const clock = testClock()
  const accounts = { a1: { login: 'ada' }, a2: { login: 'ada' }, b: { login: 'ben' } }
  await using sandbox = await startSandboxGitHub({ owners, accounts, clock })
  const limited = async (token: string) => {
    await ask(sandbox, '/orgs/acme', { token })
    await query(sandbox, VIEWER, { token })
    await ask(sandbox, '/rate_limit', { token })
    return sandbox.requests.slice(-3).map((request) => request.whileLimited)
  }
  sandbox.inject({ kind: 'primary-limit', resetSeconds: 30 })
  await ask(sandbox, '/orgs/acme', { token: 'a1' })
  expect(await limited('a1')).toEqual([true, false, false])
  expect(await limited('a2')).toEqual([true, false, false])
  expect(await limited('b')).toEqual([false, false, false])
  clock.advance(30_000)
  expect(await limited('a1')).toEqual([false, false, false])
  sandbox.inject({ kind: 'secondary-limit', retryAfterSeconds: 10 })
  await ask(sandbox, '/orgs/acme', { token: 'a1' })
  expect(await limited('a2')).toEqual([true, true, false])
  expect(await limited('b')).toEqual([false, false, false])
  clock.advance(10_000)
  expect(await limited('a1')).toEqual([false, false, false])
})

test('a 304 is free to whoever is known, and to nobody else', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const again = async (token?: string) => {
    const { headers } = await ask(sandbox, '/orgs/acme', { token })
    const known = { 'if-none-match': headers.get('etag') ?? '' }
    const unchanged = await ask(sandbox, '/orgs/acme', { token, headers: known })
    expect(unchanged.status).toBe(304)
    return [headers, unchanged.headers].map((h) => Number(h.get('x-ratelimit-remaining')))
  }
  expect(await again('t')).toEqual([4_999, 4_999])
  expect(await again()).toEqual([59, 58])
  expect(sandbox.requests.map((request) => request.status)).toEqual([200, 304, 200, 304])
})

test('a server without limits tells of none', async () => {
  await using sandbox = await startSandboxGitHub({ owners, rateHeaders: false })
  const { headers } = await ask(sandbox, '/orgs/acme', { token: 't' })
  expect([...headers.keys()].filter((name) => name.startsWith('x-ratelimit'))).toEqual([])
  expect((await ask(sandbox, '/rate_limit', { token: 't' })).status).toBe(404)
  const { data } = await query(sandbox, '{ rateLimit { cost } viewer { login } }')
  expect(data.rateLimit).toBeNull()
})

test('the resource is named', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const rest = await ask(sandbox, '/orgs/acme')
  expect(rest.headers.get('x-ratelimit-resource')).toBe('core')
  const response = await fetch(`${sandbox.url}/graphql`, {
    method: 'POST',
    headers: { authorization: 'token t' },
    body: JSON.stringify({ query: VIEWER }),
  })
  expect(response.headers.get('x-ratelimit-resource')).toBe('graphql')
})

test('a refused token spends nobody’s allowance', async () => {
  await using sandbox = await startSandboxGitHub({ owners, tokens: [] })
  await remaining(sandbox, 'wrong')
  expect(await remaining(sandbox)).toBe(59)
})
