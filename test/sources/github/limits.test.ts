import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type SandboxGitHub, startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import { RetryLaterError } from '../../../src/domain/errors.ts'
import { systemClock } from '../../../src/domain/clock.ts'
import type { JsonValue } from '../../../src/domain/json.ts'
import { githubSource, githubSpec } from '../../../src/sources/github/index.ts'
import { contextOf, madeUpNames, testClock, withoutToken, withToken } from './walk.ts'

const owners = ['alpha', 'beta', 'gamma', 'delta'].map((login) => ({
  login,
  type: 'Organization' as const,
  names: madeUpNames(120),
}))

type Source = ReturnType<typeof githubSource>

const firstPage = (
  source: Source,
  sandbox: SandboxGitHub,
  context: Parameters<typeof contextOf>[0],
  org = 'alpha',
) => {
  const spec = githubSpec.parse({ org, baseUrl: sandbox.url, perPage: 20 })
  return source.enumerate(spec, undefined, contextOf(context))[Symbol.asyncIterator]().next()
}

test.each([
  { fault: { kind: 'primary-limit', resetSeconds: 90 }, waitMs: 91_000 },
  { fault: { kind: 'primary-limit', status: 429, resetSeconds: 90 }, waitMs: 91_000 },
  { fault: { kind: 'graphql-limit', resetSeconds: 90 }, waitMs: 91_000 },
  { fault: { kind: 'secondary-limit', retryAfterSeconds: 7 }, waitMs: 7_000 },
  { fault: { kind: 'secondary-limit', status: 429, retryAfterSeconds: 7 }, waitMs: 7_000 },
  { fault: { kind: 'secondary-limit' }, waitMs: 60_000 },
  { fault: { kind: 'secondary-limit', status: 429 }, waitMs: 60_000 },
] as const)(
  '$fault.kind $fault.status is waited for as GitHub says: $waitMs ms',
  async ({ fault, waitMs }) => {
    const clock = testClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, faults: [fault] })
    const error = await firstPage(githubSource(), sandbox, { clock }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(RetryLaterError)
    expect((error as RetryLaterError).retryAt - clock.now()).toBe(waitMs)
  },
)

test('a limit that does not say for how long is waited for longer each time', async () => {
  const clock = testClock()
  const faults = [0, 1, 2].map(() => ({ kind: 'secondary-limit', limitedSeconds: 1 }) as const)
  await using sandbox = await startSandboxGitHub({ owners, clock, faults })
  const source = githubSource()
  const waits: number[] = []
  for (let at = 0; at < 3; at += 1) {
    const error = (await firstPage(source, sandbox, { clock }).catch(
      (e: unknown) => e,
    )) as RetryLaterError
    waits.push(error.retryAt - clock.now())
    clock.advanceTo(error.retryAt)
  }
  expect(waits).toEqual([60_000, 120_000, 240_000])
})

test.each([
  { kind: 'primary-limit' },
  { kind: 'secondary-limit', retryAfterSeconds: 2 },
  { kind: 'graphql-limit' },
] as const)('while a $kind holds, no walk with its credential sends anything', async (fault) => {
  const clock = testClock()
  await using sandbox = await startSandboxGitHub({
    owners,
    clock,
    faults: [fault],
  })
  const source = githubSource()
  const context = { clock, authRef: 'ci' }
  const results = await Promise.allSettled(
    owners.map(({ login }) => firstPage(source, sandbox, context, login)),
  )
  expect(results.map((r) => r.status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected'])
  expect(sandbox.requests).toHaveLength(1)
  const other = firstPage(source, sandbox, { clock, authRef: 'other', credentials: withoutToken })
  await expect(other).resolves.toMatchObject({ done: false })
  clock.advanceTo(clock.now() + 2_000)
  await expect(firstPage(source, sandbox, context)).resolves.toMatchObject({ done: false })
})

test('a page that spends the allowance is kept, and the next one waits', async () => {
  const clock = testClock()
  const rateLimit = { limit: 2, windowSeconds: 60 }
  await using sandbox = await startSandboxGitHub({ owners, clock, rateLimit })
  const spec = githubSpec.parse({ org: 'alpha', baseUrl: sandbox.url, perPage: 20 })
  const pages = githubSource().enumerate(spec, undefined, contextOf({ clock }))
  const iterator = pages[Symbol.asyncIterator]()
  await expect(iterator.next()).resolves.toMatchObject({ done: false })
  await expect(iterator.next()).resolves.toMatchObject({ done: false })
  await expect(iterator.next()).rejects.toMatchObject({ retryAt: clock.now() + 61_000 })
  expect(sandbox.requests).toHaveLength(2)
})

/** Walks by real time, as long as it takes. */
const walkInRealTime = async (
  source: Source,
  sandbox: SandboxGitHub,
  org: string,
  credentials: typeof withToken,
) => {
  const spec = githubSpec.parse({ org, baseUrl: sandbox.url, perPage: 20 })
  const context = { ...contextOf({ credentials, authRef: 'ci' }), clock: systemClock }
  let cursor: JsonValue | undefined
  let items = 0
  for (;;) {
    try {
      for await (const page of source.enumerate(spec, cursor, context)) {
        cursor = page.cursor
        items += page.items.length
      }
      return items
    } catch (error) {
      if (!(error instanceof RetryLaterError)) throw error
      await sleep(Math.max(0, error.retryAt - Date.now()))
    }
  }
}

test.each([
  { api: 'GraphQL', credentials: withToken },
  { api: 'REST', credentials: withoutToken },
])(
  'four walks at once share one allowance and never overdraw it ($api)',
  async ({ credentials }) => {
    const rateLimit = { limit: 16, windowSeconds: 1 }
    await using sandbox = await startSandboxGitHub({ owners, rateLimit, latencyMs: 3 })
    const source = githubSource()
    const counts = await Promise.all(
      owners.map(({ login }) => walkInRealTime(source, sandbox, login, credentials)),
    )
    expect(counts).toEqual([120, 120, 120, 120])
    expect(sandbox.requestsWhileLimited).toBe(0)
  },
)
