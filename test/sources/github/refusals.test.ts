import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { type Fault, startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import { githubCredentials, type TaskCredentials } from '../../../src/domain/credentials.ts'
import { PauseError } from '../../../src/domain/errors.ts'
import { httpFailure, shortfallCodeOf, type Subject } from '../../../src/sources/github/classify.ts'
import { queryFailure } from '../../../src/sources/github/query-errors.ts'
import { madeUpNames, testClock, TOKEN, walk, withoutToken, withToken } from './walk.ts'

const owners = [
  { login: 'octo', type: 'Organization' as const, names: madeUpNames(250) },
  { login: 'hubot', type: 'User' as const, names: madeUpNames(5) },
]

interface Situation {
  readonly spec?: Record<string, unknown>
  readonly credentials?: () => TaskCredentials
}

/** Walks with one attempt and returns what was thrown. */
const thrownBy = async (
  fault: Fault | null,
  { spec = { org: 'octo' }, credentials = withToken }: Situation = {},
): Promise<Error> => {
  await using sandbox = await startSandboxGitHub({ owners, tokens: [TOKEN], faults: [fault] })
  const walking = walk({
    spec: { baseUrl: sandbox.url, ...spec },
    credentials,
    authRef: 'ci',
    clock: testClock(),
    attempts: 1,
  })
  // Awaited here, or the sandbox would be gone before the walk is.
  return await walking.then(
    () => expect.fail('nothing was thrown'),
    (error: unknown) => error as Error,
  )
}

const wrongToken = (): TaskCredentials => githubCredentials('ghp_wrong')

test.each([
  { kind: 'forbidden', code: 'FORBIDDEN', says: 'metadata=read' },
  {
    kind: 'sso-required',
    code: 'SSO_REQUIRED',
    says: 'https://github.com/orgs/octo-org/sso [403]',
  },
  { kind: 'not-found', code: 'NOT_FOUND', says: 'check the spelling' },
  { kind: 'gone', code: 'GONE', says: 'gone for good' },
  { kind: 'legal', code: 'DMCA', says: 'legal reasons' },
  { kind: 'unprocessable', code: 'SOURCE_CHANGED', says: 'start a new session' },
] as const)(
  '$kind is $code, is not tried again, and says what to do',
  async ({ kind, code, says }) => {
    for (const credentials of [withToken, withoutToken]) {
      const error = await thrownBy({ kind }, { credentials })
      expect(error).toMatchObject({ code, retryable: false })
      expect(error.message).toContain('organisation "octo" at http://127.0.0.1')
      expect(error.message).toContain(says)
    }
  },
)

test.each([
  { kind: 'server-error', status: 500, code: 'SOURCE_UNAVAILABLE' },
  { kind: 'server-error', status: 502, code: 'SOURCE_UNAVAILABLE' },
  { kind: 'reset', code: 'SOURCE_UNAVAILABLE' },
  { kind: 'reset-in-body', code: 'SOURCE_MALFORMED' },
  { kind: 'truncated-json', code: 'SOURCE_MALFORMED' },
  { kind: 'empty', code: 'SOURCE_MALFORMED' },
  { kind: 'html', code: 'SOURCE_MALFORMED' },
] as const)('$kind $status is $code and is worth another try', async ({ code, ...fault }) => {
  for (const credentials of [withToken, withoutToken]) {
    expect(await thrownBy(fault as Fault, { credentials })).toMatchObject({ code, retryable: true })
  }
})

test.each([
  { credentials: withToken, says: 'the credential "ci" was refused (Bad credentials); check that' },
  { credentials: withoutToken, says: 'GitHub wants a credential (Bad credentials); name one' },
])('bad credentials leave the session as it is: $says', async ({ credentials, says }) => {
  const error = await thrownBy({ kind: 'bad-credentials' }, { credentials })
  expect(error).toBeInstanceOf(PauseError)
  expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', retryable: true })
  expect(error.message).toContain('organisation "octo" at http://127.0.0.1')
  expect(error.message).toContain(says)
})

test.each([
  { spec: { org: 'nobody' }, title: 'an unknown organisation' },
  { spec: { org: 'hubot' }, title: 'a user that is given as an organisation' },
  { spec: { user: 'nobody' }, title: 'an unknown user' },
])('$title is not found, by either API', async ({ spec }) => {
  for (const credentials of [withToken, withoutToken]) {
    const error = await thrownBy(null, { spec, credentials })
    expect(error).toMatchObject({ code: 'NOT_FOUND', retryable: false })
  }
})

test('a token that the server does not know is refused by name', async () => {
  const error = await thrownBy(null, { credentials: wrongToken })
  expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED' })
  expect(error.message).toContain('the credential "ci"')
})

test('a server that cannot be reached is worth another try', async () => {
  const error = await thrownBy(null, { spec: { org: 'octo', baseUrl: 'http://127.0.0.1:1' } })
  expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
})

const ALL_FAULTS: readonly Fault[] = [
  { kind: 'primary-limit' },
  { kind: 'secondary-limit', status: 429, retryAfterSeconds: 1 },
  { kind: 'graphql-limit' },
  { kind: 'server-error', status: 502 },
  { kind: 'server-error', status: 503 },
  ...(
    [
      'reset',
      'reset-in-body',
      'truncated-json',
      'empty',
      'html',
      'bad-credentials',
      'forbidden',
      'not-found',
      'gone',
      'legal',
      'unprocessable',
      'sso-required',
      'partial-data',
      'same-cursor',
    ] as const
  ).map((kind) => ({ kind })),
]

/** Everything that a log could make of an error. */
const everythingIn = (error: Error): string =>
  [
    inspect(error, { depth: 20, showHidden: true }),
    JSON.stringify(error),
    error.message,
    error.stack,
    String(error.cause),
  ].join('\n')

test('no error holds the token or a header, whatever went wrong', async () => {
  const clock = testClock()
  for (const fault of ALL_FAULTS) {
    await using sandbox = await startSandboxGitHub({ owners, clock, faults: () => fault })
    const errors: Error[] = []
    const source = { spec: { org: 'octo', baseUrl: sandbox.url }, clock, attempts: 1 }
    const limited = fault.kind.endsWith('-limit')
    if (limited) sandbox.inject(fault, ...Array.from({ length: 20 }, () => null))
    await walk(source).then(
      (walked) => errors.push(...walked.errors),
      (error: unknown) => errors.push(error as Error),
    )
    expect(errors.length, fault.kind).toBeGreaterThan(0)
    const text = errors.map(everythingIn).join('\n')
    expect(text).not.toContain(TOKEN)
    expect(text).not.toMatch(/authorization"?:|bearer|authorization_request/i)
    expect(errors.every((error) => error.cause === undefined)).toBe(true)
  }
})

test('a server that repeats the token in its answer does not get it into an error', async () => {
  const server = createServer((request, response) => {
    response.writeHead(403, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ message: `no: ${request.headers.authorization}` }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const error = (await walk({ spec: { org: 'octo', baseUrl } }).catch((e: unknown) => e)) as Error
  expect(error).toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('[token]') })
  expect(everythingIn(error)).not.toContain(TOKEN)
  server.close()
})

const subject: Subject = { what: 'user "hubot"', authRef: 'ci', authenticated: true }
const moment = { now: Date.parse('2025-01-01T00:00:00Z'), strikes: 0 }
const failure = (status: number, headers: Record<string, string>, body: unknown = {}) =>
  httpFailure({ status, headers, body }, subject, moment)

test('a rate limit comes before a missing permission', () => {
  const sso = { 'x-github-sso': 'required; url=https://github.com/orgs/o/sso' }
  expect(failure(403, { ...sso, 'retry-after': '5' })).toMatchObject({
    retryAt: moment.now + 5_000,
  })
  expect(
    failure(403, {}, { message: 'You have triggered an abuse detection mechanism.' }),
  ).toMatchObject({
    retryAt: moment.now + 60_000,
  })
  expect(failure(403, { 'x-ratelimit-remaining': '12' })).toMatchObject({ code: 'FORBIDDEN' })
})

test('a lock after several refused tokens is waited for, and not taken for a missing permission', () => {
  const message = 'Maximum number of login attempts exceeded. Please try again later.'
  expect(failure(403, {}, { message })).toMatchObject({ retryAt: moment.now + 60_000 })
})

test("an organisation that lets in listed addresses only is told apart from a token's lack", () => {
  const message =
    'Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource.'
  const error = failure(403, {}, { message })
  expect(error).toMatchObject({ code: 'FORBIDDEN', retryable: false })
  expect(error.message).toContain('have the address added to its IP allow list')
  const plain = failure(403, {}, { message: 'Must have admin rights' })
  expect(plain.message).toContain('lacks a permission (Must have admin rights)')
})

test.each<{ status: number; headers: Record<string, string>; code: string | undefined }>([
  { status: 403, headers: {}, code: 'forbidden' },
  { status: 403, headers: { 'x-github-sso': 'required; url=https://github.com/sso' }, code: 'sso' },
  { status: 404, headers: {}, code: 'not_found' },
  { status: 410, headers: {}, code: 'gone' },
  { status: 451, headers: {}, code: 'dmca' },
  { status: 500, headers: {}, code: undefined },
  { status: 401, headers: {}, code: undefined },
  { status: 429, headers: {}, code: undefined },
])(
  '$status $headers of a part of the place is the shortfall $code',
  ({ status, headers, code }) => {
    expect(shortfallCodeOf(failure(status, headers))).toBe(code)
  },
)

test('a Retry-After that is a date is read; one that is nonsense or past waits a minute', () => {
  const date = new Date(moment.now + 90_000).toUTCString()
  expect(failure(429, { 'retry-after': date })).toMatchObject({ retryAt: moment.now + 90_000 })
  for (const text of ['soon', '0', new Date(moment.now - 1).toUTCString()]) {
    expect(failure(429, { 'retry-after': text })).toMatchObject({ retryAt: moment.now + 60_000 })
  }
})

test('a reset that is past by our clock waits a minute rather than hammer', () => {
  const reset = String(moment.now / 1000 - 600)
  const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset }
  expect(failure(403, headers)).toMatchObject({ retryAt: moment.now + 60_000 })
})

test('single sign-on is told apart from a permission in GraphQL too', () => {
  const answer = { status: 200, headers: {}, body: {} }
  const errors = [{ type: 'FORBIDDEN', message: 'SAML', extensions: { saml_failure: true } }]
  expect(queryFailure(answer, errors, subject, false)).toMatchObject({ code: 'SSO_REQUIRED' })
  const plain = [{ type: 'FORBIDDEN', message: 'no' }]
  expect(queryFailure(answer, plain, subject, false)).toMatchObject({ code: 'FORBIDDEN' })
  expect(queryFailure(answer, plain, subject, true)).toMatchObject({
    code: 'SOURCE_MALFORMED',
    retryable: true,
  })
})

test('a token so short that it is part of a name changes no name', async () => {
  const names = ['geocode-many', 'anything']
  await using sandbox = await startSandboxGitHub({
    owners: [{ login: 'octo', type: 'Organization', names }],
  })
  const { identities } = await walk({
    spec: { org: 'octo', baseUrl: sandbox.url },
    credentials: () => githubCredentials('any'),
  })
  expect(identities.map(({ name }) => name)).toEqual(['octo/geocode-many', 'octo/anything'])
})
