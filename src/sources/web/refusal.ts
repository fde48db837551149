import { parseAddress, refusalOf } from './address.ts'
import { parseAllowList } from './allow-list.ts'
import { portOf } from './target.ts'

/** RFC 6761, 6.3: names that always lead to the machine itself. */
const LOCAL = /^(?:.+\.)?localhost\.?$/

/**
 * Why a URL will not be asked for, as far as it can be told without asking DNS:
 * its host is an address that is not public, or a name of the machine itself.
 *
 * @param allow as the client's own: hosts, hosts with ports, and CIDRs
 * @returns undefined where nothing is known against it
 */
export function hostRefusal(text: string, allow: readonly string[] = []): string | undefined {
  const url = URL.parse(text)
  if (url === null) return undefined
  const list = parseAllowList(allow)
  if (list.hasHost(url.hostname, portOf(url))) return undefined
  const address = parseAddress(url.hostname)
  if (address === undefined) {
    return LOCAL.test(url.hostname) && allow.length === 0
      ? `${url.host} is a name of this machine`
      : undefined
  }
  if (list.hasAddress(address)) return undefined
  const kind = refusalOf(address)
  return kind === undefined ? undefined : `${url.host} is ${kind} address`
}
