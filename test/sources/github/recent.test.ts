import { expect, test } from 'vitest'
import { startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import { githubSource } from '../../../src/sources/github/index.ts'
import { RecentPositions } from '../../../src/sources/github/recent.ts'
import { madeUpNames, testClock, walk, withoutToken, withToken } from './walk.ts'

test('a position is recent for a minute, in the process that reached it', () => {
  const recent = new RecentPositions()
  recent.reach({ a: [1] }, 1_000)
  expect(recent.has({ a: [1] }, 1_000)).toBe(true)
  expect(recent.has({ a: [1] }, 61_000)).toBe(true)
  expect(recent.has({ a: [1] }, 61_001)).toBe(false)
  expect(recent.has({ a: [1] }, 999)).toBe(false)
  expect(recent.has({ a: [2] }, 1_000)).toBe(false)
  expect(recent.has(undefined, 1_000)).toBe(false)
  expect(new RecentPositions().has({ a: [1] }, 1_000)).toBe(false)
})

test('the oldest are forgotten', () => {
  const recent = new RecentPositions()
  for (let n = 0; n <= 1_000; n += 1) recent.reach(n, 0)
  expect(recent.has(0, 0)).toBe(false)
  expect(recent.has(1, 0)).toBe(true)
})

test.each([
  { api: 'GraphQL', credentials: withToken, pages: 4 },
  { api: 'REST', credentials: withoutToken, pages: 4 },
])(
  'after an error the page before is not read again, after a long wait it is ($api)',
  async ({ credentials, pages }) => {
    // After everything was created: what is newer than the walk would be read twice.
    const clock = testClock(Date.parse('2026-01-01T00:00:00Z'))
    const options = {
      owners: [{ login: 'octo', type: 'Organization' as const, names: madeUpNames(130) }],
      clock,
    }
    const requestsWith = async (fault: 'error' | 'wait' | null) => {
      await using sandbox = await startSandboxGitHub({
        ...options,
        faults: [
          null,
          null,
          fault === 'error' ? { kind: 'server-error', status: 500 } : null,
          fault === 'wait' ? { kind: 'secondary-limit', retryAfterSeconds: 600 } : null,
        ],
      })
      const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 40 }
      const walked = await walk({ source: githubSource(), spec, credentials, clock })
      expect(walked.pages).toHaveLength(pages)
      return sandbox.requests.length
    }
    const undisturbed = await requestsWith(null)
    expect(await requestsWith('error')).toBe(undisturbed + 1)
    expect(await requestsWith('wait')).toBe(undisturbed + 2)
  },
)
