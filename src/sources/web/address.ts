/**
 * Which addresses belong to the public internet. Everything else is refused:
 * a list of what is forbidden would miss the range that is assigned next year.
 */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

export type Address = ipaddr.IPv4 | ipaddr.IPv6

/**
 * Where clouds keep the credentials of the machine that asks. All but Azure's
 * are in ranges that are refused anyway, and are named here for the message:
 * AWS, Google, Azure and others; AWS over IPv6; Google over IPv6; Alibaba; and
 * the host agent of Azure, which has an address of the public range:
 * https://learn.microsoft.com/en-us/azure/virtual-network/what-is-ip-address-168-63-129-16
 */
const METADATA: ReadonlySet<string> = new Set([
  '169.254.169.254',
  'fd00:ec2::254',
  'fd20:ce::254',
  '100.100.100.200',
  '168.63.129.16',
])

/** ipaddr.js's names of ranges, in words; for any other, it is "reserved". */
const WORDS: Readonly<Record<string, string>> = {
  unspecified: 'an unspecified',
  broadcast: 'a broadcast',
  multicast: 'a multicast',
  linkLocal: 'a link-local',
  loopback: 'a loopback',
  carrierGradeNat: 'a carrier-grade NAT',
  private: 'a private',
  uniqueLocal: 'a unique local',
  benchmarking: 'a benchmarking',
  '6to4': 'a 6to4',
  teredo: 'a Teredo',
}

/** What IANA has opened for hosts so far: https://www.iana.org/assignments/ipv6-address-space */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/** RFC 6052, 2.1. Where a network has IPv6 only, every IPv4 host is reached by these. */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')

/**
 * Reads an address as the system writes it. One that stands for an IPv4
 * address, mapped or behind NAT64, becomes that: it leads to the same host.
 *
 * @returns undefined for anything but an address; other spellings of IPv4,
 *   such as `0x7f.1`, are not read, since a URL has none of them left
 */
export function parseAddress(text: string): Address | undefined {
  // A zone says on which cable, not where.
  const [plain = ''] = text.replace(/^\[(.*)\]$/, '$1').split('%')
  if (isIP(plain) === 0) return undefined
  const address = ipaddr.process(plain)
  if (address.kind() === 'ipv4' || !address.match(NAT64)) return address
  return new ipaddr.IPv4(address.toByteArray().slice(12))
}

/** What keeps an address from being a public one: `a loopback`, `a private`; undefined for one that is. */
export function refusalOf(address: Address): string | undefined {
  if (METADATA.has(address.toString())) return 'a cloud metadata'
  const range = address.range()
  if (range !== 'unicast') return WORDS[range] ?? 'a reserved'
  // IPv4-compatible addresses (`::7f00:1`) are in no range of ipaddr.js.
  const isAssigned = address.kind() === 'ipv4' || address.match(GLOBAL_UNICAST)
  return isAssigned ? undefined : 'a reserved'
}
