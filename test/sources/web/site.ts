/** Servers of one's own, under names that no DNS knows. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, LookupFunction } from 'node:net'
import { expect } from 'vitest'
import { MusterError } from '../../../src/domain/errors.ts'
import { createWeb, type WebOptions, type WebRequest } from '../../../src/sources/web/index.ts'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface Site extends AsyncDisposable {
  readonly port: number
  /** What has arrived, in this order. */
  readonly requests: readonly IncomingMessage[]
  /** An address of it, under a name. */
  at(path: string, host?: string): string
}

/** Starts a server on the loopback addresses of IPv4. */
export async function startSite(handler: Handler): Promise<Site> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    handler(request, response)
  })
  // Closed sockets are what some of the tests are about.
  server.on('clientError', (_, socket) => socket.destroy())
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    requests,
    at: (path, host = 'site.test') => `http://${host}:${port}${path}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** A lookup that knows these names, counts what it is asked, and answers with the next list each time, the last one for good. */
export function namesOf(names: Readonly<Record<string, readonly (readonly string[])[]>>) {
  const asked: string[] = []
  const lookup: LookupFunction = (hostname, _, callback) => {
    const name = hostname.replace(/\.$/, '')
    const answers = names[name]
    const turn = asked.filter((before) => before === name).length
    asked.push(name)
    const addresses = answers?.[Math.min(turn, answers.length - 1)]
    if (addresses === undefined) {
      callback(Object.assign(new Error(`unknown: ${name}`), { code: 'ENOTFOUND' }), [])
    } else {
      const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
      callback(null, found)
    }
  }
  return { lookup, asked }
}

const HERE = [['127.0.0.1']]

/** Two names for the servers of this machine, as two hosts of the internet would be. */
export const { lookup: twoNames } = namesOf({ 'site.test': HERE, 'other.test': HERE })

/** A client that may reach `site.test`, and whatever else is told. */
export const webFor = (options: WebOptions = {}) =>
  createWeb({ allow: ['site.test'], lookup: twoNames, ...options })

/** A request with what does not matter to the test. */
export const asking = (url: string, more: Partial<WebRequest> = {}): WebRequest => ({
  url,
  signal: new AbortController().signal,
  maxBytes: 1_000_000,
  ...more,
})

export async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** The error that something fails with; fails itself where it does not. */
export async function errorOf(promise: Promise<unknown>): Promise<MusterError> {
  const error: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(MusterError)
  return error as MusterError
}
