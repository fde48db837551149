import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Debian puts PostgreSQL's programs, which it keeps off PATH. */
const POSTGRESQL = '/usr/lib/postgresql'

/** Where Debian puts nats-server; not on the PATH of every user. */
const SYSTEM = '/usr/sbin'

function postgresqlFolders(): string[] {
  try {
    const versions = readdirSync(POSTGRESQL).toSorted((a, b) => Number(b) - Number(a))
    return versions.map((version) => join(POSTGRESQL, version, 'bin'))
  } catch {
    return []
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The program's path, from PATH or Debian's folders for servers; undefined when it is not installed. */
export function findBinary(name: string): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  const folders = [...onPath, ...postgresqlFolders(), SYSTEM]
  return folders.map((folder) => join(folder, name)).find((path) => isExecutable(path))
}
