import { describe, expect, test } from 'vitest'
import { collect, QUICK } from '../../support/muster.ts'
import { createMuster } from '../../../src/index.ts'
import { siteOfTest, status } from './site.ts'

const target = (name: string, url: Record<string, unknown>) => ({
  name,
  sourceType: 'url',
  url: { allowHosts: ['127.0.0.1'], ...url },
})

describe('a Muster that walks URLs', () => {
  test('makes one task for all spellings of one', async () => {
    await using muster = await createMuster({ database: ':memory:', ...QUICK })
    const urls = [
      'https://data.example/~a?x=1',
      'HTTPS://Data.Example:443/%7ea?x=1#part',
      'https://data.example/%7Ea?x=%31',
      'https://data.example/~a?x=1&',
    ]
    const { status } = await muster.coordinator.enumerateTarget(target('t', { urls })).done
    expect(status).toBe('COMPLETED')
    const tasks = await collect(muster.repositories.tasks.stream())
    expect(tasks.map(({ resourceUri }) => resourceUri)).toEqual([
      'https://data.example/~a?x=1',
      'https://data.example/~a?x=1&',
    ])
  })

  test('makes one task for a URL that two sitemaps list', async () => {
    await using muster = await createMuster({ database: ':memory:', ...QUICK })
    const urls = Array.from({ length: 700 }, (_, index) => `https://data.example/${index}`)
    const site = await siteOfTest({ '/a.txt': urls.join('\n'), '/b.txt': urls.join('\n') })
    const sitemaps = [`${site.url}/a.txt`, `${site.url}/b.txt`]
    const { status } = await muster.coordinator.enumerateTarget(target('t', { sitemaps })).done
    expect(status).toBe('COMPLETED')
    const tasks = await collect(muster.repositories.tasks.stream())
    expect(tasks.map(({ resourceUri }) => resourceUri).toSorted()).toEqual(urls.toSorted())
  })

  test('is incomplete where a sitemap could not be had, and says which', async () => {
    await using muster = await createMuster({ database: ':memory:', ...QUICK })
    const site = await siteOfTest({ '/a.txt': 'https://data.example/a' })
    const sitemaps = [`${site.url}/gone.xml`, `${site.url}/a.txt`]
    const session = await muster.coordinator.enumerateTarget(target('t', { sitemaps })).done
    expect(session).toMatchObject({
      completeness: 'INCOMPLETE',
      shortfalls: [{ code: 'not_found', detail: expect.stringContaining('gone.xml') }],
    })
    expect((await collect(muster.repositories.tasks.stream())).length).toBe(1)
  })

  test('asks for what could not be probed when the session is resumed', async () => {
    await using muster = await createMuster({ database: ':memory:', ...QUICK })
    const site = await siteOfTest({ '/a': 'here', '/b': status(500) })
    const spec = target('t', { urls: [`${site.url}/a`, `${site.url}/b`], probe: true })
    const first = await muster.coordinator.enumerateTarget(spec).done
    expect(first).toMatchObject({ status: 'PARTIALLY_COMPLETED', metrics: { itemsFailed: 1 } })
    site.routes.set('/b', 'here now')
    const again = await muster.coordinator.resumeTarget(first).done
    expect(again).toMatchObject({ status: 'COMPLETED', metrics: { itemsFailed: 0 } })
    const tasks = await collect(muster.repositories.tasks.stream())
    expect(tasks.map(({ resourceUri }) => resourceUri)).toEqual([`${site.url}/a`, `${site.url}/b`])
  })
})
