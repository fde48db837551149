/** Whatever can be listed: each scope finds all that is there, once, and says what it lacks. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  type Fault,
  type SandboxGitHub,
  type SandboxGitHubOptions,
  type SandboxOwner,
  startSandboxGitHub,
} from '../../../examples/sandbox/github.ts'
import { githubCredentials } from '../../../src/domain/credentials.ts'
import { madeUpNames, names, truth, walk, withoutToken } from './walk.ts'

const OCTOCAT = 'ghp_octocat_0123456789abcdef0123456789'
const asOctocat = () => githubCredentials(OCTOCAT)

const org = (login: string, more: Partial<SandboxOwner> = {}): SandboxOwner => ({
  login,
  type: 'Organization',
  names: ['one', 'two', 'three'],
  ...more,
})
const user = (login: string, more: Partial<SandboxOwner> = {}): SandboxOwner => ({
  login,
  type: 'User',
  names: ['dotfiles', 'notes'],
  ...more,
})

const start = (
  owners: readonly SandboxOwner[],
  options: SandboxGitHubOptions = {},
): Promise<SandboxGitHub> =>
  startSandboxGitHub({ owners, accounts: { [OCTOCAT]: { login: 'octocat' } }, ...options })

const allOf = (sandbox: SandboxGitHub, ...logins: readonly string[]): readonly string[] =>
  logins.flatMap((login) => truth(sandbox, login)).toSorted()

const found = (walked: { identities: Parameters<typeof names>[0] }): readonly string[] =>
  [...names(walked.identities)].toSorted()

const secret = (name: string) => ({ name, visibility: 'private' as const })

const WORLD: readonly SandboxOwner[] = [
  org('acme', { names: madeUpNames(35), members: ['octocat', 'hubot'] }),
  org('beta', { repositories: [secret('vault')], members: ['octocat'] }),
  org('empty', { names: [], members: ['octocat'] }),
  org('gamma', { members: ['hubot'] }),
  user('octocat', { repositories: [secret('diary')] }),
  user('hubot'),
]

/** Run as they are, and stopped after each page. */
const restartsOrNot = [{ restarts: false }, { restarts: true }]

test.each(restartsOrNot)(
  'the credential’s own: what it owns, its organisations’, and what it was invited to ($restarts)',
  async ({ restarts }) => {
    const invited = { ...secret('joint'), collaborators: ['octocat'] }
    await using sandbox = await start([
      ...WORLD,
      user('friend', { names: [], repositories: [invited] }),
    ])
    const spec = { authenticatedUser: true, baseUrl: sandbox.url, perPage: 10 }
    const walked = await walk({ spec, credentials: asOctocat, restarts })
    expect(found(walked)).toEqual(allOf(sandbox, 'acme', 'beta', 'octocat', 'friend'))
    expect(walked.shortfalls).toEqual([])
    expect(new Set(walked.pages.map(({ total }) => total))).toEqual(new Set([43]))
  },
)

test('without a credential there is nobody whose own it could be', async () => {
  await using sandbox = await start(WORLD)
  const spec = { authenticatedUser: true, baseUrl: sandbox.url }
  await expect(walk({ spec, credentials: withoutToken, attempts: 1 })).rejects.toMatchObject({
    code: 'AUTHENTICATION_FAILED',
  })
})

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PEM = publicKey.export({ type: 'spki', format: 'pem' }).toString()

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token as GitHub makes it for an app that proves itself with its key. */
const installationToken = async (url: string): Promise<string> => {
  const now = Math.floor(Date.now() / 1000)
  const claim = `${encoded({ alg: 'RS256', typ: 'JWT' })}.${encoded({ iss: '1', iat: now, exp: now + 300 })}`
  const signature = sign('RSA-SHA256', Buffer.from(claim), privateKey).toString('base64url')
  const response = await fetch(`${url}/app/installations/7/access_tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${claim}.${signature}` },
  })
  return ((await response.json()) as { token: string }).token
}

test.each([
  { repositories: undefined, wanted: 'all', codes: [] },
  {
    repositories: ['repository-1', 'repository-7'],
    wanted: 'selected',
    codes: ['filtered_by_scope'],
  },
])('an app installation that was given $wanted', async ({ repositories, codes }) => {
  const installation = { id: 7, account: 'acme', ...(repositories && { repositories }) }
  const apps = [{ appId: 1, publicKey: PEM, installations: [installation] }]
  await using sandbox = await start(WORLD, { apps })
  const token = await installationToken(sandbox.url)
  const spec = { installation: true, baseUrl: sandbox.url, perPage: 10 }
  const walked = await walk({ spec, credentials: () => githubCredentials(token) })
  const wanted = repositories?.map((name) => `acme/${name}`) ?? allOf(sandbox, 'acme')
  expect(found(walked)).toEqual([...wanted].toSorted())
  expect(walked.shortfalls.map(({ code }) => code)).toEqual(codes)
})

test.each([
  { api: 'GraphQL', selected: true, codes: ['filtered_by_scope'] },
  { api: 'GraphQL', selected: false, codes: [] },
  { api: 'REST', selected: true, codes: ['filtered_by_scope'] },
  { api: 'REST', selected: false, codes: [] },
])(
  'an app that lists its organisation by name tells whether it was given all of it ($api, selected: $selected)',
  async ({ api, selected, codes }) => {
    const installation = { id: 7, account: 'acme', ...(selected && { repositories: ['vault'] }) }
    await using sandbox = await start(
      [org('acme', { repositories: [secret('vault'), secret('safe')] })],
      {
        apps: [{ appId: 1, publicKey: PEM, installations: [installation] }],
        faults: ({ path }) =>
          api === 'REST' && path.endsWith('/graphql') ? { kind: 'forbidden' } : undefined,
      },
    )
    const token = await installationToken(sandbox.url)
    const spec = { org: 'acme', baseUrl: sandbox.enterpriseUrl }
    const walked = await walk({ spec, credentials: () => githubCredentials(token) })
    expect(found(walked)).toContain('acme/vault')
    expect(found(walked).includes('acme/safe')).toBe(!selected)
    expect(walked.shortfalls.map(({ code }) => code)).toEqual(codes)
  },
)

test.each(restartsOrNot)(
  'all organisations of an Enterprise Server, with their members ($restarts)',
  async ({ restarts }) => {
    await using sandbox = await start(WORLD)
    const spec = { allOrgs: true, baseUrl: sandbox.enterpriseUrl, perPage: 10 }
    const walked = await walk({ spec, credentials: asOctocat, restarts })
    expect(found(walked)).toEqual(allOf(sandbox, 'acme', 'beta', 'gamma'))
    expect(walked.pages.every(({ total }) => total === undefined)).toBe(true)
    const withMembers = await walk({
      spec: { ...spec, members: true },
      credentials: asOctocat,
      restarts,
    })
    expect(found(withMembers)).toEqual(allOf(sandbox, 'acme', 'beta', 'gamma', 'octocat', 'hubot'))
    expect(withMembers.shortfalls).toEqual([])
  },
)

test('organisations that go and come while the others are listed change nothing for those', async () => {
  const owners = Array.from({ length: 12 }, (_, n) => org(`org-${n}`))
  await using sandbox = await start(owners)
  const spec = { allOrgs: true, baseUrl: sandbox.enterpriseUrl }
  const walked = await walk({ spec, restarts: true, credentials: asOctocat })
  expect(found(walked)).toEqual(allOf(sandbox, ...owners.map(({ login }) => login)))
  // The organisations are asked for once more after each stop, and not from the beginning.
  const listings = sandbox.requests.filter(({ path }) => path.includes('/organizations?'))
  expect(new Set(listings.map(({ path }) => path)).size).toBe(listings.length)
})

test.each(restartsOrNot)(
  'an enterprise’s organisations, and none beside them ($restarts)',
  async ({ restarts }) => {
    const mine = Array.from({ length: 5 }, (_, n) =>
      org(`part-${n}`, { enterprise: 'acme-corp', members: ['hubot'] }),
    )
    await using sandbox = await start([...mine, org('other'), user('hubot'), user('octocat')])
    const spec = { enterprise: 'acme-corp', baseUrl: sandbox.url, perPage: 2 }
    const logins = mine.map(({ login }) => login)
    const walked = await walk({ spec, credentials: asOctocat, restarts })
    expect(found(walked)).toEqual(allOf(sandbox, ...logins))
    const asked = sandbox.requests.length
    const withMembers = await walk({
      spec: { ...spec, members: true },
      credentials: asOctocat,
      restarts,
    })
    expect(found(withMembers)).toEqual(allOf(sandbox, ...logins, 'hubot'))
    // Who belongs to five of them is listed once.
    const asksForHubot = sandbox.requests
      .slice(asked)
      .filter(({ body }) => body.includes('"login":"hubot"'))
    if (!restarts) expect(asksForHubot).toHaveLength(1)
  },
)

test('an enterprise that does not exist, or whose name the token may not use, ends the walk', async () => {
  await using sandbox = await start(WORLD)
  const spec = { enterprise: 'nobody', baseUrl: sandbox.url }
  await expect(walk({ spec, credentials: asOctocat })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  sandbox.accept(OCTOCAT, { login: 'octocat', scopes: ['repo'] })
  await expect(walk({ spec, credentials: asOctocat })).rejects.toMatchObject({ code: 'FORBIDDEN' })
})

test('an organisation’s members are listed with it on request', async () => {
  await using sandbox = await start(WORLD)
  const spec = { org: 'acme', baseUrl: sandbox.url }
  const alone = await walk({ spec, credentials: asOctocat })
  expect(found(alone)).toEqual(allOf(sandbox, 'acme'))
  const walked = await walk({ spec: { ...spec, members: true }, credentials: asOctocat })
  expect(found(walked)).toEqual(allOf(sandbox, 'acme', 'octocat', 'hubot'))
  expect(walked.shortfalls).toEqual([])
  const anonymous = await walk({ spec: { ...spec, members: true }, credentials: withoutToken })
  expect(found(anonymous)).toEqual(
    allOf(sandbox, 'acme', 'octocat', 'hubot').filter((name) => name !== 'octocat/diary'),
  )
  expect(anonymous.shortfalls).toMatchObject([{ code: 'filtered_by_scope' }])
})

test.each(restartsOrNot)(
  'gists: everybody’s public ones, one’s own all ($restarts)',
  async ({ restarts }) => {
    await using sandbox = await start([
      user('octocat', { gists: 12, secretGists: 13 }),
      user('hubot', { gists: 11, secretGists: 3 }),
    ])
    const gists = (login: string) =>
      walk({
        spec: { gists: login, baseUrl: sandbox.url, perPage: 5 },
        credentials: asOctocat,
        restarts,
      })
    const own = await gists('OctoCat')
    expect(own.identities.map(({ key }) => key.split('#')[1]).toSorted()).toEqual(
      sandbox
        .gists('octocat')
        .map(({ id }) => id)
        .toSorted(),
    )
    expect((await gists('hubot')).identities).toHaveLength(11)
    await expect(gists('nobody')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  },
)

test('gists that are deleted while they are listed hide none', async () => {
  let pages = 0
  await using sandbox = await start([user('octocat', { gists: 25 })], {
    onRequest: ({ path }, _, self) => {
      if (/gists\?.*per_page=5/.test(path) && (pages += 1) === 3) self.addGist('octocat')
    },
  })
  const spec = { gists: 'octocat', baseUrl: sandbox.url, perPage: 5 }
  const walked = await walk({ spec, credentials: asOctocat })
  expect(walked.identities).toHaveLength(26)
  expect(walked.shortfalls).toEqual([])
})

/** A fault for whatever is asked of one login. */
const faultFor =
  (login: string, fault: Fault) =>
  ({ path, body }: { path: string; body: string }) =>
    path.includes(`/${login}`) || body.includes(`"login":"${login}"`) ? fault : undefined

test.each([
  { kind: 'forbidden', code: 'forbidden' },
  { kind: 'not-found', code: 'not_found' },
  { kind: 'gone', code: 'gone' },
  { kind: 'legal', code: 'dmca' },
  { kind: 'sso-required', code: 'sso' },
] as const)(
  'one organisation of many that is refused ($kind) costs itself alone',
  async ({ kind, code }) => {
    await using sandbox = await start(WORLD, { faults: faultFor('beta', { kind }) })
    const spec = { allOrgs: true, baseUrl: sandbox.enterpriseUrl }
    const walked = await walk({ spec, credentials: asOctocat })
    expect(found(walked)).toEqual(allOf(sandbox, 'acme', 'gamma'))
    expect(walked.shortfalls).toEqual([
      { code, detail: expect.stringContaining('organisation "beta"') },
    ])
  },
)

test('single sign-on that lets the token into some organisations only is told of the others', async () => {
  const parts = ['one', 'two', 'three'].map((login) =>
    org(login, { enterprise: 'acme-corp', sso: true, members: ['octocat'] }),
  )
  const accounts = { [OCTOCAT]: { login: 'octocat', ssoAuthorised: ['one', 'three'] } }
  await using sandbox = await start([...parts, user('octocat')], { accounts })
  const baseUrl = sandbox.url
  const walked = await walk({ spec: { enterprise: 'acme-corp', baseUrl }, credentials: asOctocat })
  expect(found(walked)).toEqual(allOf(sandbox, 'one', 'three'))
  expect(walked.shortfalls).toMatchObject([{ code: 'sso' }])
  const own = await walk({ spec: { authenticatedUser: true, baseUrl }, credentials: asOctocat })
  expect(found(own)).toEqual(allOf(sandbox, 'one', 'three', 'octocat'))
  expect(own.shortfalls).toMatchObject([
    { code: 'sso', detail: expect.stringMatching(/organisations \d+/) },
  ])
  const named = walk({ spec: { org: 'two', baseUrl }, credentials: asOctocat })
  await expect(named).rejects.toMatchObject({ code: 'SSO_REQUIRED' })
})

test('a member whose account is gone costs its own repositories alone', async () => {
  await using sandbox = await start(WORLD, { faults: faultFor('hubot', { kind: 'not-found' }) })
  const spec = { org: 'acme', members: true, baseUrl: sandbox.url }
  const walked = await walk({ spec, credentials: asOctocat })
  expect(found(walked)).toEqual(allOf(sandbox, 'acme', 'octocat'))
  expect(walked.shortfalls).toEqual([
    { code: 'not_found', detail: expect.stringContaining('user "hubot"') },
  ])
})

test('members that may not be listed cost theirs alone', async () => {
  const faults = ({ body }: { body: string }): Fault | undefined =>
    body.includes('MusterMembers') ? { kind: 'forbidden' } : undefined
  await using sandbox = await start(WORLD, { faults })
  const spec = { org: 'acme', members: true, baseUrl: sandbox.url }
  const walked = await walk({ spec, credentials: asOctocat })
  expect(found(walked)).toEqual(allOf(sandbox, 'acme'))
  expect(walked.shortfalls).toMatchObject([{ code: 'forbidden' }])
})

test('an outage at one of many is waited for, not passed over', async () => {
  let failures = 2
  const faults = ({ body }: { body: string }): Fault | undefined =>
    body.includes('"login":"beta"') && (failures -= 1) >= 0
      ? { kind: 'server-error', status: 503 }
      : undefined
  await using sandbox = await start(WORLD, { faults })
  const spec = { allOrgs: true, baseUrl: sandbox.enterpriseUrl }
  const walked = await walk({ spec, credentials: asOctocat })
  expect(found(walked)).toEqual(allOf(sandbox, 'acme', 'beta', 'gamma'))
  expect(walked.errors).toHaveLength(2)
})

test('a token that is refused in the middle pauses the walk, and another goes on with it', async () => {
  await using sandbox = await start(WORLD)
  const spec = { allOrgs: true, members: true, baseUrl: sandbox.enterpriseUrl, perPage: 10 }
  const before = await walk({ spec, credentials: asOctocat, maxPages: 4 })
  sandbox.revoke(OCTOCAT)
  const cursor = before.pages.at(-1)?.cursor ?? null
  const refused = walk({ spec, credentials: asOctocat, cursor, attempts: 1 })
  await expect(refused).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED', name: 'PauseError' })
  sandbox.accept('ghp_another_0123456789abcdef0123456789', { login: 'octocat' })
  const credentials = () => githubCredentials('ghp_another_0123456789abcdef0123456789')
  const after = await walk({ spec, credentials, cursor })
  const all = new Set([...found(before), ...found(after)])
  expect([...all].toSorted()).toEqual(allOf(sandbox, 'acme', 'beta', 'gamma', 'octocat', 'hubot'))
})

test('filters leave out what they name, and the walk goes on past it', async () => {
  await using sandbox = await start(WORLD)
  const spec = { org: 'acme', baseUrl: sandbox.url, perPage: 10, filter: { include: ['acme/*-1'] } }
  const walked = await walk({ spec, credentials: asOctocat })
  expect(walked.identities).toHaveLength(35)
  expect(walked.identities.filter(({ skipped }) => skipped === undefined)).toHaveLength(1)
})
