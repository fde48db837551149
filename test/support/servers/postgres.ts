import { execFile } from 'node:child_process'
import { chownSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findBinary } from './binary.ts'
import { Keeper } from './keeper.ts'
import { freePort } from './port.ts'
import { startProgram } from './program.ts'
import { given, givenOr, type OwnServer, type Server } from './server.ts'

interface User {
  readonly uid: number
  readonly gid: number
}

export interface PostgresOptions {
  /**
   * Whether what is committed outlives the machine, at the price of speed. It outlives a kill of
   * the server in either case. Default: false.
   */
  readonly durable?: boolean
}

const REMEDY =
  'install PostgreSQL (Debian: apt-get install postgresql), or name a running server in DATABASE_URL'

const PROGRAMS = ['initdb', 'postgres'] as const

/** PostgreSQL refuses to run as root: somebody else, or undefined where there is nobody else. */
function unprivileged(): User | undefined {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  return undefined
}

const isRoot = (): boolean => process.getuid?.() === 0

function missingOwn(): string | undefined {
  const absent = PROGRAMS.filter((name) => findBinary(name) === undefined)
  if (absent.length > 0) return `PostgreSQL's ${absent.join(' and ')} are not installed: ${REMEDY}`
  if (isRoot() && unprivileged() === undefined)
    return `PostgreSQL refuses to run as root and this machine has no user postgres or nobody: ${REMEDY}`
  return undefined
}

/** Why no PostgreSQL can be had here, with the remedy; undefined where one can. */
export const missingPostgres = (): string | undefined =>
  given('DATABASE_URL') === undefined ? missingOwn() : undefined

/** The server at DATABASE_URL, or one of our own; throws with the remedy. */
export const postgresServer = (options?: PostgresOptions): Promise<Server> =>
  givenOr('DATABASE_URL', () => startPostgres(options))

/**
 * A server of our own on 127.0.0.1, whatever DATABASE_URL says: for a test that restarts it.
 *
 * @throws with the remedy where PostgreSQL is not installed, and with what it printed where it
 *   does not start.
 */
export async function startPostgres({ durable = false }: PostgresOptions = {}): Promise<OwnServer> {
  const why = missingOwn()
  if (why !== undefined) throw new Error(why)
  const [initdb = '', postgres = ''] = PROGRAMS.map(findBinary)
  const user = isRoot() ? unprivileged() : undefined
  // SIGQUIT is the immediate shutdown.
  const keeper = new Keeper('postgres', 'QUIT')
  try {
    const data = await createCluster(initdb, keeper.folder, user)
    const port = await freePort()
    const args = ['-D', data, '-p', String(port), ...settings(durable)]
    const ready = 'database system is ready to accept connections'
    return await startProgram(
      { path: postgres, args, keeper, ready, user },
      `postgres://muster@127.0.0.1:${port}/postgres`,
    )
  } catch (error) {
    await keeper.end()
    throw error
  }
}

async function createCluster(
  initdb: string,
  folder: string,
  user: User | undefined,
): Promise<string> {
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  // --no-sync leaves out only the sync of the empty cluster's own files.
  const args = ['-D', data, '-U', 'muster', '-A', 'trust', '-E', 'UTF8', '--no-sync']
  const env = { PATH: process.env['PATH'], LC_ALL: 'C' }
  await promisify(execFile)(initdb, args, { ...user, cwd: folder, env })
  return data
}

function settings(durable: boolean): string[] {
  const safety = durable ? 'on' : 'off'
  return [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    // Several test files at once, each with several hosts and their pools.
    'max_connections=200',
    `fsync=${safety}`,
    // Without it the last commits are gone after a kill; it costs little where nothing is synced.
    'synchronous_commit=on',
    `full_page_writes=${safety}`,
  ].flatMap((setting) => ['-c', setting])
}
