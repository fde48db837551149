import { expect, test } from 'vitest'
import { githubSpec, webHost } from '../../../src/sources/github/index.ts'

const problems = (spec: unknown): readonly string[] =>
  githubSpec.safeParse(spec).error?.issues.map((issue) => issue.message) ?? []

/** Each filter with a value that leaves something out. */
const EVERY_FILTER = {
  include: ['acme/*'],
  exclude: ['*/test-*'],
  forks: false,
  archived: 'exclude',
  disabled: 'only',
  empty: 'exclude',
  visibility: ['private', 'internal'],
  topics: ['Security', 'crypto'],
  excludeTopics: ['sandbox'],
  languages: ['TypeScript'],
  minSizeKb: 1,
  maxSizeKb: 10,
  pushedSince: '2025-01-01',
}

test('a scope is enough; the rest has defaults', () => {
  expect(githubSpec.parse({ org: 'octokit' })).toEqual({
    org: 'octokit',
    baseUrl: 'https://api.github.com',
    perPage: 100,
  })
})

test('parsing what was parsed changes nothing', () => {
  for (const given of [
    { org: 'octokit', baseUrl: 'https://ghe.example.com/api/v3//' },
    { user: 'shop_user', perPage: 1 },
    { repoList: ['octokit/rest.js'] },
    { repoListFile: 'repositories.txt' },
    { authenticatedUser: true },
    { installation: true },
    { allOrgs: true, baseUrl: 'https://ghe.example.com/api/v3' },
    { enterprise: 'acme-corp', members: true },
    { gists: 'octocat', filter: { include: ['octocat/*'], visibility: ['public'] } },
    { org: 'octokit', filter: EVERY_FILTER },
  ]) {
    const spec = githubSpec.parse(given)
    expect(githubSpec.parse(JSON.parse(JSON.stringify(spec)))).toEqual(spec)
  }
})

test.each([
  [
    { org: 'a', repoList: ['b/c'] },
    'give exactly one of org, user, authenticated_user, installation, all_orgs, enterprise, gists, repo_list, repo_list_file; found org and repo_list',
  ],
  [{}, 'repo_list_file; found none'],
  [{ authenticatedUser: false }, 'authenticated_user is false; expected true; leave it out'],
  [{ user: 'a', installation: true }, 'found user and installation'],
  [{ enterprise: 'https://x' }, 'enterprise "https://x" is not the name of an enterprise'],
  [{ enterprise: 3 }, 'enterprise is 3; expected the name in its address, such as "acme-corp"'],
  [{ gists: 'a/b' }, 'gists "a/b" is not a GitHub login'],
  [{ allOrgs: true }, 'all_orgs at https://api.github.com would list every organisation of the'],
  [{ org: 'a', members: 'yes' }, 'members is "yes"; expected true or false'],
  [
    { user: 'a', members: true },
    'members is true with user, which has none; give it with one of org, all_orgs, enterprise',
  ],
  [{ org: 'a/b' }, 'org "a/b" is not a GitHub login; expected the name alone'],
  [{ org: 7 }, 'org is 7; expected a login, such as "octokit"'],
  [{ user: 'https://github.com/a' }, 'user "https://github.com/a" is not a GitHub login'],
  [{ repoList: [] }, 'repo_list is empty; name at least one repository'],
  [{ repoList: 'a/b' }, 'repo_list is "a/b"; expected a list of repositories'],
  [{ repoList: ['a/b', ' '] }, 'an entry of repo_list is empty; remove it'],
  [{ repoList: [1] }, 'an entry of repo_list is 1; expected a repository'],
  [{ repoListFile: '' }, 'repo_list_file is empty; give the path'],
  [{ org: 'a', perPage: 0 }, 'per_page is 0; expected a whole number from 1 to 100'],
  [{ org: 'a', perPage: 101 }, 'per_page is 101; expected a whole number from 1 to 100'],
  [{ org: 'a', perPage: 2.5 }, 'per_page is 2.5; expected a whole number from 1 to 100'],
  [{ org: 'a', perPage: '50' }, 'per_page is "50"; expected a whole number from 1 to 100'],
  [{ org: 'a', baseUrl: 'ftp://x' }, 'base_url is not an http(s) URL; give https://api.github.com'],
  [{ org: 'a', baseUrl: 'x' }, 'base_url is not an http(s) URL'],
  [{ org: 'a', baseUrl: 'https://github.com/' }, 'is the web site, not the API'],
  [{ org: 'a', baseUrl: 'https://x/?a=1' }, 'base_url for x has a query or a fragment'],
  [
    { orgs: 'a', org: 'a' },
    'unknown key orgs for a github target; known are org, user, authenticated_user, installation, all_orgs, enterprise, gists, repo_list, repo_list_file, members, filter, base_url, per_page',
  ],
])('%j is refused with a remedy', (spec, message) => {
  expect(problems(spec)).toEqual([expect.stringContaining(message)])
})

test.each([
  [['forks'], 'filter is a list; expected a mapping, such as { forks: exclude }'],
  [{ fork: 'exclude' }, 'unknown key fork in filter; known are include, exclude, forks, archived,'],
  [{ forks: 'no' }, 'filter.forks is "no"; expected "include", "exclude" or "only"'],
  [{ include: [] }, 'filter.include is an empty list; name at least one, or leave the filter out'],
  [{ include: 'acme/*' }, 'filter.include is "acme/*"; expected a list, such as ["acme/*"]'],
  [{ include: [' '] }, 'an entry of filter.include is empty'],
  [{ include: [1] }, 'an entry of filter.include is 1; expected a pattern for "owner/name"'],
  [{ include: ['acme'] }, 'write "*/acme" for a name or "acme/*" for an owner'],
  [{ exclude: ['!acme/*'] }, 'a pattern does not begin with "!"; write it without'],
  [{ exclude: ['https://github.com/a/b'] }, 'leave the scheme and the host away'],
  [{ exclude: [`a/${'b'.repeat(300)}`] }, 'a pattern has up to 300 characters'],
  [{ visibility: ['secret'] }, 'an entry of filter.visibility is "secret"; expected "public"'],
  [{ visibility: [] }, 'filter.visibility is an empty list'],
  [{ topics: [] }, 'filter.topics is an empty list'],
  [{ languages: 'go' }, 'filter.languages is "go"; expected a list, such as ["TypeScript"]'],
  [{ minSizeKb: -1 }, 'filter.min_size_kb is -1; expected a whole number of kilobytes, 0 or more'],
  [{ maxSizeKb: 1.5 }, 'filter.max_size_kb is 1.5; expected a whole number of kilobytes'],
  [{ minSizeKb: 2, maxSizeKb: 1 }, 'filter.min_size_kb is 2 and filter.max_size_kb is 1; expected'],
  [{ pushedSince: 'yesterday' }, 'filter.pushed_since is "yesterday"; expected a date such as'],
  [{ pushedSince: '2025-02-30' }, 'filter.pushed_since is "2025-02-30"; expected a date'],
  [{ pushedSince: '2025-13-01' }, 'filter.pushed_since is "2025-13-01"; expected a date'],
  [{ pushedSince: '2025-01-01T10:00:00' }, 'or a time with its zone such as'],
  [{ pushedSince: '2025-01-01T25:00:00Z' }, 'filter.pushed_since is "2025-01-01T25:00:00Z"'],
  [{ pushedSince: 2025 }, 'filter.pushed_since is 2025; expected a date'],
  [
    { include: ['a/b'], exclude: ['c/d', 'a/b'] },
    'filter.include and filter.exclude both hold "a/b"; take it out of one of them',
  ],
  [
    { topics: ['Java'], excludeTopics: ['java'] },
    'filter.topics and filter.exclude_topics both hold "java"',
  ],
])('the filter %j is refused with a remedy', (filter, message) => {
  expect(problems({ org: 'a', filter })).toEqual([expect.stringContaining(message)])
})

test('a filter that says nothing of gists is refused for them', () => {
  const filter = { forks: 'exclude', minSizeKb: 5, include: ['a/*'] }
  expect(problems({ gists: 'a', filter })).toEqual([
    'filter.forks and filter.min_size_kb cannot be told of gists; known for gists are include, exclude, visibility, pushed_since',
  ])
})

test('what means the same is the same spec', () => {
  const parse = (filter: unknown) =>
    JSON.stringify(githubSpec.parse({ org: 'a', members: false, filter }))
  const none = JSON.stringify(githubSpec.parse({ org: 'a' }))
  expect(none).toBe('{"org":"a","baseUrl":"https://api.github.com","perPage":100}')
  for (const nothing of [
    undefined,
    {},
    { forks: true, archived: 'include', minSizeKb: 0 },
    { visibility: ['public', 'private', 'internal'] },
  ]) {
    expect(parse(nothing)).toBe(none)
  }
  const one = parse({
    topics: ['b', 'a'],
    languages: ['Go', 'go'],
    forks: false,
    pushedSince: '2025-01-01',
  })
  const other = parse({
    pushedSince: '2025-01-01T01:00+01:00',
    forks: 'exclude',
    languages: ['GO'],
    topics: ['A', 'b', 'a'],
  })
  expect(one).toBe(other)
})

test('a password in the base URL is refused and not repeated', () => {
  const [problem] = problems({ org: 'a', baseUrl: 'https://me:hunter2@ghe.example.com/api/v3' })
  expect(problem).toContain('base_url for ghe.example.com holds credentials')
  expect(problem).not.toContain('hunter2')
})

test.each([
  ['https://api.github.com', 'github.com'],
  ['https://ghe.example.com/api/v3', 'ghe.example.com'],
  ['http://127.0.0.1:8080', '127.0.0.1:8080'],
  ['https://api.octo.ghe.com', 'octo.ghe.com'],
])('the web pages that belong to %s are on %s', (baseUrl, host) => {
  expect(webHost(baseUrl)).toBe(host)
})
