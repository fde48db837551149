import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findBinary } from './binary.ts'
import { freePort, startProgram, type Server } from './process.ts'

/** The server at REDIS_URL, or one of our own with an append-only file synced each second. */
export async function startRedis(): Promise<Server> {
  const given = process.env['REDIS_URL']
  if (given !== undefined && given !== '') return { url: given, stop: async () => {} }
  const path = findBinary('redis-server')
  if (path === undefined)
    throw new Error(
      'redis-server is not installed: install Redis, or name a running server in REDIS_URL',
    )
  const folder = mkdtempSync(join(tmpdir(), 'muster-bench-redis-'))
  const port = await freePort()
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'everysec',
    // No snapshots beside the log: they would only cost.
    save: '',
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  return await startProgram(
    { path, args, folder, ready: 'Ready to accept connections' },
    `redis://127.0.0.1:${port}`,
  )
}
