/**
 * Connections, checked where they are made. Looking a name up first and
 * connecting to it by name afterwards would ask DNS twice, and whoever answers
 * can say something else the second time. Here the address that was checked is
 * the address that is connected to.
 */
import { isIP, type LookupFunction } from 'node:net'
import type { Agent, buildConnector } from 'undici'
import { type Address, parseAddress, refusalOf } from './address.ts'
import type { AllowList } from './allow-list.ts'
import type { WebSettings } from './options.ts'
import { portOf } from './target.ts'

/** A host leads to an address that is not public. */
export class AddressRefusedError extends Error {
  readonly host: string

  /** @param kind what it is instead: `a private` */
  constructor(host: string, address: string, kind: string) {
    super(
      host === address
        ? `${host} is ${kind} address`
        : `${host} leads to ${address}, ${kind} address`,
    )
    this.host = host
  }
}

type Check = (host: string, address: string) => AddressRefusedError | undefined

/** The check of every address that is not reached by an allowed name. */
const checkOf =
  (allow: AllowList): Check =>
  (host, text) => {
    const address: Address | undefined = parseAddress(text)
    if (address === undefined) return new AddressRefusedError(host, text, 'an unreadable')
    if (allow.hasAddress(address)) return undefined
    const kind = refusalOf(address)
    return kind === undefined ? undefined : new AddressRefusedError(host, text, kind)
  }

/**
 * A lookup that refuses a name when any of its addresses is refused: which of
 * them is connected to is not ours to say.
 */
const checkedLookup =
  (lookup: LookupFunction, check: Check): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found, family) => {
      if (error) return callback(error, [])
      const addresses =
        typeof found === 'string' ? [{ address: found, family: family ?? isIP(found) }] : found
      for (const { address } of addresses) {
        const refused = check(hostname, address)
        if (refused) return callback(refused, [])
      }
      const [first] = addresses
      if (first === undefined) {
        const nothing = Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' })
        return callback(nothing, [])
      }
      return options.all ? callback(null, addresses) : callback(null, first.address, first.family)
    })
  }

/** A connection that nobody uses is closed after this many milliseconds, whatever the host offers: a walk meets hosts without number. */
const IDLE_CONNECTION_MS = 4_000

/** Makes connections for one client; undici is loaded by the first that needs it. */
export async function createAgent(settings: WebSettings): Promise<Agent> {
  const { Agent, buildConnector } = await import('undici')
  const { allow, timeoutMs } = settings
  const check = checkOf(allow)
  const connectorWith = (lookup: LookupFunction): buildConnector.connector =>
    buildConnector({ lookup, timeout: timeoutMs, allowH2: false })
  const guarded = connectorWith(checkedLookup(settings.lookup, check))
  const unguarded = connectorWith(checkedLookup(settings.lookup, () => undefined))
  return new Agent({
    connect: (target, callback) => {
      const { hostname } = target
      if (allow.hasHost(hostname, portOf(target))) return unguarded(target, callback)
      // An address in the URL is connected to without a lookup.
      const refused = isIP(hostname) === 0 ? undefined : check(hostname, hostname)
      if (refused === undefined) return guarded(target, callback)
      queueMicrotask(() => callback(refused, null))
    },
    keepAliveTimeout: IDLE_CONNECTION_MS,
    keepAliveMaxTimeout: IDLE_CONNECTION_MS,
    // The client has timers of its own, which take the lookup in as well.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
}
