import { existsSync } from 'node:fs'
import { copyDatabase } from '../store/copy/index.ts'
import { isPostgresUrl, openDatabase } from '../store/open-database.ts'
import { pruneAll } from '../store/retention.ts'
import { schemaVersion } from '../store/schema-version.ts'
import { checkDatabase, refuseAbsent, withStore } from './database.ts'
import { ExitCode } from './exit.ts'
import { printData, printNote, table, type Cell } from './output.ts'

/** One row of named cells, as a table or as a JSON object. */
const record = (row: Readonly<Record<string, Cell>>, json: boolean | undefined): string =>
  json === true
    ? `${JSON.stringify(row, null, 2)}\n`
    : table(Object.keys(row), [Object.values(row)])

/** The first signal ends after the step in hand; a second one, which Node then handles itself, at once. */
function untilSignal(): { readonly signal: AbortSignal; exitCode(): number; end(): void } {
  const ending = new AbortController()
  let exitCode: number = ExitCode.ok
  const onSignal = (signal: NodeJS.Signals) => {
    end()
    exitCode = signal === 'SIGINT' ? ExitCode.interrupted : ExitCode.terminated
    printNote(`${signal}: finishing the step in hand (again to stop at once)`)
    ending.abort()
  }
  const end = () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  return { signal: ending.signal, exitCode: () => exitCode, end }
}

/** Deletes what is old, while walks may go on. */
export async function prune(options: {
  readonly db: string
  /** Milliseconds. */
  readonly olderThan: number
  readonly json?: boolean
}): Promise<number> {
  const interruption = untilSignal()
  const before = Date.now() - options.olderThan
  try {
    await withStore(options.db, async (store) => {
      const counts = await pruneAll(store, { before, signal: interruption.signal })
      const { sessions, tasks, batches, failedItems: failed_items } = counts
      await printData([record({ sessions, tasks, batches, failed_items }, options.json)])
    })
  } finally {
    interruption.end()
  }
  return interruption.exitCode()
}

/** Copies a database to an empty one. */
export async function copy(
  from: string,
  to: string,
  options: { readonly json?: boolean },
): Promise<number> {
  checkDatabase(from, 'from')
  checkDatabase(to, 'to')
  const rows = await copyDatabase({ from, to })
  const data =
    options.json === true
      ? `${JSON.stringify(rows, null, 2)}\n`
      : table(['table', 'rows'], Object.entries(rows))
  await printData([data])
  return ExitCode.ok
}

/** Brings the schema up to date, as opening a database does; or tells whether it is. */
export async function migrate(options: {
  readonly db: string
  readonly check?: boolean
  readonly json?: boolean
}): Promise<number> {
  const { db, json } = options
  checkDatabase(db)
  // The tables of a server are made before its hosts start; a path that is wrong makes no file.
  if (!isPostgresUrl(db) && !existsSync(db)) await refuseAbsent(db)
  const { shown: database, version, latest } = await schemaVersion(db)
  if (options.check === true) {
    await printData([record({ database, version, latest }, json)])
    return version < latest ? ExitCode.outdated : ExitCode.ok
  }
  await (await openDatabase(db)).close()
  const { version: to } = await schemaVersion(db)
  await printData([record({ database, from: version, to }, json)])
  return ExitCode.ok
}
