import { expect, test } from 'vitest'
import { startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import type { JsonRecord } from '../../../src/domain/json.ts'
import { fromGraphql, fromRest, REPOSITORY_FIELDS } from '../../../src/sources/github/facts.ts'
import { madeUpNames, TOKEN } from './walk.ts'

const QUERY = `query($login: String!) { owner: organization(login: $login) {
  repositories(first: 100, orderBy: { field: CREATED_AT, direction: ASC }) {
    nodes { ${REPOSITORY_FIELDS} }
  } } rateLimit { cost } }`

const headers = { authorization: `Bearer ${TOKEN}`, 'user-agent': 'test' }

/** The same organisation from both APIs of a sandbox. */
const bothSides = async () => {
  const repositories = [
    { name: 'inner', visibility: 'internal' as const, topics: ['web', 'api'], archived: true },
    { name: 'hidden', visibility: 'private' as const, disabled: true, locked: true, fork: true },
    { name: 'new', empty: true },
  ]
  const owners = [
    { login: 'acme', type: 'Organization' as const, names: madeUpNames(97), repositories },
  ]
  await using sandbox = await startSandboxGitHub({ owners })
  const rest = await fetch(
    `${sandbox.url}/orgs/acme/repos?per_page=100&sort=created&direction=asc`,
    { headers },
  )
  const rows = (await rest.json()) as JsonRecord[]
  const graphql = await fetch(`${sandbox.url}/graphql`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query: QUERY, variables: { login: 'acme' } }),
  })
  const answer = (await graphql.json()) as {
    data: { owner: { repositories: { nodes: JsonRecord[] } }; rateLimit: { cost: number } }
    errors?: unknown
  }
  expect(answer.errors).toBeUndefined()
  const { owner, rateLimit } = answer.data
  return { rows, nodes: owner.repositories.nodes, cost: rateLimit.cost }
}

test('a page of 100 costs one point of GraphQL', async () => {
  expect((await bothSides()).cost).toBe(1)
})

test('both APIs give the same facts, where both tell them', async () => {
  const { rows, nodes } = await bothSides()
  const [byRest, byGraphql] = [rows.map(fromRest), nodes.map(fromGraphql)]
  expect(byRest).toHaveLength(100)
  const ofName = (name: string) => byGraphql.find(({ fullName }) => fullName === `acme/${name}`)
  expect(ofName('inner')).toMatchObject({ visibility: 'internal', topics: ['api', 'web'] })
  expect(ofName('hidden')).toMatchObject({ visibility: 'private', disabled: true, locked: true })
  expect(ofName('new')).toMatchObject({ empty: true, pushedAt: null, defaultBranch: null })
  for (const [at, facts] of byGraphql.entries()) {
    // An empty repository has no branch yet and was never pushed to, which REST does not tell.
    const { defaultBranch, pushedAt } = byRest[at] ?? {}
    const unknown = facts.empty === true ? { empty: null, defaultBranch, pushedAt } : {}
    expect(byRest[at]).toEqual({ ...facts, locked: null, ...unknown })
  }
})

const row: JsonRecord = {
  id: 7,
  node_id: 'R_7',
  full_name: 'acme/web',
  html_url: 'https://github.com/acme/web',
  clone_url: 'https://github.com/acme/web.git',
  ssh_url: 'git@github.com:acme/web.git',
  default_branch: 'main',
  size: 12,
  private: true,
  visibility: 'internal',
  fork: true,
  archived: true,
  disabled: true,
  pushed_at: '2025-01-01T00:00:00Z',
  created_at: '2024-01-01T00:00:00Z',
  topics: ['web', 'shop'],
  language: 'Go',
  owner: { login: 'acme', type: 'Organization' },
}
const node: JsonRecord = {
  databaseId: 7,
  id: 'R_7',
  nameWithOwner: 'acme/web',
  url: 'https://github.com/acme/web',
  sshUrl: 'git@github.com:acme/web.git',
  defaultBranchRef: { name: 'main' },
  diskUsage: 12,
  visibility: 'INTERNAL',
  isFork: true,
  isArchived: true,
  isDisabled: true,
  isLocked: true,
  isEmpty: false,
  pushedAt: '2025-01-01T00:00:00Z',
  createdAt: '2024-01-01T00:00:00Z',
  repositoryTopics: { nodes: [{ topic: { name: 'web' } }, { topic: { name: 'shop' } }] },
  primaryLanguage: { name: 'Go' },
  owner: { __typename: 'Organization', login: 'acme' },
}
const facts = {
  id: 7,
  nodeId: 'R_7',
  fullName: 'acme/web',
  url: 'https://github.com/acme/web',
  cloneUrl: 'https://github.com/acme/web.git',
  sshUrl: 'git@github.com:acme/web.git',
  defaultBranch: 'main',
  sizeKb: 12,
  visibility: 'internal',
  fork: true,
  archived: true,
  disabled: true,
  locked: true,
  empty: false,
  pushedAt: '2025-01-01T00:00:00Z',
  createdAt: '2024-01-01T00:00:00Z',
  topics: ['shop', 'web'],
  language: 'Go',
  ownerLogin: 'acme',
  ownerType: 'Organization',
}

test('every fact is carried over from either API', () => {
  expect(fromGraphql(node)).toEqual(facts)
  expect(fromRest(row)).toEqual({ ...facts, locked: null })
})

test('what is missing or of another shape is null or as it came, and no error', () => {
  const nothing = Object.fromEntries(Object.keys(facts).map((fact) => [fact, null]))
  expect(fromGraphql({})).toEqual(nothing)
  expect(fromRest({})).toEqual(nothing)
  const odd = { owner: [], repositoryTopics: { nodes: [null, { topic: null }] }, url: 7, size: 'x' }
  expect(fromGraphql(odd)).toEqual({ ...nothing, url: 7, topics: [] })
  expect(fromRest({ ...odd, topics: [null, 'a'] })).toEqual({
    ...nothing,
    sizeKb: 'x',
    topics: ['a'],
  })
})

test('a size of 0 does not tell that a repository is empty', () => {
  expect(fromRest({ ...row, size: 0 })).toMatchObject({ sizeKb: 0, empty: null })
})

test('an old Enterprise Server tells only whether a repository is private', () => {
  expect(fromRest({ private: true })).toMatchObject({ visibility: 'private' })
  expect(fromRest({ private: false })).toMatchObject({ visibility: 'public' })
})
