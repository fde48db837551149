/** The durable peers that Muster is measured against; README.md says how each is used. */
import { fileURLToPath } from 'node:url'
import { postgresServer } from '../../support/servers/postgres.ts'
import { redisServer } from '../../support/servers/redis.ts'
import { OnDemand } from '../../support/servers/server.ts'
import { ENTRIES, installedVersion, loadDriver, type Entry } from './drivers/load.ts'
import type { Driver, Peer, PeerKind, ServerName, Storage } from './types.ts'

export type { Item, Peer, PeerKind, Settings, Storage, Subject } from './types.ts'
export { PAGE, pageAt } from './items.ts'
export { recovery } from './recovery.ts'
export type { Recovery, RecoveryOptions, Series } from './recovery.ts'

export interface Peers {
  readonly peers: PeerKind[]
  /** Those that cannot be had here; `why` names the remedy. */
  readonly missing: { name: string; why: string }[]
  /** Stops the servers that were started for this; ones that were running are left alone. */
  stop(): Promise<void>
}

const CHILD = fileURLToPath(new URL('recovery-child.ts', import.meta.url))

type Servers = OnDemand<Exclude<ServerName, 'none'>>

/**
 * Those peers whose packages and servers can be had. The servers are those that DATABASE_URL and
 * REDIS_URL name, or ones started here on 127.0.0.1: call `stop` in every case.
 */
export async function availablePeers(): Promise<Peers> {
  const servers: Servers = new OnDemand({
    // The peers are measured as they are used: what they commit must be durable.
    postgres: () => postgresServer({ durable: true }),
    redis: redisServer,
  })
  const peers: PeerKind[] = []
  const missing: { name: string; why: string }[] = []
  for (const entry of ENTRIES) {
    try {
      peers.push(await kindOf(entry, servers))
    } catch (error) {
      missing.push({ name: entry.title, why: error instanceof Error ? error.message : `${error}` })
    }
  }
  return { peers, missing, stop: () => servers.stop() }
}

async function kindOf(entry: Entry, servers: Servers): Promise<PeerKind> {
  const version = installedVersion(entry.packageName)
  const server = entry.server === 'none' ? '' : await servers.url(entry.server)
  const driver = await loadDriver(entry.file)
  // A server that cannot be reached, or is not durable, says so here and not in the midst of a run.
  await (await driver.create(server)).remove()
  return {
    name: entry.title,
    version,
    child: CHILD,
    keys: driver.keys,
    create: () => createFor(entry, driver, server),
    open: () => openOn(entry, driver, server),
  }
}

async function createFor(entry: Entry, driver: Driver, server: string): Promise<Storage> {
  const place = await driver.create(server)
  return { settings: { driver: entry.file, at: place.at }, remove: () => place.remove() }
}

async function openOn(entry: Entry, driver: Driver, server: string): Promise<Peer> {
  const place = await driver.create(server)
  // Without keys: the least work that the peer can be asked for.
  const connection = await driver.connect(place.at, false)
  return {
    name: entry.title,
    add: (page) => connection.add(page),
    count: () => connection.count(),
    close: async () => {
      await connection.close()
      await place.remove()
    },
  }
}
