import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unauthenticated } from '../../domain/credentials.ts'
import { RetryLaterError } from '../../domain/errors.ts'
import type { JsonValue } from '../../domain/json.ts'
import type { SessionState } from '../../domain/session-state.ts'
import type { TaskRecord } from '../../domain/task.ts'
import { createMuster, type Muster } from '../../muster.ts'
import type { MusterOptions } from '../../options.ts'
import type { AnySource, EnumerateContext } from '../../sources/source.ts'
import { collect, equal } from '../checks.ts'
import { ContractError, withCleanUp } from '../contract-case.ts'
import type { Bench } from './bench.ts'
import { ofSeveralPages, promises, type SourceCase } from './case.ts'
import { within } from './patience.ts'
import { isWait, newRow, type Waits } from './waits.ts'

/** Pauses that keep nobody waiting; one attempt more than a stumble needs. */
const SETTINGS = { backoffMs: 1, maxBackoffMs: 10, maxAttempts: 3 } as const

/** The source under a type of its own, since the built-in ones are known already; it tells of its pages. */
function observed(source: AnySource, waits: Waits, onPage: (number: number) => void): AnySource {
  let row = newRow()
  return {
    type: 'contract',
    ...(source.comparable !== undefined && { comparable: source.comparable }),
    spec: source.spec,
    identify: (item, spec) => source.identify(item, spec),
    async *enumerate(spec, cursor: JsonValue | undefined, context: EnumerateContext) {
      let number = 0
      const pages = source.enumerate(spec, cursor, { ...context, clock: waits.clock })
      try {
        for await (const page of pages) {
          row = newRow()
          onPage((number += 1))
          yield page
        }
      } catch (thrown) {
        if (!isWait(thrown)) throw thrown
        await waits.out(thrown, row)
        // It has been waited out; what Muster makes of it stays to be seen.
        throw new RetryLaterError(thrown.message, Date.now(), { cause: thrown })
      }
    },
  }
}

/** How a walk is stopped by its host: it is told of each page before Muster has it. */
type Stop = (page: number, host: { readonly muster: Muster; readonly abort: () => void }) => void

const goOn: Stop = () => undefined

/** Stops in a request: the second page is lost and has to be read again. */
const abortInSecondPage: Stop = (page, { abort }) => {
  if (page === 2) abort()
}

/** Stops between two pages: the first is kept. */
const closeAfterFirstPage: Stop = (page, { muster }) => {
  if (page === 1) muster.close().catch(() => undefined)
}

/** The credentials as a host defines them. */
function credentialsOf({ options, authRef }: Bench) {
  const { type, values: config } = options.credentials ?? unauthenticated()
  if (type === 'UNAUTHENTICATED' || authRef === null) return { auth: {}, authRef: null }
  return {
    auth: { [authRef]: { type: type.toLowerCase(), config } } as NonNullable<MusterOptions['auth']>,
    authRef,
  }
}

interface Walk {
  readonly database: string
  readonly stop: Stop
  readonly patienceMs: number
}

/** One process's part of a walk. @returns the session as it was left */
async function walkOnce(bench: Bench, { database, stop, patienceMs }: Walk): Promise<SessionState> {
  const aborting = new AbortController()
  const source = observed(bench.newSource(), bench.waits, (page) =>
    stop(page, { muster, abort: () => aborting.abort() }),
  )
  const { auth, authRef } = credentialsOf(bench)
  const muster = await createMuster({ database, sources: [source], auth, ...SETTINGS })
  return withCleanUp(
    async () => {
      const { spec: contract } = bench.options
      const target = { name: 'contract', sourceType: 'contract', authRef, contract }
      const { done } = muster.coordinator.enumerateTarget(target, { signal: aborting.signal })
      return await within(patienceMs, 'walking', done)
    },
    () => {
      // Closing alone would wait for a listing that hangs.
      aborting.abort()
      return muster.close()
    },
  )
}

/** Walks to the end, by as many Musters as that takes. */
async function walkToEnd(
  bench: Bench,
  { limit, ...walk }: Pick<Walk, 'database' | 'stop'> & { readonly limit: number },
): Promise<void> {
  for (let turn = 1; turn <= limit; turn += 1) {
    const { status, failureReason } = await walkOnce(bench, {
      ...walk,
      patienceMs: limit * bench.patienceMs,
    })
    assert.ok(status !== 'FAILED', `the walk failed: ${failureReason}`)
    if (status === 'COMPLETED' || status === 'PARTIALLY_COMPLETED') return
  }
  throw new ContractError(
    `the walk has not ended, though each of ${limit} Musters could keep a page of it`,
  )
}

async function tasksIn(database: string): Promise<readonly TaskRecord[]> {
  await using muster = await createMuster({ database })
  return await collect(muster.repositories.tasks.stream())
}

/** That a walk, stopped in some way again and again, comes to one task for each resource. */
async function makesEachTaskOnce(bench: Bench, stop: Stop): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-contract-'))
  const database = join(folder, 'muster.db')
  await withCleanUp(
    async () => {
      const pages = await bench.pages()
      const uriOf = new Map<string, string>()
      const identities = bench.identities(pages.flatMap(({ items }) => items))
      for (const { key, uri, skipped } of identities) {
        // What the target leaves out has no task.
        if (skipped === undefined && !uriOf.has(key)) uriOf.set(key, uri)
      }
      await walkToEnd(bench, { database, stop, limit: pages.length + 2 })
      const uris = (await tasksIn(database)).map(({ resourceUri }) => resourceUri)
      equal(uris.toSorted(), [...uriOf.values()].toSorted())
    },
    () => rm(folder, { recursive: true, force: true }),
  )
}

export const walks: readonly SourceCase[] = [
  promises('a walk makes one task for each resource', (bench) => makesEachTaskOnce(bench, goOn)),

  promises(
    'a walk that is aborted after each page, and resumed, makes the same tasks',
    (bench) => makesEachTaskOnce(bench, abortInSecondPage),
    ofSeveralPages,
  ),

  promises('a walk that is closed after each page, and resumed, makes the same tasks', (bench) =>
    makesEachTaskOnce(bench, closeAfterFirstPage),
  ),
]
