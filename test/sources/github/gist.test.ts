import { expect, test } from 'vitest'
import { ItemRejectedError } from '../../../src/domain/errors.ts'
import { gistFromRest, identifyGist, isGist } from '../../../src/sources/github/gist.ts'
import { githubSpec } from '../../../src/sources/github/index.ts'

const row = {
  id: 'aa5a315d61ae9438b18d',
  node_id: 'G_1',
  html_url: 'https://gist.github.com/octocat/aa5a315d61ae9438b18d',
  git_pull_url: 'https://gist.github.com/aa5a315d61ae9438b18d.git',
  public: false,
  files: { 'a.txt': { size: 1 }, 'b.txt': { size: 2 } },
  created_at: '2024-01-01T00:00:00Z',
  updated_at: '2025-01-01T00:00:00Z',
  owner: { login: 'octocat', id: 1 },
}
const item = gistFromRest(row)
const identify = (given = item, filter: unknown = undefined) =>
  identifyGist(given, 'github.com', githubSpec.parse({ gists: 'octocat', filter }).filter)

test('a gist is the same one by its number, and another version once it was changed', () => {
  expect(identify()).toEqual({
    key: 'gist.github.com#aa5a315d61ae9438b18d',
    uri: 'https://gist.github.com/octocat/aa5a315d61ae9438b18d',
    name: 'octocat/aa5a315d61ae9438b18d',
    version: '2025-01-01T00:00:00Z',
    metadata: {
      kind: 'gist',
      nodeId: 'G_1',
      cloneUrl: 'https://gist.github.com/aa5a315d61ae9438b18d.git',
      visibility: 'secret',
      files: 2,
      createdAt: '2024-01-01T00:00:00Z',
      updatedAt: '2025-01-01T00:00:00Z',
      ownerLogin: 'octocat',
    },
  })
})

test('what GitHub does not tell is null, and no reason to reject', () => {
  const bare = gistFromRest({ id: '12', html_url: 'https://gist.github.com/12' })
  expect(bare).toMatchObject({ visibility: null, files: null, ownerLogin: null, updatedAt: null })
  expect(identify(bare)).toMatchObject({ key: 'gist.github.com#12', name: '12' })
  expect(identify(bare)).not.toHaveProperty('version')
})

test('an item is a gist by its kind', () => {
  expect(isGist(item)).toBe(true)
  expect(isGist({ id: 1 })).toBe(false)
})

test.each([
  [{ id: 7 }, 'expected a hexadecimal id; found 7'],
  [{ id: '../x' }, 'expected a hexadecimal id; found "../x"'],
  [{ url: 'gist' }, 'expected an http(s) URL without credentials'],
  [{ url: 'https://me:hunter2@gist.github.com/1' }, 'expected an http(s) URL without credentials'],
  [{ url: 'https://:hunter2@gist.github.com/1' }, 'expected an http(s) URL without credentials'],
  [{ cloneUrl: 'https://hunter2@gist.github.com/1.git' }, 'expected an http(s) URL without'],
  [{ ownerLogin: 7 }, 'expected ownerLogin as text; found 7'],
])('%j is rejected with the reason', (wrong, reason) => {
  expect(() => identify({ ...item, ...wrong })).toThrow(ItemRejectedError)
  expect(() => identify({ ...item, ...wrong })).toThrow(reason)
  expect(() => identify({ ...item, ...wrong })).not.toThrow('hunter2')
})

test.each([
  [{ include: ['octocat/b*'] }, 'include'],
  [{ exclude: ['octocat/AA*'] }, 'exclude'],
  [{ visibility: ['public'] }, 'visibility'],
  [{ pushedSince: '2025-01-02' }, 'pushedSince'],
  [{ visibility: ['private'], pushedSince: '2025-01-01', include: ['octocat/*'] }, undefined],
])('%j leaves a secret gist out by %s', (filter, skipped) => {
  expect(identify(item, filter).skipped).toBe(skipped)
})
