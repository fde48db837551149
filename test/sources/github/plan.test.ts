import { describe, expect, test } from 'vitest'
import { startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import { githubSource, githubSpec } from '../../../src/sources/github/index.ts'
import type { BudgetNote, SourcePlan } from '../../../src/sources/source.ts'
import { githubCredentials, type TaskCredentials } from '../../../src/domain/credentials.ts'
import { contextOf, madeUpNames, testClock, TOKEN, walk, withoutToken, withToken } from './walk.ts'

const ACME = { login: 'acme', type: 'Organization' as const, names: madeUpNames(230) }

interface Asked {
  readonly spec: Record<string, unknown>
  readonly credentials?: () => TaskCredentials
  readonly clock?: ReturnType<typeof testClock>
  readonly source?: ReturnType<typeof githubSource>
}

/** Plans, and counts what the source says that it sends. */
async function plan({ spec, source = githubSource(), ...rest }: Asked) {
  let noted = 0
  const context = { ...contextOf(rest), noteRequest: () => void (noted += 1) }
  const told = (await source.plan?.(githubSpec.parse(spec), context)) as SourcePlan
  return { told, noted }
}

describe('a plan of GitHub', () => {
  test.each([
    ['an organisation by GraphQL', { org: 'acme' }, true, { items: 230, requests: 3 }],
    ['smaller pages', { org: 'acme', perPage: 10 }, true, { items: 230, requests: 23 }],
    ['an organisation by REST', { org: 'acme' }, false, { items: 230, requests: 5 }],
    ['a user', { user: 'ada' }, true, { items: 2, requests: 1 }],
    [
      "the credential's repositories",
      { authenticatedUser: true },
      true,
      { items: 230, requests: 5 },
    ],
    ['a list', { repoList: ['a/b', 'c/d'], perPage: 1 }, true, { items: 2, requests: 2 }],
  ] as const)(
    'of %s counts what the walk finds, and sends little',
    async (_, spec, isAuthed, is) => {
      await using sandbox = await startSandboxGitHub({
        owners: [ACME, { login: 'ada', type: 'User', names: ['a', 'b'] }],
        tokens: [TOKEN],
      })
      const given = {
        spec: { ...spec, baseUrl: sandbox.url },
        credentials: isAuthed ? withToken : withoutToken,
      }
      const { told, noted } = await plan(given)
      expect(told).toMatchObject(is)
      expect(told.limits).toMatchObject([{ limit: isAuthed ? 5_000 : 60, windowMs: 3_600_000 }])
      expect(noted, 'all requests are told of').toBe(sandbox.requests.length)
      expect(noted).toBeLessThanOrEqual(4)
      if ('repoList' in spec) return
      const before = sandbox.requests.length
      const { listed } = await walk(given)
      expect(listed).toBe(told.items)
      expect(sandbox.requests.length - before).toBeLessThanOrEqual(told.requests ?? 0)
    },
  )

  test('tells a missing scope as the verdict of the walk does', async () => {
    await using sandbox = await startSandboxGitHub({
      owners: [{ ...ACME, names: ['a'], members: ['ada'] }],
      accounts: { [TOKEN]: { login: 'ada', scopes: ['read:org'] } },
    })
    const spec = { org: 'acme', baseUrl: sandbox.url }
    const { told } = await plan({ spec })
    expect(told.unseen).toMatchObject([{ code: 'filtered_by_scope' }])
    expect((await walk({ spec })).shortfalls).toEqual(told.unseen)
  })

  test('throws where the walk would be refused', async () => {
    await using sandbox = await startSandboxGitHub({ owners: [ACME], tokens: [TOKEN] })
    const spec = { org: 'nobody', baseUrl: sandbox.url }
    await expect(plan({ spec })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const bad = { spec, credentials: () => githubCredentials('ghp_anotherTokenThatIsNoGood') }
    await expect(plan(bad)).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
  })

  test('leaves what little is left of a limit to the walk', async () => {
    const clock = testClock()
    await using sandbox = await startSandboxGitHub({
      owners: [ACME],
      accounts: { [TOKEN]: { login: 'ada', limit: 4 } },
      clock,
    })
    const { told } = await plan({ spec: { org: 'acme', baseUrl: sandbox.url }, clock })
    expect(told).toMatchObject({ items: null, limits: [{ limit: 4, remaining: 4 }] })
    expect(told.notes?.join()).toContain('the limit is spent until')
    expect(sandbox.requests.map(({ path }) => path)).toEqual(['/rate_limit'])
  })

  test('of a pool knows the limit of each of its tokens', async () => {
    const other = 'ghp_TheOtherTokenOfThePool0123456789abc'
    await using sandbox = await startSandboxGitHub({
      owners: [ACME],
      accounts: { [TOKEN]: { login: 'ada', limit: 100 }, [other]: { login: 'bob', limit: 200 } },
    })
    const credentials = () => ({ type: 'GITHUB', values: { tokens: [TOKEN, other] } }) as const
    const { told } = await plan({ spec: { org: 'acme', baseUrl: sandbox.url }, credentials })
    expect(told.limits?.map(({ limit }) => limit)).toEqual([100, 200])
    expect(new Set(told.limits?.map(({ credential }) => credential)).size).toBe(2)
    expect(JSON.stringify(told)).not.toContain(TOKEN)
  })
})

test('what answers tell of limits is noted for people, by the name of the credential', async () => {
  await using sandbox = await startSandboxGitHub({ owners: [ACME], tokens: [TOKEN] })
  const notes: BudgetNote[] = []
  const context = {
    ...contextOf({ authRef: 'gh' }),
    noteBudget: (note: BudgetNote) => void notes.push(note),
  }
  const spec = githubSpec.parse({ org: 'acme', baseUrl: sandbox.url })
  for await (const _ of githubSource().enumerate(spec, undefined, context)) void _
  expect(notes).toHaveLength(sandbox.requests.length)
  expect(notes.at(-1)).toMatchObject({
    label: 'gh',
    credential: expect.stringMatching(/^[\da-f]{32}$/) as unknown,
    limits: [{ resource: 'graphql', told: { limit: 5_000 }, blockedMs: 0 }],
  })
  const remaining = notes.map(({ limits }) => limits[0]?.told?.remaining ?? 0)
  expect(remaining).toEqual(remaining.toSorted((a, b) => b - a))
  expect(JSON.stringify(notes)).not.toContain(TOKEN)
})
