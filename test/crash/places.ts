import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMuster, openStore } from '../../src/index.ts'
import { isPostgresUrl } from '../../src/store/open-database.ts'
import { unwatchFile } from '../support/crash-watch.ts'
import { scriptedSource, type Scripted } from '../support/scripted-source.ts'
import { putFiles, takeFiles, type Files } from './files.ts'

/** Settings under which nothing waits; those of the other tests come with their runner, which a process of its own has not. */
export const QUICK = { backoffMs: 1, maxBackoffMs: 4, maxAttempts: 4, leaseMs: 5_000 } as const

/** In memory where the machine has a file system for that: these are thousands of databases. */
const PARENT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** The path of a database in a folder of its own, gone when the function has ended. */
export async function inPlace<T>(use: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(PARENT, 'muster-test-'))
  const path = join(folder, 'muster.db')
  try {
    return await use(path)
  } finally {
    unwatchFile(path)
    rmSync(folder, { recursive: true, force: true })
  }
}

let empty: Promise<Files> | undefined

/** A database of the present schema with nothing in it: how one is made is a scenario of its own. */
export async function putEmptyDatabase(path: string): Promise<void> {
  empty ??= inPlace(async (first) => {
    await (await openStore({ path: first })).close()
    return takeFiles(first)
  })
  putFiles(path, await empty)
}

/** A Muster that nobody watches, for what happened before. */
export async function musterAt(database: string, listings: Record<string, Scripted>) {
  if (!isPostgresUrl(database) && !existsSync(database)) await putEmptyDatabase(database)
  const muster = await createMuster({
    database,
    ...QUICK,
    sources: [scriptedSource(listings)],
  })
  return { muster, close: () => muster.close() }
}
