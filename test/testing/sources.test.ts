import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { startSandboxGitHub, type SandboxGitHubOptions } from '../../examples/sandbox/github.ts'
import { githubCredentials } from '../../src/domain/credentials.ts'
import { ItemRejectedError } from '../../src/domain/errors.ts'
import { githubSource } from '../../src/sources/github/index.ts'
import type { AnySource } from '../../src/sources/source.ts'
import { urlSource } from '../../src/sources/url/index.ts'
import { sourceContract, type ContractCase } from '../../src/testing/index.ts'
import { itemsNamed, scriptedSource } from '../support/scripted-source.ts'
import { tempFolder } from '../support/temp.ts'

const runAll = (cases: readonly ContractCase[]) => {
  for (const { title, run } of cases) test(title, run)
}

/** An organisation of a few pages on a sandbox of its own. */
const organisation =
  (count: number, options: SandboxGitHubOptions = {}) =>
  async () => {
    const github = await startSandboxGitHub({
      ...options,
      owners: [{ login: 'acme', type: 'Organization', names: itemsNamed('repo', count) }],
    })
    return {
      spec: { org: 'acme', baseUrl: github.url, perPage: 10 },
      expected: github.repositories('acme').map((repo) => `https://github.com/${repo.full_name}`),
      tearDown: () => github.close(),
    }
  }

const INVALID_GITHUB = [
  {},
  { org: 'acme', user: 'acme' },
  { org: '' },
  { org: 'https://github.com/acme' },
  { repoList: [] },
  { org: 'acme', perPage: 1e99 },
  { org: 'acme', baseUrl: 'https://github.com' },
  { orgs: 'acme' },
]

describe('an organisation by GraphQL', () =>
  runAll(
    sourceContract(githubSource, {
      credentials: githubCredentials('ghp_TheSecretOfTheContract0123456789'),
      invalidSpecs: INVALID_GITHUB,
      mayRepeat: true,
      setUp: organisation(35),
    }),
  ))

describe('an organisation by REST', () =>
  runAll(sourceContract(githubSource, { mayRepeat: true, setUp: organisation(25) })))

describe('an organisation, by one source for all', () =>
  runAll(
    sourceContract(githubSource(), {
      credentials: githubCredentials('ghp_TheSecretOfTheContract0123456789'),
      mayRepeat: true,
      setUp: organisation(25),
    }),
  ))

/** Turns its callers away at one request in five; for it, a second passes whenever it looks. */
const limited = (seconds = Date.now() / 1_000): SandboxGitHubOptions => ({
  clock: { now: () => (seconds += 1) * 1_000 },
  faults: (_, index) =>
    index % 5 === 0 ? { kind: 'secondary-limit', retryAfterSeconds: 2 } : undefined,
})

describe('an organisation that turns its callers away at times', () =>
  runAll(
    sourceContract(githubSource, {
      credentials: githubCredentials('ghp_TheSecretOfTheContract0123456789'),
      mayRepeat: true,
      setUp: organisation(35, limited()),
    }),
  ))

const repoList = itemsNamed('repo', 1_100).map((name) => `acme/${name}`)

describe('a list of repositories', () =>
  runAll(
    sourceContract(githubSource, {
      spec: { repoList },
      expected: repoList.map((name) => `https://github.com/${name}`),
      invalidSpecs: INVALID_GITHUB,
    }),
  ))

describe('a list of repositories that is looked up', () =>
  runAll(
    sourceContract(githubSource, {
      credentials: githubCredentials('ghp_TheSecretOfTheContract0123456789'),
      setUp: async () => {
        const { spec, ...rest } = await organisation(35)()
        const { baseUrl, perPage } = spec
        const names = rest.expected.map((url) => url.split('/').slice(-2).join('/'))
        return { ...rest, spec: { repoList: names, baseUrl, perPage } }
      },
    }),
  ))

/** A file of lines in a folder of the case's own. */
const listFile = (name: string, lines: readonly string[]): string => {
  const file = join(tempFolder(), name)
  writeFileSync(file, lines.join('\r\n'))
  return file
}

describe('a file of repositories', () =>
  runAll(
    sourceContract(githubSource, {
      expected: repoList.map((name) => `https://github.com/${name}`),
      setUp: async () => ({
        spec: { repoListFile: listFile('repos.txt', ['# ours', ...repoList, '']) },
      }),
    }),
  ))

const urls = itemsNamed('page', 1_100).map((name) => `https://data.example/ä/${name}?q=1`)
const INVALID_URL = [{}, { urls: [] }, { urls: ['https://u:p@h/'] }, { urls: [7] }, { url: 'x' }]

describe('a list of URLs', () =>
  runAll(
    sourceContract(urlSource, {
      spec: { urls, archiveFormat: 'auto', metadata: { team: 'red' } },
      expected: urls.map((url) => new URL(url).href),
      invalidSpecs: INVALID_URL,
    }),
  ))

describe('a file of URLs', () =>
  runAll(
    sourceContract(urlSource, {
      expected: urls.map((url) => new URL(url).href),
      invalidSpecs: INVALID_URL,
      setUp: async () => ({ spec: { urlsFile: listFile('urls.txt', urls) } }),
    }),
  ))

/** The source of the tests, which trusts its caller, with what a source for others needs besides. */
function carefulSource(items: readonly string[]): AnySource {
  const source = scriptedSource({
    list: { items, pageSize: 4, before: (_, { signal }) => signal.throwIfAborted() },
  })
  return {
    ...source,
    identify(item: unknown, spec: never) {
      if (typeof item === 'string' && item !== '') return source.identify(item as never, spec)
      throw new ItemRejectedError('expected a text')
    },
  }
}

describe('the scripted source', () => {
  const items = [...itemsNamed('item', 13), 'bad-1', ...itemsNamed('more', 6)]
  runAll(
    sourceContract(() => carefulSource(items), {
      spec: { list: 'list' },
      expected: items.filter((item) => !item.startsWith('bad')),
      invalidSpecs: [{}, { list: 7 }, { list: 'list', also: 1 }],
    }),
  )
})
