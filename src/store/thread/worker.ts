/** The thread of a database: the store as it is, behind messages. */
import { parentPort } from 'node:worker_threads'
import { createBirpc } from 'birpc'
import { openStore } from '../open.ts'
import type { LeaseRequest, Store, TaskRepository } from '../store.ts'
import { sendError } from './errors.ts'
import type { Method, ThreadFunctions } from './protocol.ts'

/** Tasks of a stream that are sent at a time. */
const PULL = 500

type Methods = Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>

let store: Store | undefined
let now = 0
const streams = new Map<number, AsyncIterator<unknown>>()
let lastStream = 0

function opened(): Store {
  if (store === undefined) throw new Error('the database is not open')
  return store
}

function methodsOf(of: Store): Method[] {
  const own = Object.entries(of)
    .filter(([, value]) => typeof value === 'function')
    .map(([name]): Method => [null, name])
  const others = Object.entries(of.repositories).flatMap(([repository, methods]) =>
    Object.keys(methods as object).map((name): Method => [repository, name]),
  )
  return [...own, ...others]
}

/** What a stream holds next, as much of it as is sent at a time. */
async function nextOf(iterator: AsyncIterator<unknown>): Promise<unknown[]> {
  const found: unknown[] = []
  while (found.length < PULL) {
    const { done, value } = await iterator.next()
    if (done === true) break
    found.push(value)
  }
  return found
}

const functions: ThreadFunctions = {
  async open(path) {
    store = await openStore({ path, clock: { now: () => now } })
    return methodsOf(store)
  },
  call([repository, method], args, toldNow) {
    now = toldNow
    const methods = repository === null ? opened() : opened().repositories[repository as never]
    return (methods as unknown as Methods)[method]?.(...args) as Promise<unknown>
  },
  async request(method, params, known, toldNow) {
    now = toldNow
    let unknown: string | undefined
    const isGone = (owner: string): boolean => {
      const gone = known.get(owner)
      if (gone !== undefined) return gone
      unknown = owner
      // What has been done so far is undone, and done again when it is known.
      throw new Error(`whether ${owner} is gone is not known here`)
    }
    try {
      const ask = opened()[method] as (request: LeaseRequest) => Promise<unknown>
      return { answer: await ask({ ...(params as LeaseRequest), isGone }) }
    } catch (thrown) {
      if (unknown === undefined) throw thrown
      return { isGone: unknown }
    }
  },
  openStream(filter) {
    const tasks: TaskRepository = opened().repositories.tasks
    lastStream += 1
    streams.set(lastStream, tasks.stream(filter)[Symbol.asyncIterator]())
    return lastStream
  },
  async pull(stream) {
    const iterator = streams.get(stream)
    return iterator === undefined ? [] : nextOf(iterator)
  },
  async drop(stream) {
    await streams.get(stream)?.return?.()
    streams.delete(stream)
  },
}

const port = parentPort
if (port === null) throw new Error('this file is the body of a worker thread')

createBirpc<Record<never, never>, ThreadFunctions>(functions, {
  post: (message) => port.postMessage(message),
  on: (receive) => void port.on('message', receive),
  // An error is sent as plain data: its class does not survive the way.
  serialize: (message) => ('e' in message ? { ...message, e: sendError(message.e) } : message),
  timeout: -1,
})
