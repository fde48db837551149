/** Listings of owners that are disturbed, and what is read twice: no owner is lost, and nothing counted again. */
import { expect, test } from 'vitest'
import { type SandboxOwner, startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import { githubCredentials } from '../../../src/domain/credentials.ts'
import { madeUpNames, names, truth, walk, type Walked, withoutToken } from './walk.ts'

const OCTOCAT = 'ghp_octocat_0123456789abcdef0123456789'
const asOctocat = () => githubCredentials(OCTOCAT)
const accounts = { [OCTOCAT]: { login: 'octocat' } }

const org = (login: string, more: Partial<SandboxOwner> = {}): SandboxOwner => ({
  login,
  type: 'Organization',
  names: ['one', 'two', 'three'],
  ...more,
})
const codes = ({ shortfalls }: Walked): readonly string[] => shortfalls.map(({ code }) => code)

const LOGINS = ['alpha', 'beta', 'gamma', 'delta'] as const
const members = ['hubot', 'monalisa', 'defunkt']

test.each([
  { roster: 'an enterprise', spec: { enterprise: 'corp' }, owners: LOGINS },
  { roster: 'the members', spec: { org: 'alpha', members: true }, owners: ['alpha', ...members] },
])('$roster: a position that GitHub no longer knows is begun anew', async ({ spec, owners }) => {
  let isLost = false
  await using sandbox = await startSandboxGitHub({
    accounts,
    owners: [
      ...LOGINS.map((login) => org(login, { enterprise: 'corp', members })),
      ...members.map((login) => ({ login, type: 'User' as const, names: ['dotfiles'] })),
    ],
    onRequest: (_, index, self) => {
      if (isLost || index < 3) return
      isLost = true
      self.expireCursors()
    },
  })
  const options = { spec: { ...spec, baseUrl: sandbox.url }, credentials: asOctocat }
  const walked = await walk({ ...options, restarts: true })
  const all = owners.flatMap((login) => truth(sandbox, login))
  expect(names(walked.identities).toSorted()).toEqual(all.toSorted())
  expect(walked.shortfalls).toEqual([])
  // Those of the owners that were listed already are told from new ones.
  const pages = walked.pages.filter(({ items }) => items.length > 0)
  expect(pages.length).toBeGreaterThan(owners.length)
  expect(pages.at(-1)?.again).toBe(true)
})

test('a roster whose positions are never known for long has an end', async () => {
  await using sandbox = await startSandboxGitHub({
    accounts,
    owners: LOGINS.map((login) => org(login, { enterprise: 'corp', members: ['octocat'] })),
    onRequest: (_, __, self) => self.expireCursors(),
  })
  const spec = { enterprise: 'corp', baseUrl: sandbox.url }
  await expect(walk({ spec, credentials: asOctocat, restarts: true })).rejects.toMatchObject({
    code: 'SOURCE_CHANGED',
  })
  expect(sandbox.requests.length).toBeLessThan(20)
})

test.each(LOGINS)(
  'an organisation that an enterprise hides ($0) is told of, wherever the walk was stopped',
  async (login) => {
    const owners = LOGINS.map((one) =>
      org(one, { enterprise: 'corp', sso: one === login, members: ['octocat'] }),
    )
    await using sandbox = await startSandboxGitHub({ owners, accounts })
    const spec = { enterprise: 'corp', baseUrl: sandbox.url }
    const walked = await walk({ spec, credentials: asOctocat, restarts: true })
    expect(new Set(codes(walked))).toEqual(new Set(['sso']))
  },
)

test('a member who leaves while the members are listed by page numbers costs no other', async () => {
  const many = madeUpNames(150)
  let isGone = false
  await using sandbox = await startSandboxGitHub({
    accounts,
    owners: [
      org('alpha', { members: many }),
      ...many.map((login) => ({ login, type: 'User' as const, names: ['dotfiles'] })),
    ],
    faults: ({ path }) => (path.endsWith('/graphql') ? { kind: 'forbidden' } : undefined),
    onRequest: ({ path }, _, self) => {
      const login = /\/users\/([^/]+)\/repos/.exec(path)?.[1]
      if (isGone || login === undefined) return
      isGone = true
      self.setMembers(
        'alpha',
        many.filter((one) => one !== login),
      )
    },
  })
  const spec = { org: 'alpha', members: true, baseUrl: sandbox.enterpriseUrl }
  const walked = await walk({ spec, credentials: asOctocat })
  const all = ['alpha', ...many].flatMap((login) => truth(sandbox, login))
  expect(names(walked.identities).toSorted()).toEqual(all.toSorted())
  expect(codes(walked)).not.toContain('drift')
})

test('members who leave all the time are told of', async () => {
  const many = madeUpNames(30)
  let left = many
  await using sandbox = await startSandboxGitHub({
    accounts,
    owners: [org('alpha', { members: many })],
    faults: ({ path }) => (path.endsWith('/graphql') ? { kind: 'forbidden' } : undefined),
    onRequest: ({ path }, _, self) => {
      if (!path.includes('/members')) return
      left = left.slice(1)
      self.setMembers('alpha', left)
    },
  })
  const spec = { org: 'alpha', members: true, baseUrl: sandbox.enterpriseUrl }
  expect(codes(await walk({ spec, credentials: asOctocat }))).toContain('drift')
})

/** How many items the real caller counts: of pages that may repeat others only those not met before. */
const counted = async (sandbox: { readonly url: string }, walked: Walked): Promise<number> => {
  const { githubSource, githubSpec } = await import('../../../src/sources/github/index.ts')
  const source = githubSource()
  const spec = githubSpec.parse({ org: 'octo', baseUrl: sandbox.url })
  const seen = new Set<string>()
  let count = 0
  for (const { items, again } of walked.pages) {
    for (const item of items) {
      const { key } = source.identify(item, spec)
      if (!again || !seen.has(key)) count += 1
      seen.add(key)
    }
  }
  return count
}

test.each([
  {
    what: 'REST takes the place of GraphQL half-way',
    faults: ({ path }: { path: string }, at: number) =>
      path.endsWith('/graphql') && at > 1 ? ({ kind: 'forbidden' } as const) : undefined,
  },
  {
    what: 'smaller pages by REST begin anew',
    credentials: withoutToken,
    faults: ({ path }: { path: string }) =>
      path.includes('per_page=40') && path.includes('page=3')
        ? ({ kind: 'server-error', status: 502 } as const)
        : undefined,
  },
])('what is read twice is counted once: $what', async ({ faults, credentials = asOctocat }) => {
  const owners = [org('octo', { names: madeUpNames(100), members: ['octocat'] })]
  await using sandbox = await startSandboxGitHub({ owners, accounts, faults })
  const spec = { org: 'octo', baseUrl: sandbox.enterpriseUrl, perPage: 40 }
  const walked = await walk({ spec, credentials, attempts: 8 })
  expect(walked.listed).toBeGreaterThan(100)
  expect(await counted(sandbox, walked)).toBe(100)
  expect(walked.pages.map(({ total }) => total).filter((total) => total !== undefined)).toEqual(
    walked.pages.flatMap(({ total }) => (total === undefined ? [] : [100])),
  )
})
