import type { SessionState } from '../../domain/session-state.ts'
import type { Pruned, Store } from '../../store/store.ts'
import { identities, identity, OWNER, T0, TestWalk, type PageOf } from './fixtures.ts'
import { at } from './samples.ts'

/** When the sessions of these cases ended, unless a case says otherwise, and what is old. */
const ENDED = 1_000
export const BEFORE = T0 + ENDED + 1

export const ended = (change: Partial<SessionState> = {}): Partial<SessionState> => ({
  status: 'COMPLETED',
  timeline: { startedAt: at(0), lastUpdate: at(ENDED), completedAt: at(ENDED) },
  ...change,
})

export async function acknowledge(store: Store, sessionId: string): Promise<void> {
  const tasks = await store.takeTasks({ sessionId, after: 0, limit: 10_000 })
  await store.acknowledgeTasks({ seqs: tasks.map(({ seq }) => seq), at: T0 })
}

/** A session that is over, that nobody walks and whose tasks a host has. */
export async function over(
  store: Store,
  session: SessionState | string,
  page: PageOf = { kept: identities('repo', 3) },
): Promise<SessionState> {
  const walk = await TestWalk.begin(store, session)
  await walk.page({ ...page, session: ended(page.session) })
  await acknowledge(store, walk.sessionId)
  await store.releaseLease({ sessionId: walk.sessionId, owner: OWNER })
  return walk.state
}

/** The same, and after it one of the target that has to stay: it is the newest, and has the last task. */
export async function old(store: Store, name = 'acme', page?: PageOf): Promise<SessionState> {
  const first = await over(store, name, page)
  await over(store, name, { kept: [identity('last')] })
  return first
}

export const nothing = { sessions: 0, tasks: 0, batches: 0, failedItems: 0 }

/** Prunes to the end, a step after the other. */
export async function pruned(
  store: Store,
  { before = BEFORE, limit = 100, onStep = async () => {} } = {},
) {
  const counts = { ...nothing }
  for (let after: number | null = 0; after !== null;) {
    const { next, ...step }: Pruned = await store.prune({ before, limit, after })
    for (const kind of Object.keys(nothing) as (keyof typeof nothing)[]) counts[kind] += step[kind]
    after = next
    await onStep()
  }
  return counts
}

export const isThere = async (store: Store, { sessionId }: SessionState) =>
  (await store.repositories.sessions.load(sessionId)) !== null
