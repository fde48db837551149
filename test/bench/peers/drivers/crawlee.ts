import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Configuration, RequestQueue } from '@crawlee/core'
import { MemoryStorage } from '@crawlee/memory-storage'
import { PAGE } from '../items.ts'
import type { Connection, Driver, Place } from '../types.ts'

const QUEUE = 'resources'

async function create(): Promise<Place> {
  const at = await mkdtemp(join(tmpdir(), 'muster-bench-crawlee-'))
  return { at, remove: () => rm(at, { recursive: true, force: true }) }
}

async function connect(at: string): Promise<Connection> {
  const storage = new MemoryStorage({ localDataDirectory: at, persistStorage: true })
  // One configuration a queue: crawlee keeps open queues by configuration.
  const config = new Configuration({ purgeOnStart: false, persistStorage: true })
  const queue = await RequestQueue.open(QUEUE, { storageClient: storage, config })
  return {
    add: async (page) => {
      const requests = page.map((item) => ({
        url: item.uri,
        uniqueKey: item.key,
        userData: { name: item.name, metadata: item.metadata },
      }))
      const { unprocessedRequests } = await queue.addRequests(requests)
      if (unprocessedRequests.length > 0)
        throw new Error(`crawlee did not store ${unprocessedRequests.length} requests of a page`)
    },
    count: async () => (await queue.getInfo())?.totalRequestCount ?? 0,
    close: () => storage.teardown(),
  }
}

async function keysAt(at: string): Promise<string[]> {
  const folder = join(at, 'request_queues', QUEUE)
  const entries = await readdir(folder, { withFileTypes: true })
  // Beside the requests lie its locks, which are folders, and its metadata.
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('__'))
  const keys: string[] = []
  for (const { name: file } of files) {
    // A kill leaves a file that is cut short or empty; crawlee itself then fails to read it.
    const text = await readFile(join(folder, file), 'utf8')
    const key = keyIn(text)
    if (key !== undefined) keys.push(key)
  }
  return keys
}

function keyIn(text: string): string | undefined {
  try {
    const entry = JSON.parse(text) as { json: string }
    return (JSON.parse(entry.json) as { uniqueKey: string }).uniqueKey
  } catch {
    return undefined
  }
}

export const driver: Driver = {
  keys: 'always',
  create,
  connect: (at) => connect(at),
  walk: async (at, _keyed, walk) => {
    const connection = await connect(at)
    // Requests are unique by key, so the page that was cut is simply added again.
    for (let number = Math.floor((await connection.count()) / PAGE); ; number++) {
      await connection.add(walk.page(number))
      walk.tell(number)
    }
  },
  keysAt,
}
