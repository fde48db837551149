import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { MAX_STREAMS } from '../../src/dashboard/event-stream.ts'
import { createMuster, InvalidInputError } from '../../src/index.ts'
import { ask, dashboardOf, follow } from '../support/dashboard.ts'
import { musterOver } from '../support/muster.ts'

const TOKEN = 'token-of-the-test-0123456789-abcdef'
const served = async (options = {}) => dashboardOf(await musterOver({}), options)
const codeOf = (text: string) => (JSON.parse(text) as { error: { code: string } }).error.code

describe('on this machine alone', () => {
  test('no token is asked for, and the page asks for nothing from elsewhere', async () => {
    const { url } = await served()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/)
    const page = await ask(url)
    expect(page.status).toBe(200)
    const policy = page.headers['content-security-policy'] ?? ''
    expect(policy).toContain("default-src 'none'; script-src 'self'")
    expect(policy).not.toMatch(/unsafe|https?:|\*/)
    expect(page.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
    })
    expect(page.headers['strict-transport-security']).toBeUndefined()
    // What has not changed is not sent again.
    const { etag = '' } = page.headers
    expect((await ask(url, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await ask(new URL('api/overview', url))).headers['cache-control']).toBe('no-store')
  })

  test.each([
    ['attacker.example', 403],
    ['127.0.0.1.attacker.example:7747', 403],
    ['localhost.attacker.example', 403],
    ['localhost', 200],
    ['LOCALHOST:80', 200],
    ['[::1]:80', 200],
    ['127.0.0.1:80', 200],
  ])('asked for as %s it answers %i', async (host, status) => {
    const { url } = await served()
    for (const path of ['', 'api/sessions']) {
      const answered = await ask(new URL(path, url), { headers: { host } })
      expect(answered.status).toBe(status)
      if (status === 403) expect(codeOf(answered.text)).toBe('FOREIGN_HOST')
    }
  })

  const json = { 'content-type': 'application/json' }
  test.each<[string, Record<string, string>, string]>([
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'JSON_EXPECTED'],
    ['a text', { 'content-type': 'text/plain' }, 'JSON_EXPECTED'],
    ['nothing', {}, 'JSON_EXPECTED'],
    ['JSON of another origin', { ...json, origin: 'http://localhost:1' }, 'FOREIGN_ORIGIN'],
    ['JSON of no origin', { ...json, origin: 'null' }, 'FOREIGN_ORIGIN'],
    ['JSON of another site', { ...json, 'sec-fetch-site': 'cross-site' }, 'FOREIGN_ORIGIN'],
    ['JSON of a neighbour', { ...json, 'sec-fetch-site': 'same-site' }, 'FOREIGN_ORIGIN'],
    ['JSON of its own', { ...json, 'sec-fetch-site': 'same-origin' }, 'SESSION_NOT_FOUND'],
  ])('a button that is pressed by %s gives the right answer', async (_, headers, code) => {
    const { url } = await served()
    const asked = await ask(new URL('api/sessions/one/pause', url), { method: 'POST', headers })
    expect(codeOf(asked.text)).toBe(code)
  })

  test('another site can neither read what is told nor hold streams open', async () => {
    const { url } = await served()
    for (const path of ['api/live', 'api/overview', 'metrics', 'app.js']) {
      const headers = { 'sec-fetch-site': 'cross-site' }
      expect((await ask(new URL(path, url), { headers })).status).toBe(403)
    }
    const { headers } = await ask(new URL('api/overview', url), {
      headers: { origin: new URL(url).origin },
    })
    expect(headers['access-control-allow-origin']).toBeUndefined()
    expect(headers['cross-origin-resource-policy']).toBe('same-origin')
  })

  test('what is asked for without its body leaves no stream behind', async () => {
    const { url } = await served()
    const live = new URL('api/live', url)
    for (let i = 0; i < MAX_STREAMS; i++) {
      expect((await ask(live, { method: 'HEAD' })).status).toBe(200)
    }
    const stream = await follow({ url })
    await stream.until('overview', () => true)
  })

  test('a token that is given is asked for all the same', async () => {
    const { url } = await served({ token: TOKEN })
    expect((await ask(new URL('/api/overview', url))).status).toBe(401)
  })
})

describe('for other machines', () => {
  const paths = ['/', '/app.js', '/api/overview', '/api/live', '/api/charts', '/metrics']

  test('nothing is told without the token, which is made and is in the address alone', async () => {
    const { url } = await served({ host: '0.0.0.0' })
    const token = new URL(url).searchParams.get('token') ?? ''
    expect(token.length).toBeGreaterThanOrEqual(40)
    for (const path of paths) {
      const refused = await ask(new URL(path, url))
      expect([path, refused.status, codeOf(refused.text)]).toEqual([path, 401, 'TOKEN_REQUIRED'])
      expect(refused.text + JSON.stringify(refused.headers)).not.toContain(token)
    }
    for (const wrong of ['', 'x', `${token}x`, token.slice(1)]) {
      const page = await ask(new URL(`/?token=${encodeURIComponent(wrong)}`, url))
      const program = await ask(new URL('/api/overview', url), {
        headers: { authorization: `Bearer ${wrong}` },
      })
      expect([page.status, program.status]).toEqual([401, 401])
    }
    const other = await served({ host: '0.0.0.0' })
    expect(new URL(other.url).searchParams.get('token')).not.toBe(token)
  })

  test('programs show it in a header, browsers get a cookie for it and lose it from the address', async () => {
    const { url } = await served({ host: '0.0.0.0', token: TOKEN })
    const { port } = new URL(url)
    const headers = { authorization: `Bearer ${TOKEN}`, host: 'build-7.internal:1234' }
    expect((await ask(new URL('/api/overview', url), { headers })).status).toBe(200)
    const opened = await ask(url)
    expect([opened.status, opened.headers.location]).toEqual([303, '/'])
    const [cookie = ''] = opened.headers['set-cookie'] ?? []
    expect(cookie).toMatch(
      new RegExp(`^muster-dashboard-${port}=[^;]+; Path=/; HttpOnly; SameSite=Strict$`),
    )
    expect(cookie).not.toContain(TOKEN)
    const pair = cookie.split(';')[0] ?? ''
    expect((await ask(new URL('/', url), { headers: { cookie: pair } })).status).toBe(200)
    expect((await ask(new URL('/api/overview', url), { headers: { cookie: pair } })).status).toBe(
      200,
    )
    const forged = `${pair.slice(0, -2)}xx`
    expect((await ask(new URL('/', url), { headers: { cookie: forged } })).status).toBe(401)
    // What the token opens is the page, and nothing that would keep it in a log.
    expect((await ask(new URL(`/api/overview?token=${TOKEN}`, url))).status).toBe(401)
  })

  test('a token that can be guessed is refused, and not repeated', async () => {
    const muster = await musterOver({})
    for (const token of [
      '',
      'guessable',
      'with a space in the middle of it',
      'ümläüte-ümläüte-ümläüte',
    ]) {
      const refused = muster.dashboard({ port: 0, token })
      await expect(refused).rejects.toThrow(InvalidInputError)
      await expect(refused).rejects.toThrow(`${token.length} characters: expected 16 or more`)
      if (token !== '') await expect(refused).rejects.not.toThrow(token)
    }
  })
})

describe('an address that cannot be had', () => {
  test('is refused in words that say what to do', async () => {
    const muster = await musterOver({})
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as { port: number }
    try {
      await expect(muster.dashboard({ port })).rejects.toThrow(
        `port ${port} of 127.0.0.1 is in use: give another with --port`,
      )
    } finally {
      taken.close()
    }
    await expect(muster.dashboard({ port: 0, host: '192.0.2.1' })).rejects.toThrow(
      '192.0.2.1 is no address of this machine',
    )
    await expect(muster.dashboard({ port: 0, host: 'no-such-host.invalid' })).rejects.toThrow(
      /no-such-host\.invalid/,
    )
    await expect(muster.dashboard({ port: 70_000, host: 'a b' })).rejects.toThrow(
      /port is 70000.*\n.*host is "a b"/,
    )
  })

  test('is none after the Muster is closed', async () => {
    const muster = await createMuster({ database: ':memory:' })
    const { url } = await muster.dashboard({ port: 0 })
    expect((await ask(url)).status).toBe(200)
    await muster.close()
    await expect(ask(url)).rejects.toThrow('ECONNREFUSED')
    await expect(muster.dashboard({ port: 0 })).rejects.toThrow('closed')
  })
})
