import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '../support/wait-until.ts'
import type { HostInput, HostLine } from './host-lines.ts'

const HOST = fileURLToPath(new URL('host.ts', import.meta.url))

/** What of a host's warnings is kept, in characters. */
const KEPT = 20_000

/** How a host process ended. */
interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

type Is = HostLine['is']

/** One life of a host: a process, from its start to its end. */
export class HostProcess {
  readonly name: string
  readonly lines: HostLine[] = []
  readonly ended: Promise<Ending>
  /** How it ended, when it has. */
  ending: Ending | undefined
  isStopped = false
  wasKilled = false
  /** What it warned of. */
  warned = ''
  readonly #child: ChildProcess

  constructor(input: HostInput) {
    this.name = input.name
    const child = spawn(process.execPath, [HOST, JSON.stringify(input)], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as HostLine)
    })
    child.stderr.on('data', (text: Buffer) => {
      this.warned = `${this.warned}${text.toString()}`.slice(-KEPT)
    })
    child.stdin.on('error', () => undefined)
    const { promise, resolve } = Promise.withResolvers<Ending>()
    // With its last words.
    child.once('close', (code, signal) => {
      this.ending = { code, signal }
      resolve(this.ending)
    })
    this.ended = promise
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Whether it runs, and is not held. */
  get isAwake(): boolean {
    return this.ending === undefined && !this.wasKilled && !this.isStopped
  }

  /** What a lease of this process is named like, for SQL's `like`. */
  get owner(): string {
    return `${this.name}%/${this.pid}/%`
  }

  said(is: Is): boolean {
    return this.lines.some((line) => line.is === is)
  }

  count(is: Is): number {
    return this.lines.filter((line) => line.is === is).length
  }

  async awaitSaid<I extends Is>(
    is: I,
    withinMs = 60_000,
  ): Promise<Extract<HostLine, { readonly is: I }>> {
    const happened = () => this.said(is) || this.ending !== undefined
    await waitUntil(`${this.name} says "${is}"`, happened, { withinMs })
    const line = this.lines.find((line) => line.is === is)
    if (line !== undefined) return line as Extract<HostLine, { readonly is: I }>
    throw new Error(
      `${this.name} ended (${JSON.stringify(this.ending)}) before it said "${is}": ${this.warned}`,
    )
  }

  go(): void {
    this.#child.stdin?.write('go\n')
  }

  kill(): void {
    this.wasKilled = true
    this.#child.kill('SIGKILL')
  }

  stop(): void {
    this.isStopped = true
    this.#child.kill('SIGSTOP')
  }

  wake(): void {
    this.#child.kill('SIGCONT')
    this.isStopped = false
  }

  /** Asks it to close; it has to end by itself. */
  async close(withinMs = 20_000): Promise<Ending> {
    this.#child.kill('SIGTERM')
    const gone = () => this.ending !== undefined
    await waitUntil(`${this.name} has closed and ended`, gone, { withinMs })
    return this.ended
  }
}

/** Hosts that share a database: all lives that there were. */
export class Fleet {
  readonly lives: HostProcess[] = []
  readonly #input: Omit<HostInput, 'name'>

  constructor(input: Omit<HostInput, 'name'>) {
    this.#input = input
  }

  start(name: string, over: Partial<HostInput> = {}): HostProcess {
    const host = new HostProcess({ ...this.#input, name, ...over })
    this.lives.push(host)
    return host
  }

  get awake(): HostProcess[] {
    return this.lives.filter((host) => host.isAwake)
  }

  /** Those that take part by now, and are not held. */
  get ready(): HostProcess[] {
    return this.awake.filter((host) => host.said('ready'))
  }

  count(is: Is): number {
    return this.lives.reduce((sum, host) => sum + host.count(is), 0)
  }

  /** Leaves none behind, in whatever state. */
  async end(): Promise<void> {
    for (const host of this.lives) {
      if (host.ending === undefined) host.kill()
    }
    await Promise.all(this.lives.map(({ ended }) => ended))
  }
}
