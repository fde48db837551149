import { Worker } from 'node:worker_threads'
import { createBirpc, type BirpcReturn } from 'birpc'
import { systemClock, type TimeProvider } from '../../domain/clock.ts'
import { StoreError } from '../../domain/errors.ts'
import type { LeaseRequest, Store } from '../store.ts'
import { receiveError, type SentError } from './errors.ts'
import { LEASE_METHODS, type LeaseMethod, type Method, type ThreadFunctions } from './protocol.ts'

export interface ThreadOptions {
  /** A file, or `:memory:`. */
  readonly path: string
  readonly clock?: TimeProvider
}

/** The body of the thread: in the package all code lies in one folder, under names of its own. */
const FILE = import.meta.url.endsWith('.ts') ? './worker.ts' : './database-thread.js'

type Rpc = BirpcReturn<ThreadFunctions>

/** A thread that keeps the process alive as long as somebody waits for it, and no longer. */
class DatabaseThread {
  readonly #worker: Worker
  readonly #rpc: Rpc
  #waiting = 0

  constructor(path: string) {
    const worker = new Worker(new URL(FILE, import.meta.url))
    this.#worker = worker
    this.#rpc = createBirpc<ThreadFunctions>(
      {},
      {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
        post: (message) => worker.postMessage(message),
        on: (receive) => void worker.on('message', receive),
        deserialize: (message) =>
          'e' in message ? { ...message, e: receiveError(message.e as SentError) } : message,
        timeout: -1,
      },
    )
    const ended = (why: string) =>
      this.#rpc.$close(
        new StoreError(
          'STORE_FAILED',
          `database ${path}: its thread ended (${why}): open it again`,
        ),
      )
    worker.once('error', (error) => ended(String(error)))
    worker.once('exit', (code) => ended(`code ${code}`))
    worker.unref()
  }

  async ask<T>(question: (rpc: Rpc) => Promise<T>): Promise<T> {
    this.#waiting += 1
    this.#worker.ref()
    try {
      return await question(this.#rpc)
    } finally {
      this.#waiting -= 1
      if (this.#waiting === 0) this.#worker.unref()
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** Whether the holder of a lease is gone is known on this side. */
async function request(
  thread: DatabaseThread,
  method: LeaseMethod,
  { isGone, ...params }: LeaseRequest,
  clock: TimeProvider,
): Promise<unknown> {
  const known = new Map<string, boolean>()
  for (;;) {
    const requested = await thread.ask((rpc) => rpc.request(method, params, known, clock.now()))
    if ('answer' in requested) return requested.answer
    known.set(requested.isGone, isGone(requested.isGone))
  }
}

async function* stream(thread: DatabaseThread, filter: object | undefined) {
  const id = await thread.ask((rpc) => rpc.openStream(filter))
  try {
    for (;;) {
      const found = await thread.ask((rpc) => rpc.pull(id))
      if (found.length === 0) return
      yield* found
    }
  } finally {
    await thread.ask((rpc) => rpc.drop(id))
  }
}

type Methods = Record<string, unknown>

/** Everything that the thread can be asked, by the store's own names. */
function storeOver(thread: DatabaseThread, methods: readonly Method[], clock: TimeProvider): Store {
  const store: Methods & { repositories: Record<string, Methods> } = {
    isShared: false,
    repositories: {},
  }
  for (const method of methods) {
    const [repository, name] = method
    const home = repository === null ? store : (store.repositories[repository] ??= {})
    home[name] = (...args: unknown[]) => thread.ask((rpc) => rpc.call(method, args, clock.now()))
  }
  let closed: Promise<unknown> | undefined
  const end = store['close'] as Store['close']
  for (const method of LEASE_METHODS) {
    store[method] = (params: LeaseRequest) => request(thread, method, params, clock)
  }
  Object.assign(store, {
    close: () => (closed ??= end().finally(() => thread.end())),
  })
  Object.assign(store.repositories['tasks'] ?? {}, {
    stream: (filter?: object) => stream(thread, filter),
  })
  return store as unknown as Store
}

/**
 * Opens a store whose database has a thread of its own: what SQLite does then
 * holds up nothing in this one but for the copying of what is sent, at the
 * price of a message each way.
 *
 * @throws StoreError when the file cannot be used; it is then left as it was.
 */
export async function openStoreInThread(options: ThreadOptions): Promise<Store> {
  const { path, clock = systemClock } = options
  const thread = new DatabaseThread(path)
  try {
    const methods = await thread.ask((rpc) => rpc.open(path))
    return storeOver(thread, methods, clock)
  } catch (thrown) {
    await thread.end()
    throw thrown
  }
}
