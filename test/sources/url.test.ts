import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ItemRejectedError } from '../../src/domain/errors.ts'
import type { AnySource, EnumerateContext } from '../../src/sources/source.ts'
import { urlSource, type UrlSpec } from '../../src/sources/url/index.ts'
import { collect } from './collect.ts'

const source = urlSource()
const context = { signal: new AbortController().signal } as EnumerateContext

/** What a spec is parsed to, or its faults as `path: message`. */
function parse(spec: unknown, of = source as AnySource): unknown {
  const result: StandardSchemaV1.Result<unknown> | Promise<unknown> =
    of.spec['~standard'].validate(spec)
  if (result instanceof Promise) throw new Error('asynchronous')
  if (!result.issues) return result.value
  return result.issues.map((issue) => `${issue.path?.join('.')}: ${issue.message}`)
}

const spec: UrlSpec = { urls: ['https://example.com'], archiveFormat: 'none' }

function reasonFor(item: string): string {
  try {
    source.identify(item, spec)
  } catch (error) {
    if (error instanceof ItemRejectedError) return error.message
    throw error
  }
  return 'accepted'
}

describe('a url spec', () => {
  test('as short as it can be', () => {
    expect(parse({ urls: ['https://example.com/a'] })).toEqual({
      urls: ['https://example.com/a'],
      archiveFormat: 'none',
    })
    expect(parse({ urlsFile: '/lists/urls.txt' })).toEqual({
      urlsFile: '/lists/urls.txt',
      archiveFormat: 'none',
    })
  })

  test('with everything, and what it is parsed to parses to itself', () => {
    const parsed = parse({
      urls: ['https://example.com/a'],
      archiveFormat: 'warc.gz',
      headers: { 'x-key': { $ref: 'env:KEY' } },
      rateLimit: 0.5,
      retry: { maxAttempts: 3, initialWait: '1.5s', maxWait: '1m30s' },
      metadata: { team: 'red', tags: ['a', { b: null }] },
    })
    expect(parsed).toMatchObject({
      rateLimit: 0.5,
      retry: { maxAttempts: 3, initialWait: 1500, maxWait: 90_000 },
      metadata: { team: 'red', tags: ['a', { b: null }] },
    })
    expect(parse(parsed)).toEqual(parsed)
  })

  test.each([
    ['500ms', 500],
    ['1s', 1000],
    ['1m30s', 90_000],
    ['1h 5m', 3_900_000],
    ['24h', 86_400_000],
    [250, 250],
    [1.4, 1],
  ])('a wait of %j is %i ms', (maxWait, ms) => {
    expect(parse({ ...spec, retry: { maxWait } })).toMatchObject({ retry: { maxWait: ms } })
  })

  test.each([0, -5, 0.2, Number.NaN, Infinity, '25h', '1s of junk', '5', 'soon', '-1s', '', true])(
    'a wait of %j is refused',
    (maxWait) => {
      expect(parse({ ...spec, retry: { maxWait } })).toEqual([
        `retry.maxWait: expected a time above 0 and up to 24h, such as "500ms", "1m30s" or milliseconds as a number; got ${typeof maxWait === 'string' ? JSON.stringify(maxWait) : maxWait}`,
      ])
    },
  )

  test.each([
    [{}, ': give exactly one of urls, urlsFile, stdin, sitemaps, robots and listUrl'],
    [
      { urls: ['https://x'], urlsFile: 'a' },
      ': give exactly one of urls, urlsFile, stdin, sitemaps, robots and listUrl',
    ],
    [{ urls: [] }, 'urls: the list is empty; give at least one URL'],
    [{ urls: 'https://x' }, 'urls: expected a list of URLs'],
    [{ urlsFile: '' }, 'urlsFile: the path is empty'],
    [
      { ...spec, archiveFormat: 'gz' },
      'archiveFormat: unknown archive format "gz"; did you mean "gzip"?',
    ],
    [
      { ...spec, archiveFormat: 'tar.gzz' },
      'archiveFormat: unknown archive format "tar.gzz"; did you mean "tar.gz"?',
    ],
    [
      { ...spec, archiveFormat: 'rar!' },
      'archiveFormat: unknown archive format "rar!"; did you mean "tar"?',
    ],
    [
      { ...spec, archiveFormat: { toString: null, valueOf: 1 } },
      'archiveFormat: unknown archive format a mapping; known: none, auto,',
    ],
    [{ ...spec, archiveFormat: 7 }, 'archiveFormat: unknown archive format 7; known: none, auto,'],
    ...[0, -1, 10_001, Number.NaN, Infinity, '5'].map((rateLimit): [unknown, string] => [
      { ...spec, rateLimit },
      `rateLimit: expected a number of requests a second above 0 and up to 10,000; got ${typeof rateLimit === 'string' ? '"5"' : rateLimit}`,
    ]),
    ...[0, -1, 1.5, 101, '3'].map((maxAttempts): [unknown, string] => [
      { ...spec, retry: { maxAttempts } },
      `retry.maxAttempts: expected a whole number of attempts from 1 to 100; got ${typeof maxAttempts === 'string' ? '"3"' : maxAttempts}`,
    ]),
    [
      { ...spec, retry: { initialWait: '2s', maxWait: '1s' } },
      'retry.initialWait: is longer than maxWait; make it shorter',
    ],
    [{ ...spec, retry: { attempts: 1 } }, 'retry: Unrecognized key: "attempts"'],
    [{ ...spec, url: 'x' }, ': Unrecognized key: "url"'],
    [{ ...spec, headers: { 'a b': { $ref: 'env:A' } } }, 'headers.a b: is not a header name; use'],
    [{ ...spec, metadata: { at: new Date() } }, 'metadata: expected names with plain JSON'],
    [{ ...spec, metadata: 'x' }, 'metadata: expected names with plain JSON values'],
  ])('%j is refused: %s', (input, message) => {
    const [fault, ...others] = parse(input) as string[]
    expect(others).toEqual([])
    expect(fault).toContain(message)
  })

  test.each(['S3CRET', { $ref: 'env:A', value: 'S3CRET' }, { value: 'S3CRET' }, ['S3CRET'], ''])(
    'a header that is not a reference is refused, and not shown: %j',
    (value) => {
      const faults = parse({ ...spec, headers: { 'x-key': value } }) as string[]
      expect(faults.join('\n')).toContain('headers.x-key: expected a reference to a value kept')
      expect(faults.join('\n')).not.toContain('S3CRET')
    },
  )

  test.each([
    'https://user:S3CRET@example.com/',
    'http://S3CRET@example.com',
    'HTTPS:/a:S3CRET@b/',
  ])('a URL that carries credentials is refused before it is stored: %s', (url) => {
    expect(parse({ urls: ['https://example.com', url] })).toEqual([
      'urls.1: carries credentials; take them out and put them in headers by reference',
    ])
  })
})

describe('a URL', () => {
  test.each([
    ['https://example.com/a/b.warc.gz', 'https://example.com/a/b.warc.gz', 'b.warc.gz'],
    ['  HTTP://Example.COM:80/a?q=1#part \t', 'http://example.com/a?q=1', 'a'],
    ['https://example.com:443', 'https://example.com/', 'example.com'],
    ['https://example.com:8443/', 'https://example.com:8443/', 'example.com:8443'],
    ['https://example.com/a/../b/', 'https://example.com/b/', 'b'],
    ['https://example.com/my file.zip', 'https://example.com/my%20file.zip', 'my file.zip'],
    ['https://example.com/100%', 'https://example.com/100%', '100%'],
    ['https://bücher.example/ü', 'https://xn--bcher-kva.example/%C3%BC', 'ü'],
    ['http://[::1]:8080/a', 'http://[::1]:8080/a', 'a'],
    ['https://example.com/a?', 'https://example.com/a', 'a'],
    ['https://example.com/%7euser/%2f%c3%bc', 'https://example.com/~user/%2F%C3%BC', '/ü'],
    ['https://example.com/a?b=2&a=%41%2b', 'https://example.com/a?b=2&a=A%2B', 'a'],
    ['https://example.com/%252e', 'https://example.com/%252e', '%2e'],
  ])('%j is %s, named %s', (item, uri, name) => {
    expect(source.identify(item, spec)).toStrictEqual({
      key: uri,
      uri,
      name,
      metadata: { archiveFormat: 'none', ...(item === uri ? {} : { original: item.trim() }) },
    })
  })

  test('brings along what the spec says, headers as references', () => {
    const full: UrlSpec = {
      ...spec,
      urlsFile: undefined,
      archiveFormat: 'zip',
      headers: { 'x-key': { $ref: 'env:KEY' } },
      rateLimit: 5,
      retry: { maxAttempts: 2 },
      metadata: { team: 'red' },
    }
    expect(source.identify('https://example.com/', full).metadata).toStrictEqual({
      archiveFormat: 'zip',
      headers: { 'x-key': { $ref: 'env:KEY' } },
      rateLimit: 5,
      retry: { maxAttempts: 2 },
      metadata: { team: 'red' },
    })
  })

  test.each([
    ['', 'is empty'],
    ['   ', 'is empty'],
    ['example.com/a', 'has no scheme; write it as https://host/path'],
    ['//example.com/a', 'has no scheme'],
    ['https://', 'cannot be read as a URL'],
    ['https://exa mple.com/', 'cannot be read as a URL'],
    ['https://example.com:99999/', 'cannot be read as a URL'],
    ['ftp://example.com/a', "entry's scheme ftp:// is not supported; expected http:// or https://"],
    ['s3://bucket/key', 'scheme s3:// is not supported'],
    ['file:///etc/passwd', 'scheme file:// is not supported'],
    ['javascript:alert(1)', 'scheme is not supported'],
    ['https://a.example/ https://b.example/', 'more than one URL; write one a line'],
  ])('%j is turned away: %s', (item, reason) => {
    expect(reasonFor(item)).toContain(reason)
  })

  test.each([
    'https://user:S3CRET@example.com/',
    'https://S3CRET@example.com/',
    'ftp://user:S3CRET@example.com/',
    'https://user:S3CRET@exa mple.com/',
    'https://user:pa/S3CRET@example.com/',
    'user:S3CRET@example.com',
    'S3CRET:x@example.com',
  ])('%s is turned away without a word of its credentials', (item) => {
    expect(reasonFor(item)).not.toBe('accepted')
    expect(reasonFor(item).toLowerCase()).not.toContain('s3cret')
  })

  test.each([null, 7, true, {}, ['https://example.com']])('is a text, and not %j', (item) => {
    expect(reasonFor(item as never)).toContain('expected a URL as text; got ')
  })

  test('that is longer than a line may be is turned away by its number', async () => {
    const [page] = await pagesOf(`https://example.com/\nhttps://example.com/${'x'.repeat(70_000)}`)
    expect(reasonFor(String(page?.items[1]))).toContain('line 2 is longer than 65,536 bytes')
  })
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-url-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function pagesOf(text: string) {
  const urlsFile = join(folder, 'urls.txt')
  await writeFile(urlsFile, text)
  const fromFile: UrlSpec = { urlsFile, archiveFormat: 'none' }
  return collect(source.enumerate(fromFile, undefined, context))
}

describe('the pages of a url target', () => {
  const urls = Array.from({ length: 1500 }, (_, index) => `https://example.com/${index}`)

  test('hold 500 URLs, of the spec or of a file', async () => {
    const listed = await collect(source.enumerate({ ...spec, urls }, undefined, context))
    expect(listed.map((page) => [page.items.length, page.cursor, page.total])).toEqual([
      [500, { index: 500 }, 1500],
      [500, { index: 1000 }, 1500],
      [500, { index: 1500 }, 1500],
    ])
    const read = await pagesOf(`# ours\n${urls.join('\r\n')}`)
    expect(read.flatMap((page) => page.items)).toEqual(urls)
    expect(read[0]?.items.length).toBe(500)
  })

  test('hold no credentials, even of URLs that will be turned away', async () => {
    const [page] = await pagesOf('https://user:S3CRET@example.com/a')
    expect(page?.items).toEqual(['https://***@example.com/a'])
    expect(reasonFor('https://***@example.com/a')).toContain('put them in headers by reference')
  })
})
