import { getEventListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import * as zlib from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { asking, errorOf, startSite, textOf, webFor } from './site.ts'

const TEXT = 'a line of a list\n'.repeat(20_000)
const zstd = zlib.zstdCompressSync

const packed = (encoding: string, body: Uint8Array, tail: 'whole' | 'chunked' = 'whole') =>
  startSite((_, response) => {
    const length = tail === 'whole' ? { 'content-length': body.length } : {}
    response.writeHead(200, { 'content-encoding': encoding, ...length })
    response.end(body)
  })

const read = async (url: string, more = {}): Promise<string> => {
  await using web = webFor({ timeoutMs: 5_000 })
  const answer = await web.request(asking(url, more))
  // Before the client is disposed of.
  return await textOf(answer.body)
}

describe('a packed body', () => {
  test.each<[string, string, Uint8Array]>([
    ['gzip', 'gzip', zlib.gzipSync(TEXT)],
    ['gzip by its old name', 'x-gzip', zlib.gzipSync(TEXT)],
    ['gzip in capitals', 'GZIP', zlib.gzipSync(TEXT)],
    [
      'gzip in several members',
      'gzip',
      Buffer.concat([zlib.gzipSync(TEXT.slice(0, 999)), zlib.gzipSync(TEXT.slice(999))]),
    ],
    ['deflate', 'deflate', zlib.deflateSync(TEXT)],
    ['deflate without its header', 'deflate', zlib.deflateRawSync(TEXT)],
    ['br', 'br', zlib.brotliCompressSync(TEXT)],
    ['zstd', 'zstd', zstd(TEXT)],
    ['none', 'identity', Buffer.from(TEXT)],
    ['two', 'gzip, br', zlib.brotliCompressSync(zlib.gzipSync(TEXT))],
  ])('is unpacked: %s', async (_, encoding, body) => {
    await using site = await packed(encoding, body)
    expect(await read(site.at('/'))).toBe(TEXT)
    expect(site.requests[0]?.headers['accept-encoding']).toBe('gzip, deflate, br, zstd')
  })

  test.each(['gzip', 'deflate', 'br', 'zstd'])('may be empty: %s', async (encoding) => {
    await using site = await packed(encoding, Buffer.alloc(0))
    expect(await read(site.at('/'))).toBe('')
  })

  test.each<[string, Uint8Array]>([
    ['gzip', zlib.gzipSync(TEXT)],
    ['deflate', zlib.deflateSync(TEXT)],
    ['deflate', zlib.deflateRawSync(TEXT)],
    ['br', zlib.brotliCompressSync(TEXT)],
    ['zstd', zstd(TEXT)],
  ])('that ends too early is cut short: %s', async (encoding, body) => {
    await using site = await packed(encoding, body.subarray(0, -12), 'chunked')
    const error = await errorOf(read(site.at('/')))
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
    expect(error.message).toContain('cut short')
  })

  test.each(['gzip', 'deflate', 'br', 'zstd'])('that is none is damaged: %s', async (encoding) => {
    await using site = await packed(encoding, Buffer.from(`\u{ff}${TEXT}`, 'latin1'))
    const error = await errorOf(read(site.at('/')))
    expect(error).toMatchObject({ code: 'SOURCE_MALFORMED', retryable: false })
  })

  test.each(['compress', 'gzip, compress', 'gzip, '.repeat(6)])(
    'in a way that is not known: %s',
    async (encoding) => {
      await using site = await packed(encoding, Buffer.from('?'))
      const error = await errorOf(read(site.at('/')))
      expect(error).toMatchObject({ code: 'SOURCE_MALFORMED', retryable: false })
      expect(error.message).toContain('content-encoding')
    },
  )
})

describe('a body that is too long', () => {
  test.each([
    ['plain', 'identity', Buffer.from(TEXT)],
    ['packed', 'gzip', zlib.gzipSync(TEXT)],
  ])('is delivered as far as it may be, then an error: %s', async (_, encoding, body) => {
    await using site = await packed(encoding, body)
    await using web = webFor()
    const answer = await web.request(asking(site.at('/'), { maxBytes: 100_000 }))
    const chunks: Uint8Array[] = []
    const error = await errorOf(
      (async () => {
        for await (const chunk of answer.body) chunks.push(chunk)
      })(),
    )
    expect(error).toMatchObject({ code: 'SOURCE_MALFORMED', retryable: false })
    expect(error.message).toContain('100000 bytes')
    expect(Buffer.concat(chunks).toString()).toBe(TEXT.slice(0, 100_000))
  })

  test.each([TEXT.length, TEXT.length + 1])('is not one of %i bytes', async (maxBytes) => {
    await using site = await packed('gzip', zlib.gzipSync(TEXT))
    expect(await read(site.at('/'), { maxBytes })).toBe(TEXT)
  })

  const member = zlib.gzipSync(Buffer.alloc(16 * 1024 * 1024))
  const BOMBS: readonly (readonly [string, Uint8Array])[] = [
    // 10 GB each, in 10 MB and in less than 1 MB.
    ['gzip', Buffer.concat(Array.from({ length: 640 }, () => member))],
    [
      'zstd',
      Buffer.concat(Array.from({ length: 640 }, () => zstd(Buffer.alloc(16 * 1024 * 1024)))),
    ],
    ['gzip, gzip', zlib.gzipSync(Buffer.concat(Array.from({ length: 640 }, () => member)))],
  ]

  test.each(BOMBS)('a bomb in %s takes no more memory than it may', async (encoding, bomb) => {
    await using site = await packed(encoding, bomb)
    await using web = webFor()
    const answer = await web.request(asking(site.at('/'), { maxBytes: 200_000_000 }))
    const held = (): number => {
      const { arrayBuffers, external } = process.memoryUsage()
      return arrayBuffers + external
    }
    const before = held()
    let most = 0
    let bytes = 0
    const error = await errorOf(
      (async () => {
        for await (const chunk of answer.body) {
          // Whoever does not ask for more gets no more, as far as memory goes.
          if (bytes === 0) await sleep(200)
          bytes += chunk.length
          most = Math.max(most, held() - before)
        }
      })(),
    )
    expect(error.code).toBe('SOURCE_MALFORMED')
    expect(bytes).toBe(200_000_000)
    expect(most).toBeLessThan(150_000_000)
  })
})

describe('a host that takes too long', () => {
  test('to find', async () => {
    await using web = webFor({ timeoutMs: 50, lookup: () => undefined })
    const error = await errorOf(web.request(asking('http://site.test/')))
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
    expect(error.message).toContain('too long')
  })

  test('to answer', async () => {
    await using site = await startSite(() => undefined)
    await using web = webFor({ timeoutMs: 50 })
    const error = await errorOf(web.request(asking(site.at('/'))))
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
  })

  test.each(['identity', 'gzip'])('with the rest of a body: %s', async (encoding) => {
    await using site = await startSite((_, response) => {
      response.writeHead(200, { 'content-encoding': encoding })
      response.write(encoding === 'gzip' ? zlib.gzipSync(TEXT).subarray(0, -12) : TEXT)
    })
    await using web = webFor({ timeoutMs: 100 })
    const answer = await web.request(asking(site.at('/')))
    const error = await errorOf(textOf(answer.body))
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
    expect(error.message).toContain('too long')
  })

  test('but not a reader who does', async () => {
    const body = Buffer.alloc(4_000_000, 'a')
    await using site = await packed('identity', body)
    await using web = webFor({ timeoutMs: 500 })
    const answer = await web.request(asking(site.at('/'), { maxBytes: body.length }))
    let bytes = 0
    for await (const chunk of answer.body) {
      if (bytes === 0) await sleep(1_200)
      bytes += chunk.length
    }
    expect(bytes).toBe(body.length)
  })

  test('nor one who has the headers and not yet asked for the body', async () => {
    await using site = await startSite((_, response) => {
      response.write('a')
      setTimeout(() => response.end('b'), 600)
    })
    await using web = webFor({ timeoutMs: 400 })
    const answer = await web.request(asking(site.at('/')))
    await sleep(500)
    expect(await textOf(answer.body)).toBe('ab')
  })
})

describe('a body that is cut short', () => {
  test.each([
    ['with its length told', { 'content-length': 1000 }],
    ['in chunks', {}],
  ])('%s', async (_, headers) => {
    await using site = await startSite((_, response) => {
      response.writeHead(200, headers)
      response.write('a'.repeat(500), () => response.destroy())
    })
    const error = await errorOf(read(site.at('/')))
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
  })

  test('by a connection that ends in good order', async () => {
    await using site = await startSite(({ socket }) => {
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\nabc')
    })
    const error = await errorOf(read(site.at('/')))
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true })
  })
})

describe('an abort', () => {
  const reason = new Error('no longer wanted')

  test('before the request', async () => {
    await using site = await startSite((_, response) => response.end())
    await using web = webFor()
    const signal = AbortSignal.abort(reason)
    await expect(web.request(asking(site.at('/'), { signal }))).rejects.toBe(reason)
    expect(site.requests).toHaveLength(0)
  })

  test('during the lookup', async () => {
    await using web = webFor({ lookup: () => controller.abort(reason) })
    const controller = new AbortController()
    const { signal } = controller
    await expect(web.request(asking('http://site.test/', { signal }))).rejects.toBe(reason)
  })

  test('before the headers', async () => {
    const controller = new AbortController()
    await using site = await startSite(() => controller.abort(reason))
    await using web = webFor()
    const { signal } = controller
    await expect(web.request(asking(site.at('/'), { signal }))).rejects.toBe(reason)
  })

  test.each(['identity', 'gzip'])('in the body: %s', async (encoding) => {
    let isClosed = false
    await using site = await startSite((_, response) => {
      response.on('close', () => (isClosed = true))
      response.writeHead(200, { 'content-encoding': encoding })
      response.write(encoding === 'gzip' ? zlib.gzipSync(TEXT).subarray(0, -12) : TEXT)
    })
    await using web = webFor()
    const controller = new AbortController()
    const { signal } = controller
    const answer = await web.request(asking(site.at('/'), { signal }))
    setTimeout(() => controller.abort(reason), 50)
    await expect(textOf(answer.body)).rejects.toBe(reason)
    await expect.poll(() => isClosed).toBe(true)
  })
})

describe('an answer', () => {
  test('lets go of its connection when it is closed, or its body left', async () => {
    let open = 0
    await using site = await startSite((_, response) => {
      open += 1
      response.on('close', () => (open -= 1))
      response.write('a')
    })
    await using web = webFor()
    const closed = await web.request(asking(site.at('/')))
    const left = await web.request(asking(site.at('/')))
    expect(open).toBe(2)
    await closed.close()
    await closed.close()
    for await (const _ of left.body) break
    await expect.poll(() => open).toBe(0)
    await errorOf(textOf(closed.body))
  })

  test('has a body that can be read once', async () => {
    await using site = await startSite((_, response) => response.end('a'))
    await using web = webFor()
    const { body } = await web.request(asking(site.at('/')))
    expect(await textOf(body)).toBe('a')
    await expect(textOf(body)).rejects.toThrow('once')
  })

  test('has headers with names in small letters, each one text', async () => {
    await using site = await startSite((_, response) =>
      response
        .writeHead(
          200,
          [
            ['X-Some', 'a'],
            ['x-some', 'b'],
            ['ETag', '"1"'],
          ].flat(),
        )
        .end(),
    )
    await using web = webFor()
    const { headers } = await web.request(asking(site.at('/'), { method: 'HEAD' }))
    expect(headers).toMatchObject({ 'x-some': 'a, b', etag: '"1"' })
  })

  test('leaves nothing on the signal, which lives for a whole walk', async () => {
    await using site = await startSite(({ url }, response) => {
      if (url === '/moved') response.writeHead(302, { location: '/' }).end()
      else response.writeHead(url === '/gone' ? 410 : 200).end(TEXT)
    })
    await using web = webFor()
    const { signal } = new AbortController()
    for (const path of ['/', '/moved']) {
      await textOf((await web.request(asking(site.at(path), { signal }))).body)
      await (await web.request(asking(site.at(path), { signal }))).close()
      await errorOf(
        textOf((await web.request(asking(site.at(path), { signal, maxBytes: 9 }))).body),
      )
    }
    await errorOf(web.request(asking(site.at('/gone'), { signal })))
    await errorOf(web.request(asking(site.at('/', 'other.test'), { signal })))
    await expect.poll(() => getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('uses its connection again when its body was read', async () => {
    await using site = await startSite((_, response) => response.end('a'))
    await using web = webFor()
    for (let turn = 0; turn < 6; turn++) {
      await textOf((await web.request(asking(site.at('/')))).body)
    }
    // A connection just used is free again a moment later, so there may be two.
    expect(new Set(site.requests.map(({ socket }) => socket)).size).toBeLessThan(3)
  })
})
