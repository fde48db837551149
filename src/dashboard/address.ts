import { InvalidInputError } from '../domain/errors.ts'

/**
 * Where the dashboard is unless told. A port of its own, so that its address can
 * be kept: none of those that tools for development take (3000, 5173, 8080),
 * and below those that systems give to outgoing connections (from 32768).
 */
export const DEFAULT_PORT = 7747

/** Reached from this machine alone. */
export const DEFAULT_HOST = '127.0.0.1'

export interface DashboardAddress {
  /** 0 for any that is free. Default: 7747. */
  readonly port?: number | undefined
  /** The address to listen on. Default: `127.0.0.1`, which other machines cannot reach. */
  readonly host?: string | undefined
  /**
   * What callers have to show. Default: nothing on this machine alone; on any
   * other address one that is made, and is part of `url`.
   */
  readonly token?: string | undefined
}

/** @throws InvalidInputError for what is no port or no host */
export function parseAddress(given: DashboardAddress): { host: string; port: number } {
  const { port = DEFAULT_PORT, host = DEFAULT_HOST } = given
  const problems: string[] = []
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    problems.push(`the dashboard's port is ${port}: expected a whole number from 0 to 65535`)
  }
  if (typeof host !== 'string' || !/^[\w.:%[\]-]+$/.test(host)) {
    problems.push(
      `the dashboard's host is ${JSON.stringify(host)}: expected an address or a name of this machine, such as 127.0.0.1`,
    )
  }
  if (problems.length > 0) throw new InvalidInputError('INVALID_OPTIONS', problems)
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port }
}
