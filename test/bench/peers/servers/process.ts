import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'

/** A server that answers at `url`; `stop` leaves one alone that was already running. */
export interface Server {
  readonly url: string
  stop(): Promise<void>
}

export interface Program {
  readonly path: string
  readonly args: readonly string[]
  /** Deleted when the server has stopped. */
  readonly folder: string
  /** What the server prints once it takes connections. */
  readonly ready: string
  /** Another user, for a server that refuses to run as root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
}

const START_MS = 30_000
const STOP_MS = 10_000

const running = new Set<{ child: ChildProcess; folder: string }>()

// An interrupted benchmark must not leave servers behind. 'exit' also covers process.exit().
function killAll(): void {
  for (const { child, folder } of running) {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }
  running.clear()
}

function interrupted(signal: NodeJS.Signals): void {
  killAll()
  unguard()
  // Without our listener the signal ends the process with the status its caller expects.
  process.kill(process.pid, signal)
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function guard(): void {
  process.once('exit', killAll)
  for (const signal of SIGNALS) process.once(signal, interrupted)
}

function unguard(): void {
  process.off('exit', killAll)
  for (const signal of SIGNALS) process.off(signal, interrupted)
}

/** A port of 127.0.0.1 that nothing listens on at this moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('No free port on 127.0.0.1')
  return address.port
}

/** Starts the program and waits for its line; throws with what it printed when it ends before. */
export async function startProgram(program: Program, url: string): Promise<Server> {
  const child = spawn(program.path, program.args, {
    ...program.user,
    cwd: program.folder,
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C reaches the whole group; the server must outlive the peers' last words.
    detached: true,
  })
  const entry = { child, folder: program.folder }
  if (running.size === 0) guard()
  running.add(entry)
  const ended = once(child, 'close')
  const stop = (): Promise<void> => stopProgram(entry, ended)
  try {
    await readiness(child, program)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop }
}

async function readiness(child: ChildProcess, program: Program): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let printed = ''
  const listen = (chunk: Buffer): void => {
    // Later output is still read, or the server blocks on a full pipe.
    if (printed.length < 100_000) printed += chunk.toString()
    if (printed.includes(program.ready)) resolve()
  }
  child.stdout?.on('data', listen)
  child.stderr?.on('data', listen)
  const fail = (why: string): void =>
    reject(new Error(`${program.path} did not start: ${why}. It printed: ${printed.slice(-2000)}`))
  child.once('error', (error) => fail(error.message))
  child.once('close', (code) => fail(`it ended with ${code}`))
  const timer = setTimeout(() => fail(`not ready after ${START_MS} ms`), START_MS)
  try {
    await promise
  } finally {
    clearTimeout(timer)
  }
}

async function stopProgram(
  entry: { child: ChildProcess; folder: string },
  ended: Promise<unknown>,
): Promise<void> {
  if (!running.has(entry)) return
  // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients. Redis takes either.
  entry.child.kill('SIGINT')
  const timer = setTimeout(() => entry.child.kill('SIGKILL'), STOP_MS)
  await ended.catch(() => undefined)
  clearTimeout(timer)
  running.delete(entry)
  if (running.size === 0) unguard()
  rmSync(entry.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
}
