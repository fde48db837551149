import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { JsonValue } from '../../../src/domain/json.ts'
import { siteOfTest, status } from './site.ts'
import {
  expectResumable,
  firstPages,
  identity,
  itemsOf,
  shortfallsOf,
  told,
  walk,
} from './walking.ts'

const NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
const page = (name: string) => `https://data.example/${name}`
const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`)

const urlset = (locs: readonly string[], lastmod?: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<urlset ${NAMESPACE}>\n${locs
    .map((loc) => `<url><loc>${loc}</loc>${lastmod ? `<lastmod>${lastmod}</lastmod>` : ''}</url>`)
    .join('\n')}\n</urlset>`

const index = (locs: readonly string[]) =>
  `<sitemapindex ${NAMESPACE}>${locs.map((loc) => `<sitemap><loc>${loc}</loc></sitemap>`).join('')}</sitemapindex>`

describe('a sitemap', () => {
  test('lists its URLs, with what else is there left aside', async () => {
    const text = `

<?xml version="1.0"?><!-- made by hand -->
<sm:urlset xmlns:sm="http://www.sitemaps.org/schemas/sitemap/0.9">
  <sm:url>
    <sm:loc>
      ${page('a?x=1&amp;y=%2F')}
    </sm:loc>
    <image:image><image:loc>https://cdn.example/picture.png</image:loc></image:image>
    <sm:lastmod>2026-01-02</sm:lastmod><sm:priority>0.5</sm:priority>
  </sm:url>
  <sm:url><sm:loc><![CDATA[${page('b?x=1&y=2')}]]></sm:loc></sm:url>
</sm:urlset>`
    const site = await siteOfTest({ '/s.xml': text })
    const spec = { sitemaps: [`${site.url}/s.xml`] }
    const pages = await walk(spec)
    expect(itemsOf(pages)).toEqual([
      { url: page('a?x=1&y=%2F'), lastmod: '2026-01-02' },
      page('b?x=1&y=2'),
    ])
    expect(shortfallsOf(pages)).toEqual([])
    expect(identity(pages[0]?.items[0], spec)).toMatchObject({
      key: page('a?x=1&y=%2F'),
      version: '2026-01-02',
      metadata: { lastmod: '2026-01-02' },
    })
  })

  test.each([
    ['as XML', (text: string) => Buffer.from(text)],
    ['packed, whatever it is called', (text: string) => gzipSync(text)],
    ['with a byte order mark', (text: string) => Buffer.from(`\u{FEFF}${text}`)],
    ['as UTF-16', (text: string) => Buffer.from(`\u{FEFF}${text}`, 'utf16le')],
  ])('is read %s', async (_, form) => {
    const site = await siteOfTest({ '/s.xml': form(urlset([page('ü'), page('b')])) })
    expect(itemsOf(await walk({ sitemaps: [`${site.url}/s.xml`] }))).toEqual([page('ü'), page('b')])
  })

  test('is read as text with a URL a line, packed too', async () => {
    const text = `${page('a')}\r\n\r\n${page('b')}`
    const site = await siteOfTest({ '/a.txt': text, '/b.txt.gz': gzipSync(page('c')) })
    const pages = await walk({ sitemaps: [`${site.url}/a.txt`, `${site.url}/b.txt.gz`] })
    expect(itemsOf(pages)).toEqual([page('a'), page('b'), page('c')])
  })

  test('of more entries than a sitemap may have is read to its end', async () => {
    const all = names('x', 120_000).map(page)
    const site = await siteOfTest({ '/s.xml': gzipSync(urlset(all)) })
    const pages = await walk({ sitemaps: [`${site.url}/s.xml`] })
    expect(itemsOf(pages)).toEqual(all)
    expect(shortfallsOf(pages)).toEqual([])
    expect(Math.max(...pages.map(({ items }) => items.length))).toBe(500)
  })

  test('is read as it comes: of one without an end, no more than is wanted', async () => {
    let written = 0
    const entries = names('x', 1000)
      .map((name) => `<url><loc>${page(name)}</loc></url>`)
      .join('')
    const site = await siteOfTest({
      '/s.xml': (response) => {
        response.write('<urlset>')
        const more = () => {
          written += entries.length
          if (!response.destroyed && response.write(entries)) setImmediate(more)
        }
        response.on('drain', more)
        more()
      },
    })
    const pages = await firstPages({ sitemaps: [`${site.url}/s.xml`] }, 4)
    expect(itemsOf(pages).length).toBe(2000)
    // What fits into the buffers on the way.
    expect(written).toBeLessThan(30_000_000)
  })

  test('with an entry that has no place, or one that is no URL, has that entry rejected', async () => {
    const text = urlset([page('a'), '', 'nowhere', page('b')])
    const site = await siteOfTest({ '/s.xml': text })
    const spec = { sitemaps: [`${site.url}/s.xml`] }
    const found = itemsOf(await walk(spec)).map((item) => told(item, spec))
    expect(found).toMatchObject([
      { key: page('a') },
      expect.stringMatching(/^entry 2 of the sitemap "http:.*s\.xml" has no <loc>/),
      expect.stringContaining('has no scheme'),
      { key: page('b') },
    ])
  })
})

describe('a sitemap that cannot be had', () => {
  const packed = gzipSync(urlset(names('cut', 3000).map(page)))
  test.each([
    ['not_found', status(404), 'knows no such address'],
    ['gone', status(410), 'gone for good'],
    ['forbidden', status(403), 'does not let this request in'],
    ['forbidden', status(401), 'wants credentials'],
    ['dmca', status(451), 'legal reasons'],
    ['failed', status(400), 'not expected'],
    ['failed', '<!doctype html><html><body>Oops</body></html>', 'it is a web page'],
    ['failed', '<rss version="2.0"><channel/></rss>', 'root element is "rss"'],
    ['failed', '{"error": "not found"}', 'is neither XML nor a list of URLs'],
    ['failed', '', 'is empty'],
    ['failed', packed.subarray(0, packed.length / 2), 'gzip that is damaged or cut short'],
    ['failed', `${urlset([page('x')])}<urlset>`, 'is not well-formed XML'],
    ['failed', '<a>'.repeat(100), 'root element is "a"'],
    ['failed', `<urlset>${'<a>'.repeat(100)}`, 'nested too deep'],
    ['failed', `<urlset>${'x'.repeat(3_000_000)}`, 'has no tags'],
  ])('is a shortfall: %s for %o (%s)', async (code, route, detail) => {
    const good = urlset([page('good')])
    const site = await siteOfTest({ '/bad.xml': route, '/good.xml': good })
    const spec = { sitemaps: [`${site.url}/bad.xml`, `${site.url}/good.xml`] }
    const pages = await walk(spec)
    expect(itemsOf(pages).at(-1)).toBe(page('good'))
    const [shortfall, ...others] = shortfallsOf(pages)
    expect(others).toEqual([])
    expect(shortfall).toMatchObject({ code, detail: expect.stringContaining(detail) })
    expect(shortfall?.detail).toContain('bad.xml')
    await expectResumable(spec, 2)
  })

  test('is read up to where it breaks', async () => {
    const text = urlset(names('a', 1200).map(page)).replace('a-1100<', 'a&b<')
    const site = await siteOfTest({ '/s.xml': text })
    const pages = await walk({ sitemaps: [`${site.url}/s.xml`] })
    expect(itemsOf(pages)).toEqual(names('a', 1100).map(page))
    expect(shortfallsOf(pages)).toMatchObject([{ code: 'failed' }])
  })

  test('and is larger than is read is read up to there', async () => {
    const text = urlset(names('a', 2000).map(page))
    const site = await siteOfTest({ '/s.xml': gzipSync(text) })
    const spec = { sitemaps: [`${site.url}/s.xml`], maxBytes: 60_000 }
    const pages = await walk(spec)
    expect(itemsOf(pages).length).toBeGreaterThan(500)
    expect(shortfallsOf(pages)).toMatchObject([
      { detail: expect.stringContaining('larger than 60,000 bytes unpacked; raise maxBytes') },
    ])
  })

  test('in the network of the host is refused, and the rest is read', async () => {
    const site = await siteOfTest()
    site.routes.set('/i.xml', index(['http://169.254.169.254/latest', `${site.url}/s.xml`]))
    site.routes.set('/s.xml', urlset([page('a')]))
    const pages = await walk({ sitemaps: [`${site.url}/i.xml`] })
    expect(itemsOf(pages)).toEqual([page('a')])
    expect(shortfallsOf(pages)).toMatchObject([{ code: 'forbidden' }])
  })

  test.each([500, 502, 503])('for now (%i) is tried again, and nothing is lost', async (code) => {
    const site = await siteOfTest({ '/a.xml': urlset([page('a')]), '/b.xml': status(code) })
    const spec = { sitemaps: [`${site.url}/a.xml`, `${site.url}/b.xml`] }
    const [first] = await firstPages(spec, 1)
    await expect(walk(spec, first?.cursor)).rejects.toMatchObject({ retryable: true })
    site.routes.set('/b.xml', urlset([page('b')]))
    expect(itemsOf(await walk(spec, first?.cursor))).toEqual([page('b')])
  })

  test('because its host asks to be left alone is waited for', async () => {
    const site = await siteOfTest({ '/a.xml': status(429, { 'retry-after': '30' }) })
    await expect(walk({ sitemaps: [`${site.url}/a.xml`] })).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    })
  })
})

describe('an index of sitemaps', () => {
  /** Two levels, with an empty sitemap, a bad one, text and gzip among them. */
  async function tree() {
    const site = await siteOfTest()
    const at = (name: string) => `${site.url}/${name}`
    site.routes.set('/root.xml', index([at('one.xml'), at('inner.xml'), at('last.txt')]))
    site.routes.set('/one.xml', urlset(names('one', 1100).map(page)))
    site.routes.set('/inner.xml', index([at('empty.xml'), at('missing.xml'), at('two.xml.gz')]))
    site.routes.set('/empty.xml', urlset([]))
    site.routes.set('/two.xml.gz', gzipSync(urlset(names('two', 501).map(page), '2026-05-06')))
    site.routes.set('/last.txt', names('last', 7).map(page).join('\n'))
    const expected = [
      ...names('one', 1100).map(page),
      ...names('two', 501).map((name) => ({ url: page(name), lastmod: '2026-05-06' })),
      ...names('last', 7).map(page),
    ]
    return { site, spec: { sitemaps: [at('root.xml')] }, expected }
  }

  test('is walked depth first, and goes on after any page', async () => {
    const { site, spec, expected } = await tree()
    const pages = await expectResumable(spec, 7)
    expect(itemsOf(pages)).toEqual(expected)
    expect(shortfallsOf(pages)).toMatchObject([{ code: 'not_found' }])
    const before = site.seen.length
    await walk(spec, pages[0]?.cursor)
    // What comes after the sitemap in the middle of which it stopped is read once.
    const asked = site.seen.slice(before).map(({ path }) => path)
    expect(asked.toSorted()).toEqual([...site.routes.keys(), '/missing.xml'].toSorted())
  })

  test('of more sitemaps than are kept at a time is read to its end', async () => {
    const site = await siteOfTest()
    const inner = names('s', 1100)
    site.routes.set('/root.xml', index(inner.map((name) => `${site.url}/${name}`)))
    for (const name of inner) site.routes.set(`/${name}`, page(name))
    const pages = await walk({ sitemaps: [`${site.url}/root.xml`] })
    expect(itemsOf(pages)).toEqual(inner.map(page))
    // Once for each thousand of its entries.
    expect(site.seen.filter(({ path }) => path === '/root.xml').length).toBe(2)
  })

  test('nested three deep is walked, and deeper it is a shortfall', async () => {
    const site = await siteOfTest()
    const at = (name: string) => `${site.url}/${name}`
    site.routes.set('/1.xml', index([at('2.xml')]))
    site.routes.set('/2.xml', index([at('3.xml')]))
    site.routes.set('/3.xml', index([at('leaf.xml'), at('4.xml')]))
    site.routes.set('/4.xml', index([at('leaf.xml')]))
    site.routes.set('/leaf.xml', urlset([page('leaf')]))
    const pages = await expectResumable({ sitemaps: [at('1.xml')] }, 2)
    expect(itemsOf(pages)).toEqual([page('leaf')])
    expect(shortfallsOf(pages)).toMatchObject([
      { code: 'truncated', detail: expect.stringContaining('nested more than 3 deep') },
    ])
  })

  test('that names itself comes to an end', async () => {
    const site = await siteOfTest()
    site.routes.set('/i.xml', index([`${site.url}/i.xml`, `${site.url}/s.xml`]))
    site.routes.set('/s.xml', urlset([page('a')]))
    const pages = await walk({ sitemaps: [`${site.url}/i.xml`] })
    expect(itemsOf(pages)).toEqual([page('a')])
    expect(shortfallsOf(pages)).toEqual([])
  })

  test.each([
    [
      'moved',
      (at: (name: string) => string) => [at('new.xml'), at('a.xml'), at('b.xml')],
      ['a-500', 'b'],
    ],
    ['gone', (at: (name: string) => string) => [at('b.xml')], ['b']],
  ])('whose sitemap has %s since is said to have changed', async (_, changed, rest) => {
    const site = await siteOfTest()
    const at = (name: string) => `${site.url}/${name}`
    site.routes.set('/i.xml', index([at('a.xml'), at('b.xml')]))
    site.routes.set('/a.xml', urlset(names('a', 501).map(page)))
    site.routes.set('/b.xml', urlset([page('b')]))
    site.routes.set('/new.xml', urlset([page('new')]))
    const spec = { sitemaps: [at('i.xml')] }
    const [first] = await firstPages(spec, 1)
    site.routes.set('/i.xml', index(changed(at)))
    const pages = await walk(spec, first?.cursor)
    expect(itemsOf(pages)).toEqual(rest.map(page))
    expect(shortfallsOf(pages)).toMatchObject([{ code: 'drift' }])
  })
})

describe('a sitemap that changed since the walk stopped', () => {
  test.each([
    ['has an entry more at its beginning', ['new', ...names('a', 1200)]],
    ['is shorter than what was read of it', ['new']],
    ['is empty', []],
  ])('and %s is read anew', async (_, now) => {
    const site = await siteOfTest({ '/s.xml': urlset(names('a', 1200).map(page)) })
    const spec = { sitemaps: [`${site.url}/s.xml`] }
    const pages = await firstPages(spec, 2)
    site.routes.set('/s.xml', urlset(now.map(page)))
    expect(itemsOf(await walk(spec, pages[1]?.cursor))).toEqual(now.map(page))
  })

  test('but has the same beginning is gone on with', async () => {
    const site = await siteOfTest({ '/s.xml': urlset(names('a', 1200).map(page)) })
    const spec = { sitemaps: [`${site.url}/s.xml`] }
    const [first] = await firstPages(spec, 1)
    site.routes.set('/s.xml', urlset([...names('a', 1200), 'new'].map(page)))
    const rest = [...names('a', 1200).slice(500), 'new'].map(page)
    expect(itemsOf(await walk(spec, first?.cursor))).toEqual(rest)
  })
})

describe('robots.txt', () => {
  test('names the sitemaps of a site, whatever it forbids', async () => {
    const site = await siteOfTest()
    site.routes.set(
      '/robots.txt',
      `User-agent: *\nDisallow: /\n\nSitemap: ${site.url}/a.xml\nsitemap: /b.xml # ours\nSitemap: ${site.url}/a.xml\n`,
    )
    site.routes.set('/a.xml', urlset(names('a', 600).map(page)))
    site.routes.set('/b.xml', index([`${site.url}/c.xml`]))
    site.routes.set('/c.xml', urlset([page('c')]))
    const spec = { robots: [site.url, `${site.url}/some/page`] }
    const pages = await expectResumable(spec, 6)
    const once = [...names('a', 600), 'c'].map(page)
    expect(itemsOf(pages)).toEqual([...once, ...once])
  })

  test.each([
    ['is missing', status(404), 'not_found'],
    ['may not be read', status(403), 'forbidden'],
    ['names no sitemap', 'User-agent: *\nDisallow:', 'not_found'],
    ['is a page', '<!doctype html><title>Hello</title>', 'not_found'],
  ])('that %s is a shortfall', async (_, route, code) => {
    const site = await siteOfTest({ '/robots.txt': route })
    const good = await siteOfTest({ '/s.xml': urlset([page('a')]) })
    good.routes.set('/robots.txt', `Sitemap: ${good.url}/s.xml`)
    const pages = await expectResumable({ robots: [site.url, good.url] }, 2)
    expect(itemsOf(pages)).toEqual([page('a')])
    expect(shortfallsOf(pages)).toMatchObject([{ code }])
  })

  test('that its host cannot give for now is tried again', async () => {
    const site = await siteOfTest({ '/robots.txt': status(503) })
    await expect(walk({ robots: [site.url] })).rejects.toMatchObject({ retryable: true })
  })
})

describe('a stored position among sitemaps', () => {
  test.each<JsonValue>([
    7,
    'x',
    { index: 3 },
    { path: [], done: 0 },
    { path: [{}], done: 0 },
    { path: [{ at: 0, url: 7 }], done: 0 },
    { path: [{ at: 0 }], done: -1 },
    { path: [{ at: 0 }], done: 0, hash: 7 },
  ])('of another shape is refused: %j', async (cursor) => {
    await expect(walk({ sitemaps: ['http://127.0.0.1/'] }, cursor)).rejects.toMatchObject({
      code: 'CHECKPOINT_INCOMPATIBLE',
    })
  })
})
