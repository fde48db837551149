import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

// Below what systems hand out to clients (Linux: from 32768). A server that is down for a while
// would else lose its port to a client, even to one that connects to itself while it tries.
const FIRST = 20_000
const LAST = 30_000
const TRIES = 100

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  try {
    probe.listen(port, '127.0.0.1')
    await once(probe, 'listening')
  } catch {
    return false
  }
  probe.close()
  await once(probe, 'close')
  return true
}

/** A port of 127.0.0.1 that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FIRST, LAST)
    if (await isFree(port)) return port
  }
  throw new Error(`No free port on 127.0.0.1: ${TRIES} between ${FIRST} and ${LAST} are taken`)
}
