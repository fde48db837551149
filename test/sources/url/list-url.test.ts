import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { ranged, siteOfTest, status } from './site.ts'
import { expectResumable, firstPages, itemsOf, walk } from './walking.ts'

const urls = (count: number) =>
  Array.from({ length: count }, (_, index) => `https://data.example/a/long/path/${index}`)
const text = (count: number) => `# ours\n${urls(count).join('\n')}\n`

describe('a list behind a URL', () => {
  test.each([
    ['as it is', Buffer.from(text(2600))],
    ['packed', gzipSync(text(2600))],
  ])('is read %s, and goes on after any page', async (_, body) => {
    const site = await siteOfTest({ '/list': body })
    const pages = await expectResumable({ listUrl: `${site.url}/list` }, 6)
    expect(itemsOf(pages)).toEqual(urls(2600))
  })

  test('is read packed for the way', async () => {
    const site = await siteOfTest({
      '/list': (response) =>
        response
          .writeHead(200, { 'content-encoding': 'gzip', etag: '"v1"' })
          .end(gzipSync(text(1200))),
    })
    const pages = await expectResumable({ listUrl: `${site.url}/list` }, 3)
    expect(itemsOf(pages)).toEqual(urls(1200))
    expect(site.seen.every(({ headers }) => headers.range === undefined)).toBe(true)
  })

  test.each([
    ['an ETag', { etag: '"v1"' }],
    ['a time', { 'last-modified': 'Mon, 02 Mar 2026 10:00:00 GMT' }],
  ])('is gone on with by the rest alone, where its host vouches by %s', async (_, validator) => {
    const site = await siteOfTest({ '/list': ranged(Buffer.from(text(5000)), validator) })
    const spec = { listUrl: `${site.url}/list` }
    const all = await expectResumable(spec, 10)
    const before = site.seen.length
    await walk(spec, all[8]?.cursor)
    expect(site.seen.slice(before).map(({ headers }) => headers.range)).toEqual([
      expect.stringMatching(/^bytes=\d+-$/),
    ])
  })

  test.each([
    ['no validator', {}],
    ['a weak ETag', { etag: 'W/"v1"' }],
    ['one of a list that is packed', { etag: '"v1"' }, gzipSync(text(2600))],
  ])('is read from its beginning where there is %s', async (_, headers, body?: Uint8Array) => {
    const site = await siteOfTest({ '/list': ranged(body ?? Buffer.from(text(2600)), headers) })
    await expectResumable({ listUrl: `${site.url}/list` }, 6)
    expect(site.seen.every(({ headers }) => headers.range === undefined)).toBe(true)
  })

  test('of a host that gives the rest of another list is read from its beginning', async () => {
    const site = await siteOfTest({ '/list': ranged(Buffer.from(text(2600)), { etag: '"v1"' }) })
    const spec = { listUrl: `${site.url}/list` }
    const pages = await firstPages(spec, 3)
    // It ignores the condition, and its list is another, though not where it is gone on with.
    const careless = ranged(Buffer.from(text(2600).replace('/7\n', '/8\n')), { etag: '"v2"' })
    site.routes.set('/list', (response, seen, index) => {
      const { 'if-range': _, ...headers } = seen.headers
      if (typeof careless === 'function') careless(response, { ...seen, headers }, index)
    })
    await expect(walk(spec, pages[2]?.cursor)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })

  test('that changed before the position is told from one that grew', async () => {
    let etag = '"v1"'
    let body = Buffer.from(text(2600))
    const site = await siteOfTest({
      '/list': ranged(
        () => body,
        () => ({ etag }),
      ),
    })
    const spec = { listUrl: `${site.url}/list` }
    const pages = await firstPages(spec, 4)
    etag = '"v2"'
    body = Buffer.from(text(2601))
    expect(itemsOf(await walk(spec, pages[3]?.cursor))).toEqual(urls(2601).slice(2000))
    body = Buffer.from(text(2600).replace('/7\n', '/8\n'))
    await expect(walk(spec, pages[3]?.cursor)).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      retryable: false,
    })
    // Though its host says that it is the same.
    etag = '"v1"'
    body = Buffer.from(text(2600).replaceAll('/a/', '/b/'))
    await expect(walk(spec, pages[3]?.cursor)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  })

  test.each([
    [404, 'NOT_FOUND', false],
    [403, 'FORBIDDEN', false],
    [500, 'SOURCE_UNAVAILABLE', true],
  ])('that its host answers with %i is %s', async (code, error, retryable) => {
    const site = await siteOfTest({ '/list': status(code) })
    await expect(walk({ listUrl: `${site.url}/list` })).rejects.toMatchObject({
      code: error,
      retryable,
    })
  })

  test.each([
    ['as it is', Buffer.from(text(5000))],
    ['packed', gzipSync(text(5000))],
  ])('that is larger than may be is refused: %s', async (_, body) => {
    const site = await siteOfTest({ '/list': body })
    const spec = { listUrl: `${site.url}/list`, maxBytes: 50_000 }
    await expect(walk(spec)).rejects.toMatchObject({ code: 'SOURCE_MALFORMED', retryable: false })
  })

  test('in the network of the host is refused', async () => {
    await expect(walk({ listUrl: 'http://169.254.169.254/list' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    })
  })

  test('has no position without a hash', async () => {
    const cursor = { offset: 4, line: 1 }
    await expect(walk({ listUrl: 'http://127.0.0.1/' }, cursor)).rejects.toMatchObject({
      code: 'CHECKPOINT_INCOMPATIBLE',
    })
  })
})
