/** Pages that come damaged, positions that are lost, listings that lead nowhere. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import {
  type Fault,
  type LoggedRequest,
  type SandboxGitHubOptions,
  startSandboxGitHub,
} from '../../../examples/sandbox/github.ts'
import type { JsonValue } from '../../../src/domain/json.ts'
import { githubSource } from '../../../src/sources/github/index.ts'
import { visit } from '../../../src/sources/loop-guard.ts'
import { PageSizes } from '../../../src/sources/github/page-size.ts'
import { testClock, madeUpNames, names, truth, walk, withoutToken, withToken } from './walk.ts'

const owners = [
  { login: 'octo', type: 'Organization' as const, names: madeUpNames(120) },
  { login: 'hubot', type: 'User' as const, names: madeUpNames(120) },
]
const start = (options: SandboxGitHubOptions = {}) => startSandboxGitHub({ owners, ...options })

/** The page sizes that a sandbox was asked for by GraphQL. */
const sizesIn = (requests: readonly LoggedRequest[]): readonly number[] =>
  requests
    .filter(({ path }) => path.endsWith('/graphql'))
    .map(({ body }) => (JSON.parse(body) as { variables: { first: number } }).variables.first)

test.each(['502', '504', 'nulls', 'partial'] as const)(
  'pages of more than ten that fail with %s are asked for in smaller ones, and nothing is lost',
  async (answer) => {
    await using sandbox = await start({ heavy: { above: 10, answer } })
    const walked = await walk({ spec: { org: 'octo', baseUrl: sandbox.url }, attempts: 8 })
    expect(names(walked.identities)).toEqual(truth(sandbox, 'octo'))
    expect(walked.shortfalls).toEqual([])
    expect(walked.pages.every((page) => page.items.length <= 20)).toBe(true)
    expect(sizesIn(sandbox.requests).slice(0, 5)).toEqual([100, 50, 25, 12, 6])
    // A size that failed is not dared again at once.
    expect(walked.errors.length).toBeLessThan(8)
  },
)

test('the page size is still known after a crash', async () => {
  await using sandbox = await start({ heavy: { above: 10, answer: '502' } })
  const spec = { org: 'octo', baseUrl: sandbox.url }
  const { pages } = await walk({ spec, attempts: 8, maxPages: 1 })
  const asked = sandbox.requests.length
  await walk({ spec, cursor: pages[0]?.cursor ?? null, attempts: 1, maxPages: 1 })
  expect(sizesIn(sandbox.requests.slice(asked))).toEqual([6, 6])
})

/** The ids that GraphQL gives, in its order. */
interface Body {
  data: { owner: { listing: { nodes: (Record<string, unknown> | null)[] } } }
  errors?: unknown[]
}

/** GraphQL as the sandbox answers it, with every answer put through a function. */
const spoiledBy = async (
  target: string,
  spoil: (body: Body, first: number) => Body | number,
): Promise<AsyncDisposable & { url: string }> => {
  const server = createServer((incoming, outgoing) => {
    const relay = async (): Promise<void> => {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
      const text = Buffer.concat(chunks).toString()
      const url = `${target}${incoming.url}`
      const { authorization = '' } = incoming.headers
      const isQuery = incoming.method === 'POST'
      const headers = { ...(authorization && { authorization }) }
      const response = await fetch(url, {
        method: incoming.method ?? 'GET',
        headers,
        ...(isQuery && { body: text }),
      })
      const whole = await response.text()
      const address = server.address() as AddressInfo
      const own = (value: string): string =>
        value.replaceAll(target, `http://127.0.0.1:${address.port}`)
      const link = response.headers.get('link')
      const { variables } = (isQuery ? JSON.parse(text) : { variables: {} }) as {
        variables: { first?: number }
      }
      const isListing = isQuery && variables.first !== undefined
      const spoiled = isListing ? spoil(JSON.parse(whole) as Body, variables.first ?? 0) : whole
      if (typeof spoiled === 'number') {
        outgoing.writeHead(spoiled).end()
        return
      }
      outgoing.writeHead(response.status, {
        'content-type': 'application/json',
        ...(link && { link: own(link) }),
      })
      outgoing.end(own(typeof spoiled === 'string' ? spoiled : JSON.stringify(spoiled)))
    }
    relay().catch((error: unknown) => outgoing.destroy(error as Error))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: close }
}

/** One repository is null wherever it would stand, with an error of a kind, or with none. */
const withoutOne =
  (name: string, error: Record<string, unknown> | null) =>
  (body: Body): Body => {
    const { nodes } = body.data.owner.listing
    const at = nodes.findIndex((node) => node?.['nameWithOwner'] === name)
    if (at < 0) return body
    nodes[at] = null
    return error
      ? { ...body, errors: [{ ...error, path: ['owner', 'listing', 'nodes', at] }] }
      : body
  }

test.each([
  { error: { type: 'RESOURCE_LIMITS_EXCEEDED', message: 'Resource limits exceeded.' } },
  { error: null },
])(
  'one repository that is null however it is asked for costs itself alone ($error)',
  async ({ error }) => {
    await using sandbox = await start()
    for (const place of [0, 57, 119]) {
      const lost = truth(sandbox, 'octo').at(place) ?? ''
      await using proxy = await spoiledBy(sandbox.url, withoutOne(lost, error))
      const walked = await walk({ spec: { org: 'octo', baseUrl: proxy.url }, attempts: 8 })
      expect(names(walked.identities)).toEqual(
        truth(sandbox, 'octo').filter((name) => name !== lost),
      )
      const codes = new Set(walked.shortfalls.map(({ code, detail }) => `${code}: ${detail}`))
      expect([...codes]).toEqual([expect.stringMatching(/^resource_limit: .*"octo"/)])
    }
  },
)

test.each([
  {
    error: { type: 'FORBIDDEN', message: 'SAML', extensions: { saml_failure: true } },
    code: 'sso',
  },
  { error: { type: 'FORBIDDEN', message: 'no access' }, code: 'forbidden' },
])('a repository that is refused beside good ones is $code, at once', async ({ error, code }) => {
  await using sandbox = await start()
  const lost = truth(sandbox, 'octo').at(57) ?? ''
  await using proxy = await spoiledBy(sandbox.url, withoutOne(lost, error))
  const walked = await walk({ spec: { org: 'octo', baseUrl: proxy.url } })
  expect(walked.errors).toEqual([])
  expect(walked.identities).toHaveLength(119)
  expect(walked.shortfalls).toMatchObject([{ code }])
})

test('a detail that is refused takes nothing from the listing', async () => {
  await using sandbox = await start()
  const error = {
    type: 'FORBIDDEN',
    message: 'Resource not accessible',
    path: ['owner', 'listing', 'nodes', 3, 'defaultBranchRef'],
  }
  await using proxy = await spoiledBy(sandbox.url, (body) => ({ ...body, errors: [error] }))
  const walked = await walk({ spec: { org: 'octo', baseUrl: proxy.url } })
  expect(walked).toMatchObject({ errors: [], shortfalls: [] })
  expect(walked.identities).toHaveLength(120)
})

test.each([502, 504])(
  'where GraphQL fails at the smallest page (%i), REST lists everything',
  async (status) => {
    const repositories = [
      ...madeUpNames(30).map((name) => ({ name })),
      { name: 'inner', visibility: 'internal' as const },
      { name: 'hidden', visibility: 'private' as const },
    ]
    const octo = { login: 'octo', type: 'Organization' as const, repositories }
    await using sandbox = await startSandboxGitHub({ owners: [octo], omitsInternal: true })
    await using proxy = await spoiledBy(sandbox.url, () => status)
    const walked = await walk({ spec: { org: 'octo', baseUrl: proxy.url }, attempts: 8 })
    expect(names(walked.identities).toSorted()).toEqual([...truth(sandbox, 'octo')].toSorted())
    expect(walked.shortfalls).toEqual([])
  },
)

test('a query that the server does not understand, since it is an old one, leads to REST as well', async () => {
  await using sandbox = await start()
  const errors = [{ message: "Field 'isInOrganization' doesn't exist on type 'Repository'" }]
  await using proxy = await spoiledBy(sandbox.url, () => ({ errors }) as unknown as Body)
  const walked = await walk({ spec: { org: 'octo', baseUrl: proxy.url }, attempts: 8 })
  expect(names(walked.identities)).toEqual(truth(sandbox, 'octo'))
})

test.each(['not-found', 'forbidden'] as const)(
  'an Enterprise Server without GraphQL (%s) is listed by REST, internal repositories too',
  async (kind) => {
    const repositories = [{ name: 'plain' }, { name: 'inner', visibility: 'internal' as const }]
    const lisa = { login: 'monalisa', type: 'User' as const, names: ['hers'] }
    const hubot = { login: 'hubot', type: 'User' as const, names: ['mine'] }
    await using sandbox = await startSandboxGitHub({
      owners: [
        { login: 'octo', type: 'Organization', repositories, members: ['hubot', 'monalisa'] },
        hubot,
        lisa,
      ],
      omitsInternal: true,
      faults: ({ path }) => (path.endsWith('/graphql') ? { kind } : undefined),
    })
    const spec = { org: 'octo', members: true, baseUrl: sandbox.enterpriseUrl }
    for (const restarts of [false, true]) {
      const walked = await walk({ spec, restarts })
      const wanted = ['hubot/mine', 'monalisa/hers', 'octo/inner', 'octo/plain']
      expect(names(walked.identities).toSorted()).toEqual(wanted)
      // Of a user, REST lists what is public to everybody but the user.
      const codes = new Set(walked.shortfalls.map(({ code }) => code))
      expect([...codes]).toEqual(['filtered_by_scope'])
      expect(walked.pages.length).toBeLessThan(8)
    }
  },
)

test('where REST is refused too, the refusal ends the walk', async () => {
  await using sandbox = await start({ faults: () => ({ kind: 'forbidden' }) })
  const spec = { org: 'octo', baseUrl: sandbox.enterpriseUrl }
  await expect(walk({ spec })).rejects.toMatchObject({ code: 'FORBIDDEN', retryable: false })
})

test('a cursor that expires at any page begins the listing anew and loses nothing', async () => {
  for (const page of [1, 2, 3, 4]) {
    await using sandbox = await start()
    const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 30 }
    const before = await walk({ spec, maxPages: page })
    sandbox.expireCursors()
    const after = await walk({ spec, cursor: before.pages.at(-1)?.cursor ?? null })
    if (page === 4) expect(after.pages).toEqual([])
    else expect(names(after.identities)).toEqual(truth(sandbox, 'octo'))
    expect(after.shortfalls).toEqual([])
  }
})

test('cursors that are never good for long lead to REST, not round in a circle', async () => {
  let queries = 0
  await using sandbox = await start({
    onRequest: ({ path }, _, self) => {
      if (path.endsWith('/graphql') && (queries += 1) % 3 === 0) self.expireCursors()
    },
  })
  const walked = await walk({ spec: { org: 'octo', baseUrl: sandbox.url, perPage: 10 } })
  expect(names(walked.identities)).toEqual(truth(sandbox, 'octo'))
  expect(walked.shortfalls).toEqual([])
  expect(queries).toBeLessThan(15)
})

test('pages that lead round in a circle come to an end, and are reported', async () => {
  await using sandbox = await start()
  const ends: string[] = []
  await using proxy = await spoiledBy(sandbox.url, (body) => {
    const { pageInfo } = body.data.owner.listing as unknown as {
      pageInfo: { endCursor: string; hasNextPage: boolean }
    }
    ends.push(pageInfo.endCursor)
    // Always back to the second page.
    if (!pageInfo.hasNextPage || ends.length > 4)
      Object.assign(pageInfo, { hasNextPage: true, endCursor: ends[ends.length % 4] })
    return body
  })
  const walked = await walk({ spec: { org: 'octo', baseUrl: proxy.url, perPage: 20 } })
  expect(walked.shortfalls).toMatchObject([{ code: 'truncated' }])
  expect(walked.pages.length).toBeLessThan(40)
})

test.each([
  { api: 'GraphQL', credentials: withToken, kind: 'same-cursor' as const },
  { api: 'REST', credentials: withoutToken, kind: 'self' as const },
])(
  'a page that names itself as the next, again and again, is reported ($api)',
  async ({ credentials, kind }) => {
    let url = ''
    await using sandbox = await start({
      faults: ({ path }, index): Fault | undefined => {
        if (kind === 'same-cursor') return index > 1 ? { kind } : undefined
        return /[?&]page=2/.test(path) ? { kind: 'next-link', url: `${url}${path}` } : undefined
      },
    })
    url = sandbox.url
    const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 30 }
    const walked = await walk({ spec, credentials, attempts: 8 })
    expect(walked.shortfalls).toMatchObject([{ code: 'truncated' }])
    expect(walked.identities.length).toBeGreaterThanOrEqual(30)
  },
)

test('next pages that lead back by a few are not followed for ever', async () => {
  let url = ''
  await using sandbox = await start({
    faults: ({ path }) =>
      path.includes('page=4')
        ? { kind: 'next-link', url: url + path.replace('page=4', 'page=2') }
        : undefined,
  })
  url = sandbox.url
  const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 10 }
  const walked = await walk({ spec, credentials: withoutToken })
  expect(walked.shortfalls).toMatchObject([{ code: 'truncated' }])
  expect(walked.pages.length).toBeLessThan(30)
})

test('a listing that GitHub goes no deeper into keeps what it found', async () => {
  await using sandbox = await start({
    faults: ({ path }) => (/[?&]page=3/.test(path) ? { kind: 'unprocessable' } : undefined),
  })
  const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 30 }
  const walked = await walk({ spec, credentials: withoutToken })
  expect(walked.identities).toHaveLength(60)
  expect(walked.shortfalls).toMatchObject([{ code: 'truncated' }])
})

test('by REST, pages that stay too much for the server begin anew in smaller ones', async () => {
  await using sandbox = await start({
    faults: ({ path }) =>
      /per_page=100.*page=2|page=2.*per_page=100/.test(path)
        ? { kind: 'server-error', status: 502 }
        : undefined,
  })
  const spec = { org: 'octo', baseUrl: sandbox.url }
  const walked = await walk({ spec, credentials: withoutToken, attempts: 8 })
  expect(names(walked.identities)).toEqual(truth(sandbox, 'octo'))
  expect(walked.errors).toHaveLength(3)
  expect(walked.shortfalls).toEqual([])
})

test('a cursor that stands still once, after pages that were too much, is no circle', async () => {
  await using sandbox = await start({
    heavy: { above: 2, answer: '502' },
    faults: [null, null, null, { kind: 'same-cursor' }],
  })
  const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 20 }
  const { identities, shortfalls } = await walk({ spec, attempts: 8 })
  expect(shortfalls).toEqual([])
  expect(names(identities)).toEqual(truth(sandbox, 'octo'))
})

test('pages that are known are confirmed and not sent again, but for the last one', async () => {
  const etags = new Map<string, JsonValue>()
  // One moment for all: a cursor tells when its pass began.
  await using sandbox = await start({ clock: testClock(Date.parse('2026-01-01T00:00:00Z')) })
  const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 50 }
  const first = await walk({ spec, credentials: withoutToken, answers: etags })
  const asked = sandbox.requests.length
  expect(etags.size).toBe(2)
  expect(JSON.stringify([...etags])).not.toContain('archive_url')
  const second = await walk({ spec, credentials: withoutToken, answers: etags })
  expect(second.pages).toEqual(first.pages)
  const statuses = sandbox.requests.slice(asked).filter(({ path }) => path.includes('/repos?'))
  expect(statuses.map(({ status }) => status)).toEqual([304, 304, 200])
  // A page that has come after the last one does not change the last one.
  for (let n = 0; n < 30; n += 1) sandbox.add('octo', `late-${n}`)
  const third = await walk({ spec, credentials: withoutToken, answers: etags })
  expect(names(third.identities)).toEqual(truth(sandbox, 'octo'))
  sandbox.rename(truth(sandbox, 'octo')[0] ?? '', 'renamed')
  const fourth = await walk({ spec, credentials: withoutToken, answers: etags })
  expect(names(fourth.identities)).toEqual(truth(sandbox, 'octo'))
  for (const key of etags.keys()) etags.set(key, { etag: 7 })
  const fifth = await walk({ spec, credentials: withoutToken, answers: etags })
  expect(names(fifth.identities)).toEqual(truth(sandbox, 'octo'))
})

test('a loop guard finds any circle, and no way without one', () => {
  const steps = (way: readonly string[]): number => {
    let guard: ReturnType<typeof visit>
    for (const [at, position] of way.entries()) {
      guard = visit(guard, position)
      if (guard === undefined) return at
    }
    return -1
  }
  expect(steps(Array.from({ length: 5_000 }, (_, at) => `page ${at}`))).toBe(-1)
  for (const [lead, circle] of [
    [0, 1],
    [3, 2],
    [10, 7],
    [1, 50],
  ] as const) {
    const way = Array.from(
      { length: 1_000 },
      (_, at) => `page ${at < lead ? at : lead + ((at - lead) % circle)}`,
    )
    expect(steps(way)).toBeGreaterThan(0)
    expect(steps(way)).toBeLessThan(4 * (lead + circle) + 8)
  }
})

test('a page size recovers from an outage', () => {
  const sizes = new PageSizes()
  for (let failures = 0; failures < 7; failures += 1) sizes.failed('octo', sizes.of('octo', 100))
  expect(sizes.of('octo', 100)).toBe(1)
  let pages = 0
  for (; sizes.of('octo', 100) < 100; pages += 1) sizes.went('octo', 100)
  expect(pages).toBeLessThan(150)
  expect(sizes.of('octo', 30, 10)).toBe(10)
})

test('one source that fails for one owner lists another in full pages', async () => {
  await using sandbox = await start({
    faults: ({ body }) => (body.includes('octo') ? { kind: 'partial-data' } : undefined),
  })
  const source = githubSource()
  const spec = (login: object) => ({ ...login, baseUrl: sandbox.url })
  await walk({ source, spec: spec({ org: 'octo' }), attempts: 2 }).catch(() => undefined)
  const walked = await walk({ source, spec: spec({ user: 'hubot' }) })
  expect(walked.pages.map((page) => page.items.length)).toEqual([100, 20])
})
