/** The thread that merges a database's log into its file. */
import { parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'

export interface MergerData {
  readonly path: string
}

/** `merge` is answered once it is done; after `close` nothing is. */
export type MergerMessage = 'merge' | 'close'

const port = parentPort
if (port === null) throw new Error('this file is the body of a worker thread')

const { path } = workerData as MergerData
/** How long it waits for a moment between two transactions, in milliseconds; if none comes, the next merging tries. */
const PATIENCE_MS = 200

/** Pages of 4 KiB from which the log is begun anew; without that it would grow as long as somebody writes. */
const LONG_LOG = 4_000

const database = new Database(path, { timeout: PATIENCE_MS, fileMustExist: true })
database.pragma('synchronous = NORMAL')

port.on('message', (message: MergerMessage) => {
  if (message === 'merge') {
    // Passive: it waits for nobody, and nobody for it. What came meanwhile is left over.
    const [{ log }] = database.pragma('wal_checkpoint(PASSIVE)') as [{ readonly log: number }]
    // That little is merged while writers wait, which they do without stopping their thread.
    if (log > LONG_LOG) database.pragma('wal_checkpoint(RESTART)')
    port.postMessage('merged')
    return
  }
  database.close()
  port.close()
})
