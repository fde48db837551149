import { describe, expect, test } from 'vitest'
import { parseAddress, refusalOf } from '../../../src/sources/web/address.ts'
import { asking, errorOf, namesOf, startSite, webFor } from './site.ts'

/** Every way to write this machine's own address that we know of. */
const SPELLINGS = [
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '127.0.1',
  '0x7f.1',
  '0x7F.0.0.0x1',
  '0x7f000001',
  '0177.0.0.1',
  '0177.1',
  '017700000001',
  '2130706433',
  '%31%32%37.0.0.1',
  '１２７.0.0.1',
  '①②⑦.0.0.1',
  '127。0。0。1',
  '127.0.0.2',
  '127.255.255.254',
  '0.0.0.0',
  '0',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[0000::0001]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::FFFF:127.0.0.1]',
  '[::127.0.0.1]',
  '[::ffff:0:127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2002:7f00:0001::1]',
  'localhost',
  'LOCALHOST.',
  'localhost.localdomain',
  'me.test',
  'me6.test',
  'mapped.test',
]

describe('this machine is not reached', () => {
  test.each(SPELLINGS)('%s', async (host) => {
    await using site = await startSite((_, response) => response.end('secret'))
    const { lookup } = namesOf({
      localhost: [['127.0.0.1', '::1']],
      'localhost.localdomain': [['127.0.0.1']],
      'me.test': [['127.0.0.1']],
      'me6.test': [['::1']],
      'mapped.test': [['::ffff:127.0.0.1']],
    })
    await using web = webFor({ lookup, timeoutMs: 2_000 })
    const error = await errorOf(web.request(asking(site.at('/', host))))
    expect(error).toMatchObject({ code: 'FORBIDDEN', retryable: false })
    expect(error.message).toMatch(/refused to go there.*(?:loopback|unspecified|reserved|6to4)/)
    expect(site.requests).toHaveLength(0)
  })
})

const REFUSED: readonly (readonly [string, string])[] = [
  ['10.0.0.1', 'private'],
  ['10.255.255.255', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['169.254.0.1', 'link-local'],
  ['169.254.169.254', 'cloud metadata'],
  ['169.254.170.2', 'link-local'],
  ['100.100.100.200', 'cloud metadata'],
  ['168.63.129.16', 'cloud metadata'],
  ['100.64.0.1', 'carrier-grade NAT'],
  ['100.127.255.255', 'carrier-grade NAT'],
  ['0.1.2.3', 'unspecified'],
  ['192.0.0.192', 'reserved'],
  ['192.0.2.1', 'reserved'],
  ['198.51.100.1', 'reserved'],
  ['203.0.113.1', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['198.19.255.255', 'reserved'],
  ['192.88.99.1', 'reserved'],
  ['224.0.0.1', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'broadcast'],
  ['::', 'unspecified'],
  ['::1', 'loopback'],
  ['::2', 'reserved'],
  ['::808:808', 'reserved'],
  ['fe80::1', 'link-local'],
  ['fe80::1%eth0', 'link-local'],
  ['fe80::1%my-net', 'link-local'],
  ['::1%lo', 'loopback'],
  ['febf::1', 'link-local'],
  ['fec0::1', 'reserved'],
  ['fc00::1', 'unique local'],
  ['fdff::1', 'unique local'],
  ['fd00:ec2::254', 'cloud metadata'],
  ['fd20:ce::254', 'cloud metadata'],
  ['ff02::1', 'multicast'],
  ['2001:db8::1', 'reserved'],
  ['3fff::1', 'reserved'],
  ['2001:2::1', 'benchmarking'],
  ['2001:0:4136:e378:8000:63bf:3fff:fdd2', 'Teredo'],
  ['2002:808:808::1', '6to4'],
  ['100::1', 'reserved'],
  ['5f00::1', 'reserved'],
  ['4000::1', 'reserved'],
  ['::ffff:10.0.0.1', 'private'],
  ['::ffff:a9fe:a9fe', 'cloud metadata'],
  ['::ffff:0:808:808', 'reserved'],
  ['64:ff9b::10.0.0.1', 'private'],
  ['64:ff9b::a9fe:a9fe', 'cloud metadata'],
  ['64:ff9b:1::808:808', 'reserved'],
]

describe('what is not of the public internet is refused', () => {
  test.each(REFUSED)('%s, %s', async (address, kind) => {
    await using web = webFor({ lookup: namesOf({ 'out.test': [[address]] }).lookup })
    const url = 'http://out.test:8080/a/path?token=s3cret'
    const error = await errorOf(web.request(asking(url)))
    expect(error).toMatchObject({ code: 'FORBIDDEN', retryable: false })
    expect(error.message).toContain('http://out.test:8080/a/path:')
    expect(error.message).toContain(`out.test leads to ${address}, a`)
    expect(error.message).toContain(`${kind} address`)
    expect(error.message).toContain('allow out.test by name')
    expect(error.message).not.toContain('s3cret')
  })

  test.each(REFUSED.filter(([address]) => !address.includes('%')))(
    '%s in the URL itself',
    async (address) => {
      const { lookup, asked } = namesOf({})
      await using web = webFor({ lookup })
      const host = address.includes(':') ? `[${address}]` : address
      const error = await errorOf(web.request(asking(`http://${host}/`)))
      expect(error).toMatchObject({ code: 'FORBIDDEN', retryable: false })
      expect(asked).toEqual([])
    },
  )

  test.each([
    ['first', ['127.0.0.1', '8.8.8.8']],
    ['last', ['8.8.8.8', '2606:4700::1111', '10.0.0.1']],
  ])('a name of several addresses, when the %s is refused', async (_, addresses) => {
    await using web = webFor({ lookup: namesOf({ 'out.test': [addresses] }).lookup })
    const error = await errorOf(web.request(asking('http://out.test/')))
    expect(error.code).toBe('FORBIDDEN')
  })

  test('a lookup that answers with one address, as dns.lookup does without "all"', async () => {
    await using web = webFor({ lookup: (_, _options, callback) => callback(null, '10.0.0.1', 4) })
    expect((await errorOf(web.request(asking('http://out.test/')))).code).toBe('FORBIDDEN')
  })

  test('a lookup that answers with no address that can be read', async () => {
    await using web = webFor({ lookup: (_, _options, callback) => callback(null, '0x7f.1', 4) })
    expect((await errorOf(web.request(asking('http://out.test/')))).code).toBe('FORBIDDEN')
  })

  test('a zone id in a URL is no URL', async () => {
    await using web = webFor()
    const error = await errorOf(web.request(asking('http://[fe80::1%25eth0]/')))
    expect(error.code).toBe('SOURCE_MALFORMED')
  })
})

test.each([
  '8.8.8.8',
  '1.1.1.1',
  '172.15.255.255',
  '172.32.0.1',
  '100.63.255.255',
  '100.128.0.1',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '2a00:1450:4001:82b::200e',
  '::ffff:8.8.8.8',
  // Behind NAT64, where a network has IPv6 only, every host has such an address.
  '64:ff9b::808:808',
])('%s is public', (text) => {
  const address = parseAddress(text)
  expect(address && refusalOf(address)).toBeUndefined()
  expect(address).toBeDefined()
})
