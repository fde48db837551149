import { expect, test } from 'vitest'
import { type SandboxGitHub, startSandboxGitHub } from '../../examples/sandbox/github.ts'

const get = (sandbox: SandboxGitHub, path: string, headers: Record<string, string> = {}) =>
  fetch(path.startsWith('http') ? path : sandbox.url + path, { headers })

const getJson = async <T = Record<string, unknown>>(
  sandbox: SandboxGitHub,
  path: string,
): Promise<T> => (await (await get(sandbox, path)).json()) as T

interface QueryResult {
  data?: { organization: { repositories: Connection } | null } | null
  errors?: { type?: string; message: string }[]
}
interface Connection {
  totalCount: number
  pageInfo: { hasNextPage: boolean; endCursor: string | null }
  nodes: { databaseId: number; name: string }[]
}

const query = async (
  sandbox: SandboxGitHub,
  text: string,
  path = '/graphql',
): Promise<QueryResult> => {
  const response = await fetch(sandbox.url + path, {
    method: 'POST',
    headers: { authorization: 'bearer any' },
    body: JSON.stringify({ query: text }),
  })
  return (await response.json()) as QueryResult
}

/** The keys of a repository in `GET /orgs/{org}/repos`, by docs.github.com/en/rest/repos/repos. */
const REPOSITORY_KEYS = `id node_id name full_name private owner html_url description fork url
  forks_url keys_url collaborators_url teams_url hooks_url issue_events_url events_url assignees_url
  branches_url tags_url blobs_url git_tags_url git_refs_url trees_url statuses_url languages_url
  stargazers_url contributors_url subscribers_url subscription_url commits_url git_commits_url
  comments_url issue_comment_url contents_url compare_url merges_url archive_url downloads_url
  issues_url pulls_url milestones_url notifications_url labels_url releases_url deployments_url
  created_at updated_at pushed_at git_url ssh_url clone_url svn_url homepage size stargazers_count
  watchers_count language has_issues has_projects has_downloads has_wiki has_pages has_discussions
  forks_count mirror_url archived disabled open_issues_count license allow_forking is_template
  web_commit_signoff_required topics visibility forks open_issues watchers default_branch
  permissions`.split(/\s+/)

test('a repository has the shape and the size of a real one', async () => {
  await using sandbox = await startSandboxGitHub()
  const rows = await getJson<Record<string, unknown>[]>(sandbox, '/orgs/mapbox/repos?per_page=100')
  expect(Object.keys(rows[0] ?? {}).toSorted()).toEqual(REPOSITORY_KEYS.toSorted())
  const bytes = JSON.stringify(rows).length / rows.length
  expect(bytes).toBeGreaterThan(4_800)
  expect(bytes).toBeLessThan(6_500)
})

test('headers are those of GitHub', async () => {
  await using sandbox = await startSandboxGitHub()
  const { headers } = await get(sandbox, '/orgs/octokit/repos?per_page=10', {
    'accept-encoding': 'gzip',
  })
  const id = String((await getJson(sandbox, '/orgs/octokit')).id)
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'content-encoding': 'gzip',
    'x-ratelimit-limit': '60',
    'x-ratelimit-remaining': '59',
    'x-ratelimit-used': '1',
    'x-ratelimit-resource': 'core',
    'x-ratelimit-reset': expect.stringMatching(/^\d{10}$/),
    etag: expect.stringMatching(/^W\/"[0-9a-f]{64}"$/),
    'x-github-request-id': expect.stringMatching(/^[0-9A-F:]+$/),
    link: `<${sandbox.url}/organizations/${id}/repos?per_page=10&page=2>; rel="next", <${sandbox.url}/organizations/${id}/repos?per_page=10&page=6>; rel="last"`,
  })
})

test('pages follow each other by Link to the last, which has no next', async () => {
  await using sandbox = await startSandboxGitHub()
  const seen: string[] = []
  let url: string | undefined = '/users/dorislynch/repos?sort=created&direction=asc&per_page=70'
  let pages = 0
  while (url !== undefined) {
    const response: Response = await get(sandbox, url)
    seen.push(...((await response.json()) as { full_name: string }[]).map((r) => r.full_name))
    const link: string = response.headers.get('link') ?? ''
    expect(link).toContain(pages === 0 ? 'rel="last"' : 'rel="first"')
    url = /<([^>]+)>; rel="next"/.exec(link)?.[1]
    pages += 1
  }
  expect(pages).toBe(3)
  expect(seen).toEqual(sandbox.repositories('dorislynch').map((r) => r.full_name))
})

test('a listing is 30 a page and newest first unless asked otherwise, 100 at most', async () => {
  await using sandbox = await startSandboxGitHub()
  const ids = async (query: string) =>
    (await getJson<{ id: number }[]>(sandbox, `/orgs/mapbox/repos${query}`)).map((r) => r.id)
  const newestFirst = sandbox
    .repositories('mapbox')
    .map((r) => r.id)
    .toReversed()
  expect(await ids('')).toEqual(newestFirst.slice(0, 30))
  expect(await ids('?per_page=500')).toEqual(newestFirst.slice(0, 100))
  expect(await ids('?page=99')).toEqual([])
  const names = await getJson<{ name: string }[]>(sandbox, '/orgs/octokit/repos?sort=full_name')
  expect(names.map((r) => r.name)).toEqual(names.map((r) => r.name).toSorted())
  const forks = await getJson<{ fork: boolean }[]>(sandbox, '/orgs/mapbox/repos?type=forks')
  expect(forks.length).toBeGreaterThan(0)
  expect(forks.every((r) => r.fork)).toBe(true)
})

test('owners and single repositories are served, in any case of their names', async () => {
  await using sandbox = await startSandboxGitHub()
  expect(await getJson(sandbox, '/orgs/Octokit')).toMatchObject({
    login: 'octokit',
    public_repos: 52,
  })
  expect(await getJson(sandbox, '/users/mafintosh')).toMatchObject({
    type: 'User',
    public_repos: 605,
  })
  expect(await getJson(sandbox, '/repos/Octokit/rest.js')).toMatchObject({
    full_name: 'octokit/rest.js',
  })
  expect(await getJson(sandbox, '/rate_limit')).toMatchObject({ rate: { limit: 60, used: 3 } })
})

test('what is unknown is a 404 with the body of GitHub', async () => {
  await using sandbox = await startSandboxGitHub()
  for (const path of [
    '/orgs/nobody',
    '/orgs/mafintosh',
    '/users/nobody/repos',
    '/repos/a/b',
    '/x',
  ]) {
    const response = await get(sandbox, path)
    expect(response.status, path).toBe(404)
    expect(await response.json()).toMatchObject({ message: 'Not Found', status: '404' })
  }
})

test('a wrong token is refused; GraphQL wants one, REST does not', async () => {
  await using sandbox = await startSandboxGitHub({ tokens: ['right'] })
  const wrong = await get(sandbox, '/orgs/npm', { authorization: 'token wrong' })
  expect([wrong.status, await wrong.json()]).toMatchObject([401, { message: 'Bad credentials' }])
  expect((await get(sandbox, '/orgs/npm', { authorization: 'bearer right' })).status).toBe(200)
  expect((await get(sandbox, '/orgs/npm')).status).toBe(200)
  expect((await fetch(`${sandbox.url}/graphql`, { method: 'POST', body: '{}' })).status).toBe(401)
  expect(sandbox.requests.map((r) => r.authorized)).toEqual([true, true, false, false])
})

test('an unchanged answer is a 304 to the same caller only', async () => {
  await using sandbox = await startSandboxGitHub()
  const etag = (await get(sandbox, '/orgs/npm')).headers.get('etag') ?? ''
  const again = { 'if-none-match': etag, 'cache-control': 'no-cache' }
  expect((await get(sandbox, '/orgs/npm', again)).status).toBe(304)
  expect((await get(sandbox, '/orgs/npm', { ...again, authorization: 'token t' })).status).toBe(200)
})

test('GraphQL pages by opaque cursors that deletions do not shift', async () => {
  await using sandbox = await startSandboxGitHub()
  const truth = sandbox.repositories('npm').map((r) => r.id)
  const page = async (after: string | null) => {
    const text = `{ organization(login: "npm") { repositories(first: 100, after: ${JSON.stringify(after)}, orderBy: { field: CREATED_AT, direction: ASC }) { totalCount pageInfo { hasNextPage endCursor } nodes { databaseId name } } } }`
    return (await query(sandbox, text)).data?.organization?.repositories
  }
  const first = await page(null)
  expect(first).toMatchObject({ totalCount: 284, pageInfo: { hasNextPage: true } })
  expect(Buffer.from(first?.pageInfo.endCursor ?? '', 'base64').toString()).toMatch(/^cursor:v2:/)
  sandbox.remove(`npm/${first?.nodes[0]?.name}`)
  const second = await page(first?.pageInfo.endCursor ?? null)
  const third = await page(second?.pageInfo.endCursor ?? null)
  expect(third).toMatchObject({ totalCount: 283, pageInfo: { hasNextPage: false } })
  const ids = [first, second, third].flatMap((p) => p?.nodes.map((node) => node.databaseId))
  expect(ids).toEqual(truth)
})

test.each([
  ['{ organization(login: "nobody") { id } }', 'NOT_FOUND'],
  [
    '{ organization(login: "npm") { repositories { totalCount } } }',
    'MISSING_PAGINATION_BOUNDARIES',
  ],
  [
    '{ organization(login: "npm") { repositories(first: 101) { totalCount } } }',
    'EXCESSIVE_PAGINATION',
  ],
  [
    '{ organization(login: "npm") { repositories(first: 1, after: "x") { totalCount } } }',
    'INVALID_CURSOR_ARGUMENTS',
  ],
])('GraphQL refuses %s with %s', async (text, type) => {
  await using sandbox = await startSandboxGitHub()
  expect(await query(sandbox, text)).toMatchObject({
    data: { organization: null },
    errors: [{ type }],
  })
})

test('GraphQL checks queries against the published schema', async () => {
  await using sandbox = await startSandboxGitHub()
  const { data, errors } = await query(sandbox, '{ organization(login: "npm") { nonsense } }')
  expect(data).toBeUndefined()
  expect(errors?.[0]?.message).toContain('nonsense')
})

test('an Enterprise Server has the same below /api', async () => {
  await using sandbox = await startSandboxGitHub()
  const row = await getJson(sandbox, `${sandbox.enterpriseUrl}/repos/npm/cli`)
  expect(row).toMatchObject({
    url: `${sandbox.url}/api/v3/repos/npm/cli`,
    html_url: `${sandbox.url}/npm/cli`,
  })
  const rows = await get(sandbox, `${sandbox.enterpriseUrl}/orgs/npm/repos`)
  expect(rows.headers.get('link')).toContain(`<${sandbox.url}/api/v3/organizations/`)
  const text = '{ organization(login: "npm") { repositories(first: 1) { totalCount } } }'
  expect(await query(sandbox, text, '/api/graphql')).toMatchObject({
    data: { organization: { repositories: { totalCount: 284 } } },
  })
})

test('two sandboxes agree on every fact', async () => {
  await using one = await startSandboxGitHub()
  await using other = await startSandboxGitHub({
    owners: [{ login: 'npm', type: 'Organization', names: ['cli'] }],
  })
  const [cli] = other.repositories('npm')
  expect(one.repositories('npm')).toContainEqual(cli)
  const rows = one.repositories('stdlib-js')
  expect(rows.map((r) => r.created_at)).toEqual(rows.map((r) => r.created_at).toSorted())
  expect(new Set(rows.map((r) => r.id)).size).toBe(5_241)
})

test('who is limited stays so until the reset, and each request meanwhile is counted', async () => {
  let now = Date.parse('2025-01-01T00:00:00Z')
  const faults = [{ kind: 'primary-limit', resetSeconds: 2 }] as const
  await using sandbox = await startSandboxGitHub({ faults, clock: { now: () => now } })
  const limited = await get(sandbox, '/orgs/npm')
  expect(limited.status).toBe(403)
  expect(limited.headers.get('x-ratelimit-reset')).toBe(String(now / 1000 + 2))
  expect(sandbox.requestsWhileLimited).toBe(0)
  now += 1_999
  expect((await get(sandbox, '/orgs/npm/repos')).headers.get('x-ratelimit-remaining')).toBe('0')
  expect((await get(sandbox, '/orgs/npm', { authorization: 'token other' })).status).toBe(200)
  expect(sandbox.requestsWhileLimited).toBe(1)
  now += 1
  expect((await get(sandbox, '/orgs/npm')).status).toBe(200)
  expect(sandbox.requestsWhileLimited).toBe(1)
})

test('an allowance that is enforced is spent and renewed', async () => {
  let now = Date.parse('2025-01-01T00:00:00Z')
  const rateLimit = { limit: 2, windowSeconds: 60 }
  await using sandbox = await startSandboxGitHub({ rateLimit, clock: { now: () => now } })
  const statuses = async () => [
    (await get(sandbox, '/orgs/npm')).status,
    sandbox.requestsWhileLimited,
  ]
  expect(await statuses()).toEqual([200, 0])
  expect(await statuses()).toEqual([200, 0])
  expect(await statuses()).toEqual([403, 1])
  now += 60_000
  expect(await statuses()).toEqual([200, 1])
})

test('faults are played in order, or chosen by a function', async () => {
  await using sandbox = await startSandboxGitHub({
    faults: [null, { kind: 'server-error', status: 502 }],
  })
  const read = async () => {
    const response = await get(sandbox, '/orgs/npm')
    return [response.status, response.headers.get('content-type')?.split(';')[0]]
  }
  expect(await read()).toEqual([200, 'application/json'])
  expect(await read()).toEqual([502, 'text/html'])
  sandbox.inject({ kind: 'html' }, { kind: 'empty' })
  expect(await read()).toEqual([200, 'text/html'])
  expect(await (await get(sandbox, '/orgs/npm')).text()).toBe('')
  expect(sandbox.requests.map((r) => r.fault)).toEqual([undefined, 'server-error', 'html', 'empty'])
  await using chosen = await startSandboxGitHub({
    faults: (request) => (request.path.endsWith('/repos') ? { kind: 'gone' } : undefined),
  })
  expect((await get(chosen, '/orgs/npm')).status).toBe(200)
  expect((await get(chosen, '/orgs/npm/repos')).status).toBe(410)
})

test('connections break where they are told to', async () => {
  await using sandbox = await startSandboxGitHub()
  sandbox.inject({ kind: 'reset' }, { kind: 'reset-in-body' }, { kind: 'truncated-json' })
  await expect(get(sandbox, '/orgs/npm/repos')).rejects.toThrow(/fetch failed/)
  const cut = await get(sandbox, '/orgs/npm/repos')
  expect(cut.status).toBe(200)
  await expect(cut.text()).rejects.toThrow(/terminated/)
  const truncated = await get(sandbox, '/orgs/npm/repos')
  const text = await truncated.text()
  expect(text.length).toBeGreaterThan(10_000)
  expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError)
})

test('a request that hangs does not keep the sandbox open', async () => {
  const sandbox = await startSandboxGitHub({ faults: [{ kind: 'hang' }] })
  const hung = get(sandbox, '/orgs/npm').catch((error: unknown) => error)
  while (sandbox.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await sandbox.close()
  expect(await hung).toBeInstanceOf(TypeError)
})
