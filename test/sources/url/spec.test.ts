import { describe, expect, test } from 'vitest'
import { parseTarget } from './parse-target.ts'

describe('a url spec', () => {
  test.each([
    [{ stdin: true }],
    [{ sitemaps: ['https://data.example/sitemap.xml'] }],
    [{ robots: ['https://data.example'] }],
    [{ listUrl: 'https://data.example/list.txt', maxBytes: 1000 }],
    [
      {
        urls: ['https://data.example/a'],
        probe: true,
        concurrency: 64,
        allowHosts: ['intranet.example', '127.0.0.1:8080', '10.1.0.0/16'],
      },
    ],
  ])('%j is good, and parses to itself', (spec) => {
    const parsed = parseTarget(spec)
    expect(parsed).toEqual({ ...spec, archiveFormat: 'none' })
    expect(parseTarget(parsed)).toEqual(parsed)
  })

  const ONE = 'give exactly one of urls, urlsFile, stdin, sitemaps, robots and listUrl'
  test.each([
    [{}, `: ${ONE}`],
    [{ stdin: true, listUrl: 'https://a.example' }, `: ${ONE}`],
    [{ robots: ['https://a.example'], sitemaps: ['https://a.example'] }, `: ${ONE}`],
    [{ stdin: false }, 'stdin: expected true, or no stdin at all; got false'],
    [{ sitemaps: [] }, 'sitemaps: the list is empty; give at least one URL'],
    [{ sitemaps: 'https://a.example' }, 'sitemaps: expected a list of addresses of sitemaps'],
    [
      { robots: ['a.example'] },
      'robots.0: expected a http or https URL, such as https://host/path',
    ],
    [{ robots: ['ftp://a.example'] }, 'robots.0: expected a http or https URL'],
    [{ listUrl: 7 }, 'listUrl: expected a http or https URL'],
    [{ stdin: true, probe: 'yes' }, 'probe: expected true or false; got "yes"'],
    [
      { stdin: true, concurrency: 65 },
      'concurrency: expected a whole number of requests from 1 to 64; got 65',
    ],
    [
      { stdin: true, concurrency: 0 },
      'concurrency: expected a whole number of requests from 1 to 64; got 0',
    ],
    [{ stdin: true, maxBytes: 0 }, 'maxBytes: expected a whole number of bytes above 0; got 0'],
    [{ stdin: true, allowHosts: 'a' }, 'allowHosts: expected a list of hosts'],
    [
      { stdin: true, allowHosts: ['http://a'] },
      'allowHosts: expected a host ("intranet.example"), a host',
    ],
    [{ stdin: true, allowHosts: [7] }, 'allowHosts.0: '],
  ])('%j is refused: %s', (spec, message) => {
    const [fault, ...others] = parseTarget(spec) as string[]
    expect(others).toEqual([])
    expect(fault).toContain(message)
  })
})
