import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { describe, expect, test } from 'vitest'
import { selfSigned } from './certificate.ts'
import { asking, errorOf, namesOf, type Site, startSite, textOf, twoNames, webFor } from './site.ts'

/** Answers each path with the place it redirects to, or with its own name. */
const redirecting = (places: Readonly<Record<string, string>>, status = 302): Promise<Site> =>
  startSite(({ url = '' }, response) => {
    const location = places[url]
    if (location === undefined) response.end(`at ${url}`)
    else response.writeHead(status, { location }).end('moved')
  })

const pathsOf = ({ requests }: Site): readonly unknown[] => requests.map(({ url }) => url)

describe('a redirect is followed', () => {
  test.each([301, 302, 303, 307, 308])('with status %i', async (status) => {
    await using site = await redirecting({ '/a': '/b' }, status)
    await using web = webFor()
    const answer = await web.request(asking(site.at('/a')))
    expect(await textOf(answer.body)).toBe('at /b')
    expect(answer).toMatchObject({ url: site.at('/b'), status: 200, redirects: [site.at('/a')] })
  })

  test.each([301, 302, 303, 307, 308])('by HEAD after HEAD, with status %i', async (status) => {
    await using site = await redirecting({ '/a': '/b' }, status)
    await using web = webFor()
    const answer = await web.request(asking(site.at('/a'), { method: 'HEAD' }))
    expect(await textOf(answer.body)).toBe('')
    expect(site.requests.map(({ method }) => method)).toEqual(['HEAD', 'HEAD'])
  })

  test('as often as is allowed, and no oftener', async () => {
    const places = Object.fromEntries(
      Array.from({ length: 9 }, (_, at) => [`/${at}`, `/${at + 1}`]),
    )
    await using site = await redirecting(places)
    await using web = webFor({ maxRedirects: 4 })
    const answer = await web.request(asking(site.at('/5')))
    expect(await textOf(answer.body)).toBe('at /9')
    expect(answer.redirects).toEqual(['/5', '/6', '/7', '/8'].map((path) => site.at(path)))
    const error = await errorOf(web.request(asking(site.at('/4'))))
    expect(error).toMatchObject({ code: 'SOURCE_MALFORMED', retryable: false })
    expect(error.message).toContain('after 4 redirects')
    expect(pathsOf(site).slice(5)).toEqual(['/4', '/5', '/6', '/7', '/8'])
  })

  test('ten times by default', async () => {
    const places = Object.fromEntries(
      Array.from({ length: 11 }, (_, at) => [`/${at}`, `/${at + 1}`]),
    )
    await using site = await redirecting(places)
    await using web = webFor()
    expect((await web.request(asking(site.at('/1')))).redirects).toHaveLength(10)
    expect((await errorOf(web.request(asking(site.at('/0'))))).message).toContain('10 redirects')
  })

  test('without the fragment, and with the query', async () => {
    await using site = await redirecting({ '/a': 'b?c=d#e' })
    await using web = webFor()
    const answer = await web.request(asking(site.at('/a#there')))
    expect(answer.url).toBe(site.at('/b?c=d'))
    expect(answer.redirects).toEqual([site.at('/a')])
  })
})

describe('a redirect is not followed', () => {
  const PRIVATE: readonly (readonly [string, string])[] = [
    ['to a private name', 'http://other.test:PORT/b'],
    ['to a private name, without a scheme', '//other.test:PORT/b'],
    ['to this machine', 'http://127.0.0.1:PORT/b'],
    ['to this machine, as a number', 'http://2130706433:PORT/b'],
    ['to this machine, by IPv6', 'http://[::ffff:127.0.0.1]:PORT/b'],
    ['to this machine, with backslashes', String.raw`http:\\127.0.0.1:PORT\b`],
    ['to this machine, behind a tab', 'http://127.0.0\t.1:PORT/b'],
    ['to cloud metadata', 'http://169.254.169.254/latest/meta-data/'],
    ['to cloud metadata, by IPv6', 'http://[fd00:ec2::254]/latest/meta-data/'],
    ['to cloud metadata, by name', 'http://metadata.google.internal/computeMetadata/v1/'],
    ['to a private network', 'http://10.0.0.1/'],
  ]

  test.each(PRIVATE)('%s', async (_, location) => {
    await using site = await startSite(({ url }, response) => {
      const here = location.replace('PORT', String(site.port))
      if (url === '/a') response.writeHead(302, { location: here }).end()
      else response.end('secret')
    })
    const { lookup } = namesOf({
      'site.test': [['127.0.0.1']],
      'other.test': [['127.0.0.1']],
      'metadata.google.internal': [['169.254.169.254']],
    })
    await using web = webFor({ lookup })
    const error = await errorOf(web.request(asking(site.at('/a'))))
    expect(error).toMatchObject({ code: 'FORBIDDEN', retryable: false })
    expect(pathsOf(site)).toEqual(['/a'])
  })

  test('to another port of a host that is allowed on one', async () => {
    await using other = await redirecting({})
    await using site = await redirecting({ '/a': other.at('/b') })
    await using web = webFor({ allow: [`site.test:${site.port}`] })
    const error = await errorOf(web.request(asking(site.at('/a'))))
    expect(error.code).toBe('FORBIDDEN')
    expect(other.requests).toHaveLength(0)
  })

  test.each([
    ['to a file', 'file:///etc/passwd', 'FORBIDDEN'],
    ['to another protocol', 'gopher://site.test/', 'FORBIDDEN'],
    ['to data', 'data:text/plain,a', 'FORBIDDEN'],
    ['with user and password', 'http://user:hunter2@site.test/', 'FORBIDDEN'],
    ['with a user', '//user@site.test/', 'FORBIDDEN'],
    ['to what is no URL', 'http://[hunter2/', 'SOURCE_MALFORMED'],
    ['to itself', '/a', 'SOURCE_MALFORMED'],
    ['to itself with a fragment', '/a#b', 'SOURCE_MALFORMED'],
  ])('%s', async (_, location, code) => {
    await using site = await redirecting({ '/a': location })
    await using web = webFor()
    const error = await errorOf(web.request(asking(site.at('/a'))))
    expect(error).toMatchObject({ code, retryable: false })
    expect(error.message).toContain(site.at('/a'))
    expect(error.message).not.toMatch(/hunter2|user[:@]/)
    expect(pathsOf(site)).toEqual(['/a'])
  })

  test('round in a circle', async () => {
    await using site = await redirecting({ '/a': '/b', '/b': '/c', '/c': '/b' })
    await using web = webFor()
    const error = await errorOf(web.request(asking(site.at('/a'))))
    expect(error).toMatchObject({ code: 'SOURCE_MALFORMED', retryable: false })
    expect(error.message).toContain('in a circle')
    expect(pathsOf(site)).toEqual(['/a', '/b', '/c'])
  })

  test('where none is named: it is the answer, or an error', async () => {
    await using site = await startSite((_, response) => response.writeHead(302).end('no place'))
    await using web = webFor()
    expect((await errorOf(web.request(asking(site.at('/'))))).code).toBe('SOURCE_MALFORMED')
    const answer = await web.request(asking(site.at('/'), { accept: (status) => status === 302 }))
    expect(await textOf(answer.body)).toBe('no place')
  })
})

describe('headers of the caller', () => {
  const headers = {
    Authorization: 'Bearer s3cret',
    'Proxy-Authenticate': 's3cret',
    cookie: 'a=b',
    'X-Api-Key': 's3cret',
    'Accept-Encoding': 'identity',
    range: 'bytes=0-9',
  }
  const sent = ({ requests }: Site): readonly (readonly unknown[])[] =>
    requests.map(({ headers }) => [headers.authorization, headers.cookie, headers['x-api-key']])
  const ALL = ['Bearer s3cret', 'a=b', 's3cret']
  const NONE = [undefined, undefined, undefined]

  test('stay with their origin', async () => {
    await using site = await redirecting({ '/a': '/b' })
    await using web = webFor()
    await web.request(asking(site.at('/a'), { headers }))
    expect(sent(site)).toEqual([ALL, ALL])
  })

  test('do not go on to another host', async () => {
    await using site = await startSite(({ url }, response) => {
      if (url !== '/a') response.end()
      else response.writeHead(302, { location: site.at('/b', 'other.test') }).end()
    })
    await using web = webFor({ allow: ['site.test', 'other.test'] })
    const answer = await web.request(asking(site.at('/a'), { headers }))
    expect(answer.url).toBe(site.at('/b', 'other.test'))
    expect(sent(site)).toEqual([ALL, NONE])
    const [first, second] = site.requests
    expect(JSON.stringify(second?.rawHeaders)).not.toContain('s3cret')
    // What says which body is wanted does: another one would be taken for it.
    for (const name of ['user-agent', 'accept-encoding', 'range']) {
      expect([name, second?.headers[name]]).toEqual([name, first?.headers[name]])
    }
    expect(second?.headers['accept-encoding']).toBe('identity')
  })

  test('do not go on to another port, nor back again', async () => {
    await using other = await startSite((_, response) =>
      response.writeHead(302, { location: site.at('/b') }).end(),
    )
    await using site: Site = await redirecting({ '/a': other.at('/') })
    await using web = webFor()
    const answer = await web.request(asking(site.at('/a'), { headers }))
    expect(await textOf(answer.body)).toBe('at /b')
    expect([...sent(site), ...sent(other)]).toEqual([ALL, NONE, NONE])
  })
})

describe('https', () => {
  async function startSecure(location: string) {
    const { key, cert } = selfSigned('site.test')
    const server = createServer({ key, cert }, ({ url }, response) => {
      if (url === '/a') response.writeHead(302, { location }).end()
      else response.end(`at ${url}`)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const before = getCACertificates('default')
    return {
      cert,
      port,
      trust: () => setDefaultCACertificates([...before, cert]),
      async [Symbol.asyncDispose]() {
        setDefaultCACertificates(before)
        server.close()
        server.closeAllConnections()
        await once(server, 'close')
      },
    }
  }

  test('of a certificate that nobody vouches for is no answer', async () => {
    await using secure = await startSecure('/b')
    await using web = webFor()
    const error = await errorOf(web.request(asking(`https://site.test:${secure.port}/b`)))
    expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: false })
    expect(error.message).toContain('certificate')
  })

  test('is not left for http, not even on the same host', async () => {
    await using site = await redirecting({})
    await using secure = await startSecure(site.at('/b'))
    secure.trust()
    await using web = webFor()
    const fine = await web.request(asking(`https://site.test:${secure.port}/b`))
    expect(await textOf(fine.body)).toBe('at /b')
    const error = await errorOf(web.request(asking(`https://site.test:${secure.port}/a`)))
    expect(error).toMatchObject({ code: 'FORBIDDEN', retryable: false })
    expect(error.message).toContain('from https to http://site.test')
    expect(site.requests).toHaveLength(0)
  })

  test('is gone on to from http', async () => {
    await using secure = await startSecure('/b')
    secure.trust()
    await using site = await redirecting({ '/a': `https://site.test:${secure.port}/b` })
    await using web = webFor({ lookup: twoNames })
    const answer = await web.request(asking(site.at('/a')))
    expect(await textOf(answer.body)).toBe('at /b')
  })

  test('of an address that is refused is refused', async () => {
    await using secure = await startSecure('/b')
    await using web = webFor({ allow: [] })
    for (const host of ['site.test', '127.0.0.1']) {
      const error = await errorOf(web.request(asking(`https://${host}:${secure.port}/b`)))
      expect(error.code).toBe('FORBIDDEN')
    }
  })
})
