import { describe, expect, test } from 'vitest'
import { openStore, type TimeProvider } from '../../src/index.ts'
import type { CommitPage, Store } from '../../src/store/store.ts'
import { storeContract } from '../../src/testing/index.ts'
import { collect } from '../support/muster.ts'
import { none, WRONG_STORES, type Broken } from './wrong-stores.ts'

const memory = (options: { readonly clock?: TimeProvider } = {}) =>
  openStore({ path: ':memory:', ...options })

/** The revision that the session has now, whoever walks it. */
const stolenRevision = async (store: Store, { fence }: Pick<CommitPage, 'fence'>) => {
  const { sessionId, owner, leaseMs } = fence
  const claim = { sessionId, owner, leaseMs, isGone: () => true }
  return { ...fence, revision: (await store.claimSession(claim)).revision }
}

const BROKEN: readonly Broken[] = [
  {
    what: 'commits a page without looking at the fence',
    change: (store) => ({
      commitPage: async (params) =>
        store.commitPage({ ...params, fence: await stolenRevision(store, params) }),
    }),
    fails: [
      'a claim makes everything stale that was read before it',
      'a commit that is too late changes nothing at all: a page under a revision that was overtaken',
      'a commit that is too late changes nothing at all: a page under a revision from the future',
      'a commit that is too late changes nothing at all: a page under another owner',
    ],
  },
  {
    what: 'commits a session without looking at the fence',
    change: (store) => ({
      commitSession: async (params) =>
        store.commitSession({ ...params, fence: await stolenRevision(store, params) }),
    }),
    fails: [
      'a commit that is too late changes nothing at all: a change of the session under a revision that was overtaken',
      'a commit that is too late changes nothing at all: a change of the session under another owner',
    ],
  },
  {
    what: 'says nothing of a commit that is too late',
    change: (store) => ({
      commitPage: (params) => store.commitPage(params).catch(() => ({ tasksCreated: 0 })),
    }),
    fails: [
      'a claim makes everything stale that was read before it',
      'a commit that is too late changes nothing at all: a page under an unknown session',
    ],
  },
  {
    what: 'commits a page in two steps',
    change: (store) => ({
      async commitPage(params) {
        const { fence, session, checkpoint } = params
        await store.commitSession({ fence, session, checkpoint })
        return store.commitPage({ ...params, fence: await stolenRevision(store, params) })
      },
    }),
    fails: [
      'a commit that is too late changes nothing at all: a page of which any part cannot be stored',
    ],
  },
  {
    what: 'writes a page twice',
    change: (store) => ({
      async commitPage(params) {
        const written = await store.commitPage(params)
        const fence = { ...params.fence, revision: params.fence.revision + 1 }
        const number = params.batch.number + 1
        const batch = { ...params.batch, number, batchId: `${params.batch.batchId} again` }
        await store.commitPage({ ...params, fence, batch })
        return written
      },
    }),
    fails: [
      'failed items keep item, reason, batch and moment',
      'a page and a page that could not be had are batches in the order of the walk',
    ],
  },
  {
    what: 'loses a failed item',
    change: (store) => ({
      commitPage: (params) =>
        store.commitPage({ ...params, rejected: params.rejected.slice(0, -1) }),
    }),
    fails: [
      'failed items keep item, reason, batch and moment',
      'failed items are read a window at a time, each session’s for itself',
    ],
  },
  {
    what: 'keeps a failed item that was tried again',
    change: (store) => ({
      commitPage: (params) => store.commitPage({ ...params, retriedItems: [] }),
    }),
    fails: [
      'failed items that were tried again are gone, and what failed again is a new one after all others',
    ],
  },
  {
    what: 'counts an item as a task that is one already',
    change: (store) => ({
      async commitPage(params) {
        await store.commitPage(params)
        return { tasksCreated: params.kept.length }
      },
    }),
    fails: [
      'no resource exists twice: an item met twice on a page is one resource and one task; the first one counts',
      'no resource exists twice: a page that is read again makes no second task, whatever surrounds its items',
    ],
  },
  {
    what: 'counts the last of an item that is met twice',
    change: (store) => ({
      commitPage: (params) => store.commitPage({ ...params, kept: params.kept.toReversed() }),
    }),
    fails: [
      'no resource exists twice: an item met twice on a page is one resource and one task; the first one counts',
      'a page of 10 items leaves one resource, scan target and task for each, in order',
    ],
  },
  {
    what: 'gives every claim, whoever holds the lease',
    change: (store) => ({
      claimSession: (params) => store.claimSession({ ...params, isGone: () => true }),
    }),
    fails: [
      'a claim is refused while another live process walks the session, to the last millisecond',
      'a claim succeeds when the lease was released, and only its owner can release it',
      'a lease is renewed by its owner alone',
    ],
  },
  {
    what: 'gives no claim to a process that comes after one that is gone',
    change: (store) => ({
      claimSession: (params) => store.claimSession({ ...params, isGone: () => false }),
    }),
    fails: ['a claim succeeds at once when the process that holds the lease is gone'],
  },
  {
    what: 'lets a lease end a little early',
    change: (store) => ({
      claimSession: (params) => store.claimSession({ ...params, leaseMs: params.leaseMs - 1 }),
    }),
    fails: [
      'a claim is refused while another live process walks the session, to the last millisecond',
    ],
  },
  {
    what: 'renews any lease',
    change: (store) => ({
      renewLease: (params) => store.renewLease(params).then(() => true),
    }),
    fails: ['a lease is renewed by its owner alone', 'a lease of an unknown session is not held'],
  },
  {
    what: 'does not extend a lease by a commit',
    change: (store) => ({
      commitPage: (params) =>
        store.commitPage({ ...params, fence: { ...params.fence, leaseMs: 0 } }),
    }),
    fails: ['a lease is extended by a page, from the moment of its commit'],
  },
  {
    what: 'forgets that a task was acknowledged',
    change: () => ({ acknowledgeTasks: async () => undefined }),
    fails: [
      'tasks are not taken again once they are acknowledged, alone or many at once',
      'no resource exists twice: an acknowledged task is not delivered anew when its page is read again',
      'what is unfinished is an ended session whose tasks a host began to take, until it has acknowledged all',
    ],
  },
  {
    what: 'acknowledges one of many',
    change: (store) => ({
      acknowledgeTasks: ({ seqs, at }) => store.acknowledgeTasks({ seqs: seqs.slice(0, 1), at }),
    }),
    fails: ['tasks are not taken again once they are acknowledged, alone or many at once'],
  },
  {
    what: 'gives tasks from the beginning, each time',
    change: (store) => ({
      takeTasks: ({ sessionId, limit, after }) =>
        store.takeTasks({ sessionId, limit, after: Math.max(0, after - 1) }),
    }),
    fails: ['tasks come in the order of their pages, a window at a time'],
  },
  {
    what: 'gives tasks in another order',
    change: (store) => ({
      takeTasks: async (params) => (await store.takeTasks(params)).toReversed(),
    }),
    fails: [
      'tasks come in the order of their pages, a window at a time',
      'a page of 9 items leaves one resource, scan target and task for each, in order',
    ],
  },
  {
    what: 'streams one window of tasks',
    change: none,
    repositories: ({ repositories: { tasks } }) => ({
      tasks: {
        ...tasks,
        async *stream(filter) {
          yield* (await collect(tasks.stream(filter))).slice(0, 1_000)
        },
      },
    }),
    fails: [
      'tasks are streamed through more than one window, and counted',
      'tasks can be streamed while more are committed and taken',
    ],
  },
  {
    what: 'gives scan targets of a batch that made no task',
    change: (store) => ({
      takeScanTargets: async ({ sessionId, afterBatch }) =>
        (await store.takeScanTargets({ sessionId, afterBatch })) ?? {
          batch: afterBatch + 1,
          scanTargetIds: [],
        },
    }),
    fails: [
      'scan targets of a walk come a batch at a time; a batch that made no task is passed over',
      'a page of 0 items leaves one resource, scan target and task for each, in order',
    ],
  },
  {
    what: 'forgets that a host takes tasks',
    change: () => ({ beginDelivery: async () => undefined }),
    fails: [
      'what is unfinished is an ended session whose tasks a host began to take, until it has acknowledged all',
    ],
  },
  {
    what: 'knows the unfinished in another order',
    change: (store) => ({
      findUnfinished: async (key) => (await store.findUnfinished(key)).toReversed(),
    }),
    fails: ['what is unfinished is every session that is not at its end, the oldest first'],
  },
  {
    what: 'begins a round each time',
    change: (store) => ({
      async openRound(params) {
        const { roundId } = await store.openRound(params)
        await store.closeRound({ roundId, at: params.at })
        return store.openRound(params)
      },
    }),
    fails: [
      'a round of enumeration holds what was unfinished when it began and what was begun in it, until it is closed',
    ],
  },
  {
    what: 'takes any progress of a task',
    change: (store) => ({
      recordProgress: (progress) => store.recordProgress(progress).then(() => true),
    }),
    fails: [
      'progress of a task sets the scan target’s last scan time when the scan is completed, and stays so',
      'progress of a task of an unknown task is passed over',
    ],
  },
  {
    what: 'cuts a long name',
    change: (store) => ({
      createSession: (params) =>
        store.createSession({
          ...params,
          session: { ...params.session, targetName: params.session.targetName.slice(0, 255) },
        }),
    }),
    fails: ['sessions may carry any text as a name'],
  },
  {
    what: 'takes a cursor that is null for no cursor',
    change: none,
    repositories: ({ repositories: { sessions } }) => ({
      sessions: {
        ...sessions,
        async load(id) {
          const session = await sessions.load(id)
          const isNull = session?.position.at === 'after' && session.position.cursor === null
          return isNull ? { ...session, position: { at: 'start' } } : session
        },
      },
    }),
    fails: ['sessions keep a cursor that is null apart from every other position'],
  },
  {
    what: 'reads sessions of other targets as unfinished ones of this',
    change: (store) => ({ findUnfinished: () => store.findUnfinished() }),
    fails: ['what is unfinished is every session that is not at its end, the oldest first'],
  },
  {
    what: 'reads times in whole seconds',
    change: none,
    repositories: ({ repositories: { jobs } }) => ({
      jobs: {
        ...jobs,
        async getById(id) {
          const job = await jobs.getById(id)
          if (job === null) return null
          return { ...job, createdAt: new Date(Math.floor(job.createdAt.getTime() / 1000) * 1000) }
        },
      },
    }),
    fails: ['jobs come back as they were stored', 'sessions have a job from their beginning'],
  },
  {
    what: 'lists from the beginning, whatever the offset',
    change: none,
    repositories: ({ repositories: { githubRepos, scanTargets } }) => ({
      githubRepos: { ...githubRepos, list: (limit) => githubRepos.list(limit, 0) },
      scanTargets: { ...scanTargets, list: (limit) => scanTargets.list(limit, 0) },
    }),
    fails: [
      'resource repositories list by id, a window at a time',
      'the scan target repository lists a window at a time',
    ],
  },
  {
    what: 'updates what does not exist',
    change: none,
    repositories: ({ repositories: { urls } }) => ({
      urls: { ...urls, update: (target) => urls.update(target).catch(() => undefined) },
    }),
    fails: ['resource repositories say so when there is nothing to update'],
  },
]

/** A store that is known as closed once its `close` was called. */
async function openBroken(
  { change, repositories = none }: Broken,
  open: Set<Store>,
  options: { readonly clock: TimeProvider },
) {
  const store = await memory(options)
  const changed = change(store)
  open.add(store)
  return {
    ...store,
    ...changed,
    repositories: { ...store.repositories, ...repositories(store) },
    close() {
      open.delete(store)
      return (changed.close ?? store.close)()
    },
  }
}

describe('a store that', () => {
  test.each([...BROKEN, ...WRONG_STORES])('$what is found out', async (broken) => {
    const open = new Set<Store>()
    const cases = storeContract((options) => openBroken(broken, open, options))
    for (const title of broken.fails) {
      const found = cases.find((each) => each.title === title)
      if (found === undefined) throw new Error(`the contract has no case "${title}"`)
      await expect(found.run(), title).rejects.toThrow()
    }
    expect([...open]).toEqual([])
  })
})

test('the contract of a store has cases enough, each with a title of its own', () => {
  const titles = storeContract(memory).map(({ title }) => title)
  expect(titles.length).toBeGreaterThanOrEqual(123)
  expect(new Set(titles).size).toBe(titles.length)
})

test('a store that cannot be closed is found out, though all else is well', async () => {
  const [first] = storeContract(async (options) => ({
    ...(await memory(options)),
    close: () => Promise.reject(new Error('it is stuck')),
  }))
  await expect(first?.run()).rejects.toThrow('it is stuck')
})
