import { findBinary } from './binary.ts'
import { Keeper } from './keeper.ts'
import { freePort } from './port.ts'
import { startProgram } from './program.ts'
import { givenOr, type OwnServer, type Server } from './server.ts'

/** The server at REDIS_URL, or one of our own; throws with the remedy. */
export const redisServer = (): Promise<Server> => givenOr('REDIS_URL', startRedis)

/** A server of our own with an append-only file synced each second, whatever REDIS_URL says. */
async function startRedis(): Promise<OwnServer> {
  const path = findBinary('redis-server')
  if (path === undefined)
    throw new Error(
      'redis-server is not installed: install Redis, or name a running server in REDIS_URL',
    )
  const port = await freePort()
  const keeper = new Keeper('redis')
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: keeper.folder,
    appendonly: 'yes',
    appendfsync: 'everysec',
    // No snapshots beside the log: they would only cost.
    save: '',
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  return await startProgram(
    { path, args, keeper, ready: 'Ready to accept connections' },
    `redis://127.0.0.1:${port}`,
  )
}
