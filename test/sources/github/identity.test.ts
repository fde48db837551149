import { describe, expect, test } from 'vitest'
import { ItemRejectedError } from '../../../src/domain/errors.ts'
import { webAddress } from '../../../src/sources/github/identity.ts'
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
    version: '2025-06-01T00:00:00Z',
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
  [{ cloneUrl: 'https://me:hunter2@github.com/a/b.git' }, 'without credentials for cloning'],
  [{ aliases: ['https://hunter2@github.com/a/b'] }, 'without credentials for each earlier name'],
  [{ aliases: 'a/b' }, 'expected an http(s) URL without credentials for each earlier name'],
  [{ url: 'https://:hunter2@github.com/a/b' }, 'expected an http(s) URL without credentials'],
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

describe('the version of a repository', () => {
  const versionOf = (facts: object) => source.identify({ ...item, ...facts }, spec).version

  test('is another once something was pushed', () => {
    expect(versionOf({ pushedAt: '2025-06-02T00:00:00Z' })).not.toBe(versionOf({}))
  })

  test('is one of its own until something is', () => {
    const empty = versionOf({ pushedAt: null, empty: true })
    expect(empty).toBe('empty')
    expect(versionOf({ pushedAt: '2025-06-02T00:00:00Z', empty: false })).not.toBe(empty)
  })

  test('is none where nothing is known', () => {
    expect(source.identify({ ...item, pushedAt: null }, spec)).not.toHaveProperty('version')
    expect(source.identify({ ...item, pushedAt: 7, empty: null }, spec).version).toBeUndefined()
  })
})

test('earlier names are told as addresses, beside the metadata', () => {
  const aliases = ['https://github.com/octokit/node-github']
  const identity = source.identify({ ...item, aliases }, spec)
  expect(identity.aliases).toEqual(aliases)
  expect(identity.metadata).not.toHaveProperty('aliases')
  expect(source.identify({ ...item, aliases: [] }, spec)).not.toHaveProperty('aliases')
})

test('what a filter leaves out is a resource all the same, with the name of the filter', () => {
  const filtered = githubSpec.parse({ org: 'octokit', filter: { exclude: ['*/rest.js'] } })
  const { skipped, ...rest } = source.identify(item, filtered)
  expect(skipped).toBe('exclude')
  expect(rest).toEqual(source.identify(item, spec))
})

test('what is no repository is rejected, whatever the filter', () => {
  const filtered = githubSpec.parse({ org: 'octokit', filter: { exclude: ['**'] } })
  expect(() => source.identify({ ...item, id: null }, filtered)).toThrow(ItemRejectedError)
})

const accepts = (url: string): boolean => {
  try {
    source.identify({ ...item, url, cloneUrl: url }, spec)
    return true
  } catch {
    return false
  }
}

test.each([
  ['https://github.com/a/b', true],
  ['http://127.0.0.1:8080/a/~b.c', true],
  ['HTTPS://GitHub.com/a/b', true],
  ['https://github.com', true],
  ['https://github.com/a b', true],
  ['https://github.com?a/b', true],
  ['https://me@github.com/a/b', false],
  ['https://me:hunter2@github.com/a/b', false],
  ['https://github.com\\@evil.example/a/b', true],
  ['https://github.com:99999/a/b', false],
  ['https://1.2.3.999/a/b', false],
  ['https://git hub.com/a/b', false],
  ['https:///a/b', true],
  ['ftp://github.com/a/b', false],
])('an address is judged alike at a glance and in full: %s', (url, isGood) => {
  expect(webAddress.safeParse(url).success).toBe(isGood)
  expect(accepts(url)).toBe(isGood)
  // Again, with what the first one may have left, and after another that was good.
  expect(accepts(url)).toBe(isGood)
  expect(accepts('https://github.com/octokit/rest.js')).toBe(true)
  expect(accepts(url)).toBe(isGood)
})
