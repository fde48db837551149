import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Keeper } from './keeper.ts'
import type { OwnServer } from './server.ts'

export interface Program {
  readonly path: string
  readonly args: readonly string[]
  /** Whose folder the server runs in; it is ended with the server. */
  readonly keeper: Keeper
  /** What the server prints once it takes connections. */
  readonly ready: string
  /** Another user, for a server that refuses to run as root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined
}

const START_MS = 30_000
const STOP_MS = 10_000

/** Starts the program and waits for its line; throws with what it printed when it ends before. */
export async function startProgram(program: Program, url: string): Promise<OwnServer> {
  const server = new ProgramServer(program, url)
  try {
    await server.restart()
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

interface Running {
  readonly child: ChildProcess
  /** Resolves when all that holds its output has ended: of PostgreSQL, every process. */
  readonly ended: Promise<unknown>
}

class ProgramServer implements OwnServer {
  readonly url: string
  readonly #program: Program
  #running: Running | undefined

  constructor(program: Program, url: string) {
    this.#program = program
    this.url = url
  }

  async restart(): Promise<void> {
    await this.#end()
    this.#running = launch(this.#program)
    this.#program.keeper.watch(this.#running.child.pid)
    await readiness(this.#running.child, this.#program)
  }

  async kill(): Promise<void> {
    this.#running?.child.kill('SIGKILL')
    await this.#gone()
  }

  async stop(): Promise<void> {
    await this.#end()
    await this.#program.keeper.end()
  }

  async #end(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients. The others take either.
    running.child.kill('SIGINT')
    const timer = setTimeout(() => running.child.kill('SIGKILL'), STOP_MS)
    await this.#gone()
    clearTimeout(timer)
  }

  async #gone(): Promise<void> {
    if (this.#running === undefined) return
    await this.#running.ended
    this.#running = undefined
    // Its process id may become another's.
    this.#program.keeper.watch(undefined)
  }
}

function launch(program: Program): Running {
  const child = spawn(program.path, program.args, {
    ...program.user,
    cwd: program.keeper.folder,
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C reaches the whole group; the server has to outlive its clients' last words.
    detached: true,
  })
  return { child, ended: once(child, 'close').catch(() => undefined) }
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
