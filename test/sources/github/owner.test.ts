import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type SandboxOwner, startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import { githubCredentials, s3Credentials } from '../../../src/domain/credentials.ts'
import { PauseError } from '../../../src/domain/errors.ts'
import type { JsonValue } from '../../../src/domain/json.ts'
import { VERSION } from '../../../src/version.ts'
import {
  madeUpNames,
  names,
  testClock,
  TOKEN,
  truth,
  walk,
  withoutToken,
  withToken,
} from './walk.ts'

const OCTO: SandboxOwner = { login: 'octo', type: 'Organization', names: madeUpNames(130) }
const HUBOT: SandboxOwner = { login: 'hubot', type: 'User', names: madeUpNames(70) }
const owners = [OCTO, HUBOT]

const APIS = [
  { api: 'GraphQL', credentials: withToken },
  { api: 'REST', credentials: withoutToken },
]

test.each(APIS)(
  'an organisation and a user are listed in order of creation ($api)',
  async ({ credentials }) => {
    await using sandbox = await startSandboxGitHub({ owners })
    const baseUrl = sandbox.url
    const org = await walk({ spec: { org: 'octo', baseUrl, perPage: 40 }, credentials })
    expect(names(org.identities)).toEqual(truth(sandbox, 'octo'))
    expect(org.pages.map((page) => page.items.length)).toEqual([40, 40, 40, 10])
    expect(org.pages.map((page) => page.total)).toEqual([130, 130, 130, 130])
    const user = await walk({ spec: { user: 'hubot', baseUrl }, credentials })
    expect(names(user.identities)).toEqual(truth(sandbox, 'hubot'))
  },
)

test('a token makes it GraphQL, none makes it REST', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const spec = { org: 'octo', baseUrl: sandbox.url }
  await walk({ spec })
  expect(sandbox.requests.map((r) => [r.method, r.path, r.authorized])).toEqual([
    ['POST', '/graphql', true],
    ['POST', '/graphql', true],
  ])
  await walk({ spec, credentials: withoutToken })
  expect(
    sandbox.requests.slice(2).map((r) => [r.method, r.path.split('?')[0], r.authorized]),
  ).toEqual([
    ['GET', '/orgs/octo', false],
    ['GET', '/orgs/octo/repos', false],
    ['GET', expect.stringMatching(/^\/organizations\/\d+\/repos$/), false],
    ['GET', '/orgs/octo', false],
  ])
})

test.each(APIS)(
  'an Enterprise Server is asked below its own base URL ($api)',
  async ({ api, credentials }) => {
    await using sandbox = await startSandboxGitHub({ owners })
    const spec = { org: 'octo', baseUrl: `${sandbox.enterpriseUrl}/` }
    const { identities } = await walk({ spec, credentials })
    const host = new URL(sandbox.url).host
    expect(names(identities)).toEqual(truth(sandbox, 'octo'))
    expect(identities[0]).toMatchObject({
      key: `${host}#${sandbox.repositories('octo')[0]?.id}`,
      uri: `http://${host}/${identities[0]?.name}`,
    })
    const base = api === 'REST' ? '/api/v3/org' : '/api/graphql'
    expect(sandbox.requests.every((r) => r.path.startsWith(base))).toBe(true)
  },
)

test('both APIs give a repository the same identity and the same facts', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const spec = { org: 'octo', baseUrl: sandbox.url }
  const graphql = await walk({ spec, credentials: withToken })
  const rest = await walk({ spec, credentials: withoutToken })
  expect(names(rest.identities)).toEqual(names(graphql.identities))
  for (const [at, identity] of rest.identities.entries()) {
    const other = graphql.identities[at]
    expect([identity.key, identity.uri]).toEqual([other?.key, other?.uri])
    if (other?.metadata?.empty === true) continue
    // GraphQL knows whether it is locked; of a small one it alone knows that it is not empty.
    const { locked, empty: _empty, ...facts } = other?.metadata ?? {}
    const { locked: restLocked, empty: _restEmpty, ...restFacts } = identity.metadata ?? {}
    expect({ ...identity, metadata: restFacts }).toEqual({ ...other, metadata: facts })
    expect([locked, restLocked]).toEqual([false, null])
  }
})

test.each(APIS)(
  'a listing goes on from every page as if it had never stopped ($api)',
  async ({ credentials }) => {
    await using sandbox = await startSandboxGitHub({ owners })
    const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 30 }
    const whole = await walk({ spec, credentials })
    expect(whole.pages).toHaveLength(5)
    for (const [at, page] of whole.pages.entries()) {
      const stored: unknown = JSON.parse(JSON.stringify(page.cursor))
      const rest = await walk({ spec, credentials, cursor: stored as typeof page.cursor })
      const [first, ...others] = rest.pages
      if (first === undefined) continue
      // The page before comes once more with the next one.
      expect(others).toEqual(whole.pages.slice(at + 2))
      const items = [...page.items, ...(whole.pages[at + 1]?.items ?? [])]
      expect(first).toEqual({ ...whole.pages[at + 1], items, again: true })
    }
  },
)

test('a finished listing asks GitHub nothing', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const spec = { user: 'hubot', baseUrl: sandbox.url }
  const { pages } = await walk({ spec })
  const asked = sandbox.requests.length
  for (const { credentials } of APIS) {
    const again = await walk({ spec, credentials, cursor: pages.at(-1)?.cursor ?? null })
    expect(again.pages).toEqual([])
  }
  expect(sandbox.requests).toHaveLength(asked)
})

test('a token that is gained or lost on the way begins the listing anew', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const spec = { org: 'octo', baseUrl: sandbox.url }
  for (const [before, after] of [
    [withToken, withoutToken],
    [withoutToken, withToken],
  ] as const) {
    const asked: unknown[] = []
    const credentials = () => (asked.push(null) === 1 ? before : after)()
    const { identities, listed, shortfalls } = await walk({ spec, credentials })
    expect(names(identities)).toEqual(truth(sandbox, 'octo'))
    expect(listed).toBe(100 + 130)
    // What was seen before is not counted towards the end of the new listing.
    expect(shortfalls).toEqual([])
  }
})

test('a cursor that cannot be read begins the listing anew rather than skip a row', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const spec = { org: 'octo', baseUrl: sandbox.url }
  const cursors: JsonValue[] = [
    null,
    7,
    'x',
    { kind: 'graphql' },
    // The form of earlier versions.
    { kind: 'graphql', after: 'x', seen: 100, restarts: 0 },
    { kind: 'walk', authenticated: true, frames: [] },
    { kind: 'walk', authenticated: true, frames: [{ frame: 'graphql' }] },
  ]
  for (const cursor of cursors) {
    const { identities } = await walk({ spec, cursor })
    expect(names(identities)).toEqual(truth(sandbox, 'octo'))
  }
})

test('the credential is asked for before each page', async () => {
  const tokens = ['first-token', 'second-token']
  await using sandbox = await startSandboxGitHub({ owners, tokens })
  const left = [...tokens]
  const credentials = () => githubCredentials(left.shift() ?? 'expired')
  const { identities } = await walk({ spec: { org: 'octo', baseUrl: sandbox.url }, credentials })
  expect(identities).toHaveLength(130)
})

test('a next page on another host is refused, and nothing is sent there', async () => {
  await using elsewhere = await startSandboxGitHub({ owners })
  await using sandbox = await startSandboxGitHub({ owners })
  const next = `${elsewhere.url}/organizations/1/repos?page=2`
  sandbox.inject(null, { kind: 'next-link', url: next })
  const spec = { org: 'octo', baseUrl: sandbox.url }
  const refused = {
    code: 'SOURCE_MALFORMED',
    retryable: false,
    message: expect.stringContaining(elsewhere.url),
  }
  await expect(walk({ spec, credentials: withoutToken })).rejects.toMatchObject(refused)
  const clean = await walk({ spec, credentials: withoutToken })
  const cursor = JSON.parse(
    JSON.stringify(clean.pages[0]?.cursor).replaceAll(/"(here|next)":"[^"]*"/g, `"$1":"${next}"`),
  ) as JsonValue
  await expect(walk({ spec, credentials: withoutToken, cursor })).rejects.toMatchObject(refused)
  expect(elsewhere.requests).toEqual([])
})

test('the user agent names the version of the package', () => {
  const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  expect(VERSION).toBe((JSON.parse(manifest) as { version: string }).version)
})

test.each([
  ['S3 keys', s3Credentials({ accessKeyId: 'a', secretAccessKey: 'b' })],
  ['no token', { type: 'GITHUB', values: {} } as const],
  ['a token with a line break', githubCredentials(`${TOKEN}\n`)],
  ['an empty token', githubCredentials('')],
])('%s cannot stand in for a token', async (_, given) => {
  await using sandbox = await startSandboxGitHub({ owners })
  const walking = walk({
    spec: { org: 'octo', baseUrl: sandbox.url },
    credentials: () => given,
    authRef: 'ci',
    clock: testClock(),
  })
  const error = (await walking.catch((e: unknown) => e)) as Error
  // Another may be given later, and the session goes on with it.
  expect(error).toBeInstanceOf(PauseError)
  expect(error).toMatchObject({ code: 'CREDENTIAL_UNAVAILABLE' })
  expect(error.message).toContain('the credential "ci"')
  expect(error.message).not.toContain(TOKEN)
  expect(sandbox.requests).toEqual([])
})
