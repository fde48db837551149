import { findBinary } from './binary.ts'
import { Keeper } from './keeper.ts'
import { freePort } from './port.ts'
import { startProgram } from './program.ts'
import { given, givenOr, type OwnServer, type Server } from './server.ts'

const MISSING =
  'nats-server is not installed: install it (Debian: apt-get install nats-server), or name a running server with JetStream in NATS_URL'

/** Why no NATS can be had here, with the remedy; undefined where one can. */
export const missingNats = (): string | undefined =>
  given('NATS_URL') === undefined && findBinary('nats-server') === undefined ? MISSING : undefined

/** The server at NATS_URL, or one of our own; throws with the remedy. */
export const natsServer = (): Promise<Server> => givenOr('NATS_URL', startNats)

/**
 * A server of our own with JetStream on 127.0.0.1, whatever NATS_URL says: for a test that
 * restarts it. What it has acknowledged is in its files, though not always synced.
 *
 * @throws with the remedy where nats-server is not installed, and with what it printed where it
 *   does not start.
 */
export async function startNats(): Promise<OwnServer> {
  const path = findBinary('nats-server')
  if (path === undefined) throw new Error(MISSING)
  const port = await freePort()
  const keeper = new Keeper('nats')
  const args = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', keeper.folder]
  return await startProgram(
    { path, args, keeper, ready: 'Server is ready' },
    `nats://127.0.0.1:${port}`,
  )
}
