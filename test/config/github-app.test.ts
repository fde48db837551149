import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { startSandboxGitHub } from '../../examples/sandbox/github.ts'
import type { AuthConfigs } from '../../src/config/auth.ts'
import { createResolver, SecretMask } from '../../src/config/resolver.ts'
import { createCredentialStore, type Environment } from '../../src/config/secrets.ts'
import { keyPair, stoppedClock, thrownBy } from '../sources/github/access-support.ts'
import { everythingSaid } from './support.ts'

const { publicKey, privateKey } = keyPair()
const owners = [{ login: 'octo', type: 'Organization' as const, names: ['one'] }]
const apps = [{ appId: 7, publicKey, installations: [{ id: 70, account: 'octo' }] }]

interface Given {
  readonly app?: object
  readonly env?: Environment
  readonly clock?: ReturnType<typeof stoppedClock>
}

/** An App's way to its tokens. */
const appAt = (baseUrl: string, { app = {}, env = {}, clock = stoppedClock() }: Given = {}) => {
  const config = { app: { appId: 7, installationId: 70, privateKey, ...app } }
  const auth: AuthConfigs = { gh: { type: 'github', config } }
  const store = createCredentialStore(auth, { env })
  const mask = new SecretMask()
  const resolver = createResolver(() => store.with({}), mask, clock)
  const target = { name: 'a', sourceType: 'github', authRef: 'gh', spec: { baseUrl } }
  return {
    mask,
    clock,
    get: async (options?: { renew: boolean }, url = baseUrl) =>
      (await resolver.resolve({ ...target, spec: { baseUrl: url } }, options)).values,
  }
}

/** A server that answers each minting as it is told. */
const mintingServer = async (
  answer: (request: IncomingMessage, response: ServerResponse) => void,
) => {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: () => new Promise<void>((done) => void server.close(() => done())),
  }
}

const reply = (response: ServerResponse, status: number, body: unknown, headers = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

const iso = (at: number): string => new Date(at).toISOString()

describe('an App is given a token', () => {
  test.each(['pkcs1', 'pkcs8'] as const)('for a key in %s', async (type) => {
    const pair = keyPair(type)
    const clock = stoppedClock()
    const known = [{ ...apps[0]!, publicKey: pair.publicKey }]
    await using sandbox = await startSandboxGitHub({ owners, apps: known, clock })
    const app = { privateKey: pair.privateKey }
    const values = await appAt(sandbox.url, { app, clock }).get()
    expect(values['token']).toMatch(/^ghs_/)
    expect(values['expiresAt']).toBe(clock.now() + 3_600_000)
    expect(values['identity']).toBe('app:7:70')
  })

  test('for a key and ids from the environment, the key on one line', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, apps, clock })
    const env = { KEY: privateKey.replaceAll('\n', '\\n'), ID: '7', INSTALLATION: '70' }
    const app = { appId: '${ID}', installationId: '${INSTALLATION}', privateKey: '${KEY}' }
    const values = await appAt(sandbox.url, { app, env, clock }).get()
    expect(values['token']).toMatch(/^ghs_/)
  })

  test('for a provider of the key', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, apps, clock })
    const app = { privateKey: async () => privateKey }
    expect((await appAt(sandbox.url, { app, clock }).get())['token']).toMatch(/^ghs_/)
  })

  test('by an Enterprise Server, at its own address', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, apps, clock })
    expect((await appAt(sandbox.enterpriseUrl, { clock }).get())['token']).toMatch(/^ghs_/)
    expect(sandbox.requests[0]?.path).toBe('/api/v3/app/installations/70/access_tokens')
  })

  test('in exchange for a signed word of who it is', async () => {
    const clock = stoppedClock()
    await using server = await mintingServer((_, response) =>
      reply(response, 201, { token: 'ghs_made', expires_at: iso(clock.now() + 3_600_000) }),
    )
    const app = { appId: 'Iv23liABCDEF' }
    await appAt(server.url, { app, clock }).get()
    const { headers } = server.requests[0]!
    expect(headers['user-agent']).toMatch(/^muster\//)
    expect(headers['x-github-api-version']).toBe('2022-11-28')
    const [head = '', body = '', signature = ''] = (headers.authorization ?? '')
      .replace(/^bearer /i, '')
      .split('.')
    const signed = Buffer.from(signature, 'base64url')
    expect(verify('sha256', Buffer.from(`${head}.${body}`), publicKey, signed)).toBe(true)
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, number>
    expect(claims['iss']).toBe('Iv23liABCDEF')
    const seconds = clock.now() / 1000
    expect(Math.abs((claims['iat'] ?? 0) - seconds)).toBeLessThanOrEqual(60)
    expect((claims['exp'] ?? 0) - (claims['iat'] ?? 0)).toBeLessThanOrEqual(600)
  })
})

describe('its token', () => {
  test('is kept until five minutes before it expires', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, apps, clock })
    const way = appAt(sandbox.url, { clock })
    const { token } = await way.get()
    clock.pass(54 * 60_000)
    expect((await way.get())['token']).toBe(token)
    clock.pass(60_000)
    expect((await way.get())['token']).not.toBe(token)
    expect(sandbox.requests).toHaveLength(2)
  })

  test('that lives for minutes only is not made anew for each page', async () => {
    const clock = stoppedClock()
    const known = [{ ...apps[0]!, tokenSeconds: 60 }]
    await using sandbox = await startSandboxGitHub({ owners, apps: known, clock })
    const way = appAt(sandbox.url, { clock })
    const { token } = await way.get()
    clock.pass(20_000)
    expect((await way.get())['token']).toBe(token)
    clock.pass(20_000)
    expect((await way.get())['token']).not.toBe(token)
  })

  test('ends by our clock, though the server has another', async () => {
    const clock = stoppedClock()
    const theirs = clock.now() - 2 * 3_600_000
    await using server = await mintingServer((_, response) => {
      const date = new Date(theirs).toUTCString()
      reply(response, 201, { token: 'ghs_made', expires_at: iso(theirs + 3_600_000) }, { date })
    })
    const values = await appAt(server.url, { clock }).get()
    expect(values['expiresAt']).toBe(clock.now() + 3_600_000)
  })

  test('is made once for all who need it at the time', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, apps, clock, latencyMs: 10 })
    const way = appAt(sandbox.url, { clock })
    const tokens = await Promise.all([1, 2, 3, 4].map(async () => (await way.get())['token']))
    expect(new Set(tokens).size).toBe(1)
    expect(sandbox.requests).toHaveLength(1)
  })

  test('is made anew when it is refused', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, apps, clock })
    const way = appAt(sandbox.url, { clock })
    const { token, identity } = await way.get()
    const renewed = await way.get({ renew: true })
    expect(renewed['token']).not.toBe(token)
    expect(renewed['identity']).toBe(identity)
  })

  test('is of its own server, though another has given out the same numbers', async () => {
    const clock = stoppedClock()
    const options = { owners, apps, clock, latencyMs: 5 }
    await using one = await startSandboxGitHub(options)
    await using two = await startSandboxGitHub(options)
    const way = appAt(one.url, { clock })
    const tokens = await Promise.all([way.get(), way.get({ renew: false }, two.url)])
    expect(tokens[0]['token']).not.toBe(tokens[1]['token'])
    expect([one.requests.length, two.requests.length]).toEqual([1, 1])
  })

  test('is used for what is left of its time when no other can be had', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, apps, clock })
    const way = appAt(sandbox.url, { clock })
    const { token } = await way.get()
    clock.pass(56 * 60_000)
    sandbox.inject({ kind: 'server-error', status: 503 })
    expect((await way.get())['token']).toBe(token)
    clock.pass(5 * 60_000)
    sandbox.inject({ kind: 'server-error', status: 503 })
    expect(await thrownBy(way.get())).toMatchObject({ name: 'SourceError', retryable: true })
  })

  test('is not asked for again by others while GitHub wants to be left alone', async () => {
    await using server = await mintingServer((_, response) =>
      reply(response, 403, { message: 'rate limit' }, { 'retry-after': '90' }),
    )
    const app = appAt(server.url)
    const first = await thrownBy(app.get())
    expect(first).toMatchObject({ code: 'RATE_LIMITED', retryAt: app.clock.now() + 90_000 })
    expect(await thrownBy(app.get())).toBe(first)
    expect(await thrownBy(app.get({ renew: true }))).toBe(first)
    expect(server.requests).toHaveLength(1)
  })

  test.each([
    { status: 403, headers: {} },
    { status: 429, headers: { 'retry-after': '90' } },
  ])('lasts to its end while no other is made ($status)', async ({ status, headers }) => {
    let isRefused = false
    const clock = stoppedClock()
    await using server = await mintingServer((_, response) => {
      if (isRefused) return reply(response, status, { message: 'no' }, headers)
      const body = { token: 'ghs_first0123456789', expires_at: iso(clock.now() + 3_600_000) }
      reply(response, 201, body, { date: new Date(clock.now()).toUTCString() })
    })
    const app = appAt(server.url, { clock })
    await app.get()
    isRefused = true
    clock.pass(3_500_000)
    for (let time = 0; time < 3; time += 1) {
      expect((await app.get())['token']).toBe('ghs_first0123456789')
    }
    expect(server.requests).toHaveLength(2)
  })

  test('and its key are taken out of messages', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, apps, clock })
    const env = { KEY: privateKey.replaceAll('\n', '\\n') }
    const way = appAt(sandbox.url, { app: { privateKey: '${KEY}' }, env, clock })
    const { token, identity } = await way.get()
    const said = way.mask.apply(`${String(token)} ${privateKey} ${env.KEY} ${String(identity)}`)
    expect(said).toBe('*** *** *** app:7:70')
  })
})

describe('a refusal', () => {
  test.each([
    { status: 401, says: 'app_id and private_key are of the same App' },
    { status: 403, says: 'the installation may be suspended' },
    { status: 404, says: 'check installation_id, app_id and base_url' },
  ])('of $status pauses the session and says why', async ({ status, says }) => {
    await using server = await mintingServer((_, response) =>
      reply(response, status, { message: 'This is what GitHub says' }),
    )
    const way = appAt(server.url)
    const error = await thrownBy(way.get())
    expect(error).toMatchObject({ name: 'PauseError', code: 'AUTHENTICATION_FAILED' })
    expect(error.message).toContain('credential "gh" (App 7, installation 70)')
    expect(error.message).toContain(`This is what GitHub says); `)
    expect(error.message).toContain(says)
    // Asking again at once would be refused again.
    await thrownBy(way.get({ renew: true }))
    expect(server.requests).toHaveLength(1)
    way.clock.pass(60_000)
    await thrownBy(way.get())
    expect(server.requests).toHaveLength(2)
  })

  test('for a key of another App is one', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, apps, clock })
    const app = { privateKey: keyPair().privateKey }
    const error = await thrownBy(appAt(sandbox.url, { app, clock }).get())
    expect(error).toMatchObject({ name: 'PauseError', code: 'AUTHENTICATION_FAILED' })
  })

  test('is over at once when the key is another', async () => {
    const clock = stoppedClock()
    await using sandbox = await startSandboxGitHub({ owners, apps, clock })
    const env = { KEY: keyPair().privateKey }
    const way = appAt(sandbox.url, { app: { privateKey: '${KEY}' }, env, clock })
    expect(await thrownBy(way.get())).toMatchObject({ name: 'PauseError' })
    env.KEY = privateKey
    expect((await way.get())['token']).toMatch(/^ghs_/)
  })

  test.each([
    ['no key', 'S3CRET'],
    ['half a key', privateKey.slice(0, 400)],
    ['its first line', '-----BEGIN RSA PRIVATE KEY-----'],
    ['a public key', publicKey],
  ])('need not be waited for with %s, of which nothing is shown', async (_name, key) => {
    const error = await thrownBy(appAt('http://127.0.0.1:1', { app: { privateKey: key } }).get())
    expect(error).toMatchObject({ name: 'PauseError', code: 'CREDENTIAL_UNAVAILABLE' })
    expect(error.message).toContain('is not an RSA key in PEM')
    expect(everythingSaid(error)).not.toContain(key.slice(-20))
  })

  test.each(['S3CRET', '12 ', '-1', '1/../2'])(
    'need not be waited for with the id %j',
    async (id) => {
      for (const app of [{ appId: id }, { installationId: id }]) {
        const error = await thrownBy(appAt('http://127.0.0.1:1', { app }).get())
        expect(error).toMatchObject({ name: 'PauseError', code: 'CREDENTIAL_UNAVAILABLE' })
        expect(error.message).toMatch(/Id of credential "gh" is not an id \(not shown\)/)
        expect(error.message).not.toContain('S3CRET')
      }
    },
  )
})

describe('trouble on the way', () => {
  test.each([
    { status: 429, headers: { 'retry-after': '30' }, waitMs: 30_000 },
    { status: 403, headers: { 'retry-after': '30' }, waitMs: 30_000 },
    { status: 429, headers: {}, waitMs: 60_000 },
  ])('that is a limit ($status $headers) is waited for', async ({ status, headers, waitMs }) => {
    await using server = await mintingServer((_, response) =>
      reply(response, status, { message: 'slow down' }, headers),
    )
    const way = appAt(server.url)
    const error = await thrownBy(way.get())
    expect(error).toMatchObject({ name: 'RetryLaterError', retryAt: way.clock.now() + waitMs })
  })

  test.each([500, 502, 301])('that is a %i is worth another try', async (status) => {
    await using server = await mintingServer((_, response) => reply(response, status, {}))
    const error = await thrownBy(appAt(server.url).get())
    expect(error).toMatchObject({ name: 'SourceError', retryable: true })
  })

  test('that leads to another server is not followed there', async () => {
    await using other = await mintingServer((_, response) => reply(response, 200, {}))
    await using server = await mintingServer((_, response) =>
      reply(response, 307, {}, { location: `${other.url}/app` }),
    )
    expect(await thrownBy(appAt(server.url).get())).toMatchObject({ code: 'SOURCE_UNAVAILABLE' })
    expect(other.requests).toHaveLength(0)
  })

  test('that is an answer without a token is worth another try', async () => {
    await using server = await mintingServer((_, response) => reply(response, 201, { token: 7 }))
    const error = await thrownBy(appAt(server.url).get())
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
  })

  test('that is no answer is worth another try, and no word of who the App is gets out', async () => {
    await using server = await mintingServer((request) => request.socket.destroy())
    const error = await thrownBy(appAt(server.url).get())
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
    expect(everythingSaid(error)).not.toMatch(/bearer|ey[\w-]+\.ey/i)
  })
})
