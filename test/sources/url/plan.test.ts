import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { SourcePlan } from '../../../src/sources/source.ts'
import { urlSource } from '../../../src/sources/url/index.ts'
import { urlSpec } from '../../../src/sources/url/spec.ts'
import { tempFolder } from '../../support/temp.ts'
import { siteOfTest } from './site.ts'
import { contextOf } from './walking.ts'

async function plan(part: Record<string, unknown>) {
  let noted = 0
  const context = { ...contextOf(), noteRequest: () => void (noted += 1) }
  const told = (await urlSource().plan?.(urlSpec.parse(part), context)) as SourcePlan
  return { told, noted }
}

test('what is at hand is counted, and nobody is asked', async () => {
  const file = join(tempFolder(), 'urls.txt')
  writeFileSync(file, `# a comment\n\n${'https://a.example/\n'.repeat(1_203)}`)
  const { told, noted } = await plan({ urlsFile: file })
  expect(told).toMatchObject({ items: 1_203, itemsFrom: 'list', requests: 0 })
  expect(noted).toBe(0)
})

test('probes are requests; a rate is counted by host, and refused addresses are told', async () => {
  const urls = [
    'https://a.example/1',
    'https://a.example/2',
    'https://b.example/',
    'http://10.0.0.1/',
  ]
  const { told } = await plan({ urls, probe: true, rateLimit: 0.5, concurrency: 3 })
  expect(told).toMatchObject({ items: 4, requests: 4, concurrency: 3, atLeastMs: 4_000 })
  expect(told.unseen).toEqual([
    {
      code: 'forbidden',
      detail: '10.0.0.1 is a private address; name it in allow_hosts to ask it all the same',
    },
  ])
  const allowed = await plan({ urls, probe: true, allowHosts: ['10.0.0.0/8'] })
  expect(allowed.told.unseen).toEqual([])
})

test('of sitemaps and robots.txt the beginning is asked for, and what is missing is told', async () => {
  const site = await siteOfTest({
    '/index.xml':
      '<sitemapindex><sitemap><loc>https://a.example/1.xml</loc></sitemap></sitemapindex>',
    '/robots.txt': 'sitemap: /index.xml\n',
  })
  const allowHosts = [new URL(site.url).host]
  const maps = await plan({
    sitemaps: [`${site.url}/index.xml`, `${site.url}/none.xml`],
    allowHosts,
  })
  expect(maps.told).toMatchObject({ items: null, requests: null, unseen: [{ code: 'not_found' }] })
  expect(maps.told.notes?.join()).toContain('an index of sitemaps')
  expect(maps.noted).toBe(2)
  const robots = await plan({ robots: [site.url], allowHosts })
  expect(robots.told.notes?.join()).toContain('declares 1 sitemaps')
  expect(site.seen.map(({ path }) => path)).toEqual(['/index.xml', '/none.xml', '/robots.txt'])
})

test('a list behind a URL that is gone is told', async () => {
  const site = await siteOfTest()
  const allowHosts = [new URL(site.url).host]
  const { told } = await plan({ listUrl: `${site.url}/list`, allowHosts })
  expect(told.unseen).toMatchObject([{ code: 'not_found' }])
})
