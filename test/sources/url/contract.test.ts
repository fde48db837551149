import { afterAll, beforeAll, describe, test, vi } from 'vitest'
import { unauthenticated } from '../../../src/domain/credentials.ts'
import { urlSource } from '../../../src/sources/url/index.ts'
import { sourceContract, type ContractCase } from '../../../src/testing/index.ts'
import { startSite, type Route } from './site.ts'

const runAll = (cases: readonly ContractCase[]) => {
  for (const { title, run } of cases) test(title, run)
}

const page = (index: number) => `https://data.example/${index}`
const pages = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => page(from + index))
const urlset = (locs: readonly string[]) =>
  `<urlset>${locs.map((loc) => `<url><loc>${loc}</loc><lastmod>2026-01-02</lastmod></url>`).join('')}</urlset>`

const KEY = 'TheSecretOfTheContract0123456789'
const credentials = unauthenticated({ headers: { 'x-key': KEY } })
const headers = { 'x-key': { $ref: 'env:MUSTER_CONTRACT_KEY' } }
// For the cases in which a Muster resolves it.
beforeAll(() => void vi.stubEnv('MUSTER_CONTRACT_KEY', KEY))
afterAll(() => void vi.unstubAllEnvs())
const allowHosts = ['127.0.0.1']

describe('sitemaps by a robots.txt', () =>
  runAll(
    sourceContract(urlSource, {
      credentials,
      invalidSpecs: [{ robots: ['data.example'] }, { robots: ['https://u:p@data.example'] }],
      setUp: async () => {
        const site = await startSite()
        const inner = ['a.xml', 'missing.xml', 'b.txt']
        site.routes.set('/robots.txt', `Sitemap: ${site.url}/i.xml\nSitemap: ${site.url}/c.txt`)
        site.routes.set(
          '/i.xml',
          `<sitemapindex>${inner.map((name) => `<sitemap><loc>${site.url}/${name}</loc></sitemap>`).join('')}</sitemapindex>`,
        )
        site.routes.set('/a.xml', urlset(pages(0, 1100)))
        site.routes.set('/b.txt', pages(1100, 1700).join('\n'))
        site.routes.set('/c.txt', pages(1700, 1701).join('\n'))
        const spec = { robots: [site.url], allowHosts, headers }
        return { spec, expected: pages(0, 1701), tearDown: () => site.close() }
      },
    }),
  ))

describe('a list behind a URL', () =>
  runAll(
    sourceContract(urlSource, {
      credentials,
      invalidSpecs: [{ listUrl: 'data.example' }, { listUrl: 'https://u:p@data.example' }],
      setUp: async () => {
        const site = await startSite({ '/list': pages(0, 1600).join('\r\n') })
        const spec = { listUrl: `${site.url}/list`, allowHosts, headers }
        return { spec, expected: pages(0, 1600), tearDown: () => site.close() }
      },
    }),
  ))

describe('probed URLs', () =>
  runAll(
    sourceContract(urlSource, {
      credentials,
      setUp: async () => {
        const paths = Array.from({ length: 10 }, (_, index) => `/${index}`)
        const here: Route = (response) => response.writeHead(200, { etag: '"v1"' }).end()
        const site = await startSite(Object.fromEntries(paths.map((path) => [path, here])))
        const urls = [...paths, '/missing'].map((path) => site.url + path)
        return {
          spec: { urls, probe: true, concurrency: 1, allowHosts, headers },
          expected: urls.slice(0, -1),
          tearDown: () => site.close(),
        }
      },
    }),
  ))
