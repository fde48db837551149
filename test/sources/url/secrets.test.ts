import { describe, expect, test } from 'vitest'
import type { Page } from '../../../src/sources/source.ts'
import { redirect, siteOfTest, type Site } from './site.ts'
import { contextOf, itemsOf, shortfallsOf, specOf, told, walk } from './walking.ts'

const SECRET = 'S3CRET-of-the-user'
const urlset = (...locs: readonly string[]) =>
  `<urlset>${locs.map((loc) => `<url><loc>${loc}</loc></url>`).join('')}</urlset>`
const index = (...locs: readonly string[]) =>
  `<sitemapindex>${locs.map((loc) => `<sitemap><loc>${loc}</loc></sitemap>`).join('')}</sitemapindex>`

const hidden = (pages: readonly Page[]) => expect(JSON.stringify(pages)).not.toContain('S3CRET')

describe('credentials in a URL', () => {
  test.each(['sitemaps', 'robots', 'listUrl'])('of the spec are refused: %s', (key) => {
    const url = `https://user:${SECRET}@data.example/`
    const spec = { [key]: key === 'listUrl' ? url : [url] }
    expect(() => specOf(spec)).toThrow('carries credentials; take them out')
    expect(() => specOf(spec)).not.toThrow('S3CRET')
  })

  const entry = `http://user:${SECRET}@data.example/a`
  test.each<[string, (site: Site) => Record<string, unknown>]>([
    ['a sitemap', ({ url }) => ({ sitemaps: [`${url}/s.xml`] })],
    ['a text sitemap', ({ url }) => ({ sitemaps: [`${url}/s.txt`] })],
    ['a list', ({ url }) => ({ listUrl: `${url}/s.txt` })],
  ])('of an entry of %s make it rejected, probed or not', async (_, specFor) => {
    const site = await siteOfTest({
      '/s.xml': urlset(entry, 'https://data.example/b'),
      '/s.txt': `http://data.example/\n${entry}\n`,
    })
    for (const probe of [true, false]) {
      const spec = { ...specFor(site), probe, allowHosts: ['127.0.0.1', '192.0.2.1'] }
      const pages = await walk(spec)
      hidden(pages)
      const item = itemsOf(pages).find((item) => JSON.stringify(item).includes('***@'))
      expect(told(item, spec)).toBe('the URL carries credentials; put them in headers by reference')
    }
  })

  test('of a sitemap in an index, or in a robots.txt, leave it out', async () => {
    const site = await siteOfTest()
    const bad = site.url.replace('//', `//user:${SECRET}@`)
    site.routes.set('/robots.txt', `Sitemap: ${bad}/s.xml\nSitemap: ${site.url}/i.xml`)
    site.routes.set('/i.xml', index(`${bad}/s.xml`))
    site.routes.set('/s.xml', urlset('https://data.example/b'))
    const pages = await walk({ robots: [site.url] })
    hidden(pages)
    expect(itemsOf(pages)).toEqual([])
    expect(shortfallsOf(pages)).toMatchObject([
      { detail: expect.stringContaining('carries credentials') },
      { detail: expect.stringContaining('carries credentials') },
    ])
    expect(site.seen.map(({ path }) => path)).toEqual(['/robots.txt', '/i.xml'])
  })

  test('of a place that is redirected to are not followed', async () => {
    const site = await siteOfTest({ '/s.xml': redirect(`http://user:${SECRET}@127.0.0.1/s.xml`) })
    const location = site.url.replace('//', `//user:${SECRET}@`)
    site.routes.set('/a', redirect(`${location}/there`))
    site.routes.set('/there', 'here')
    const spec = { urls: [`${site.url}/a`], probe: true }
    const probed = await walk(spec)
    hidden(probed)
    expect(told(probed[0]?.items[0], spec)).toContain('carries a user or password')
    const pages = await walk({ sitemaps: [`${site.url}/s.xml`] })
    hidden(pages)
    expect(shortfallsOf(pages)).toMatchObject([{ code: 'forbidden' }])
    expect(site.seen.map(({ path }) => path)).not.toContain('/there')
    await expect(walk({ listUrl: `${site.url}/s.xml` })).rejects.not.toThrow('S3CRET')
  })

  test('of a place that a probe ended at make the item no resource', () => {
    const item = {
      url: 'https://data.example/a',
      probe: { status: 200, finalUrl: `https://user:${SECRET}@data.example/b` },
    }
    expect(told(item)).toBe('the URL redirects to an address that carries credentials')
  })
})

describe('headers by reference', () => {
  const headers = { 'x-key': { $ref: 'env:KEY' }, authorization: { $ref: 'env:AUTH' } }
  const values = { 'x-key': SECRET, authorization: `Bearer ${SECRET}`, 'x-other': SECRET }
  const context = () => contextOf(values)
  const keysAt = (site: Site) => site.seen.map(({ path, headers }) => [path, headers['x-key']])

  test('go to what the user listed', async () => {
    const site = await siteOfTest({ '/a': 'here' })
    const spec = { urls: [`${site.url}/a`], probe: true, headers }
    const pages = await walk(spec, undefined, context())
    hidden(pages)
    expect(site.seen[0]?.headers).toMatchObject({
      'x-key': SECRET,
      authorization: `Bearer ${SECRET}`,
    })
    expect(site.seen[0]?.headers).not.toHaveProperty('x-other')
  })

  test('do not go on to another host by a redirect', async () => {
    const other = await siteOfTest({ '/there': 'here', '/list': 'https://data.example/' })
    const site = await siteOfTest({
      '/a': redirect(`${other.url}/there`),
      '/l': redirect(`${other.url}/list`),
    })
    await walk({ urls: [`${site.url}/a`], probe: true, headers }, undefined, context())
    await walk({ listUrl: `${site.url}/l`, headers }, undefined, context())
    expect(keysAt(site)).toEqual([
      ['/a', SECRET],
      ['/l', SECRET],
    ])
    expect(keysAt(other)).toEqual([
      ['/there', undefined],
      ['/list', undefined],
    ])
  })

  test('go to a site whose sitemaps are walked, and to no other that these name', async () => {
    const other = await siteOfTest({ '/s.xml': 'https://data.example/\n' })
    const site = await siteOfTest()
    site.routes.set('/robots.txt', `Sitemap: ${site.url}/i.xml`)
    site.routes.set('/i.xml', index(`${site.url}/own.xml`, `${other.url}/s.xml`))
    site.routes.set('/own.xml', urlset(`${site.url}/page`, `${other.url}/page`))
    site.routes.set('/page', 'here')
    const spec = { robots: [site.url], probe: true, headers, allowHosts: ['127.0.0.1'] }
    const pages = await walk(spec, undefined, context())
    hidden(pages)
    expect(keysAt(site).every(([, key]) => key === SECRET)).toBe(true)
    expect(keysAt(site).map(([path]) => path)).toEqual([
      '/robots.txt',
      '/i.xml',
      '/own.xml',
      '/page',
    ])
    expect(keysAt(other)).toEqual([
      ['/page', undefined],
      ['/s.xml', undefined],
    ])
  })

  test('that cannot be had leave the session as it is', async () => {
    const { PauseError } = await import('../../../src/domain/errors.ts')
    const site = await siteOfTest({ '/a': 'here' })
    const failing = {
      ...context(),
      credentials: () => Promise.reject(new PauseError('CREDENTIAL_UNAVAILABLE', 'KEY is not set')),
    }
    for (const spec of [
      { urls: [`${site.url}/a`], probe: true },
      { sitemaps: [`${site.url}/a`] },
      { robots: [site.url] },
      { listUrl: `${site.url}/a` },
    ]) {
      await expect(walk({ ...spec, headers }, undefined, failing)).rejects.toMatchObject({
        code: 'CREDENTIAL_UNAVAILABLE',
      })
    }
    expect(site.seen).toEqual([])
  })
})
