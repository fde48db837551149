/** Vitest's global setup: the servers that the test processes share, each started when first asked for. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { natsServer } from './nats.ts'
import { postgresServer } from './postgres.ts'
import { OnDemand } from './server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where a test process asks for a server's URL. */
    readonly servers: string
  }
}

const STARTERS = { postgres: postgresServer, nats: natsServer }

export type SharedServer = keyof typeof STARTERS

const isShared = (name: string): name is SharedServer => Object.hasOwn(STARTERS, name)

async function answer(
  servers: OnDemand<SharedServer>,
  { url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const name = url.slice(1)
  try {
    if (!isShared(name))
      throw new Error(`No server ${name}: ask for ${Object.keys(STARTERS).join(' or ')}`)
    response.end(await servers.url(name))
  } catch (error) {
    response.writeHead(500).end(error instanceof Error ? error.message : String(error))
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = new OnDemand(STARTERS)
  // A run of files that need no server pays for none, and two processes never start one twice.
  const listener = createServer((request, response) => void answer(servers, request, response))
  listener.listen(0, '127.0.0.1').unref()
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  project.provide('servers', `http://127.0.0.1:${port}/`)
  return async () => {
    listener.close()
    listener.closeAllConnections()
    await servers.stop()
  }
}
