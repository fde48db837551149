import { schema } from '@octokit/graphql-schema'
import { buildSchema, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
import { type SandboxOwner, startSandboxGitHub } from '../../examples/sandbox/github.ts'
import { query } from './ask.ts'

const names = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `r-${String(at).padStart(3, '0')}`)

const owners: readonly SandboxOwner[] = [
  {
    login: 'acme',
    type: 'Organization',
    names: names(30),
    repositories: [
      { name: 'known', topics: ['alpha', 'beta'], language: 'Go', empty: false, locked: true },
      { name: 'empty', empty: true },
    ],
    members: ['ada', 'ben', 'cyd'],
    enterprise: 'big',
  },
  { login: 'beta', type: 'Organization', names: [], enterprise: 'big' },
  { login: 'ada', type: 'User', names: ['own'] },
]

const REPOSITORY = `__typename id databaseId name nameWithOwner description url
  resourcePath sshUrl homepageUrl mirrorUrl isFork isArchived archivedAt isDisabled isLocked isEmpty
  isPrivate isTemplate isMirror isInOrganization visibility diskUsage stargazerCount forkCount
  createdAt updatedAt pushedAt parent { id } owner { __typename login id url }
  primaryLanguage { id name color } languages(first: 5) { totalCount nodes { name } }
  repositoryTopics(first: 20) { totalCount nodes { id url topic { id name } } }
  licenseInfo { key name spdxId } defaultBranchRef { name prefix }`

const CONNECTION = 'totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }'

const published = buildSchema(schema.idl, { assumeValid: true, assumeValidSDL: true })

/** One of every query that the sandbox serves. */
const SUPPORTED: Readonly<Record<string, string>> = {
  organization: `{ organization(login: "acme") { id databaseId login name url description createdAt
    updatedAt viewerIsAMember viewerCanAdminister repositories(first: 2, isFork: false,
    isArchived: false, isLocked: false, privacy: PUBLIC, visibility: PUBLIC, orderBy: { field:
    CREATED_AT, direction: ASC }) { ${CONNECTION} totalDiskUsage edges { cursor node { id } }
    nodes { ${REPOSITORY} } } } }`,
  members: `{ organization(login: "acme") { membersWithRole(first: 2) { ${CONNECTION} nodes {
    __typename login databaseId repositories(first: 1, ownerAffiliations: [OWNER]) { totalCount
    nodes { name } } } } } }`,
  user: `{ user(login: "ada") { id login name repositories(first: 5) { nodes { name } } } }`,
  owner: `{ repositoryOwner(login: "acme") { __typename login ... on Organization { name } } }`,
  repository: `{ repository(owner: "acme", name: "known", followRenames: true) { ${REPOSITORY} } }`,
  aliases: `{ a: repository(owner: "acme", name: "known") { ...R } b: repository(owner: "ada",
    name: "own") { ...R } } fragment R on Repository { ${REPOSITORY} }`,
  enterprise: `{ enterprise(slug: "big") { id name slug url organizations(first: 100, orderBy: {
    field: LOGIN, direction: ASC }) { ${CONNECTION} nodes { login } } } }`,
  viewer: `{ viewer { login id repositories(first: 5) { totalCount } } }`,
  rateLimit: `{ rateLimit { cost limit remaining used nodeCount resetAt } viewer { login } }`,
}

test.each(Object.entries(SUPPORTED))(
  'the query of %s is GitHub’s, and is answered',
  async (_, text) => {
    expect(validate(published, parse(text))).toEqual([])
    await using sandbox = await startSandboxGitHub({ owners })
    const { data, errors } = await query(sandbox, text)
    expect(errors).toBeUndefined()
    expect(Object.values(data as object)).not.toContain(null)
  },
)

test('a field that GitHub does not have is refused, one that the sandbox lacks is an error', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  for (const text of [
    '{ organization(login: "acme") { nonsense } }',
    '{ organization(login: "acme") { repositories(first: 1, nonsense: 1) { totalCount } } }',
    '{ nonsense }',
  ]) {
    const { data, errors } = await query(sandbox, text)
    expect([data, errors?.[0]?.message]).toEqual([undefined, expect.stringContaining('nonsense')])
  }
  expect(await query(sandbox, '{ organization(login: "acme") { websiteUrl } }')).toMatchObject({
    data: { organization: { websiteUrl: null } },
    errors: [{ message: 'The sandbox does not serve Organization.websiteUrl.' }],
  })
})

test('the facts of a repository are told', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const { data } = await query(sandbox, SUPPORTED['repository'] ?? '')
  expect(data.repository).toMatchObject({
    nameWithOwner: 'acme/known',
    isLocked: true,
    visibility: 'PUBLIC',
    primaryLanguage: { name: 'Go' },
    owner: { __typename: 'Organization', login: 'acme' },
    defaultBranchRef: { prefix: 'refs/heads/' },
  })
  const topics = data.repository.repositoryTopics.nodes as { topic: { name: string } }[]
  expect(topics.map(({ topic }) => topic.name)).toEqual(['alpha', 'beta'])
  const empty = await query(
    sandbox,
    '{ repository(owner: "acme", name: "empty") { isEmpty primaryLanguage { name } pushedAt defaultBranchRef { name } } }',
  )
  expect(empty.data.repository).toEqual({
    isEmpty: true,
    primaryLanguage: null,
    pushedAt: null,
    defaultBranchRef: null,
  })
})

test('nodes are found by their ids; those that are not are null, each with its place', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const [one, two] = sandbox.repositories('acme')
  const ids = [one?.node_id, 'R_unknown', two?.node_id, 'x']
  const text =
    'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on Repository { databaseId } } }'
  const { data, errors } = await query(sandbox, text, { variables: { ids } })
  expect(data.nodes).toEqual([
    { __typename: 'Repository', databaseId: one?.id },
    null,
    { __typename: 'Repository', databaseId: two?.id },
    null,
  ])
  expect(errors).toMatchObject([
    { type: 'NOT_FOUND', path: ['nodes', 1], message: expect.stringContaining("'R_unknown'") },
    { type: 'NOT_FOUND', path: ['nodes', 3] },
  ])
  const byId = await query(sandbox, 'query ($id: ID!) { node(id: $id) { id } }', {
    variables: { id: 'R_unknown' },
  })
  expect(byId).toMatchObject({ data: { node: null }, errors: [{ path: ['node'] }] })
})

test('aliases ask for many at once; one that is missing costs no other', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const { data, errors } = await query(
    sandbox,
    '{ a: repository(owner: "acme", name: "known") { name } b: repository(owner: "acme", name: "none") { name } c: repository(owner: "ada", name: "own") { name } }',
  )
  expect(data).toEqual({ a: { name: 'known' }, b: null, c: { name: 'own' } })
  expect(errors).toMatchObject([{ type: 'NOT_FOUND', path: ['b'] }])
})

test('the organisations of an enterprise are paged, for who may read them', async () => {
  const accounts = { may: { login: 'ada' }, 'may-not': { login: 'ada', scopes: ['repo'] } }
  await using sandbox = await startSandboxGitHub({ owners, accounts })
  const text = `query ($after: String) { enterprise(slug: "BIG") { organizations(first: 1, after:
    $after) { totalCount pageInfo { hasNextPage endCursor } nodes { login } } } }`
  const page = async (after: string | null) =>
    (await query(sandbox, text, { token: 'may', variables: { after } })).data.enterprise
      .organizations
  const first = await page(null)
  expect(first).toMatchObject({ totalCount: 2, nodes: [{ login: 'acme' }] })
  const second = await page(first.pageInfo.endCursor)
  expect(second).toMatchObject({ pageInfo: { hasNextPage: false }, nodes: [{ login: 'beta' }] })
  expect(await query(sandbox, text, { token: 'may-not' })).toMatchObject({
    data: { enterprise: null },
    errors: [{ type: 'INSUFFICIENT_SCOPES' }],
  })
  const unknown = await query(sandbox, '{ enterprise(slug: "x") { id } }', { token: 'may' })
  expect(unknown).toMatchObject({ data: { enterprise: null }, errors: [{ type: 'NOT_FOUND' }] })
})

test('membership is told, and members are paged', async () => {
  const accounts = { ada: { login: 'Ada' }, guest: { login: 'guest' } }
  await using sandbox = await startSandboxGitHub({ owners, accounts })
  const isMember = async (token: string) =>
    (await query(sandbox, '{ organization(login: "acme") { viewerIsAMember } }', { token })).data
      .organization.viewerIsAMember as boolean
  expect([await isMember('ada'), await isMember('guest')]).toEqual([true, false])
  const { data } = await query(sandbox, SUPPORTED['members'] ?? '', { token: 'guest' })
  expect(data.organization.membersWithRole).toMatchObject({
    totalCount: 3,
    pageInfo: { hasNextPage: true },
  })
  expect(data.organization.membersWithRole.nodes).toHaveLength(2)
})

const LISTING = `query ($first: Int!, $after: String) { organization(login: "acme") {
  repositories(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
  nodes { name } } } }`

const page = async (
  sandbox: Awaited<ReturnType<typeof startSandboxGitHub>>,
  first: number,
  after: string | null = null,
) => query(sandbox, LISTING, { variables: { first, after } })

test('a server that was given too many nodes to find fails as it was told', async () => {
  for (const [answer, status] of [
    ['502', 502],
    ['504', 504],
  ] as const) {
    await using sandbox = await startSandboxGitHub({ owners, heavy: { above: 20, answer } })
    await expect(page(sandbox, 21)).rejects.toThrow(SyntaxError)
    expect((await page(sandbox, 20)).errors).toBeUndefined()
    expect(sandbox.requests.map((request) => request.status)).toEqual([status, 200])
  }
  const damaged = async (answer: 'nulls' | 'partial') => {
    await using sandbox = await startSandboxGitHub({ owners, heavy: { above: 20, answer } })
    const { data, errors } = await page(sandbox, 30)
    const nodes = data.organization.repositories.nodes as unknown[]
    expect(errors?.[0]).toMatchObject({ type: 'RESOURCE_LIMITS_EXCEEDED' })
    expect(errors).toHaveLength(nodes.filter((node) => node === null).length)
    return nodes.filter((node) => node === null).length
  }
  expect([await damaged('nulls'), await damaged('partial')]).toEqual([30, 15])
})

test('aliases and ids weigh as pages do', async () => {
  await using sandbox = await startSandboxGitHub({ owners, heavy: { above: 1, answer: '502' } })
  const two = '{ a: organization(login: "acme") { id } b: organization(login: "beta") { id } }'
  await expect(query(sandbox, two)).rejects.toThrow(SyntaxError)
  const ids = sandbox.repositories('acme').slice(0, 2)
  const text = `{ nodes(ids: ${JSON.stringify(ids.map((r) => r.node_id))}) { id } }`
  await expect(query(sandbox, text)).rejects.toThrow(SyntaxError)
})

test('a listing says in its first pass that it is over, and not in the second', async () => {
  await using sandbox = await startSandboxGitHub({ owners, endsEarlyAt: 15 })
  const pass = async () => {
    let seen = 0
    for (let after: string | null = null, isMore = true; isMore;) {
      const { data } = await page(sandbox, 10, after)
      const { nodes, pageInfo, totalCount } = data.organization.repositories
      expect(totalCount).toBe(32)
      seen += nodes.length as number
      after = pageInfo.endCursor
      isMore = pageInfo.hasNextPage
    }
    return seen
  }
  expect([await pass(), await pass()]).toEqual([15, 32])
})

test('totals can count what is never listed', async () => {
  await using sandbox = await startSandboxGitHub({ owners, hidden: 3 })
  const { data } = await page(sandbox, 100)
  expect(data.organization.repositories.totalCount).toBe(35)
  expect(data.organization.repositories.nodes).toHaveLength(32)
})

test('cursors expire; new ones are good', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const cursor = async (after: string | null = null) =>
    (await page(sandbox, 5, after)).data.organization.repositories.pageInfo.endCursor as string
  const old = await cursor()
  expect((await page(sandbox, 5, old)).errors).toBeUndefined()
  sandbox.expireCursors()
  expect(await page(sandbox, 5, old)).toMatchObject({
    errors: [{ type: 'INVALID_CURSOR_ARGUMENTS' }],
  })
  expect((await page(sandbox, 5, await cursor())).errors).toBeUndefined()
})

test.each([
  [`{ organization(login: "acme") { repositories(first: 100) { totalCount } } ${'RATE'} }`, 1],
  [
    `{ organization(login: "acme") { membersWithRole(first: 100) { nodes { repositories(first: 10) { nodes { repositoryTopics(first: 5) { totalCount } } } } } } RATE }`,
    11,
  ],
  [
    `query ($n: Int) { organization(login: "acme") { membersWithRole(first: $n) { nodes { ...U } } } RATE } fragment U on User { repositories(first: 100) { nodes { ... on Repository { repositoryTopics(first: 1) { totalCount } } } } }`,
    51,
  ],
])('a query costs what its connections stand for: %s', async (text, cost) => {
  await using sandbox = await startSandboxGitHub({ owners })
  const { data } = await query(sandbox, text.replace('RATE', 'rateLimit { cost remaining used }'), {
    variables: { n: 50 },
  })
  expect(data.rateLimit).toEqual({ cost, used: cost, remaining: 5_000 - cost })
})

test('a query for more than half a million nodes is refused', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const { data, errors } = await query(
    sandbox,
    '{ organization(login: "acme") { membersWithRole(first: 100) { nodes { repositories(first: 100) { nodes { repositoryTopics(first: 100) { totalCount } } } } } } }',
  )
  expect([data, errors]).toMatchObject([undefined, [{ type: 'MAX_NODE_LIMIT_EXCEEDED' }]])
})
