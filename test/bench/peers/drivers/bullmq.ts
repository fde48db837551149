import { randomUUID } from 'node:crypto'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import type { Connection, Driver, Item, Place } from '../types.ts'
import { walkFrom, type Checkpoint } from './walk.ts'

type Jobs = Queue<Item>

/** `at` is the server's address with the queue's name as its fragment. */
function split(at: string): { url: string; name: string } {
  const url = new URL(at)
  const name = url.hash.slice(1)
  url.hash = ''
  return { url: url.href, name }
}

function queueAt(at: string): Jobs {
  const { url, name } = split(at)
  const queue: Jobs = new Queue(name, { connection: { url } })
  queue.on('error', () => undefined)
  return queue
}

function progressOf(name: string): string {
  return `${name}:progress`
}

/** A queue's name on the server; throws when the server may lose what it has confirmed. */
async function create(server: string): Promise<Place> {
  const name = `muster-bench-${randomUUID()}`
  const client = new Redis(server, { lazyConnect: true, retryStrategy: () => null })
  // A failure to connect is what `connect` rejects with.
  client.on('error', () => undefined)
  await client.connect()
  // What INFO says is open to users who may not read the configuration.
  const isLogged = (await client.info('persistence')).includes('aof_enabled:1')
  client.disconnect()
  if (!isLogged)
    throw new Error('The Redis server has no append-only file: set its appendonly to yes')
  const at = `${server}#${name}`
  return { at, remove: () => remove(at) }
}

async function remove(at: string): Promise<void> {
  const queue = queueAt(at)
  await queue.obliterate({ force: true })
  await queue.close()
  const { url, name } = split(at)
  const client = new Redis(url)
  await client.del(progressOf(name))
  client.disconnect()
}

function connectionTo(queue: Jobs, keyed: boolean): Connection {
  return {
    add: async (page) => {
      await queue.addBulk(
        page.map((item) => ({
          name: 'resource',
          data: item,
          // BullMQ takes no plain number for a job's id.
          ...(keyed ? { opts: { jobId: `key-${item.key}` } } : {}),
        })),
      )
    },
    count: () => queue.getWaitingCount(),
    close: () => queue.close(),
  }
}

function checkpointAt(at: string): Checkpoint {
  const { url, name } = split(at)
  const client = new Redis(url)
  return {
    read: async () => Number((await client.get(progressOf(name))) ?? 0),
    write: async (next) => {
      await client.set(progressOf(name), String(next))
    },
  }
}

export const driver: Driver = {
  keys: 'optional',
  create,
  connect: async (at, keyed) => connectionTo(queueAt(at), keyed),
  walk: async (at, keyed, walk) => {
    await walkFrom(connectionTo(queueAt(at), keyed), checkpointAt(at), walk)
  },
  keysAt: async (at) => {
    const queue = queueAt(at)
    const jobs = await queue.getJobs(['waiting'])
    await queue.close()
    return jobs.map((job) => job.data.key)
  },
}
