import { execFile } from 'node:child_process'
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findBinary } from './binary.ts'
import { freePort, startProgram, type Server } from './process.ts'

interface User {
  readonly uid: number
  readonly gid: number
}

const REMEDY = 'install PostgreSQL, or name a running server in DATABASE_URL'

/** PostgreSQL refuses to run as root: somebody else, or undefined where we are not root. */
function unprivileged(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  throw new Error(
    `PostgreSQL refuses to run as root and this machine has no user postgres or nobody: ${REMEDY}`,
  )
}

/** The server at DATABASE_URL, or one of our own with fsync on; throws with the remedy. */
export async function startPostgres(): Promise<Server> {
  const given = process.env['DATABASE_URL']
  if (given !== undefined && given !== '') return { url: given, stop: async () => {} }
  const initdb = findBinary('initdb')
  const postgres = findBinary('postgres')
  if (initdb === undefined || postgres === undefined)
    throw new Error(`PostgreSQL's initdb and postgres are not installed: ${REMEDY}`)
  return await startOwn(initdb, postgres)
}

async function startOwn(initdb: string, postgres: string): Promise<Server> {
  const user = unprivileged()
  const folder = mkdtempSync(join(tmpdir(), 'muster-bench-postgres-'))
  try {
    if (user !== undefined) chownSync(folder, user.uid, user.gid)
    const data = join(folder, 'data')
    // --no-sync leaves out only the sync of the empty cluster's own files.
    const args = ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--no-sync']
    await promisify(execFile)(initdb, args, {
      ...user,
      cwd: folder,
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    })
    const port = await freePort()
    const settings = [
      'listen_addresses=127.0.0.1',
      'unix_socket_directories=',
      'fsync=on',
      'synchronous_commit=on',
      'full_page_writes=on',
    ].flatMap((setting) => ['-c', setting])
    return await startProgram(
      {
        path: postgres,
        args: ['-D', data, '-p', String(port), ...settings],
        folder,
        ready: 'database system is ready to accept connections',
        user,
      },
      `postgres://bench@127.0.0.1:${port}/postgres`,
    )
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}
