/** Who may be reached though not public, and that names cannot change under way. */
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { InvalidInputError } from '../../../src/domain/errors.ts'
import { createWeb } from '../../../src/sources/web/index.ts'
import { asking, errorOf, namesOf, startSite, textOf, webFor } from './site.ts'

const ok: Parameters<typeof startSite>[0] = (_, response) => response.end('here')

describe('the allow list', () => {
  const { lookup } = namesOf({
    'site.test': [['127.0.0.1']],
    'bücher.test': [['127.0.0.1']],
    'xn--bcher-kva.test': [['127.0.0.1']],
    'sub.site.test': [['127.0.0.1']],
  })
  const PORT = '<port>'

  test.each([
    ['a name', 'site.test', 'site.test'],
    ['a name in capitals', 'SITE.test', 'site.TEST'],
    ['a name with a dot at its end', 'site.test.', 'site.test'],
    ['a name, asked with a dot at its end', 'site.test', 'site.test.'],
    ['a name with a port', `site.test:${PORT}`, 'site.test'],
    ['a name of other letters', 'bücher.test', 'bücher.test'],
    ['an address', '127.0.0.1', '127.0.0.1'],
    ['an address, asked in another spelling', '127.0.0.1', '0x7f.1'],
    ['an address with a port', `127.0.0.1:${PORT}`, '127.0.0.1'],
    ['a range, asked by address', '127.0.0.0/8', '127.0.0.1'],
    ['a range, asked by name', '127.0.0.1/32', 'site.test'],
    ['a range, asked by mapped address', '127.0.0.0/8', '[::ffff:127.0.0.1]'],
  ])('lets in %s', async (_, entry, host) => {
    await using site = await startSite(ok)
    await using web = createWeb({ lookup, allow: [entry.replace(PORT, String(site.port))] })
    const answer = await web.request(asking(site.at('/', host)))
    expect(await textOf(answer.body)).toBe('here')
  })

  test.each([
    ['a name below an allowed one', 'site.test', 'sub.site.test'],
    ['a name above an allowed one', 'sub.site.test', 'site.test'],
    ['another port', 'site.test:1', 'site.test'],
    ['a name that leads to an allowed address', '127.0.0.1', 'site.test'],
    ['the address of an allowed name', 'site.test', '127.0.0.1'],
    ['an address beside a range', '127.0.0.2/31', '127.0.0.1'],
    ['IPv4 by a range of IPv6', '::/0', '127.0.0.1'],
  ])('does not let in %s', async (_, entry, host) => {
    await using site = await startSite(ok)
    await using web = createWeb({ lookup, allow: [entry] })
    const error = await errorOf(web.request(asking(site.at('/', host))))
    expect(error).toMatchObject({ code: 'FORBIDDEN', retryable: false })
    expect(site.requests).toHaveLength(0)
  })

  test.each([
    '',
    '*',
    '*.site.test',
    'http://site.test',
    'site.test/path',
    'user@site.test',
    '10.0.0.0/33',
    '10.1/16',
    '10.0.0.0/-1',
    '::ffff:10.0.0.0/104',
    'site.test:99999',
    'site test',
    '[fe80::1%eth0]',
    7,
    null,
  ])('says what is wrong with %j', (entry) => {
    const make = () => createWeb({ allow: ['site.test', entry as string] })
    expect(make).toThrow(InvalidInputError)
    expect(make).toThrow(/^allow: expected a host .* got /)
  })
})

test.each([
  [{ maxRedirects: -1 }, /^maxRedirects: .* got -1$/],
  [{ timeoutMs: 0 }, /^timeoutMs: .* got 0$/],
  [{ timeoutMs: 2 ** 31 }, /^timeoutMs: /],
  [{ maxConcurrencyPerHost: 1.5 }, /^maxConcurrencyPerHost: .* got 1.5$/],
  [{ maxRequestsPerSecondPerHost: 0 }, /^maxRequestsPerSecondPerHost: .* got 0$/],
  [{ maxRequestsPerSecondPerHost: Number.NaN }, /^maxRequestsPerSecondPerHost: /],
  [{ userAgent: 'a\r\nx-injected: 1' }, /^userAgent: /],
  [{ lookup: 'dns' }, /^lookup: .* got "dns"$/],
])('options that cannot be used: %j', (options, message) => {
  expect(() => createWeb(options as never)).toThrow(message)
})

describe('a name that leads elsewhere the second time', () => {
  test('is refused then, and nothing went to the private address', async () => {
    await using site = await startSite(ok)
    const { lookup, asked } = namesOf({ 'site.test': [['2d00::1'], ['127.0.0.1']] })
    await using web = createWeb({ lookup, timeoutMs: 300 })
    // Public, and given to nobody yet: no test of ours knocks at a stranger's.
    const first = await errorOf(web.request(asking(site.at('/'))))
    expect(first).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
    expect(asked).toEqual(['site.test'])
    const second = await errorOf(web.request(asking(site.at('/'))))
    expect(second).toMatchObject({ code: 'FORBIDDEN', retryable: false })
    expect(site.requests).toHaveLength(0)
  })

  test('is connected to where it was checked: one lookup a connection', async () => {
    const addresses: (string | undefined)[] = []
    await using site = await startSite(({ socket }, response) => {
      addresses.push((socket as Socket).localAddress)
      response.end('here')
    })
    const { lookup, asked } = namesOf({ 'site.test': [['127.0.0.1'], ['127.0.0.9']] })
    await using web = createWeb({ lookup, allow: ['127.0.0.1/32'] })
    const answer = await web.request(asking(site.at('/')))
    expect(await textOf(answer.body)).toBe('here')
    expect({ addresses, asked }).toEqual({ addresses: ['127.0.0.1'], asked: ['site.test'] })
  })
})

describe('before anything is sent', () => {
  test.each([
    ['http://user:hunter2@site.test/', 'SOURCE_MALFORMED'],
    ['http://user@site.test/', 'SOURCE_MALFORMED'],
    ['http://:hunter2@site.test/', 'SOURCE_MALFORMED'],
    ['http://user:hunter2@site test/', 'SOURCE_MALFORMED'],
    ['user:hunter2@site.test', 'SOURCE_MALFORMED'],
    ['file:///etc/passwd', 'SOURCE_MALFORMED'],
    ['ftp://site.test/', 'SOURCE_MALFORMED'],
    ['data:text/plain,hunter2', 'SOURCE_MALFORMED'],
    ['gopher://site.test/hunter2', 'SOURCE_MALFORMED'],
    ['', 'SOURCE_MALFORMED'],
    ['/path', 'SOURCE_MALFORMED'],
  ])('%s is refused, and shown without secrets', async (url, code) => {
    const { lookup, asked } = namesOf({ 'site.test': [['127.0.0.1']] })
    await using web = webFor({ lookup })
    const error = await errorOf(web.request(asking(url)))
    expect(error).toMatchObject({ code, retryable: false })
    expect(error.message).not.toMatch(/hunter2|user[:@]/)
    expect(asked).toEqual([])
  })

  test.each([
    ['host', 'internal'],
    ['Host', 'internal'],
    ['Transfer-Encoding', 'chunked'],
    ['x-token', 'hunter2\r\nhost: internal'],
    ['x-token', 'hunter2\u0100'],
    ['x token', 'hunter2'],
  ])('a header %s cannot be %j', async (name, value) => {
    await using site = await startSite(ok)
    await using web = webFor()
    const error = await errorOf(web.request(asking(site.at('/'), { headers: { [name]: value } })))
    expect(error).toMatchObject({ code: 'SOURCE_MALFORMED', retryable: false })
    expect(error.message).toContain(JSON.stringify(name))
    expect(error.message).not.toContain('hunter2')
    expect(site.requests).toHaveLength(0)
  })

  test.each([-1, Number.NaN, 1.5])('maxBytes cannot be %s', async (maxBytes) => {
    await using web = webFor()
    const error = await errorOf(web.request(asking('http://site.test/', { maxBytes })))
    expect(error.message).toContain('maxBytes')
  })
})
