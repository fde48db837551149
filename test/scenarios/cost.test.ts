import { describe, expect, test } from 'vitest'
import type { SandboxGitHub } from '../../examples/sandbox/github.ts'
import { TOKEN, walkThrough, type WalkParams } from './walk.ts'

const THOUSAND = Array.from({ length: 1_000 }, (_, i) => `repo-${String(i).padStart(4, '0')}`)
const params: WalkParams = {
  sandbox: { owners: [{ login: 'acme', type: 'Organization', names: THOUSAND }] },
  github: { org: 'acme' },
}

/** What the last session spent of each allowance, by the server's account: a 304 is free to who is authorised. */
function spent(sandbox: SandboxGitHub, from: number) {
  const requests = sandbox.requests.slice(from)
  return {
    requests: requests.length,
    unmodified: requests.filter(({ status }) => status === 304).length,
  }
}

async function walkTwice(more: Partial<WalkParams>, change: (sandbox: SandboxGitHub) => void) {
  let from = 0
  const walked = await walkThrough({
    ...params,
    ...more,
    target: { onlyChanged: true },
    between: [
      (sandbox) => {
        from = sandbox.requests.length
        change(sandbox)
      },
    ],
  })
  await using sandbox = walked.sandbox
  const [first, second] = walked.sessions.map(({ comparison, completeness, metrics }) => ({
    comparison,
    completeness,
    pages: metrics.totalBatches,
  }))
  return { first, second, walked, before: { requests: from }, after: spent(sandbox, from) }
}

const nothing = { seen: 1_000, new: 0, changed: 0, unchanged: 1_000, missing: 0 }

describe('a thousand repositories cost', () => {
  test('ten requests by GraphQL, and ten points; as many when nothing has changed', async () => {
    const { first, second, before, after, walked } = await walkTwice({}, () => {})
    expect(before).toEqual({ requests: 10 })
    expect(after).toEqual({ requests: 10, unmodified: 0 })
    expect(first).toMatchObject({ completeness: 'COMPLETE', comparison: { new: 1_000 } })
    expect(second).toEqual({ completeness: 'COMPLETE', comparison: nothing, pages: 10 })
    expect(walked.found).toBe(0)
  })

  test('a dozen by REST; when nothing has changed, all but the last page are "not modified"', async () => {
    const { first, second, before, after, walked } = await walkTwice({ auth: null }, () => {})
    expect(before).toEqual({ requests: 12 })
    expect(after).toEqual({ requests: 12, unmodified: 9 })
    expect(first).toMatchObject({ completeness: 'COMPLETE', comparison: { new: 1_000 } })
    expect(second).toEqual({ completeness: 'COMPLETE', comparison: nothing, pages: 10 })
    expect(walked.found).toBe(0)
  })

  test('as many by REST with a token, of which "not modified" costs nothing', async () => {
    const user = {
      sandbox: {
        owners: [{ login: 'acme', type: 'User' as const, names: THOUSAND }],
        accounts: { [TOKEN]: { login: 'acme', scopes: ['repo'] } },
      },
      github: { authenticatedUser: true },
    }
    const { first, second, after, walked } = await walkTwice(user, () => {})
    expect(first).toMatchObject({ completeness: 'COMPLETE', comparison: { new: 1_000 } })
    expect(second).toEqual({ completeness: 'COMPLETE', comparison: nothing, pages: 10 })
    expect(after.requests - after.unmodified).toBeLessThanOrEqual(3)
    expect(walked.found).toBe(0)
  })

  test.each([['GraphQL' as const], ['REST' as const]])(
    'no more for one that was pushed to, which alone gets a task (%s)',
    async (api) => {
      const { second, walked } = await walkTwice(
        api === 'REST' ? { auth: null } : {},
        (sandbox) => {
          sandbox.push('acme/repo-0500')
        },
      )
      expect(second?.comparison).toEqual({ ...nothing, changed: 1, unchanged: 999 })
      expect(walked.found).toBe(1)
    },
  )
})
