import { inspect } from 'node:util'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { startSandboxGitHub } from '../../../examples/sandbox/github.ts'
import { PauseError, RetryLaterError } from '../../../src/domain/errors.ts'
import { accessTo, keyPair, stoppedClock, thrownBy, tokenOf } from './access-support.ts'

const names = Array.from({ length: 30 }, (_, at) => `repository-${at + 1}`)
const owners = [{ login: 'octo', type: 'Organization' as const, names }]
const PAGE = '/orgs/octo/repos?per_page=10'

const [alpha, beta, gamma] = ['alpha', 'beta', 'gamma'].map(tokenOf) as [string, string, string]
const account = { login: 'hubot', scopes: ['repo'] }

interface Seen {
  readonly url: string
  readonly token: string
  readonly headers: IncomingMessage['headers']
}

/** A server of a few lines, for what the sandbox does not do. */
const tinyServer = async (answer: (seen: Seen, response: ServerResponse) => void) => {
  const requests: Seen[] = []
  const server = createServer((request, response) => {
    const { url = '', headers } = request
    const seen = { url, headers, token: (headers.authorization ?? '').replace(/^\w+ /, '') }
    requests.push(seen)
    request.resume().on('end', () => answer(seen, response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => void server.close(() => done())),
  }
}

const json = (response: ServerResponse, status: number, body: unknown, headers = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

const refuse = (response: ServerResponse) => json(response, 401, { message: 'Bad credentials' })

describe('a token', () => {
  test('that is refused is asked for anew once, and then pauses the session', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts: { [beta]: account } })
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token: alpha } })
    const error = await thrownBy(way.get(PAGE))
    expect(error).toBeInstanceOf(PauseError)
    expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED', retryable: true })
    expect(error.message).toBe(
      `organisation "octo" at ${sandbox.url}: the credential "ci" was refused (Bad credentials); check that the token is whole, not expired and not revoked [401]`,
    )
    expect(way.renewals).toBe(1)
    // The same token again would be refused again, and is not sent.
    expect(sandbox.requests).toHaveLength(1)
  })

  test('that was refused is not sent again within a minute, by whatever walk', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts: { [beta]: account } })
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token: alpha } })
    const other = accessTo({ baseUrl: sandbox.url, clock, auth: { token: alpha }, authRef: 'b' })
    const walks = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? way : other).get(PAGE))
    const results = await Promise.allSettled(walks)
    expect(results.every((r) => r.status === 'rejected' && r.reason instanceof PauseError)).toBe(
      true,
    )
    expect(sandbox.requests).toHaveLength(1)
    const error = await thrownBy(other.get(PAGE))
    expect(error.message).toContain('the credential "b" was refused, and is not sent again before')
    expect(error.message).toContain('2025-01-01T00:01:00.000Z')
    clock.pass(60_000)
    sandbox.accept(alpha, account)
    await expect(way.get(PAGE)).resolves.toMatchObject({ status: 200 })
    expect(sandbox.requests).toHaveLength(2)
  })

  test('that is another by the next page is used at once', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts: { [beta]: account } })
    const env = { TOKEN: alpha }
    const auth = { token: '${TOKEN}' }
    const way = accessTo({ baseUrl: sandbox.url, clock, auth, env })
    expect(await thrownBy(way.get(PAGE))).toBeInstanceOf(PauseError)
    env.TOKEN = beta
    await expect(way.get(PAGE)).resolves.toMatchObject({ status: 200 })
  })

  test('that cannot be had pauses the session, and it goes on when it can', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock })
    const env: Record<string, string> = {}
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token: '${TOKEN}' }, env })
    const error = await thrownBy(way.get(PAGE))
    expect(error).toBeInstanceOf(PauseError)
    expect(error.message).toContain('needs the environment variable TOKEN, which is not set')
    env['TOKEN'] = alpha
    await expect(way.get(PAGE)).resolves.toMatchObject({ status: 200 })
  })

  test.each(['two words', 'line\nbreak', 'ünicode'])(
    'that no header can carry pauses the session, and is not shown: %j',
    async (token) => {
      const way = accessTo({
        baseUrl: 'http://127.0.0.1:1',
        clock: stoppedClock(),
        auth: { token },
      })
      const error = await thrownBy(way.get(PAGE))
      expect(error).toMatchObject({ name: 'PauseError', code: 'CREDENTIAL_UNAVAILABLE' })
      expect(error.message).not.toContain(token)
    },
  )

  test('that a server wants from nobody in particular pauses the session too', async () => {
    await using server = await tinyServer((_, response) => refuse(response))
    const clock = stoppedClock()
    const way = accessTo({ baseUrl: server.url, clock, auth: { type: 'none' } })
    const error = await thrownBy(way.get(PAGE))
    expect(error).toMatchObject({ name: 'PauseError', code: 'AUTHENTICATION_FAILED' })
    expect(error.message).toContain('GitHub wants a credential (Bad credentials); name one')
  })
})

describe('a provider', () => {
  /** Keeps its token until it is told that it is refused, as a vault's client does. */
  const provider = (tokens: string[]) => {
    let [current = ''] = tokens
    const asked: boolean[] = []
    return {
      asked,
      token: async (request?: { readonly renew: boolean }) => {
        asked.push(request?.renew === true)
        if (request?.renew === true) current = tokens[tokens.indexOf(current) + 1] ?? current
        return current
      },
    }
  }

  test('gives another token when its own is revoked in the middle of a walk', async () => {
    const clock = stoppedClock()
    const accounts = { [alpha]: account, [beta]: account }
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts })
    const { token, asked } = provider([alpha, beta])
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token } })
    await way.get(PAGE)
    sandbox.revoke(alpha)
    await expect(way.get(`${PAGE}&page=2`)).resolves.toMatchObject({ status: 200 })
    await way.get(`${PAGE}&page=3`)
    expect(sandbox.requests.map(({ status }) => status)).toEqual([200, 401, 200, 200])
    expect(asked.filter((renew) => renew)).toHaveLength(1)
  })

  test('is asked once for all walks whose requests were on their way', async () => {
    const clock = stoppedClock()
    const accounts = { [alpha]: account, [beta]: account }
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts, latencyMs: 5 })
    const { token, asked } = provider([alpha, beta, gamma])
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token } })
    sandbox.revoke(alpha)
    const clients = await Promise.all([way.open(), way.open(), way.open(), way.open()])
    await Promise.all(clients.map((client) => client.get(`${sandbox.url}${PAGE}`)))
    expect(asked.filter((renew) => renew)).toHaveLength(1)
    expect(sandbox.requests.filter(({ status }) => status === 401)).toHaveLength(1)
  })

  test('that gives another bad token each time is not asked for ever', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts: { [beta]: account } })
    let count = 0
    const token = () => tokenOf(`bad${(count += 1)}`)
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token } })
    expect(await thrownBy(way.get(PAGE))).toBeInstanceOf(PauseError)
    expect(sandbox.requests.length).toBeLessThanOrEqual(3)
  })

  test('keeps its limits when its token is renewed', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({
      owners,
      clock,
      faults: [{ kind: 'secondary-limit', retryAfterSeconds: 30 }],
    })
    const { token } = provider([alpha, beta])
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { token } })
    expect(await thrownBy(way.get(PAGE))).toBeInstanceOf(RetryLaterError)
    await token({ renew: true })
    expect(await thrownBy(way.get(PAGE))).toMatchObject({ retryAt: clock.now() + 30_000 })
    expect(sandbox.requests).toHaveLength(1)
  })
})

describe('an App', () => {
  const { publicKey, privateKey } = keyPair()
  const app = { appId: 7, installationId: 70, privateKey }
  const installations = [{ id: 70, account: 'octo' }]
  const apps = [{ appId: 7, publicKey, installations, tokenSeconds: 3_600 }]
  const minted = (sandbox: { requests: readonly { path: string }[] }): number =>
    sandbox.requests.filter(({ path }) => path.endsWith('/access_tokens')).length

  test('renews its token before it expires, in the middle of a walk', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, apps })
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { app } })
    for (let page = 0; page < 30; page += 1) {
      await expect(way.get(`${PAGE}&page=${page + 1}`)).resolves.toMatchObject({ status: 200 })
      clock.pass(5 * 60_000)
    }
    // Two and a half hours, and no page met a token that had expired.
    expect(minted(sandbox)).toBe(3)
    expect(sandbox.requests.every(({ status }) => status !== 401)).toBe(true)
  })

  test('whose token is revoked makes another', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, apps })
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { app } })
    const client = await way.open()
    await client.get(`${sandbox.url}${PAGE}`)
    clock.pass(60_000)
    sandbox.inject({ kind: 'bad-credentials' })
    await expect(client.get(`${sandbox.url}${PAGE}`)).resolves.toMatchObject({ status: 200 })
    expect(minted(sandbox)).toBe(2)
    expect(client.credentialId).toBe('ci')
  })

  test('whose token is not known everywhere yet waits for a moment, and makes no other', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, apps })
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { app } })
    const client = await way.open()
    sandbox.inject({ kind: 'bad-credentials' })
    const error = await thrownBy(client.get(`${sandbox.url}${PAGE}`))
    expect(error).toMatchObject({ name: 'RetryLaterError', retryAt: clock.now() + 5_000 })
    clock.pass(5_000)
    await expect(way.get(PAGE)).resolves.toMatchObject({ status: 200 })
    expect(minted(sandbox)).toBe(1)
  })
})

describe('a pool', () => {
  const tokens = [alpha, beta, gamma]
  const accounts = Object.fromEntries(
    tokens.map((token, at) => [token, { login: `hubot-${at}`, scopes: ['repo'] }]),
  )

  test('uses the token with the most left', async () => {
    const left: Record<string, number> = { [alpha]: 100, [beta]: 300, [gamma]: 200 }
    await using server = await tinyServer(({ token }, response) => {
      left[token] = (left[token] ?? 0) - 1
      const counts = { 'x-ratelimit-limit': 5_000, 'x-ratelimit-reset': 1e10 }
      json(response, 200, [], { ...counts, 'x-ratelimit-remaining': left[token] })
    })
    const clock = stoppedClock()
    const way = accessTo({ baseUrl: server.url, clock, auth: { tokens, reserve: 0 } })
    for (let page = 0; page < 10; page += 1) await way.get(PAGE)
    const used = server.requests.map(({ token }) => token)
    expect(new Set(used.slice(0, 3))).toEqual(new Set(tokens))
    expect(used.slice(3)).toEqual(Array.from({ length: 7 }, () => beta))
  })

  test('goes on with the others while one is limited', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts })
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { tokens } })
    sandbox.inject({ kind: 'secondary-limit', retryAfterSeconds: 60 })
    for (let page = 0; page < 6; page += 1) await way.get(PAGE)
    expect(sandbox.requests.filter(({ status }) => status === 200)).toHaveLength(6)
    expect(sandbox.requestsWhileLimited).toBe(0)
  })

  test('waits for the first to be free when all are limited', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts })
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { tokens } })
    const limit = (retryAfterSeconds: number) =>
      ({ kind: 'secondary-limit', retryAfterSeconds }) as const
    sandbox.inject(limit(90), limit(30), limit(60))
    const error = await thrownBy(way.get(PAGE))
    expect(error).toMatchObject({ name: 'RetryLaterError', retryAt: clock.now() + 30_000 })
    expect(error.message).toContain('all 3 tokens wait')
    expect(await thrownBy(way.get(PAGE))).toBeInstanceOf(RetryLaterError)
    expect(sandbox.requests).toHaveLength(3)
    clock.pass(30_000)
    await expect(way.get(PAGE)).resolves.toMatchObject({ status: 200 })
    expect(sandbox.requestsWhileLimited).toBe(0)
  })

  test('sets a refused token aside', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts })
    sandbox.revoke(alpha)
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { tokens } })
    for (let page = 0; page < 5; page += 1) {
      await expect(way.get(PAGE)).resolves.toMatchObject({ status: 200 })
    }
    expect(sandbox.requests.filter(({ status }) => status === 401)).toHaveLength(1)
  })

  test('has a refused token renewed where it can be, though others are left', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts })
    sandbox.revoke(alpha)
    let current = alpha
    const provider = (request?: { readonly renew: boolean }) => {
      if (request?.renew === true) current = gamma
      return current
    }
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { tokens: [provider, beta] } })
    for (let page = 0; page < 4; page += 1) await way.get(PAGE)
    expect(current).toBe(gamma)
  })

  test('keeps a condition from a token that it was not made with', async () => {
    await using server = await tinyServer(({ headers }, response) => {
      if (server.requests.length === 2) return json(response, 429, {}, { 'retry-after': '60' })
      if (headers['if-none-match'] === '"one"') return response.writeHead(304).end()
      return json(response, 200, [], { etag: '"one"' })
    })
    const way = accessTo({ baseUrl: server.url, clock: stoppedClock(), auth: { tokens } })
    const client = await way.open()
    await client.get(`${server.url}${PAGE}`)
    const whole = await client.get(`${server.url}${PAGE}`, { ifNoneMatch: '"one"' })
    expect(whole.status).toBe(200)
    const sent = server.requests.map(({ headers }) => headers['if-none-match'])
    expect(sent).toEqual([undefined, '"one"', undefined])
  })

  test('pauses the session when all are refused, and sends each one once', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts })
    for (const token of tokens) sandbox.revoke(token)
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { tokens } })
    const error = await thrownBy(way.get(PAGE))
    expect(error).toMatchObject({ name: 'PauseError', code: 'AUTHENTICATION_FAILED' })
    expect(error.message).toContain('each token of the credential "ci" was refused')
    expect(await thrownBy(way.get(PAGE))).toBeInstanceOf(PauseError)
    expect(sandbox.requests).toHaveLength(3)
  })

  test('answers a condition with the token that it was made with', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, clock, accounts })
    const way = accessTo({ baseUrl: sandbox.url, clock, auth: { tokens } })
    const client = await way.open()
    const { headers } = await client.get(`${sandbox.url}${PAGE}`)
    const known = client.credentialId
    const ifNoneMatch = String(headers['etag'])
    const again = await client.get(`${sandbox.url}${PAGE}`, { ifNoneMatch })
    expect([again.status, client.credentialId]).toEqual([304, known])
    // With that one limited, the condition means nothing to another token.
    sandbox.inject({ kind: 'secondary-limit', retryAfterSeconds: 60 })
    const whole = await client.get(`${sandbox.url}${PAGE}`, { ifNoneMatch })
    expect(whole.status).toBe(200)
    expect(client.credentialId).not.toBe(known)
  })
})

describe('an answer', () => {
  const server = () =>
    tinyServer(({ url, headers }, response) => {
      const to = (status: number, location: string) =>
        response.writeHead(status, { location }).end()
      if (url === '/old') return to(301, '/repositories/1')
      if (url === '/moved') return to(308, '/old')
      if (url === '/temporary') return to(302, '/repositories/1')
      if (url === '/mixed') return to(301, '/temporary')
      if (url === '/elsewhere') return to(301, 'http://127.0.0.1:1/repositories/1')
      if (url === '/circle') return to(302, '/circle')
      if (url === '/nowhere') return response.writeHead(301).end()
      if (url === '/graphql') return to(301, '/repositories/1')
      if (headers['if-none-match'] === '"one"') return response.writeHead(304).end()
      return json(response, 200, { url }, { etag: '"one"' })
    })

  test.each([
    { path: '/repositories/1', end: '/repositories/1', redirected: false },
    { path: '/old', end: '/repositories/1', redirected: true },
    { path: '/moved', end: '/repositories/1', redirected: true },
    { path: '/temporary', end: '/repositories/1', redirected: false },
    { path: '/mixed', end: '/repositories/1', redirected: false },
  ])('to $path tells where it came from, and whether that is for good', async (given) => {
    await using tiny = await server()
    const way = accessTo({ baseUrl: tiny.url, clock: stoppedClock(), auth: { token: alpha } })
    const answer = await way.get(given.path)
    expect(answer).toMatchObject({
      status: 200,
      url: `${tiny.url}${given.end}`,
      redirected: given.redirected,
    })
    expect(tiny.requests.every(({ token }) => token === alpha)).toBe(true)
  })

  test.each([
    { path: '/elsewhere', says: 'refused to go to http://127.0.0.1:1' },
    { path: '/circle', says: 'in a circle' },
    { path: '/nowhere', says: 'says not where to' },
  ])('of $path is none', async ({ path, says }) => {
    await using tiny = await server()
    const way = accessTo({ baseUrl: tiny.url, clock: stoppedClock(), auth: { token: alpha } })
    const error = await thrownBy(way.get(path))
    expect(error).toMatchObject({ name: 'SourceError', code: 'SOURCE_MALFORMED' })
    expect(error.message).toContain(says)
  })

  test('of a query that is redirected is none: what was asked would be lost', async () => {
    await using tiny = await server()
    const way = accessTo({ baseUrl: tiny.url, clock: stoppedClock(), auth: { token: alpha } })
    expect((await thrownBy(way.query('{ viewer { login } }'))).message).toContain('check the path')
  })

  test('of 304 is one where a condition was sent', async () => {
    await using tiny = await server()
    const way = accessTo({ baseUrl: tiny.url, clock: stoppedClock(), auth: { token: alpha } })
    const client = await way.open()
    const first = await client.get(`${tiny.url}/repositories/1`)
    const ifNoneMatch = String(first.headers['etag'])
    const second = await client.get(`${tiny.url}/repositories/1`, { ifNoneMatch })
    expect(second.status).toBe(304)
  })
})

test('no secret is in an error, nor left in a masked text', async () => {
  const { privateKey } = keyPair()
  const clock = stoppedClock()
  await using server = await tinyServer(({ headers, url }, response) =>
    json(response, url.includes('repos') ? 401 : 403, { message: `no: ${headers.authorization}` }),
  )
  const secrets = [alpha, beta, ...privateKey.split('\n').filter((line) => line.length > 30)]
  const env = { KEY: privateKey.replaceAll('\n', '\\n') }
  const app = { appId: 1, installationId: 2, privateKey: '${KEY}' }
  for (const auth of [
    { token: alpha },
    { tokens: [alpha, beta] },
    { token: () => beta },
    { app },
  ]) {
    const way = accessTo({ baseUrl: server.url, clock, auth, env })
    for (const path of ['/repos', '/other']) {
      const error = await thrownBy(way.get(path))
      const shown = inspect(error, { depth: 20, showHidden: true }) + String(error.cause)
      for (const secret of secrets) expect(shown).not.toContain(secret)
      expect(shown).not.toMatch(/bearer ey/i)
    }
    if ('app' in auth) expect(way.mask.apply(`the key ${privateKey}`)).not.toContain('BEGIN')
  }
})

test('the limits of a credential are shared by all sources of the process, by any name', async () => {
  const clock = stoppedClock()
  await using sandbox = await startSandboxGitHub({
    owners,
    clock,
    faults: [{ kind: 'secondary-limit', retryAfterSeconds: 30 }],
  })
  const to = (token: string, authRef: string) =>
    accessTo({ baseUrl: sandbox.url, clock, auth: { token }, authRef })
  expect(await thrownBy(to(alpha, 'one').get(PAGE))).toBeInstanceOf(RetryLaterError)
  expect(await thrownBy(to(alpha, 'two').get(PAGE))).toBeInstanceOf(RetryLaterError)
  expect(sandbox.requests).toHaveLength(1)
  await expect(to(beta, 'three').get(PAGE)).resolves.toMatchObject({ status: 200 })
})
