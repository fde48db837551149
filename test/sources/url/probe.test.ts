import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/domain/clock.ts'
import type { JsonValue } from '../../../src/domain/json.ts'
import { PrefixHash } from '../../../src/sources/prefix-hash.ts'
import { archiveFormatOf } from '../../../src/sources/url/archive-format.ts'
import { urlSource } from '../../../src/sources/url/index.ts'
import { probePageSize } from '../../../src/sources/url/probe.ts'
import { ranged, redirect, siteOfTest, status, type Site } from './site.ts'
import { contextOf, expectResumable, identity, itemsOf, specOf, told, walk } from './walking.ts'

/** A clock whose pauses are over at once. */
const hurried = {
  ...contextOf(),
  clock: {
    now: systemClock.now,
    setTimeout: (callback: () => void) => setImmediate(callback),
    clearTimeout: () => undefined,
  },
}

const probe = async (site: Site, paths: readonly string[], more: object = {}) => {
  const spec = { urls: paths.map((path) => `${site.url}${path}`), probe: true, ...more }
  const items = itemsOf(await walk(spec, undefined, hurried))
  return { spec, items, told: items.map((item) => told(item, spec)) }
}

/** The header of a tar's first file; file-type knows it by its magic number. */
function tar(): Buffer {
  const block = Buffer.alloc(1024)
  block.write('file.txt', 0)
  block.write('ustar\u{0}00', 257)
  return block
}

const WARC = Buffer.from('WARC/1.1\r\nWARC-Type: warcinfo\r\n\r\n')

describe('a probed URL', () => {
  test('brings along what its host says, by one HEAD', async () => {
    const site = await siteOfTest({
      '/a.bin': ranged(Buffer.alloc(5000), {
        etag: '"v1"',
        'last-modified': 'Mon, 02 Mar 2026 10:00:00 GMT',
        'content-type': 'application/x-thing',
      }),
    })
    const { items, spec } = await probe(site, ['/a.bin'])
    const facts = {
      status: 200,
      finalUrl: `${site.url}/a.bin`,
      size: 5000,
      type: 'application/x-thing',
      etag: '"v1"',
      lastModified: 'Mon, 02 Mar 2026 10:00:00 GMT',
    }
    expect(items).toEqual([{ url: `${site.url}/a.bin`, probe: facts }])
    expect(identity(items[0], spec)).toEqual({
      key: `${site.url}/a.bin`,
      uri: `${site.url}/a.bin`,
      name: 'a.bin',
      version: '"v1"',
      metadata: { archiveFormat: 'none', probe: facts },
    })
    expect(site.seen.map(({ method }) => method)).toEqual(['HEAD'])
  })

  test('without an ETag has its time and size for a version', async () => {
    const lastModified = 'Mon, 02 Mar 2026 10:00:00 GMT'
    const site = await siteOfTest({
      '/a': ranged(Buffer.alloc(7), { 'last-modified': lastModified }),
      '/b': ranged(Buffer.alloc(7)),
    })
    const { items, spec } = await probe(site, ['/a', '/b'])
    expect(identity(items[0], spec).version).toBe(`${lastModified} 7`)
    expect(identity(items[1], spec).version).toBeUndefined()
  })

  test.each([405, 501])(
    'whose host knows no HEAD (%i) is asked for its first bytes',
    async (code) => {
      const get = ranged(Buffer.alloc(9000))
      const site = await siteOfTest({
        '/a': (response, seen, index) => {
          if (seen.method === 'HEAD') response.writeHead(code).end()
          else if (typeof get === 'function') get(response, seen, index)
        },
      })
      const { items } = await probe(site, ['/a'])
      expect(items).toMatchObject([{ probe: { status: 200, size: 9000 } }])
      expect(site.seen.map(({ method, headers }) => [method, headers.range])).toEqual([
        ['HEAD', undefined],
        ['GET', 'bytes=0-4095'],
      ])
    },
  )

  test('is its own resource wherever it redirects to', async () => {
    const site = await siteOfTest({ '/old': redirect('/new'), '/new': 'hello' })
    const { items, spec } = await probe(site, ['/old'])
    expect(items).toMatchObject([{ probe: { status: 200, finalUrl: `${site.url}/new` } }])
    expect(identity(items[0], spec).uri).toBe(`${site.url}/old`)
  })

  test('that is empty has no first bytes, and is there', async () => {
    const site = await siteOfTest({ '/empty': ranged(Buffer.alloc(0)) })
    const { items } = await probe(site, ['/empty'], { archiveFormat: 'auto' })
    expect(items).toMatchObject([{ probe: { status: 200, size: 0 } }])
  })

  test('whose host gives all of it is left after its first bytes', async () => {
    let written = 0
    const site = await siteOfTest({
      '/endless': (response) => {
        const chunk = Buffer.alloc(65_536)
        const more = () => {
          written += chunk.length
          if (!response.destroyed && response.write(chunk)) setImmediate(more)
        }
        response.on('drain', more)
        more()
      },
    })
    const { items } = await probe(site, ['/endless'], { archiveFormat: 'auto' })
    expect(items).toMatchObject([{ probe: { status: 200, archiveFormat: 'none' } }])
    expect(written).toBeLessThan(50_000_000)
  })
})

describe('the archive format', () => {
  const CASES: readonly (readonly [string, Uint8Array, string])[] = [
    ['none', Buffer.from('hello'), '/a'],
    ['none', Buffer.alloc(0), '/a'],
    ['none', Buffer.from('WARCRAFT'), '/a'],
    ['gzip', gzipSync('hello'), '/a'],
    ['gzip', gzipSync(Buffer.alloc(10_000_000)), '/a'],
    ['tar', tar(), '/a'],
    ['tar.gz', gzipSync(tar()), '/a'],
    [
      'tar.gz',
      gzipSync(Buffer.concat([tar(), Buffer.alloc(500_000, 'abcdefgh1')])).subarray(0, 900),
      '/a',
    ],
    ['warc', WARC, '/a'],
    ['warc.gz', gzipSync(WARC), '/a'],
    ['zip', Buffer.from('PK\u{3}\u{4}and so on'), '/a'],
    ['zip', Buffer.from('PK\u{5}\u{6}'), '/a'],
    ['bzip2', Buffer.from('BZh91AY&SY'), '/a'],
    ['tar.bz2', Buffer.from('BZh91AY&SY'), '/dump.tar.bz2'],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0, 4]), '/a'],
    ['tar.xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0, 4]), '/a.txz'],
    ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]), '/a'],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0xff, 1, 2, 3]), '/a'],
  ]
  test.each(CASES)('%s is told by the first bytes', async (format, bytes, path) => {
    expect(await archiveFormatOf(bytes.subarray(0, 4096), path)).toBe(format)
  })

  test('is part of the metadata where the spec leaves it open, and nowhere else', async () => {
    const site = await siteOfTest({
      '/a.zip': ranged(gzipSync(tar())),
      '/b': (response) => response.end(WARC),
    })
    const open = await probe(site, ['/a.zip', '/b'], { archiveFormat: 'auto' })
    const formats = open.items.map((item) => identity(item, open.spec).metadata?.['archiveFormat'])
    expect(formats).toEqual(['tar.gz', 'warc'])
    expect(site.seen.map(({ method }) => method)).toEqual(['GET', 'GET'])
    const fixed = await probe(site, ['/a.zip'], { archiveFormat: 'zip' })
    expect(identity(fixed.items[0], fixed.spec).metadata?.['archiveFormat']).toBe('zip')
  })
})

describe('a URL that cannot be had', () => {
  test.each([400, 401, 403, 404, 410, 451])(
    'since it answers %i is rejected at once',
    async (code) => {
      const site = await siteOfTest({ '/a': status(code), '/b': 'here' })
      const { told } = await probe(site, ['/a', '/b'])
      expect(told[0]).toContain(`the host answered ${code} (`)
      expect(told[1]).toMatchObject({ uri: `${site.url}/b` })
      expect(site.seen.filter(({ path }) => path === '/a').length).toBe(1)
    },
  )

  test.each([429, 500, 502, 503])(
    'since it answers %i is rejected after three times',
    async (code) => {
      const site = await siteOfTest({ '/a': status(code), '/b': 'here' })
      const { told } = await probe(site, ['/a', '/b'])
      expect(told[0]).toContain(`the host answered ${code}`)
      expect(told[0]).toContain('(tried 3 times; try the failed items again later)')
      expect(told[1]).toMatchObject({ uri: `${site.url}/b` })
      expect(site.seen.filter(({ path }) => path === '/a').length).toBe(3)
    },
  )

  test('for a moment only is there', async () => {
    const site = await siteOfTest({
      '/a': (response, _, index) => response.writeHead(index < 2 ? 503 : 200).end(),
    })
    expect((await probe(site, ['/a'])).items).toMatchObject([{ probe: { status: 200 } }])
  })

  test('for as long as its host says is left to a later retry', async () => {
    const site = await siteOfTest({ '/a': status(429, { 'retry-after': '10' }) })
    const { told } = await probe(site, ['/a'])
    expect(told[0]).toContain('(tried once; try the failed items again later)')
    expect(site.seen.length).toBe(1)
  })

  test('for want of a connection is rejected', async () => {
    const site = await siteOfTest({ '/cut': (response) => response.destroy(), '/b': 'here' })
    const { told } = await probe(site, ['/cut', '/b'])
    expect(told[0]).toContain('the connection failed')
    expect(told[1]).toMatchObject({ uri: `${site.url}/b` })
  })

  test('since it is in the network of the host is rejected, and so is what redirects there', async () => {
    const site = await siteOfTest({ '/r': redirect('http://169.254.169.254/latest') })
    const spec = { urls: ['http://10.0.0.1/a', `${site.url}/r`], probe: true }
    for (const item of itemsOf(await walk(spec, undefined, hurried))) {
      expect(told(item, spec)).toContain('refused to go there')
    }
  })

  test('and is no URL says so itself', async () => {
    const spec = { urls: ['nowhere', 'ftp://a.example/'], probe: true }
    const items = itemsOf(await walk(spec, undefined, hurried))
    expect(items).toEqual(spec.urls)
    expect(told(items[0], spec)).toContain('has no scheme')
  })

  test('is asked again when the failed items are tried again, and the others are not', async () => {
    const site = await siteOfTest({ '/a': status(404), '/b': status(500) })
    const { items, spec } = await probe(site, ['/a', '/b'])
    site.routes.set('/a', 'here now')
    const before = site.seen.length
    const failed: JsonValue[] = [items[0] ?? null, 'no URL', 7, null, items[1] ?? null]
    const again = await urlSource().reload?.(failed, specOf(spec), hurried)
    expect(again).toMatchObject([{ probe: { status: 200 } }, 'no URL', 7, null, { problem: /500/ }])
    expect(told(again?.[0], spec)).toMatchObject({ uri: `${site.url}/a` })
    expect(site.seen.slice(before).every(({ path }) => path !== '/c')).toBe(true)
  })
})

describe('the pages of probed URLs', () => {
  test('go on after any of them', async () => {
    const site = await siteOfTest()
    const paths = Array.from({ length: 20 }, (_, index) => `/${index}`)
    for (const path of paths) site.routes.set(path, path === '/7' ? status(404) : 'here')
    const spec = { urls: paths.map((path) => site.url + path), probe: true, concurrency: 2 }
    const pages = await expectResumable(spec, 4)
    expect(itemsOf(pages)).toMatchObject(
      spec.urls.map((url, index) => (index === 7 ? { url, problem: /404/ } : { url, probe: {} })),
    )
  })

  test('ask no more hosts at once than the spec says', async () => {
    let open = 0
    let most = 0
    const site = await siteOfTest()
    const paths = Array.from({ length: 12 }, (_, index) => `/${index}`)
    for (const path of paths) {
      site.routes.set(path, (response) => {
        most = Math.max(most, (open += 1))
        setTimeout(() => {
          open -= 1
          response.end()
        }, 10)
      })
    }
    await probe(site, paths, { concurrency: 3 })
    expect(most).toBe(3)
  })

  test('are small enough to be done in time', () => {
    const size = (spec: object) => probePageSize(specOf({ urls: ['http://a/'], ...spec }))
    expect(size({})).toBe(24)
    expect(size({ concurrency: 64 })).toBe(192)
    expect(size({ rateLimit: 0.5 })).toBe(10)
    expect(size({ rateLimit: 0.01 })).toBe(1)
  })

  test('end when they are told to', async () => {
    const site = await siteOfTest({ '/hang': () => undefined })
    const abort = new AbortController()
    const walking = walk(
      { urls: [`${site.url}/hang`], probe: true },
      undefined,
      contextOf({}, abort.signal),
    )
    setTimeout(() => abort.abort(new Error('no longer wanted')), 20)
    await expect(walking).rejects.toThrow('no longer wanted')
  })
})

test('a hash that goes on is the hash of the whole', () => {
  const bytes = Buffer.alloc(100_000, 'abcdefg')
  const whole = new PrefixHash()
  whole.update(bytes)
  for (const at of [0, 1, 16_383, 16_384, 16_385, 50_000, 100_000]) {
    const before = new PrefixHash()
    before.update(bytes.subarray(0, at))
    const after = new PrefixHash(before.value)
    after.update(bytes.subarray(PrefixHash.blockStart(at), at))
    expect(after.value).toBe(before.value)
    after.update(bytes.subarray(at))
    expect(after.value).toBe(whole.value)
  }
})
