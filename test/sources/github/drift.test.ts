/** What happens to a listing while it is read: everything that was there throughout is found, once. */
import { expect, test } from 'vitest'
import { type SandboxGitHub, startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import type { JsonValue } from '../../../src/domain/json.ts'
import { madeUpNames, names, truth, walk, type Walked, withoutToken, withToken } from './walk.ts'

const APIS = [
  { api: 'GraphQL', credentials: withToken },
  { api: 'REST', credentials: withoutToken },
]

const owners = [
  { login: 'octo', type: 'Organization' as const, names: madeUpNames(250) },
  { login: 'elsewhere', type: 'Organization' as const, names: ['elder', 'younger'] },
]

const isPage = (path: string): boolean => path.includes('/graphql') || path.includes('/repos?')

/** Walks, with a change before the second page of repositories is answered. */
const walkWith = async (
  change: (sandbox: SandboxGitHub) => void,
  options: { readonly credentials: typeof withToken; readonly restarts?: boolean },
): Promise<{ walked: Walked; before: readonly string[]; after: readonly string[] }> => {
  let pages = 0
  await using sandbox = await startSandboxGitHub({
    owners,
    onRequest: ({ path }, _, self) => {
      if (!isPage(path)) return
      pages += 1
      if (pages === 2) change(self)
    },
  })
  const before = truth(sandbox, 'octo')
  const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 100 }
  const walked = await walk({ spec, ...options })
  return { walked, before, after: truth(sandbox, 'octo') }
}

const at = (sandbox: SandboxGitHub, index: number): string =>
  truth(sandbox, 'octo').at(index) ?? 'octo/none'

/** When what is created now is created; by it a walk tells the new from the old. */
const thisSecond = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z')

/** Places around the edge between the first page, read before the change, and the second. */
const PLACES = [0, 99, 100, 101, 199, 200, 249] as const

const CHANGES = {
  deleted: (sandbox: SandboxGitHub, place: number) => sandbox.remove(at(sandbox, place)),
  renamed: (sandbox: SandboxGitHub, place: number) =>
    void sandbox.rename(at(sandbox, place), 'renamed'),
  'moved away': (sandbox: SandboxGitHub, place: number) =>
    void sandbox.transfer(at(sandbox, place), 'elsewhere'),
  'deleted and created anew': (sandbox: SandboxGitHub, place: number) => {
    const { full_name } = sandbox.recreate(at(sandbox, place))
    sandbox.set(full_name, { created_at: thisSecond() })
  },
}

const cases = APIS.flatMap(({ api, credentials }) =>
  Object.entries(CHANGES).flatMap(([what, change]) => [
    { api, credentials, what, change, restarts: false },
    { api, credentials, what, change, restarts: true },
  ]),
)

test.each(cases)(
  'a repository that is $what in the middle of a walk costs no other ($api, restarts: $restarts)',
  async ({ credentials, change, restarts }) => {
    for (const place of PLACES) {
      const changing = (sandbox: SandboxGitHub): void => change(sandbox, place)
      const { walked, before, after } = await walkWith(changing, { credentials, restarts })
      const found = new Set(names(walked.identities))
      const throughout = before.filter((name) => after.includes(name))
      expect(throughout.length).toBeGreaterThan(248)
      expect(throughout.filter((name) => !found.has(name))).toEqual([])
      // By its key, whatever it is called by now.
      const keys = walked.identities.map(({ key }) => key)
      expect(new Set(keys).size).toBe(keys.length)
      expect(walked.shortfalls).toEqual([])
    }
  },
)

test.each(APIS)(
  'repositories that come in the middle of a walk are found ($api)',
  async (given) => {
    const moveHere = (sandbox: SandboxGitHub): void => {
      for (const name of truth(sandbox, 'elsewhere')) sandbox.transfer(name, 'octo')
      sandbox.add('octo', 'new-born', { created_at: thisSecond() })
    }
    const { walked, after } = await walkWith(moveHere, given)
    expect(names(walked.identities).toSorted()).toEqual([...after].toSorted())
    expect(walked.shortfalls).toEqual([])
  },
)

test.each(APIS)(
  'of 250 repositories all are found, though the first of them goes after the first page ($api)',
  async (given) => {
    const { walked, before } = await walkWith((sandbox) => sandbox.remove(at(sandbox, 0)), given)
    expect(names(walked.identities).toSorted()).toEqual([...before].toSorted())
  },
)

test.each(APIS)(
  'one that comes and one that goes hide each other from no count ($api)',
  async (given) => {
    const { walked, before } = await walkWith((sandbox) => {
      sandbox.remove(at(sandbox, 10))
      sandbox.add('octo', 'new-born', { created_at: thisSecond() })
    }, given)
    expect(before.filter((name) => !names(walked.identities).includes(name))).toEqual([])
    expect(names(walked.identities)).toContain('octo/new-born')
    expect(walked.shortfalls).toEqual([])
  },
)

test('a listing at rest is read once, and what is created in it does not change that', async () => {
  const start = Date.parse('2026-01-01T00:00:00Z')
  const clock = { now: () => start }
  let pages = 0
  await using sandbox = await startSandboxGitHub({
    owners,
    clock,
    onRequest: ({ path }, _, self) => {
      if (!isPage(path)) return
      pages += 1
      if (pages === 2) self.add('octo', 'new-born', { created_at: '2026-01-01T00:00:01Z' })
    },
  })
  const spec = { org: 'octo', baseUrl: sandbox.url }
  const walked = await walk({ spec, credentials: withoutToken })
  expect(names(walked.identities)).toEqual(truth(sandbox, 'octo'))
  expect(walked.listed).toBe(251)
})

test('a listing at rest is read once, also where it is stopped after each page', async () => {
  await using sandbox = await startSandboxGitHub({ owners })
  const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 50 }
  for (const { credentials } of APIS) {
    const walked = await walk({ spec, credentials, restarts: true })
    expect(walked.pages).toHaveLength(5)
    expect(walked.shortfalls).toEqual([])
  }
})

test('a listing by page numbers that never comes to rest is reported, and has an end', async () => {
  await using sandbox = await startSandboxGitHub({
    owners,
    onRequest: ({ path }, _, self) => {
      if (path.includes('page=2')) self.remove(at(self, 0))
    },
  })
  const spec = { org: 'octo', baseUrl: sandbox.url }
  const walked = await walk({ spec, credentials: withoutToken })
  expect(walked.shortfalls).toMatchObject([{ code: 'drift' }])
  expect(walked.pages).toHaveLength(9)
  const found = names(walked.identities)
  expect(truth(sandbox, 'octo').filter((name) => !found.includes(name))).toEqual([])
})

test.each(APIS)('a cursor does not grow with the listing ($api)', async ({ credentials }) => {
  await using sandbox = await startSandboxGitHub({
    owners: [{ login: 'octo', type: 'Organization', names: madeUpNames(600) }],
  })
  const walked = await walk({
    spec: { org: 'octo', baseUrl: sandbox.url, perPage: 20 },
    credentials,
  })
  const sizes = walked.pages.map(({ cursor }) => JSON.stringify(cursor).length)
  expect(Math.max(...sizes)).toBeLessThan(1_500)
  expect(sizes.at(-2)).toBeLessThan((sizes[1] ?? 0) + 60)
})

test.each(APIS)(
  'stopped after each page, and changed while it was away, a walk misses nothing ($api)',
  async ({ credentials }) => {
    await using sandbox = await startSandboxGitHub({ owners })
    const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 50 }
    const found = new Set<string>()
    let cursor: JsonValue | undefined
    const before = truth(sandbox, 'octo')
    // One page a call; each time something in front of the reader goes.
    for (let calls = 0; calls < 60; calls += 1) {
      const walked = await walk({ spec, credentials, maxPages: 1, ...(cursor && { cursor }) })
      for (const name of names(walked.identities)) found.add(name)
      if (walked.pages.length === 0) break
      cursor = walked.pages[0]?.cursor
      if (calls < 4) sandbox.remove(at(sandbox, 3))
    }
    const throughout = before.filter((name) => truth(sandbox, 'octo').includes(name))
    expect(throughout.filter((name) => !found.has(name))).toEqual([])
  },
)

test.each([
  { left: 0, restarts: false },
  { left: 0, restarts: true },
  { left: 40, restarts: false },
  { left: 40, restarts: true },
  { left: 100, restarts: true },
])(
  'a listing of several pages may come down to one ($left rows, restarts: $restarts)',
  async ({ left, restarts }) => {
    const { walked, after } = await walkWith(
      (sandbox) => truth(sandbox, 'octo').slice(left).forEach(sandbox.remove),
      { credentials: withoutToken, restarts },
    )
    expect(after).toHaveLength(left)
    expect(names(walked.identities)).toEqual(expect.arrayContaining([...after]))
    expect(walked.shortfalls.map(({ code }) => code)).toEqual(
      left === 0 ? ['filtered_by_scope'] : [],
    )
  },
)

test('what slipped onto a page that was read before the walk was stopped is found by reading it again', async () => {
  const { walked, before } = await walkWith(
    (sandbox) => {
      // One goes behind the reader, and another of the same age as those ahead comes in: no count tells.
      const ahead = sandbox.repositories('octo')[200]
      sandbox.remove(at(sandbox, 10))
      sandbox.add('octo', 'arrived', { created_at: ahead?.created_at ?? '' })
    },
    { credentials: withoutToken, restarts: true },
  )
  const stayed = before.filter((_, place) => place !== 10)
  expect(names(walked.identities)).toEqual(expect.arrayContaining(stayed))
  expect(walked.shortfalls).toEqual([])
})
