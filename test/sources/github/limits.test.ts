import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type SandboxGitHub, startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import type { AuthConfig } from '../../../src/config/auth.ts'
import { systemClock } from '../../../src/domain/clock.ts'
import { RetryLaterError } from '../../../src/domain/errors.ts'
import { createAccess } from '../../../src/sources/github/connect.ts'
import { accessTo, stoppedClock, thrownBy, tokenOf } from './access-support.ts'

const owners = ['alpha', 'beta'].map((login) => ({
  login,
  type: 'Organization' as const,
  names: Array.from({ length: 20 }, (_, at) => `repository-${at + 1}`),
}))

const token = tokenOf('limits')
const QUERY = '{ viewer { login } rateLimit { cost remaining resetAt } }'
const PAGE = '/orgs/alpha/repos?per_page=10'

/** Both APIs, as one page asks them. */
const asks = (way: ReturnType<typeof accessTo>) => ({
  REST: () => way.get(PAGE),
  GraphQL: () => way.query(QUERY),
})
type Api = keyof ReturnType<typeof asks>
const APIS: readonly Api[] = ['REST', 'GraphQL']

test.each([
  { fault: { kind: 'primary-limit', resetSeconds: 90 }, waitMs: 91_000 },
  { fault: { kind: 'primary-limit', status: 429, resetSeconds: 90 }, waitMs: 91_000 },
  { fault: { kind: 'secondary-limit', retryAfterSeconds: 7 }, waitMs: 7_000 },
  { fault: { kind: 'secondary-limit', status: 429, retryAfterSeconds: 7 }, waitMs: 7_000 },
  { fault: { kind: 'secondary-limit' }, waitMs: 60_000 },
  { fault: { kind: 'secondary-limit', status: 429 }, waitMs: 60_000 },
] as const)(
  '$fault.kind $fault.status is waited for as GitHub says: $waitMs ms',
  async ({ fault, waitMs }) => {
    for (const api of APIS) {
      const clock = stoppedClock()
      await using sandbox = await startSandboxGitHub({ owners, clock, faults: [fault] })
      const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token } })
      const error = await thrownBy(asks(way)[api]())
      expect(error).toBeInstanceOf(RetryLaterError)
      expect((error as RetryLaterError).retryAt - clock.now(), api).toBe(waitMs)
    }
  },
)

test.each(['RATE_LIMITED', 'RATE_LIMIT'] as const)(
  'a 200 that says %s among its errors is a limit',
  async (type) => {
    const clock = stoppedClock()
    const faults = [{ kind: 'graphql-limit', type, resetSeconds: 90 }] as const
    await using sandbox = await startSandboxGitHub({ owners, clock, faults })
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token } })
    expect(await thrownBy(way.query(QUERY))).toMatchObject({ retryAt: clock.now() + 91_000 })
  },
)

test('a limit that does not say for how long is waited for longer each time', async () => {
  const clock = stoppedClock()
  const faults = [0, 1, 2].map(() => ({ kind: 'secondary-limit', limitedSeconds: 1 }) as const)
  await using sandbox = await startSandboxGitHub({ owners, clock, faults })
  const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token } })
  const waits: number[] = []
  for (let at = 0; at < 3; at += 1) {
    const error = (await thrownBy(way.get(PAGE))) as RetryLaterError
    waits.push(error.retryAt - clock.now())
    clock.passTo(error.retryAt)
  }
  expect(waits).toEqual([60_000, 120_000, 240_000])
})

test.each([
  { kind: 'secondary-limit' },
  { kind: 'secondary-limit', retryAfterSeconds: 30 },
] as const)(
  'while a $kind holds, nothing with its credential is sent, queued or new, to either API',
  async (fault) => {
    const clock = stoppedClock()
    const faults = [fault]
    await using sandbox = await startSandboxGitHub({ owners, clock, faults, latencyMs: 5 })
    const access = createAccess()
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token }, access })
    const { REST, GraphQL } = asks(way)
    const results = await Promise.allSettled([REST(), GraphQL(), REST(), GraphQL()])
    const errors = results.map((result) => result.status === 'rejected' && result.reason)
    expect(errors.every((error) => error instanceof RetryLaterError)).toBe(true)
    expect(await thrownBy(GraphQL())).toBeInstanceOf(RetryLaterError)
    expect(sandbox.requests).toHaveLength(1)
    const anonymous: AuthConfig = { type: 'none' }
    const other = accessTo({ baseUrl: sandbox.url, clock, auth: anonymous, authRef: 'b', access })
    await expect(other.get(PAGE)).resolves.toMatchObject({ status: 200 })
    clock.pass(60_000)
    await expect(REST()).resolves.toMatchObject({ status: 200 })
    expect(sandbox.requestsWhileLimited).toBe(0)
  },
)

test('a page that spends the allowance is kept, and the next one waits', async () => {
  const clock = stoppedClock()
  const rateLimit = { limit: 2, windowSeconds: 60 }
  await using sandbox = await startSandboxGitHub({ owners, clock, rateLimit })
  const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token } })
  await expect(way.get(PAGE)).resolves.toMatchObject({ status: 200 })
  await expect(way.get(PAGE)).resolves.toMatchObject({ status: 200 })
  expect(await thrownBy(way.get(PAGE))).toMatchObject({ retryAt: clock.now() + 61_000 })
  expect(sandbox.requests).toHaveLength(2)
  // The other API has an allowance of its own.
  await expect(way.query(QUERY)).resolves.toMatchObject({ status: 200 })
})

test.each([
  { reserve: undefined, used: 95 },
  { reserve: 0, used: 100 },
  { reserve: 30, used: 70 },
  { reserve: '20%', used: 80 },
  { reserve: 1_000, used: 50 },
])('with a reserve of $reserve, $used of 100 points are used', async ({ reserve, used }) => {
  const clock = stoppedClock()
  const rateLimit = { limit: 100, windowSeconds: 3_600 }
  await using sandbox = await startSandboxGitHub({ owners, clock, rateLimit })
  const auth = { token, ...(reserve === undefined ? {} : { reserve }) }
  const way = accessTo({ baseUrl: sandbox.url, clock, auth })
  const walking = async () => {
    for (;;) await way.get('/orgs/alpha')
  }
  expect(await thrownBy(walking())).toMatchObject({ retryAt: clock.now() + 3_601_000 })
  expect(sandbox.requests).toHaveLength(used)
})

test('walks without a credential leave nothing, for there is little', async () => {
  const clock = stoppedClock()
  const rateLimit = { limit: 60, windowSeconds: 3_600 }
  await using sandbox = await startSandboxGitHub({ owners, clock, rateLimit })
  const way = accessTo({ baseUrl: sandbox.url, clock, auth: { type: 'none' } })
  const walking = async () => {
    for (;;) await way.get('/orgs/alpha')
  }
  expect(await thrownBy(walking())).toBeInstanceOf(RetryLaterError)
  expect(sandbox.requests).toHaveLength(60)
})

test('an Enterprise Server that tells of no limits is not held to any', async () => {
  const clock = stoppedClock()
  await using sandbox = await startSandboxGitHub({ owners, clock, rateHeaders: false })
  const way = accessTo({ baseUrl: sandbox.enterpriseUrl, clock, auth: { token } })
  for (let at = 0; at < 1_000; at += 1) await way.get('/orgs/alpha')
  expect(sandbox.requests.every(({ status }) => status === 200)).toBe(true)
  await expect(way.query(QUERY)).resolves.toMatchObject({ status: 200 })
})

test('github.com is asked less often than its limit of points a minute', async () => {
  const clock = stoppedClock()
  await using sandbox = await startSandboxGitHub({ owners, clock })
  const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token } })
  const walking = async () => {
    for (;;) await way.get('/orgs/alpha')
  }
  expect(await thrownBy(walking())).toMatchObject({ retryAt: clock.now() + 60_000 })
  expect(sandbox.requests.length).toBeLessThan(900)
})

/** Asks by real time, as often as told, waiting as told. */
const walkInRealTime = async (way: ReturnType<typeof accessTo>, api: Api, pages: number) => {
  for (let page = 0; page < pages;) {
    try {
      await asks(way)[api]()
      page += 1
    } catch (error) {
      if (!(error instanceof RetryLaterError)) throw error
      await sleep(Math.max(0, error.retryAt - Date.now()))
    }
  }
  return pages
}

test.each([
  { api: 'GraphQL', auth: { token } },
  { api: 'REST', auth: { token } },
  { api: 'REST', auth: { type: 'none' } },
] as const)(
  'four walks of two sources share one allowance and never overdraw it ($api, $auth)',
  async ({ api, auth }) => {
    const rateLimit = { limit: 16, windowSeconds: 1 }
    await using sandbox: SandboxGitHub = await startSandboxGitHub({
      owners,
      rateLimit,
      latencyMs: 3,
    })
    const ways = ['a', 'a', 'b', 'b'].map((authRef) =>
      accessTo({ baseUrl: sandbox.url, clock: systemClock, auth, authRef }),
    )
    const counts = await Promise.all(ways.map((way) => walkInRealTime(way, api, 6)))
    expect(counts).toEqual([6, 6, 6, 6])
    expect(sandbox.requestsWhileLimited).toBe(0)
  },
)
