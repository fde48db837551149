import { isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'
import { InvalidInputError } from '../../domain/errors.ts'
import { printed } from '../wording.ts'
import { type Address, parseAddress } from './address.ts'

/** What may be reached though it is not public. */
export interface AllowList {
  /** @param hostname as a URL has it; the port as a number in text, never empty */
  hasHost(hostname: string, port: string): boolean
  hasAddress(address: Address): boolean
}

/** A host's name in one spelling: `example.org.` is the same as `example.org`. */
export const plainHost = (hostname: string): string =>
  isIPv6(hostname) ? `[${hostname}]` : hostname.replace(/\.$/, '')

/** @throws {InvalidInputError} INVALID_OPTIONS, with one line for each entry that cannot be read */
export function parseAllowList(entries: readonly string[]): AllowList {
  const hosts = new Set<string>()
  const ranges: [Address, number][] = []
  const problems: string[] = []
  for (const entry of Array.isArray(entries) ? (entries as readonly string[]) : [entries]) {
    const range = rangeOf(entry)
    const host = range === undefined ? hostOf(entry) : undefined
    if (range !== undefined) ranges.push(range)
    else if (host !== undefined) hosts.add(host)
    else problems.push(problemOf(entry))
  }
  if (problems.length > 0) throw new InvalidInputError('INVALID_OPTIONS', problems)
  return {
    hasHost: (hostname, port) => {
      const host = plainHost(hostname)
      return hosts.has(host) || hosts.has(`${host}:${port}`)
    },
    hasAddress: (address) =>
      ranges.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits)),
  }
}

const problemOf = (entry: unknown): string =>
  `allow: expected a host ("intranet.example"), a host with a port ("127.0.0.1:8080") or a CIDR ("10.1.0.0/16"), without scheme, path or wildcard; got ${printed(entry)}`

function rangeOf(entry: unknown): [Address, number] | undefined {
  if (typeof entry !== 'string') return undefined
  const [, base = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(entry.trim()) ?? []
  // Not `10.1/16`, which ipaddr.js would read as 10.0.0.1/16.
  const address = parseAddress(base)
  if (address === undefined || !ipaddr.isValidCIDR(`${base}/${bits}`)) return undefined
  const range = ipaddr.parseCIDR(`${base}/${bits}`)
  // A range of mapped addresses would never match: what is compared with it is their IPv4 form.
  return range[0].kind() === address.kind() ? range : undefined
}

/** The host as a URL has it, and with its port where one is given. */
function hostOf(entry: unknown): string | undefined {
  if (typeof entry !== 'string' || !/^[^\s/\\?#@*%]+$/.test(entry.trim())) return undefined
  const text = plainHost(entry.trim())
  const url = URL.parse(`http://${text}`)
  if (url === null) return undefined
  // Not `url.port`, which is empty for 80.
  const port = /:(\d+)$/.exec(text.replace(/^\[.*\]/, ''))?.[1]
  const host = plainHost(url.hostname)
  return port === undefined ? host : `${host}:${Number(port)}`
}
