import { once } from 'node:events'
import { join } from 'node:path'
import { createMuster, openStore, type CommitPage } from '../../../src/index.ts'
import type { Bench } from '../figure.ts'
import { localSource, localTarget } from './local-source.ts'

/** What is walked: far more than anybody will reach. */
const ENDLESS = { count: 1_000_000_000, pageSize: 100 }
const TARGET = localTarget(ENDLESS)

/** A listing that stops coming after so many pages, until the walk is closed. */
const stoppingAfter = (pages: number, reached: () => void) =>
  localSource({
    async before(from, signal) {
      if (from < pages * ENDLESS.pageSize) return
      reached()
      if (!signal.aborted) await once(signal, 'abort')
    },
  })

interface Committed {
  readonly at: number
  readonly ms: number
}

/** A store that notes when each page was committed, and how long that took. */
async function notingStore(path: string, commits: Committed[]) {
  const store = await openStore({ path })
  return {
    ...store,
    async commitPage(page: CommitPage) {
      const from = performance.now()
      const result = await store.commitPage(page)
      const at = performance.now()
      commits.push({ at, ms: at - from })
      return result
    },
  }
}

/**
 * Walks the endless listing on from wherever the database has it, up to a
 * page, and leaves the session unfinished.
 *
 * @returns when the pages were committed
 */
export async function walkUpTo(path: string, page: number): Promise<readonly Committed[]> {
  const commits: Committed[] = []
  const reached = Promise.withResolvers<void>()
  const muster = await createMuster({
    database: await notingStore(path, commits),
    sources: [stoppingAfter(page, reached.resolve)],
  })
  const cancel = new AbortController()
  const { done } = muster.coordinator.enumerateTarget(TARGET, { signal: cancel.signal })
  await Promise.race([reached.promise, done])
  // Closing alone would wait for the page that never comes.
  cancel.abort()
  await muster.close()
  return commits
}

/** One for all figures of a run: it takes minutes to make. */
const longSessions = new WeakMap<Bench, Promise<string>>()

/** The pages of the session that counts as long. */
export const longPages = ({ quick }: Bench): number => (quick ? 60 : 10_000)

/** A database with a session that was left unfinished after `longPages` or more. */
export function longSession(bench: Bench): Promise<string> {
  const known = longSessions.get(bench) ?? makeLongSession(bench)
  longSessions.set(bench, known)
  return known
}

async function makeLongSession(bench: Bench): Promise<string> {
  const pages = longPages(bench)
  bench.say(`walking a session of ${pages.toLocaleString('en')} pages`)
  const path = join(bench.folder(), 'long.db')
  await walkUpTo(path, pages)
  return path
}

/** How long it takes from nothing to the first request of a session that is taken up again, in milliseconds. */
export async function resumeOnce(database: string): Promise<number> {
  const asked = Promise.withResolvers<number>()
  const from = performance.now()
  const muster = await createMuster({
    database,
    sources: [stoppingAfter(0, () => asked.resolve(performance.now()))],
  })
  const cancel = new AbortController()
  const { done } = muster.coordinator.enumerateTarget(TARGET, { signal: cancel.signal })
  const at = await Promise.race([asked.promise, done.then(() => Number.NaN)])
  cancel.abort()
  await muster.close()
  if (Number.isNaN(at)) throw new Error('the session ended in place of being taken up again')
  return at - from
}
