import { isSame, takeFiles, type Files } from './files.ts'
import { Facts, Life, type Boundary } from './life.ts'
import { inPlace, putEmptyDatabase } from './places.ts'
import type { Scenario } from './scenario.ts'
import { isWrite, shapeOf } from './statements.ts'

/** What a crash leaves: the files, and what the world outside has seen by then. */
export interface Wreck {
  readonly files: Files
  readonly facts: readonly string[]
}

/** A boundary that was reached, and what a crash at it leaves. */
export interface Reached extends Boundary {
  readonly wreck: number
  /** What was on the disk before the transaction that has written something and is not committed; null outside of one. */
  readonly undoneTo: number | null
}

export interface Recording {
  readonly reached: readonly Reached[]
  /** Different ones; between two writes, every boundary leaves the same. */
  readonly wrecks: readonly Wreck[]
  readonly methods: ReadonlySet<string>
}

/** Follows the transactions of a life's connections. */
class Transactions {
  readonly #open = new Map<number, { readonly before: number; wrote: boolean }>()

  /** @returns what a crash here takes back to, if it takes back anything */
  at({ what, phase, isStatement, connection }: Boundary, wreck: number): number | null {
    if (isStatement && phase === 'after' && what === 'begin immediate') {
      this.#open.set(connection, { before: wreck, wrote: false })
    }
    if (isStatement && phase === 'after' && /^(commit|rollback)$/.test(what)) {
      this.#open.delete(connection)
    }
    const own = this.#open.get(connection)
    if (own !== undefined && phase === 'after' && isWrite(what)) own.wrote = true
    const writing = [...this.#open.values()].find(({ wrote }) => wrote)
    return writing?.before ?? null
  }
}

/**
 * Lives a scenario through, and takes at every boundary what a process that
 * dies there leaves: the bytes of its files. Nothing it does later is in them,
 * as nothing is closed, rolled back or merged by one that is killed.
 */
export function record(scenario: Scenario): Promise<Recording> {
  return inPlace(async (path) => {
    await prepare(scenario, path)
    return recordLife(scenario, path)
  })
}

/** Has there be what a scenario begins with. */
export const prepare = (scenario: Scenario, path: string): Promise<void> =>
  scenario.prepare?.(path) ?? putEmptyDatabase(path)

export async function recordLife(
  scenario: Scenario,
  path: string,
  known: readonly string[] = [],
): Promise<Recording> {
  const reached: Reached[] = []
  const wrecks: Wreck[] = []
  const methods = new Set<string>()
  const transactions = new Transactions()
  const facts = new Facts(known)
  const onBoundary = (boundary: Boundary) => {
    const files = takeFiles(path)
    const last = wrecks.at(-1)
    const isNew =
      last === undefined || last.facts.length !== facts.all.length || !isSame(last.files, files)
    if (isNew) wrecks.push({ files, facts: [...facts.all] })
    const wreck = wrecks.length - 1
    reached.push({ ...boundary, wreck, undoneTo: transactions.at(boundary, wreck) })
  }
  const onMethod = (method: string) => methods.add(method)
  await scenario.live(new Life({ path, facts, onBoundary, onMethod }))
  return { reached, wrecks: sharing(wrecks), methods }
}

/** A log mostly grows: an earlier one is the beginning of the next, and is held as that. */
function sharing(wrecks: readonly Wreck[]): Wreck[] {
  let next: Files | undefined
  const shared = wrecks.toReversed().map(({ files, facts }) => {
    next = {
      ...files,
      main: beginning(files.main, next?.main),
      wal: beginning(files.wal, next?.wal),
    }
    return { files: next, facts }
  })
  return shared.toReversed()
}

function beginning(bytes: Buffer | null, next: Buffer | null | undefined): Buffer | null {
  if (bytes === null || !next) return bytes
  const head = next.subarray(0, bytes.length)
  return head.equals(bytes) ? head : bytes
}

/** The shapes of the writes before and after which a recording has a crash. */
export function writesOf({ reached }: Recording): Set<string> {
  const phases = (phase: Boundary['phase']) =>
    new Set(
      reached
        .filter((b) => b.isStatement && b.phase === phase && isWrite(b.what))
        .map((b) => shapeOf(b.what)),
    )
  const after = phases('after')
  return new Set([...phases('before')].filter((shape) => after.has(shape)))
}
