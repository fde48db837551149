import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import { PAGE } from './items.ts'
import type { Settings, Subject } from './types.ts'

export interface RecoveryOptions {
  /** Kills for each way of keying, each over fresh storage. Default 5. */
  readonly runs?: number
  /** Milliseconds from the first page to the kill. Default 1000. */
  readonly afterMs?: number
  /** Milliseconds within which a page must come. Default 60,000. */
  readonly patienceMs?: number
}

/** One way of keying: every item with a key of its own, or none. */
export interface Series {
  /** From the start of the process to the first page that was not there; one number a kill. */
  readonly firstNewPageMs: readonly number[]
  /** Whole pages that were stored at each kill. */
  readonly pagesAtKill: readonly number[]
  /** Rows in excess of one a key, over all kills. */
  readonly duplicates: number
}

export interface Recovery {
  readonly name: string
  /** Absent where the subject always goes by key. */
  readonly withoutKeys?: Series
  readonly withKeys: Series
}

interface Stored {
  readonly rows: number
  readonly keys: number
}

type Child = ChildProcessByStdio<null, Readable, Readable>

const DEFAULTS = { runs: 5, afterMs: 1000, patienceMs: 60_000 }

/**
 * Kills the subject's child with SIGKILL while it adds pages, starts another over the same storage
 * and measures how long that one takes to its first new page. Throws with what the child printed
 * when it ends by itself, or when no page comes in time.
 */
export async function recovery(subject: Subject, options: RecoveryOptions = {}): Promise<Recovery> {
  const settled = { ...DEFAULTS, ...options }
  if (!Number.isInteger(settled.runs) || settled.runs < 1)
    throw new Error(`runs is ${settled.runs}; it must be a whole number from 1`)
  const withKeys = await series(subject, true, settled)
  if (subject.keys === 'always') return { name: subject.name, withKeys }
  return { name: subject.name, withKeys, withoutKeys: await series(subject, false, settled) }
}

async function series(
  subject: Subject,
  keyed: boolean,
  options: Required<RecoveryOptions>,
): Promise<Series> {
  const kills: Kill[] = []
  for (let run = 0; run < options.runs; run++) {
    const storage = await subject.create()
    try {
      kills.push(await oneKill(subject.child, { ...storage.settings, keyed }, options))
    } finally {
      await storage.remove()
    }
  }
  return {
    firstNewPageMs: kills.map((kill) => kill.ms),
    pagesAtKill: kills.map((kill) => kill.pages),
    duplicates: kills.reduce((sum, kill) => sum + kill.duplicates, 0),
  }
}

interface Kill {
  readonly ms: number
  readonly pages: number
  readonly duplicates: number
}

async function oneKill(
  module: string,
  settings: Settings,
  options: Required<RecoveryOptions>,
): Promise<Kill> {
  const first = start(module, 'walk', settings)
  await pageFrom(first, 0, options.patienceMs)
  await sleep(options.afterMs)
  await kill(first)
  // Counted by a third process, so that what the second finds out for itself is in its time.
  const pages = Math.floor((await stored(module, settings)).keys / PAGE)
  const startedAt = performance.now()
  const second = start(module, 'walk', settings)
  await pageFrom(second, pages, options.patienceMs)
  const ms = performance.now() - startedAt
  await kill(second)
  const { rows, keys } = await stored(module, settings)
  return { ms, pages, duplicates: rows - keys }
}

function start(module: string, mode: 'walk' | 'stored', settings: Settings): Child {
  return spawn(process.execPath, [module, mode, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function kill(child: Child): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null)
    throw new Error('The child ended by itself before it was killed')
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}

/** Resolves at the child's first line `page N` with N at least `from`. */
async function pageFrom(child: Child, from: number, patienceMs: number): Promise<void> {
  await lineOf(child, patienceMs, (line) => {
    const number = /^page (\d+)$/.exec(line)?.[1]
    return number !== undefined && Number(number) >= from ? true : undefined
  })
}

async function stored(module: string, settings: Settings): Promise<Stored> {
  return await lineOf(start(module, 'stored', settings), DEFAULTS.patienceMs, (line) =>
    line.startsWith('stored ') ? (JSON.parse(line.slice('stored '.length)) as Stored) : undefined,
  )
}

/** The first line of the child that `read` makes something of. */
async function lineOf<T>(
  child: Child,
  patienceMs: number,
  read: (line: string) => T | undefined,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => {
    complaints = (complaints + chunk.toString()).slice(-4000)
  })
  const fail = (why: string): void =>
    reject(new Error(`${child.spawnargs.slice(1).join(' ')}: ${why}. It printed: ${complaints}`))
  // The lines go on being read after the one that was waited for: a full pipe would stop the child.
  createInterface({ input: child.stdout }).on('line', (line) => {
    const found = read(line)
    if (found !== undefined) resolve(found)
  })
  child.once('error', (error) => fail(error.message))
  child.once('close', (code, signal) => fail(`the child ended with ${code ?? signal}`))
  const timer = setTimeout(() => fail(`nothing came within ${patienceMs} ms`), patienceMs)
  try {
    return await promise
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    clearTimeout(timer)
  }
}
