import { expect, test } from 'vitest'
import { ItemRejectedError } from '../../../src/domain/errors.ts'
import { githubSource, githubSpec } from '../../../src/sources/github/index.ts'

const source = githubSource()
const spec = githubSpec.parse({ org: 'octokit' })

const item = {
  id: 711976,
  nodeId: 'R_kgDOAArdKA',
  fullName: 'octokit/rest.js',
  url: 'https://github.com/octokit/rest.js',
  defaultBranch: 'main',
  sizeKb: 15_000,
  visibility: 'public',
  fork: false,
  archived: false,
  disabled: false,
  pushedAt: '2025-06-01T00:00:00Z',
}

test('a repository is the same one by its number, whatever its name', () => {
  expect(source.identify(item, spec)).toEqual({
    key: 'github.com#711976',
    uri: 'https://github.com/octokit/rest.js',
    name: 'octokit/rest.js',
    metadata: {
      nodeId: 'R_kgDOAArdKA',
      cloneUrl: 'https://github.com/octokit/rest.js.git',
      defaultBranch: 'main',
      sizeKb: 15_000,
      visibility: 'public',
      fork: false,
      archived: false,
      disabled: false,
      pushedAt: '2025-06-01T00:00:00Z',
    },
  })
})

test.each([
  [{ id: null }, 'expected a numeric id; found null'],
  [{ id: '711976' }, 'expected a numeric id; found "711976"'],
  [{ id: 0 }, 'expected a numeric id; found 0'],
  [{ fullName: 'rest.js' }, 'expected a name like owner/name; found "rest.js"'],
  [{ fullName: 'octokit/..' }, 'expected a name like owner/name; found "octokit/.."'],
  [{ fullName: null }, 'expected a name like owner/name; found null'],
  [{ id: { toString: null } }, 'expected a numeric id; found a mapping'],
  [{ url: '' }, 'expected an http(s) URL without credentials'],
  [{ url: 'no address' }, 'expected an http(s) URL without credentials'],
  [{ url: 'file:///etc/passwd' }, 'expected an http(s) URL without credentials'],
  [{ url: 'https://me:hunter2@github.com/a/b' }, 'expected an http(s) URL without credentials'],
])('%j is rejected with the reason', (wrong, reason) => {
  const identify = () => source.identify({ ...item, ...wrong }, spec)
  expect(identify).toThrow(ItemRejectedError)
  expect(identify).toThrow(reason)
  expect(identify).not.toThrow('hunter2')
})

test.each([null, 7, true, []])('%j is rejected: it is nothing that GitHub lists', (wrong) => {
  const identify = () => source.identify(wrong as never, spec)
  expect(identify).toThrow(ItemRejectedError)
  expect(identify).toThrow('not a repository as GitHub describes one: got ')
})

test('a reference in a list is identified by its text', () => {
  expect(source.identify('https://github.com/Octokit/rest.js.git', spec)).toMatchObject({
    name: 'Octokit/rest.js',
    uri: 'https://github.com/Octokit/rest.js',
  })
})

test('a list is enumerated without a request', async () => {
  const list = githubSpec.parse({ repoList: ['octokit/rest.js', 'octokit/core.js'] })
  const context = {
    signal: new AbortController().signal,
    clock: { now: () => 0 },
    authRef: null,
    credentials: () => Promise.reject(new Error('not asked for')),
    answers: { get: async () => undefined, set: async () => undefined },
  }
  const items: unknown[] = []
  for await (const page of source.enumerate(list, undefined, context)) items.push(...page.items)
  expect(items).toEqual(['octokit/rest.js', 'octokit/core.js'])
})
