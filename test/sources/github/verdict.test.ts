/** What a walk says of its own completeness: never more than it knows. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  type SandboxGitHubOptions,
  type SandboxOwner,
  startSandboxGitHub,
} from '../../../examples/sandbox/github.ts'
import { githubCredentials } from '../../../src/domain/credentials.ts'
import { addToDigest, judge, type Tally } from '../../../src/sources/github/passes.ts'
import { madeUpNames, names, truth, walk, withoutToken, withToken } from './walk.ts'

const OCTOCAT = 'ghp_octocat_0123456789abcdef0123456789'
const asOctocat = () => githubCredentials(OCTOCAT)

const APIS = [
  { api: 'GraphQL', credentials: withToken },
  { api: 'REST', credentials: withoutToken },
]

const octo = (more: Partial<SandboxOwner> = {}): SandboxOwner => ({
  login: 'octo',
  type: 'Organization',
  names: madeUpNames(130),
  ...more,
})
const codesOf = (walked: { shortfalls: readonly { code: string }[] }): readonly string[] =>
  walked.shortfalls.map(({ code }) => code)

const start = (owner: SandboxOwner, options: SandboxGitHubOptions = {}) =>
  startSandboxGitHub({ owners: [owner], ...options })

test('a listing that GraphQL ends too early is listed once more, and is then whole', async () => {
  for (const endsEarlyAt of [1, 50, 100, 129]) {
    await using sandbox = await start(octo(), { endsEarlyAt })
    const walked = await walk({ spec: { org: 'octo', baseUrl: sandbox.url, perPage: 50 } })
    expect(names(walked.identities).toSorted()).toEqual([...truth(sandbox, 'octo')].toSorted())
    expect(walked.shortfalls).toEqual([])
  }
})

test.each(
  APIS.flatMap((api) => [
    { ...api, count: 130 },
    { ...api, count: 5 },
  ]),
)(
  'what is counted and never listed is told, with both numbers ($api, $count)',
  async ({ credentials, count }) => {
    await using sandbox = await start(octo({ names: madeUpNames(count) }), { hidden: 3 })
    const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 50 }
    for (const restarts of [false, true]) {
      const walked = await walk({ spec, credentials, restarts })
      expect(walked.shortfalls).toEqual([
        {
          code: 'count_mismatch',
          detail: expect.stringContaining(`counts ${count + 3} and listed ${count},`),
        },
      ])
      expect(walked.identities).toHaveLength(count)
      // Two passes are enough to know.
      expect(walked.pages).toHaveLength(2 * Math.ceil(count / 50))
    }
  },
)

test('organisations that were left out for want of single sign-on are named', async () => {
  await using sandbox = await start(octo())
  for (const { credentials } of APIS) {
    sandbox.inject(null, null, { kind: 'sso-partial-results' })
    const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 30 }
    const walked = await walk({ spec, credentials })
    expect(walked.shortfalls).toEqual([
      { code: 'sso', detail: expect.stringContaining('21955855,20582480') },
    ])
  }
})

const EMPTY = octo({ names: [], members: ['octocat'] })

test.each([
  { who: 'a member', scopes: ['repo'], member: true, codes: [] },
  { who: 'a member with a fine-grained token', scopes: undefined, member: true, codes: [] },
  {
    who: 'a member without the scope',
    scopes: ['read:org'],
    member: true,
    codes: ['filtered_by_scope'],
  },
  { who: 'a stranger', scopes: ['repo'], member: false, codes: ['filtered_by_scope'] },
])('an organisation that lists nothing to $who', async ({ scopes, member, codes }) => {
  const account = { login: 'octocat', ...(scopes ? { scopes } : { kind: 'fine-grained' as const }) }
  const owner = member ? EMPTY : octo({ names: [] })
  await using sandbox = await start(owner, { accounts: { [OCTOCAT]: account } })
  const walked = await walk({ spec: { org: 'octo', baseUrl: sandbox.url }, credentials: asOctocat })
  expect(walked.identities).toEqual([])
  expect(codesOf(walked)).toEqual(codes)
})

test('without a credential an empty place cannot be told from a hidden one', async () => {
  await using sandbox = await start(EMPTY)
  const spec = { org: 'octo', baseUrl: sandbox.url }
  const walked = await walk({ spec, credentials: withoutToken })
  expect(codesOf(walked)).toEqual(['filtered_by_scope'])
})

test.each([
  {
    title: 'an organisation, to its member',
    spec: { org: 'octo' },
    scopes: ['read:org'],
    codes: ['filtered_by_scope'],
  },
  {
    title: 'an organisation, to its member with the scope',
    spec: { org: 'octo' },
    scopes: ['repo'],
    codes: [],
  },
  {
    title: 'an organisation, to a stranger',
    spec: { org: 'other' },
    scopes: ['read:org'],
    codes: [],
  },
  { title: 'its own account', spec: { user: 'octocat' }, scopes: [], codes: ['filtered_by_scope'] },
  {
    title: 'its own account with the scope',
    spec: { user: 'octocat' },
    scopes: ['repo'],
    codes: [],
  },
  { title: 'another account', spec: { user: 'hubot' }, scopes: [], codes: [] },
  {
    title: 'all that it sees',
    spec: { authenticatedUser: true },
    scopes: ['public_repo'],
    codes: ['filtered_by_scope'],
  },
  {
    title: 'all that it sees with the scope',
    spec: { authenticatedUser: true },
    scopes: ['repo'],
    codes: [],
  },
  {
    title: 'its own gists',
    spec: { gists: 'octocat' },
    scopes: ['repo'],
    codes: ['filtered_by_scope'],
  },
  {
    title: 'its own gists with the scope',
    spec: { gists: 'octocat' },
    scopes: ['gist'],
    codes: [],
  },
])(
  'a classic token with a scope that hides nothing or something: $title',
  async ({ spec, scopes, codes }) => {
    await using sandbox = await startSandboxGitHub({
      owners: [
        octo({ members: ['octocat'] }),
        octo({ login: 'other' }),
        { login: 'octocat', type: 'User', names: ['mine'], gists: 2 },
        { login: 'hubot', type: 'User', names: ['its'] },
      ],
      accounts: { [OCTOCAT]: { login: 'octocat', scopes } },
    })
    const walked = await walk({ spec: { ...spec, baseUrl: sandbox.url }, credentials: asOctocat })
    expect(codesOf(walked)).toEqual(codes)
  },
)

test.each(APIS)(
  'a place that vanishes after some of it was kept is not taken for whole ($api)',
  async ({ credentials }) => {
    let requests = 0
    await using sandbox = await start(octo(), {
      faults: () => ((requests += 1) > 3 ? { kind: 'not-found' } : undefined),
    })
    const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 20 }
    const walked = await walk({ spec, credentials })
    expect(codesOf(walked)).toEqual(['not_found'])
    expect(walked.identities.length).toBeGreaterThanOrEqual(40)
  },
)

const tally = (more: Partial<Tally>): Tally => ({
  totalAtStart: 250,
  totalAtEnd: 250,
  rows: 250,
  born: 0,
  digest: 1,
  pages: 3,
  pass: 1,
  before: null,
  ...more,
})
const same = { rows: 250, digest: 1 }

test.each([
  { title: 'at rest', is: {}, judged: 'clean' },
  { title: 'some were created', is: { totalAtEnd: 252, rows: 252, born: 2 }, judged: 'clean' },
  { title: 'one went', is: { totalAtEnd: 249, rows: 249 }, judged: 'again' },
  { title: 'one went, one was created', is: { born: 1 }, judged: 'again' },
  { title: 'one came after the last page', is: { totalAtEnd: 251 }, judged: 'again' },
  { title: 'rows are missing', is: { rows: 249 }, judged: 'again' },
  {
    title: 'rows are missing once more',
    is: { rows: 249, before: { rows: 249, digest: 1 }, pass: 2 },
    judged: 'count_mismatch',
  },
  {
    title: 'other rows are missing',
    is: { rows: 249, before: { rows: 249, digest: 2 }, pass: 2 },
    judged: 'again',
  },
  { title: 'never at rest', is: { totalAtEnd: 249, rows: 249, pass: 3 }, judged: 'drift' },
  { title: 'one page', is: { totalAtStart: null, totalAtEnd: null, pages: 1 }, judged: 'clean' },
  { title: 'one page that lacks some', is: { pages: 1, rows: 249 }, judged: 'again' },
  { title: 'not counted', is: { totalAtStart: null, totalAtEnd: null }, judged: 'again' },
  {
    title: 'not counted, and twice the same',
    is: { totalAtStart: null, totalAtEnd: null, before: same, pass: 2 },
    judged: 'clean',
  },
  {
    title: 'not counted, and not the same',
    is: { totalAtStart: null, totalAtEnd: null, before: { rows: 250, digest: 2 }, pass: 2 },
    judged: 'again',
  },
  {
    title: 'more than are counted, twice the same',
    is: { totalAtStart: 240, totalAtEnd: 240, before: same, pass: 2 },
    judged: 'clean',
  },
])('a pass: $title, is $judged', ({ is, judged }) => {
  expect(judge(tally(is))).toBe(judged)
})

test('the digest of a pass is the same in every version: it lies in stored positions', () => {
  const first48Bits = (id: string) => createHash('sha256').update(id).digest().readUIntBE(0, 6)
  const ids = ['711976', '2126244', 'ü', '']
  const expected = ids.reduce((sum, id) => (sum + first48Bits(id)) % 2 ** 48, 0)
  expect(ids.reduce(addToDigest, 0)).toBe(expected)
  expect(ids.toReversed().reduce(addToDigest, 0)).toBe(expected)
})
