import { expect, test } from 'vitest'
import { githubSpec, webHost } from '../../../src/sources/github/index.ts'

const problems = (spec: unknown): readonly string[] =>
  githubSpec.safeParse(spec).error?.issues.map((issue) => issue.message) ?? []

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
  ]) {
    const spec = githubSpec.parse(given)
    expect(githubSpec.parse(JSON.parse(JSON.stringify(spec)))).toEqual(spec)
  }
})

test.each([
  [
    { org: 'a', repoList: ['b/c'] },
    'give exactly one of org, user, repo_list, repo_list_file; found org and repo_list',
  ],
  [{}, 'give exactly one of org, user, repo_list, repo_list_file; found none'],
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
    'unknown key orgs for a github target; known are org, user, repo_list, repo_list_file, base_url, per_page',
  ],
])('%j is refused with a remedy', (spec, message) => {
  expect(problems(spec)).toEqual([expect.stringContaining(message)])
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
