import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type SandboxGitHub, startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import { githubCredentials, type TaskCredentials } from '../../../src/domain/credentials.ts'
import { ItemRejectedError, RetryLaterError, SourceError } from '../../../src/domain/errors.ts'
import type { JsonValue } from '../../../src/domain/json.ts'
import { createAccess } from '../../../src/sources/github/connect.ts'
import { fromRest } from '../../../src/sources/github/facts.ts'
import { identifyRepository } from '../../../src/sources/github/identity.ts'
import {
  isListProblem,
  isUnresolved,
  rejectUnresolved,
  type UnresolvedEntry,
} from '../../../src/sources/github/list-problem.ts'
import {
  enumerateRepositoryList,
  type ListItem,
  reloadListItems,
} from '../../../src/sources/github/resolve.ts'
import { githubSpec } from '../../../src/sources/github/spec.ts'
import type { Page } from '../../../src/sources/source.ts'
import { contextOf, madeUpNames, testClock, TOKEN, withoutToken, withToken } from './walk.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-resolve-'))
})
afterAll(() => rm(folder, { recursive: true }))

const acme = { login: 'acme', type: 'Organization' as const, names: madeUpNames(30) }
const other = { login: 'other', type: 'User' as const, names: ['web'] }
const start = (options: Parameters<typeof startSandboxGitHub>[0] = {}) =>
  startSandboxGitHub({ owners: [acme, other], clock: testClock(), ...options })

const BAD_GATEWAY = { kind: 'server-error', status: 502 } as const

const fullNames = (count: number): readonly string[] =>
  madeUpNames(count).map((name) => `acme/${name}`)

interface Run {
  readonly cursor?: JsonValue
  readonly access?: ReturnType<typeof createAccess>
  readonly credentials?: () => TaskCredentials
  readonly authRef?: string
  /** How often an error is tried again. */
  readonly retries?: number
}

/** Walks a list as the core does: after an error anew, from the last page's cursor. */
const walkList = async (given: Record<string, unknown>, run: Run = {}) => {
  const spec = githubSpec.parse(given)
  const context = contextOf({
    credentials: run.credentials ?? withToken,
    authRef: run.authRef ?? null,
  })
  const access = run.access ?? createAccess()
  const pages: Page<ListItem>[] = []
  const errors: Error[] = []
  for (;;) {
    try {
      const from = pages.at(-1)?.cursor ?? run.cursor
      for await (const page of enumerateRepositoryList(spec, from, context, access)) {
        pages.push(page)
      }
      return { pages, errors, items: pages.flatMap((page) => page.items) }
    } catch (error) {
      errors.push(error as Error)
      const final = error instanceof SourceError && !error.retryable
      if (final || errors.length > (run.retries ?? 0)) throw error
    }
  }
}

const nameOf = (item: ListItem): unknown => (typeof item === 'string' ? item : named(item))
const named = (item: Exclude<ListItem, string>): unknown =>
  isUnresolved(item) ? (item as UnresolvedEntry).problem : item.fullName

const countOf = (sandbox: SandboxGitHub, path: string): number =>
  sandbox.requests.filter((request) => request.path.startsWith(path)).length

type Change = (body: { readonly data: Record<string, unknown> }) => object

/** Changes the next answer on its way, to what the sandbox does not say of itself. */
const changedAnswer = (change: Change): Disposable => {
  const real = globalThis.fetch
  let isNext = true
  globalThis.fetch = async (input, init) => {
    const response = await real(input, init)
    if (!isNext) return response
    isNext = false
    const body = change((await response.json()) as { data: Record<string, unknown> })
    const { status, headers, url } = response
    const answer = new Response(JSON.stringify(body), { status, headers })
    return Object.defineProperty(answer, 'url', { value: url })
  }
  return {
    [Symbol.dispose]: () => {
      globalThis.fetch = real
    },
  }
}

describe('a list with a token', () => {
  test('leads to the facts of each repository, in its order, with one query a page', async () => {
    await using sandbox = await start()
    const { items, pages } = await walkList({ repoList: fullNames(30), baseUrl: sandbox.url })
    expect(items.map(nameOf)).toEqual(fullNames(30))
    const truth = sandbox.repositories('acme')
    for (const item of items) {
      const repository = truth.find(({ full_name }) => full_name === nameOf(item))
      expect(item).toMatchObject({
        id: repository?.id,
        sizeKb: repository?.size,
        ownerLogin: 'acme',
        ownerType: 'Organization',
      })
      expect(item).not.toHaveProperty('aliases')
    }
    expect(pages.map(({ cursor, total }) => [cursor, total])).toEqual([[{ index: 30 }, 30]])
    expect(sandbox.requests.map(({ path }) => path)).toEqual(['/graphql'])
  })

  test('goes on from the cursor of any page, in an array and in a file', async () => {
    await using sandbox = await start()
    const file = join(folder, 'list.txt')
    await writeFile(file, `# ours\n${fullNames(30).join('\n\n')}\n`)
    for (const list of [{ repoList: fullNames(30) }, { repoListFile: file }]) {
      const spec = { ...list, baseUrl: sandbox.url, perPage: 7 }
      const { pages, items } = await walkList(spec)
      expect(pages.map((page) => page.items.length)).toEqual([7, 7, 7, 7, 2])
      expect(items.map(nameOf)).toEqual(fullNames(30))
      for (const [at, { cursor }] of pages.entries()) {
        expect((await walkList(spec, { cursor })).pages).toEqual(pages.slice(at + 1))
      }
    }
  })

  test('asks once for what several entries name, and makes one resource of it', async () => {
    await using sandbox = await start()
    const web = new URL(sandbox.url).host
    const repoList = [
      'acme/repository-1',
      'ACME/Repository-1',
      `http://${web}/acme/repository-1.git`,
    ]
    const { items } = await walkList({ repoList, baseUrl: sandbox.url })
    expect(items.map(nameOf)).toEqual(Array(3).fill('acme/repository-1'))
    expect(JSON.stringify(items)).not.toContain('aliases')
    const { variables } = JSON.parse(sandbox.requests[0]?.body ?? '') as { variables: object }
    expect(Object.values(variables)).toEqual(['acme', 'repository-1'])
  })

  test('costs one point of GraphQL for 100 entries', async () => {
    await using sandbox = await start({ owners: [{ ...acme, names: madeUpNames(100) }] })
    await walkList({ repoList: fullNames(100), baseUrl: sandbox.url })
    const { body } = sandbox.requests[0] ?? {}
    const headers = { authorization: `Bearer ${TOKEN}` }
    const again = await fetch(`${sandbox.url}/graphql`, {
      method: 'POST',
      headers,
      body: body ?? '',
    })
    expect(await again.json()).toMatchObject({ data: { rateLimit: { cost: 1 } } })
  })

  test('lets no entry become a part of the query', async () => {
    await using sandbox = await start()
    await walkList({ repoList: ['acme/repository-1', 'acme/viewer'], baseUrl: sandbox.url })
    const { query } = JSON.parse(sandbox.requests[0]?.body ?? '') as { query: string }
    expect(query).not.toMatch(/acme|repository-1|viewer/)
  })

  test('leaves what names no repository to be rejected as it stands, and asks nothing of it', async () => {
    await using sandbox = await start()
    const repoList = ['no repository', 'https://gitlab.com/a/b', 'acme/repository-2']
    const { items, pages } = await walkList({ repoList, baseUrl: sandbox.url })
    expect(items.map(nameOf)).toEqual([
      'no repository',
      'https://gitlab.com/a/b',
      'acme/repository-2',
    ])
    expect(pages[0]?.shortfalls).toEqual([])
    await walkList({ repoList: ['no repository'], baseUrl: sandbox.url })
    expect(sandbox.requests).toHaveLength(1)
  })

  test('knows a repository by its old names, and tells them', async () => {
    await using sandbox = await start()
    sandbox.rename('acme/repository-1', 'renamed')
    sandbox.transfer('acme/repository-2', 'other', 'moved')
    const repoList = ['acme/repository-1', 'acme/Renamed', 'acme/repository-2']
    const { items } = await walkList({ repoList, baseUrl: sandbox.url })
    const host = new URL(sandbox.url).host
    expect(items.map(nameOf)).toEqual(['acme/renamed', 'acme/renamed', 'other/moved'])
    const identities = items.map((item) => identifyRepository(item as never, host))
    expect(identities[0]?.key).toBe(identities[1]?.key)
    expect(identities.map(({ aliases }) => aliases)).toEqual([
      [`https://${host}/acme/repository-1`],
      undefined,
      [`https://${host}/acme/repository-2`],
    ])
  })

  test('takes what was deleted and made again for another repository', async () => {
    await using sandbox = await start()
    const spec = { repoList: ['acme/repository-1'], baseUrl: sandbox.url }
    const [before] = (await walkList(spec)).items
    sandbox.recreate('acme/repository-1')
    const [after] = (await walkList(spec)).items
    expect(nameOf(after as ListItem)).toBe('acme/repository-1')
    expect((after as { id: number }).id).not.toBe((before as { id: number }).id)
  })
})

describe('an entry that leads nowhere', () => {
  const problems = async (sandbox: SandboxGitHub, repoList: readonly string[], run: Run = {}) => {
    const { items, pages } = await walkList({ repoList, baseUrl: sandbox.url }, run)
    return { items, problems: items.map(nameOf), shortfalls: pages.flatMap((p) => p.shortfalls) }
  }

  test('is a failed item with a reason, and lowers the verdict', async () => {
    await using sandbox = await start()
    sandbox.set('acme/repository-2', { dmca: true })
    const repoList = ['acme/none', 'acme/repository-2', 'acme/repository-3']
    const found = await problems(sandbox, repoList, { authRef: 'gh' })
    expect(found.problems).toEqual(['not_found', 'dmca', 'acme/repository-3'])
    const what = `the list of repositories at ${sandbox.url}`
    expect(found.shortfalls).toEqual([
      {
        code: 'not_found',
        detail: `${what}: some entries are unknown or hidden from the credential; the failed items name them`,
      },
      {
        code: 'dmca',
        detail: `${what}: some entries are blocked for legal reasons; the failed items name them`,
      },
    ])
    const reject = () => rejectUnresolved(found.items[0] as UnresolvedEntry)
    expect(reject).toThrow(ItemRejectedError)
    expect(reject).toThrow(
      `"acme/none": there is no such repository at ${sandbox.url}, or it is hidden from the credential "gh"; check the spelling, and what the token may read`,
    )
    expect(countOf(sandbox, '/repos/')).toBe(2)
  })

  test('says so when single sign-on is what is missing', async () => {
    const accounts = { [TOKEN]: { login: 'me', scopes: ['repo'] } }
    const closed = { ...acme, sso: true, members: ['me'] }
    await using sandbox = await start({ owners: [closed, other], accounts })
    const found = await problems(sandbox, ['acme/repository-1', 'other/web'])
    expect(found.problems).toEqual(['sso', 'other/web'])
    expect(found.shortfalls).toMatchObject([{ code: 'sso' }])
  })

  test("gives the reason for a refusal in GitHub's words", async () => {
    await using sandbox = await start()
    const message = '`acme` has an IP allow list enabled'
    using _changed = changedAnswer(({ data }) => ({
      data: { ...data, r0: null },
      errors: [{ type: 'FORBIDDEN', path: ['r0'], message }],
    }))
    const { items } = await problems(sandbox, ['acme/repository-1', 'acme/repository-2'])
    expect(items[0]).toEqual({
      entry: 'acme/repository-1',
      problem: 'forbidden',
      detail: `the organisation does not let this machine's address in (${message}); have the address added to its IP allow list`,
    })
    expect(nameOf(items[1] as ListItem)).toBe('acme/repository-2')
  })

  test.each([
    ['forbidden', 'forbidden', 'the credential lacks a permission ('],
    ['sso-required', 'sso', "the credential is not authorised for the organisation's single"],
    ['gone', 'gone', 'the repository is gone for good; take it off the list'],
    ['legal', 'dmca', 'the repository is blocked for legal reasons; take it off the list'],
  ] as const)('is told by REST to be %s', async (kind, problem, detail) => {
    await using sandbox = await start({
      faults: ({ path }) => (path.startsWith('/repos/') ? { kind } : undefined),
    })
    const { items } = await problems(sandbox, ['acme/none'])
    expect(items).toMatchObject([{ entry: 'acme/none', problem }])
    const told = (items[0] as UnresolvedEntry).detail
    expect(told.startsWith(detail)).toBe(true)
    expect(told).not.toContain('no reason given')
  })

  test('is not taken for one when REST fails to tell: the page is asked for again', async () => {
    await using sandbox = await start()
    sandbox.inject(null, { kind: 'server-error', status: 500 })
    const spec = { repoList: ['acme/none'], baseUrl: sandbox.url }
    const { items, errors } = await walkList(spec, { retries: 1 })
    expect(errors).toMatchObject([{ code: 'SOURCE_UNAVAILABLE', retryable: true }])
    expect(items.map(nameOf)).toEqual(['not_found'])
    expect(isListProblem('unavailable')).toBe(false)
  })

  test('makes the same sentence on every page, of which a session keeps one', async () => {
    await using sandbox = await start()
    const repoList = ['acme/none-1', 'acme/none-2', 'acme/none-3']
    const { pages } = await walkList({ repoList, baseUrl: sandbox.url, perPage: 1 })
    const details = pages.flatMap(({ shortfalls = [] }) => shortfalls.map(({ detail }) => detail))
    expect(details).toHaveLength(3)
    expect(new Set(details).size).toBe(1)
  })

  test('costs a request to tell why, but not each of many', async () => {
    await using sandbox = await start()
    const repoList = Array.from({ length: 50 }, (_, at) => `acme/none-${at}`)
    const found = await problems(sandbox, repoList)
    expect(found.problems).toEqual(Array(50).fill('not_found'))
    expect(found.shortfalls).toHaveLength(1)
    expect(countOf(sandbox, '/repos/')).toBe(20)
    expect(countOf(sandbox, '/graphql')).toBe(1)
  })

  test('is stored without the credentials that stood in it', async () => {
    await using sandbox = await start()
    const entry = `https://me:hunter2@${new URL(sandbox.url).host}/acme/none`
    const file = join(folder, 'secret.txt')
    await writeFile(file, entry)
    for (const list of [{ repoList: [entry] }, { repoListFile: file }]) {
      const { items, pages } = await walkList({ ...list, baseUrl: sandbox.url })
      expect(items.map(nameOf)).toEqual(['not_found'])
      expect(JSON.stringify(pages)).not.toContain('hunter2')
    }
    expect(JSON.stringify(sandbox.requests)).not.toContain('hunter2')
  })
})

describe('when GitHub fails', () => {
  test('at a batch, the next is half as large and grows again, and nothing is lost', async () => {
    await using sandbox = await start()
    sandbox.inject(BAD_GATEWAY, BAD_GATEWAY)
    const { pages, items, errors } = await walkList(
      { repoList: fullNames(30), baseUrl: sandbox.url, perPage: 20 },
      { retries: 2 },
    )
    expect(errors).toHaveLength(2)
    expect(pages.map((page) => page.items.length)).toEqual([5, 7, 9, 9])
    expect(items.map(nameOf)).toEqual(fullNames(30))
  })

  test.each<[string, Change]>([
    ['nulls without a reason', ({ data }) => ({ data: { ...data, r1: null } })],
    [
      'an error that names no entry',
      (body) => ({ ...body, errors: [{ message: 'Something went wrong' }] }),
    ],
    [
      'an error within an entry',
      (body) => ({
        ...body,
        errors: [{ type: 'FORBIDDEN', path: ['r1', 'repositoryTopics'], message: 'no' }],
      }),
    ],
    [
      'an error of an unknown kind',
      (body) => ({ ...body, errors: [{ type: 'SERVICE', path: ['r1'], message: '' }] }),
    ],
    ['no data at all', () => ({ data: null })],
    ['something else', () => ['?']],
  ])('by %s, the answer is no page: it is asked for again', async (_, damage) => {
    await using sandbox = await start()
    using _changed = changedAnswer(damage)
    const spec = { repoList: fullNames(4), baseUrl: sandbox.url }
    const { items, errors } = await walkList(spec, { retries: 1 })
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ retryable: true })
    expect(items.map(nameOf)).toEqual(fullNames(4))
  })

  test('at a single repository by GraphQL, REST is asked for it', async () => {
    await using sandbox = await start({
      faults: (request: { path: string }) =>
        request.path === '/graphql' ? BAD_GATEWAY : undefined,
    })
    sandbox.rename('acme/repository-1', 'renamed')
    const spec = { repoList: ['acme/repository-1'], baseUrl: sandbox.url, perPage: 1 }
    const { items } = await walkList(spec)
    const row = await (await fetch(`${sandbox.url}/repos/acme/renamed`)).json()
    const aliases = [`https://${new URL(sandbox.url).host}/acme/repository-1`]
    expect(items).toEqual([{ ...fromRest(row as never), aliases }])
  })

  test('in the limit, the list waits and the page is not counted', async () => {
    const clock = testClock()
    await using sandbox = await start({
      clock,
      rateLimit: { limit: 2, windowSeconds: 3600 },
    })
    const spec = { repoList: fullNames(30), baseUrl: sandbox.url, perPage: 10 }
    await expect(walkList(spec)).rejects.toBeInstanceOf(RetryLaterError)
  })
})

describe('a list without a token', () => {
  test('is walked as text, and nothing is asked of GitHub', async () => {
    await using sandbox = await start()
    const spec = { repoList: fullNames(30), baseUrl: sandbox.url, perPage: 7 }
    const { items, pages } = await walkList(spec, { credentials: withoutToken })
    expect(items).toEqual(fullNames(30))
    expect(pages).toHaveLength(1)
    expect(sandbox.requests).toHaveLength(0)
  })

  test('goes on as what it is when a token is gained on the way', async () => {
    await using sandbox = await start()
    let asked = 0
    const credentials = () => ((asked += 1) === 1 ? withoutToken() : githubCredentials(TOKEN))
    const file = join(folder, 'long.txt')
    await writeFile(file, Array(500).fill('acme/repository-9').concat(fullNames(2)).join('\n'))
    const spec = { repoListFile: file, baseUrl: sandbox.url }
    const { items } = await walkList(spec, { credentials })
    expect(items.slice(0, 500).every((item) => typeof item === 'string')).toBe(true)
    expect(items.slice(500)).toMatchObject([{ ownerLogin: 'acme' }, { ownerLogin: 'acme' }])
  })
})

describe('failed entries that are tried again', () => {
  const reload = (sandbox: SandboxGitHub, items: readonly JsonValue[], run: Run = {}) =>
    reloadListItems(
      items,
      githubSpec.parse({ repoList: ['a/b'], baseUrl: sandbox.url, perPage: 10 }),
      contextOf({ credentials: run.credentials ?? withToken }),
      createAccess(),
    )

  test('are looked up anew; all else comes back as it was, in its place', async () => {
    await using sandbox = await start()
    const repoList = ['acme/late', 'acme/repository-1', 'acme/none']
    const { items } = await walkList({ repoList, baseUrl: sandbox.url })
    sandbox.add('acme', 'late')
    const given = [7, items[0], 'no repository', items[2], { id: null }, items[1], null] as never[]
    const reloaded = await reload(sandbox, given)
    expect(reloaded).toMatchObject([
      7,
      { fullName: 'acme/late' },
      'no repository',
      { entry: 'acme/none', problem: 'not_found' },
      { id: null },
      items[1] as never,
      null,
    ])
  })

  test('are asked for by the hundred, and by fewer where GitHub fails at those', async () => {
    await using sandbox = await start()
    const failed = fullNames(25).map((entry) => ({ entry, problem: 'forbidden', detail: '' }))
    sandbox.inject(BAD_GATEWAY)
    const reloaded = await reload(sandbox, failed)
    expect(reloaded.map((item) => nameOf(item as ListItem))).toEqual(fullNames(25))
    expect(sandbox.requests).toHaveLength(6)
  })

  test('stay as they are without a token, and where there are none nothing is asked', async () => {
    await using sandbox = await start()
    const failed = [{ entry: 'acme/repository-1', problem: 'not_found', detail: '' }]
    expect(await reload(sandbox, failed, { credentials: withoutToken })).toEqual(failed)
    expect(await reload(sandbox, ['a b', 7])).toEqual(['a b', 7])
    expect(sandbox.requests).toHaveLength(0)
  })
})
