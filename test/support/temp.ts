import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A folder of the test's own, gone when the test is. */
export function tempFolder(parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, 'muster-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The path of a database that does not exist yet. */
export const tempDatabase = (): string => join(tempFolder(), 'muster.db')

/** The same in memory where the machine has a file system for that; a test of hundreds of databases waits for no disk. */
export const quickDatabase = (): string =>
  join(tempFolder(existsSync('/dev/shm') ? '/dev/shm' : tmpdir()), 'muster.db')
