import { expect, test } from 'vitest'
import {
  type Fault,
  type SandboxOwner,
  startSandboxGitHub,
} from '../../../examples/sandbox/github.ts'
import { RetryLaterError, SourceError } from '../../../src/domain/errors.ts'
import { githubSource, githubSpec } from '../../../src/sources/github/index.ts'
import {
  contextOf,
  madeUpNames,
  names,
  testClock,
  truth,
  walk,
  withoutToken,
  withToken,
} from './walk.ts'

/** Whatever an enumeration must survive, by either API. */
const FAULTS: readonly Fault[] = [
  { kind: 'primary-limit' },
  { kind: 'primary-limit', status: 429, resetSeconds: 1800 },
  { kind: 'secondary-limit', retryAfterSeconds: 30 },
  { kind: 'secondary-limit', status: 429, retryAfterSeconds: 1 },
  { kind: 'secondary-limit' },
  { kind: 'secondary-limit', status: 429 },
  { kind: 'server-error', status: 500 },
  { kind: 'server-error', status: 502 },
  { kind: 'server-error', status: 503 },
  { kind: 'server-error', status: 504 },
  { kind: 'reset' },
  { kind: 'reset-in-body' },
  { kind: 'truncated-json' },
  { kind: 'empty' },
  { kind: 'html' },
  { kind: 'hang' },
]
const REST_FAULTS: readonly Fault[] = [...FAULTS, { kind: 'no-link' }]
const GRAPHQL_FAULTS: readonly Fault[] = [
  ...FAULTS,
  { kind: 'graphql-limit' },
  { kind: 'graphql-limit', type: 'RATE_LIMIT', resetSeconds: 600 },
  { kind: 'partial-data' },
  { kind: 'same-cursor' },
]

const OCTO: SandboxOwner = { login: 'octo', type: 'Organization', names: madeUpNames(2_500) }
const MONA: SandboxOwner = { login: 'mona', type: 'User', names: madeUpNames(120) }
const HUBOT: SandboxOwner = { login: 'hubot', type: 'User', names: madeUpNames(450) }

/** Each fault once, with a page or two between them. */
const spread = (faults: readonly Fault[]): readonly (Fault | null)[] =>
  faults.flatMap((fault) => [null, null, fault])

const SCENARIOS = [
  { api: 'REST', credentials: withoutToken, faults: REST_FAULTS },
  { api: 'GraphQL', credentials: withToken, faults: GRAPHQL_FAULTS },
]

test.each(SCENARIOS)(
  'every repository of a large organisation is listed once by $api, whatever goes wrong',
  async ({ credentials, faults }) => {
    const clock = testClock()
    await using sandbox = await startSandboxGitHub({
      owners: [OCTO],
      faults: spread(faults),
      clock,
    })
    const spec = { org: 'octo', baseUrl: sandbox.url, perPage: 50 }
    const walked = await walk({ spec, clock, credentials, timeoutMs: 2_000 })
    expect(names(walked.identities)).toEqual(truth(sandbox, 'octo'))
    expect(walked.errors.map(({ message }) => message)).toHaveLength(faults.length)
    expect(walked.shortfalls).toEqual([])
    expect(sandbox.requestsWhileLimited).toBe(0)
    expect(sandbox.requests.flatMap((r) => r.fault ?? []).toSorted()).toEqual(
      faults.map((f) => f.kind).toSorted(),
    )
  },
)

const alone = SCENARIOS.flatMap(({ api, credentials, faults }) =>
  faults.map((fault) => ({ api, credentials, fault, title: JSON.stringify(fault) })),
)

test.each(alone)('$api: $title costs no repository of a user', async ({ credentials, fault }) => {
  const clock = testClock()
  await using sandbox = await startSandboxGitHub({ owners: [HUBOT], clock })
  // In the middle, and at the last page or near it.
  sandbox.inject(null, null, fault, null, null, null, fault, null, null, fault)
  const spec = { user: 'hubot', baseUrl: sandbox.url, perPage: 100 }
  const walked = await walk({ spec, clock, credentials, timeoutMs: 700 })
  expect(names(walked.identities)).toEqual(truth(sandbox, 'hubot'))
  expect(walked.errors.length).toBeGreaterThan(0)
  expect(sandbox.requestsWhileLimited).toBe(0)
})

test('a fault at the very first request costs nothing either', async () => {
  const clock = testClock()
  for (const { credentials, faults } of SCENARIOS) {
    for (const fault of faults.filter((f) => f.kind !== 'no-link' && f.kind !== 'same-cursor')) {
      await using sandbox = await startSandboxGitHub({ owners: [MONA], clock, faults: [fault] })
      const spec = { user: 'mona', baseUrl: sandbox.url }
      const walked = await walk({ spec, clock, credentials, timeoutMs: 500 })
      expect(names(walked.identities)).toEqual(truth(sandbox, 'mona'))
    }
  }
})

test.each([
  { page: 'the first page', before: [null] },
  { page: 'a page in the middle', before: [null, null] },
  { page: 'the last page', before: [null, null, null, null, null] },
])('$page that lost its Link header is not taken for the end', async ({ before }) => {
  await using sandbox = await startSandboxGitHub({ owners: [HUBOT] })
  sandbox.inject(...before, { kind: 'no-link' })
  const spec = { user: 'hubot', baseUrl: sandbox.url }
  const walked = await walk({ spec, credentials: withoutToken })
  expect(walked.errors.map((e) => e.message)).toEqual([expect.stringContaining('Link header')])
  expect(names(walked.identities)).toEqual(truth(sandbox, 'hubot'))
})

test('one full page without a Link header is a whole listing', async () => {
  const owners: SandboxOwner[] = [{ ...OCTO, names: madeUpNames(100) }]
  await using sandbox = await startSandboxGitHub({ owners })
  const spec = { org: 'octo', baseUrl: sandbox.url }
  const walked = await walk({ spec, credentials: withoutToken })
  expect(walked.identities).toHaveLength(100)
  expect(walked.errors).toEqual([])
})

test('a page that is too much for GitHub is asked for in smaller portions, which grow again', async () => {
  await using sandbox = await startSandboxGitHub({ owners: [HUBOT] })
  sandbox.inject(null, { kind: 'partial-data' }, { kind: 'server-error', status: 502 })
  await walk({ spec: { user: 'hubot', baseUrl: sandbox.url } })
  const sizes = sandbox.requests.map(
    (r) => (JSON.parse(r.body) as { variables: { first: number } }).variables.first,
  )
  // The second 25: the page before once more, as after each failure.
  expect(sizes.slice(0, 7)).toEqual([100, 100, 50, 25, 27, 29, 31])
})

test('what is known to be missing is reported', async () => {
  await using sandbox = await startSandboxGitHub({ owners: [HUBOT] })
  for (const credentials of [withToken, withoutToken]) {
    sandbox.inject(null, null, { kind: 'sso-partial-results' })
    const sso = await walk({ spec: { user: 'hubot', baseUrl: sandbox.url }, credentials })
    expect(sso.shortfalls).toEqual([
      { code: 'sso', detail: expect.stringContaining('21955855,20582480') },
    ])
    expect(sso.identities).toHaveLength(450)
  }
})

test('an aborted request throws and sends nothing more', async () => {
  await using sandbox = await startSandboxGitHub({ owners: [HUBOT], faults: [{ kind: 'hang' }] })
  const spec = githubSpec.parse({ user: 'hubot', baseUrl: sandbox.url })
  const abort = new AbortController()
  const pages = githubSource().enumerate(spec, undefined, contextOf({}, abort.signal))
  const next = pages[Symbol.asyncIterator]().next()
  setTimeout(() => abort.abort(new Error('enough')), 50)
  await expect(next).rejects.toThrow('enough')
  expect(sandbox.requests).toHaveLength(1)
})

test('errors that can be tried again say so', async () => {
  const clock = testClock()
  for (const { api, credentials, faults } of SCENARIOS) {
    await using sandbox = await startSandboxGitHub({
      owners: [HUBOT],
      clock,
      faults: spread(faults),
    })
    const spec = { user: 'hubot', baseUrl: sandbox.url, perPage: 10 }
    const { errors } = await walk({ spec, clock, credentials, timeoutMs: 1_000 })
    const musters = errors.filter((e) => e instanceof RetryLaterError || e instanceof SourceError)
    // All but the request that hung, which its caller ended.
    expect(musters, api).toHaveLength(faults.length - 1)
    expect(musters.every((error) => error.retryable)).toBe(true)
  }
})
