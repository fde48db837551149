import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { RetryLaterError } from '../../../src/domain/errors.ts'
import { asking, errorOf, startSite, textOf, webFor } from './site.ts'

const answering = (status: number, headers: Record<string, string> = {}) =>
  startSite((_, response) => response.writeHead(status, headers).end('the reason'))

test.each([
  [400, 'SOURCE_MALFORMED', false],
  [401, 'FORBIDDEN', false],
  [403, 'FORBIDDEN', false],
  [404, 'NOT_FOUND', false],
  [408, 'SOURCE_UNAVAILABLE', true],
  [410, 'GONE', false],
  [418, 'SOURCE_MALFORMED', false],
  [451, 'DMCA', false],
  [304, 'SOURCE_MALFORMED', false],
  [500, 'SOURCE_UNAVAILABLE', true],
  [502, 'SOURCE_UNAVAILABLE', true],
  [503, 'SOURCE_UNAVAILABLE', true],
  [504, 'SOURCE_UNAVAILABLE', true],
])('status %i is %s', async (status, code, retryable) => {
  await using site = await answering(status)
  await using web = webFor()
  const error = await errorOf(web.request(asking(site.at('/a/path?token=s3cret#part'))))
  expect(error).toMatchObject({ code, retryable })
  expect(error.message).toMatch(new RegExp(`^${site.at('/a/path')}: .* \\[${status}\\]$`))
  expect(error.cause).toBeUndefined()
})

test.each([200, 201, 204, 206])('status %i is an answer', async (status) => {
  await using site = await answering(status)
  await using web = webFor()
  expect((await web.request(asking(site.at('/')))).status).toBe(status)
})

test('another status is an answer where it is asked for', async () => {
  await using site = await answering(404)
  await using web = webFor()
  const answer = await web.request(asking(site.at('/'), { accept: (status) => status === 404 }))
  expect([answer.status, await textOf(answer.body)]).toEqual([404, 'the reason'])
})

test('after an error the place in the queue is free again', async () => {
  await using site = await answering(404)
  await using web = webFor({ maxConcurrencyPerHost: 1 })
  for (let turn = 0; turn < 3; turn++) await errorOf(web.request(asking(site.at('/'))))
  expect(site.requests).toHaveLength(3)
})

describe('a host that asks to be left alone', () => {
  const waitOf = async (status: number, headers: Record<string, string>): Promise<unknown> => {
    await using site = await answering(status, headers)
    await using web = webFor()
    const before = Date.now()
    const error = await errorOf(web.request(asking(site.at('/'))))
    if (!(error instanceof RetryLaterError)) return error.code
    // Between the two moments it was told; seconds are what is told.
    return Math.round((error.retryAt - before) / 60_000)
  }
  const minutes = (count: number): Record<string, string> => ({
    'retry-after': new Date(Date.now() + count * 60_000).toUTCString(),
  })

  test.each([429, 503])('by seconds, with status %i', async (status) => {
    expect(await waitOf(status, { 'retry-after': '1200' })).toBe(20)
  })

  test.each([429, 503])('by a date, with status %i', async (status) => {
    expect(await waitOf(status, minutes(30))).toBe(30)
  })

  test('for a day at most', async () => {
    expect(await waitOf(429, { 'retry-after': '99999999999999' })).toBe(24 * 60)
    expect(await waitOf(503, minutes(60 * 24 * 365))).toBe(24 * 60)
  })

  test.each<[Record<string, string>]>([
    [{}],
    [{ 'retry-after': 'soon' }],
    [{ 'retry-after': 'Mon, 01 Jan 2001 00:00:00 GMT' }],
  ])('without a time that makes sense: %j', async (headers) => {
    expect(await waitOf(429, headers)).toBe(1)
    expect(await waitOf(503, headers)).toBe('SOURCE_UNAVAILABLE')
  })
})

describe('no answer at all', () => {
  const failing = async (code: string) => {
    await using web = webFor({
      lookup: (_, _options, callback) => callback(Object.assign(new Error(code), { code }), []),
    })
    return await errorOf(web.request(asking('http://site.test/a?token=s3cret')))
  }

  test.each([
    ['ENOTFOUND', 'NOT_FOUND', false],
    ['EAI_AGAIN', 'SOURCE_UNAVAILABLE', true],
    ['ETIMEOUT', 'SOURCE_UNAVAILABLE', true],
  ])('when the lookup fails with %s', async (reason, code, retryable) => {
    const error = await failing(reason)
    expect(error).toMatchObject({ code, retryable })
    expect(error.message).toMatch(new RegExp(`^http://site.test/a: .* \\[${reason}\\]$`))
  })

  test('when a name has no address', async () => {
    await using web = webFor({ lookup: (_, _options, callback) => callback(null, []) })
    expect((await errorOf(web.request(asking('http://site.test/')))).code).toBe('NOT_FOUND')
  })

  test('when nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    await using web = webFor()
    const error = await errorOf(web.request(asking(`http://site.test:${port}/`)))
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
    expect(error.message).toContain('[ECONNREFUSED]')
  })

  test.each([
    ['closes', ''],
    ['speaks another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['sends headers without end', `HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(100_000)}`],
  ])('when the host %s', async (_, text) => {
    await using site = await startSite(({ socket }) => socket.end(text))
    await using web = webFor()
    const error = await errorOf(web.request(asking(site.at('/'))))
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
  })

  test('when the host resets', async () => {
    await using site = await startSite(({ socket }) => socket.resetAndDestroy())
    await using web = webFor()
    const error = await errorOf(web.request(asking(site.at('/'))))
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
  })
})

describe('a client that was disposed of', () => {
  test('sends nothing more, and tells those who wait', async () => {
    await using site = await startSite(() => undefined)
    const web = webFor({ maxConcurrencyPerHost: 1 })
    const sent = errorOf(web.request(asking(site.at('/'))))
    await expect.poll(() => site.requests).toHaveLength(1)
    const waiting = errorOf(web.request(asking(site.at('/'))))
    await web[Symbol.asyncDispose]()
    expect(await sent).toMatchObject({ code: 'CLOSED' })
    expect(await waiting).toMatchObject({ code: 'CLOSED' })
    expect(await errorOf(web.request(asking(site.at('/'))))).toMatchObject({ code: 'CLOSED' })
    expect(site.requests).toHaveLength(1)
  })
})
