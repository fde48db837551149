import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import type { Hono } from 'hono'
import { InvalidInputError } from '../domain/errors.ts'

const REASONS: Readonly<Record<string, (host: string, port: number) => string>> = {
  EADDRINUSE: (host, port) =>
    `port ${port} of ${host} is in use: give another with --port (0 takes one that is free), or stop what uses it`,
  EACCES: (host, port) =>
    `port ${port} of ${host} may not be used by this user: give one above 1023 with --port`,
  EADDRNOTAVAIL: (host) =>
    `${host} is no address of this machine: give one that is with --host, such as 127.0.0.1`,
  ENOTFOUND: (host) =>
    `the name ${host} is not known: give an address of this machine with --host, such as 127.0.0.1`,
}

function explained(thrown: NodeJS.ErrnoException, host: string, port: number): Error {
  const reason = REASONS[thrown.code ?? '']?.(host, port)
  const text = reason ?? `the dashboard cannot listen on ${host}, port ${port}: ${thrown.message}`
  return new InvalidInputError('INVALID_OPTIONS', [text])
}

export interface Listening {
  readonly port: number
  /** Lets go of the port and ends what is still open. */
  close(): Promise<void>
}

/** @throws InvalidInputError where the address cannot be had */
export async function listen(app: Hono, host: string, port: number): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  await new Promise<void>((resolve, reject) => {
    server.once('error', (thrown) => reject(explained(thrown, host, port)))
    server.listen({ host, port }, resolve)
  })
  // What goes wrong with one connection later is that connection's matter.
  server.on('error', () => undefined)
  const address = server.address() as AddressInfo
  return {
    port: address.port,
    close: () => closed(server),
  }
}

/** How long answers that are under way may take when the dashboard closes, in milliseconds. */
const CLOSE_WITHIN_MS = 300

/** How often connections are looked at that have just become idle, in milliseconds. */
const LOOK_MS = 20

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const giveUpAt = performance.now() + CLOSE_WITHIN_MS
    const looking = setInterval(() => {
      // A client that takes nothing any more is not waited for.
      if (performance.now() > giveUpAt) server.closeAllConnections()
      else server.closeIdleConnections()
    }, LOOK_MS)
    server.close(() => {
      clearInterval(looking)
      resolve()
    })
  })
}
