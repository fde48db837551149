import { Worker } from 'node:worker_threads'
import type { MergerData, MergerMessage } from './worker.ts'

/** The body of the thread: in the package all code lies in one folder, under names of its own. */
const FILE = import.meta.url.endsWith('.ts') ? './worker.ts' : './log-merger.js'

/**
 * Transactions from one merging to the next. A page of 100 items is one of 25
 * pages of the file: 40 are 4 MB of log, which take the thread some 20 ms.
 */
const TRANSACTIONS = 40

/**
 * Merges the log of a database into its file, in a thread of its own. SQLite
 * does it within a commit when the log has grown to a size: 40 ms in which the
 * host's event loop stood still, 10 times a second's worth of pages.
 *
 * Nothing depends on it: where the thread cannot be had, SQLite merges within a
 * commit, as ever, though later.
 */
export class LogMerger {
  readonly #path: string
  #worker: Worker | undefined
  #isMerging = false
  #transactions = 0

  constructor(path: string) {
    this.#path = path
  }

  /** A transaction was committed. The first forty need no thread. */
  committed(): void {
    this.#transactions += 1
    if (this.#transactions < TRANSACTIONS || this.#isMerging) return
    this.#transactions = 0
    this.#isMerging = true
    this.#worker ??= this.#start()
    this.#tell('merge')
  }

  /** Resolves when the thread has let go of the file. */
  async close(): Promise<void> {
    const worker = this.#worker
    if (worker === undefined) return
    // Not "once" of node:events: a thread that cannot open the file would have it reject.
    const { promise, resolve } = Promise.withResolvers<void>()
    worker.once('exit', () => resolve())
    worker.ref()
    this.#tell('close')
    await promise
  }

  #tell(message: MergerMessage): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    this.#worker?.postMessage(message)
  }

  #start(): Worker {
    const workerData: MergerData = { path: this.#path }
    const worker = new Worker(new URL(FILE, import.meta.url), { workerData })
    worker.on('message', () => {
      this.#isMerging = false
    })
    // It stays marked as merging: nothing is asked of a thread that is gone.
    worker.on('error', () => undefined)
    worker.once('exit', () => {
      this.#worker = undefined
      this.#isMerging = true
    })
    worker.unref()
    return worker
  }
}
