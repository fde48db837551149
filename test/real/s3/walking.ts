import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { openStore } from '../../../src/index.ts'
import type { Server } from './filling.ts'

const CHILD = fileURLToPath(new URL('walk-child.ts', import.meta.url))

/** A kill comes up to so long after its page, wherever the walk is by then. */
const KILL_WITHIN_MS = 40

export interface ChildInput {
  readonly database: string
  /** The s3 part of the target. */
  readonly s3: object
}

interface Effort {
  readonly requests: number
  readonly peakRssKib: number
}

export type ChildLine = Effort &
  (
    | { readonly kind: 'page'; readonly items: number }
    | {
        readonly kind: 'end'
        readonly status: string
        readonly completeness: string
        readonly skipped: number
      }
  )

export interface Walked {
  /** How its session ended, and the verdict. */
  readonly end: string
  readonly skipped: number
  readonly kills: number
  /** Of all lives together. */
  readonly requests: number
  readonly seconds: number
  /** The most memory that any of its processes held. */
  readonly peakRssMib: number
  /** What a process had held at most when 10,000 objects of its own were durable; undefined where none came so far. */
  readonly rssMibAt10000: number | undefined
}

export interface WalkOptions {
  readonly server: Server
  readonly database: string
  readonly s3: object
  /** Numbers of durable objects at which the process is killed. */
  readonly killAt?: readonly number[]
}

/** What one process said of itself. */
interface Life extends Effort {
  readonly items: number
  readonly end: Extract<ChildLine, { kind: 'end' }> | undefined
  readonly rssKibAt10000: number | undefined
}

/** Walks in a process of its own, which is killed and started again; the rest is up to its database. */
export async function walk({ server, database, s3, killAt = [] }: WalkOptions): Promise<Walked> {
  const from = performance.now()
  const lives: Life[] = []
  const kills = [...killAt]
  let items = 0
  for (;;) {
    const next = kills.shift()
    const life = await live({ server, database, s3 }, next === undefined ? Infinity : next - items)
    lives.push(life)
    items += life.items
    if (life.end !== undefined) break
  }
  const { end } = lives.at(-1) as Life
  const rss = lives.map(({ rssKibAt10000 }) => rssKibAt10000).findLast((kib) => kib !== undefined)
  return {
    end: `${end?.status} ${end?.completeness}`,
    skipped: end?.skipped ?? 0,
    kills: lives.length - 1,
    requests: lives.reduce((sum, { requests }) => sum + requests, 0),
    seconds: (performance.now() - from) / 1_000,
    peakRssMib: Math.max(...lives.map(({ peakRssKib }) => peakRssKib)) / 1_024,
    rssMibAt10000: rss === undefined ? undefined : rss / 1_024,
  }
}

/** One process, to its end or until so many objects are durable. */
async function live({ server, ...input }: WalkOptions, killAfter: number): Promise<Life> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(input satisfies ChildInput)], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      ACCESS_KEY: server.accessKeyId,
      SECRET_KEY: server.secretAccessKey,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise<NodeJS.Signals | number | null>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? code)),
  )
  const life = { items: 0, requests: 0, peakRssKib: 0, end: undefined, rssKibAt10000: undefined }
  const said = await hear(child.stdout, life, (items) => {
    if (items < killAfter || child.killed) return
    void sleep(Math.random() * KILL_WITHIN_MS).then(() => child.kill('SIGKILL'))
  })
  const how = await gone
  if (said.end === undefined && how !== 'SIGKILL') throw new Error(`the walk ended with ${how}`)
  return said
}

async function hear(
  stdout: NodeJS.ReadableStream,
  silent: Life,
  onPage: (items: number) => void,
): Promise<Life> {
  let life = silent
  for await (const text of createInterface({ input: stdout })) {
    // A killed process may leave half a line.
    if (!text.endsWith('}')) break
    const line = JSON.parse(text) as ChildLine
    const { requests, peakRssKib } = line
    if (line.kind === 'end') life = { ...life, requests, peakRssKib, end: line }
    else {
      const items = life.items + line.items
      const rssKibAt10000 = life.rssKibAt10000 ?? (items >= 10_000 ? peakRssKib : undefined)
      life = { ...life, items, requests, peakRssKib, rssKibAt10000 }
      onPage(items)
    }
  }
  return life
}

export interface Compared {
  readonly expected: number
  readonly found: number
  readonly lost: number
  /** More tasks for a URI than there should be. */
  readonly doubled: number
  /** Tasks for what nobody put. */
  readonly foreign: number
  /** A few of those that are lost, doubled or foreign. */
  readonly samples: readonly string[]
}

/** The URI of an object. */
export const uriOf = (bucket: string, key: string): string => `s3://${bucket}/${key}`

/** Holds the URIs of the tasks in a database against those that should be there, and how often. */
export async function compare(
  database: string,
  expected: ReadonlyMap<string, number>,
): Promise<Compared> {
  const left = new Map(expected)
  const samples: string[] = []
  let found = 0
  let doubled = 0
  let foreign = 0
  const store = await openStore({ path: database })
  for await (const { resourceUri } of store.repositories.tasks.stream()) {
    const still = left.get(resourceUri)
    if (still !== undefined && still > 0) {
      found += 1
      left.set(resourceUri, still - 1)
      continue
    }
    if (still === undefined) foreign += 1
    else doubled += 1
    samples.push(`${still === undefined ? 'foreign' : 'doubled'} ${JSON.stringify(resourceUri)}`)
  }
  await store.close()
  const missing = [...left].filter(([, count]) => count > 0)
  return {
    expected: [...expected.values()].reduce((sum, count) => sum + count, 0),
    found,
    lost: missing.reduce((sum, [, count]) => sum + count, 0),
    doubled,
    foreign,
    samples: [...samples, ...missing.map(([uri]) => `lost ${JSON.stringify(uri)}`)].slice(0, 10),
  }
}
