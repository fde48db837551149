/** Stores that break one promise each; the contract once let them pass. */
import { newId } from '../../src/domain/identity.ts'
import type { SessionState } from '../../src/domain/session-state.ts'
import type { CommitSession, Store } from '../../src/store/store.ts'
import { WRONG_INVENTORIES } from './wrong-inventories.ts'
import { WRONG_STEERING } from './wrong-steering.ts'

export interface Broken {
  readonly what: string
  /** What is broken of a store that is otherwise as it should be. */
  readonly change: (store: Store) => Partial<Omit<Store, 'repositories'>>
  /** The same for its repositories. */
  readonly repositories?: (store: Store) => Partial<Store['repositories']>
  /** Cases that have to fail. */
  readonly fails: readonly string[]
}

export const none = () => ({})

const PAGE_FIELDS = 'a commit of a page writes every field of its session, and its checkpoint'
const SESSION_FIELDS = 'a commit of a session alone writes every field of it, and its checkpoint'
const FAILED_AGAIN = 'failed items are tried again in any number on one page'

const NOTHING_SEEN = { seen: 0, new: 0, changed: 0, unchanged: 0, missing: 0 }

/** What a careless store could make of a session's fields. */
const MISWRITTEN: readonly (readonly [string, (session: SessionState) => Partial<SessionState>])[] =
  [
    ['no shortfalls', () => ({ shortfalls: [] })],
    ['the first shortfall alone', ({ shortfalls }) => ({ shortfalls: shortfalls.slice(0, 1) })],
    ['no total', () => ({ total: null })],
    ['a total that is never taken back', ({ total }) => ({ total: total ?? 18 })],
    ['no completeness', () => ({ completeness: 'UNKNOWN' })],
    ['a reason that is never taken back', (s) => ({ failureReason: s.failureReason ?? 'gone' })],
    ['no end', ({ timeline }) => ({ timeline: { ...timeline, completedAt: null } })],
    [
      'its last update for its beginning',
      ({ timeline }) => ({ timeline: { ...timeline, startedAt: timeline.lastUpdate } }),
    ],
    ['no failed batches', ({ metrics }) => ({ metrics: { ...metrics, failedBatches: 0 } })],
    ['no skipped items', ({ metrics }) => ({ metrics: { ...metrics, itemsSkipped: 0 } })],
    ['no comparison', () => ({ comparison: null })],
    [
      'a comparison that is never taken back',
      (s) => ({ comparison: s.comparison ?? NOTHING_SEEN }),
    ],
    ['nothing of what is waited for', () => ({ waiting: null })],
    [
      'no time of what is waited for',
      ({ waiting }) => ({ waiting: waiting && { ...waiting, until: null } }),
    ],
    ['no failed items', ({ metrics }) => ({ metrics: { ...metrics, itemsFailed: 0 } })],
  ]

const miswritten = MISWRITTEN.map(([what, change]): Broken => {
  const written = <T extends CommitSession>(params: T): T => ({
    ...params,
    session: { ...params.session, ...change(params.session) },
  })
  return {
    what: `writes ${what}`,
    change: (store) => ({
      commitSession: (params) => store.commitSession(written(params)),
      commitPage: (params) => store.commitPage(written(params)),
    }),
    fails: [PAGE_FIELDS, SESSION_FIELDS],
  }
})

/** Gives the same object each time, brought up to date: what somebody read before changes under his hands. */
function live(store: Store): Partial<Store['repositories']> {
  const { sessions } = store.repositories
  const known = new Map<string, SessionState>()
  return {
    sessions: {
      ...sessions,
      async list(limit, offset) {
        return (await sessions.list(limit, offset)).map((state) => {
          const before = known.get(state.sessionId) ?? state
          known.set(state.sessionId, before)
          return Object.assign(before, state)
        })
      },
    },
  }
}

export const WRONG_STORES: readonly Broken[] = [
  ...miswritten,
  ...WRONG_INVENTORIES,
  ...WRONG_STEERING,
  {
    what: 'knows targets by their names',
    change: (store) => ({
      createSession: (params) =>
        store.createSession({ ...params, targetKey: params.session.targetName }),
    }),
    fails: ['sessions are of one target by its key, whatever they are named'],
  },
  {
    what: 'names the job after its target',
    change: (store) => ({
      createSession: (params) =>
        store.createSession({ ...params, job: { ...params.job, name: params.session.targetName } }),
    }),
    fails: ['sessions are of one target by its key, whatever they are named'],
  },
  {
    what: 'keeps of a checkpoint what it knows',
    change: (store) => ({
      commitPage: ({ checkpoint: { more: _, ...known }, ...params }) =>
        store.commitPage({ ...params, checkpoint: known }),
      commitSession: ({ checkpoint: { more: _, ...known }, ...params }) =>
        store.commitSession({ ...params, checkpoint: known }),
    }),
    fails: [PAGE_FIELDS, SESSION_FIELDS],
  },
  {
    what: 'hears of a host only once the session has ended',
    change: (store) => ({
      async beginDelivery(params) {
        const session = await store.repositories.sessions.load(params.sessionId)
        if (session?.status.includes('COMPLETED') === true) await store.beginDelivery(params)
      },
    }),
    fails: [
      'what is unfinished is an ended session whose tasks a host began to take while it was walked',
    ],
  },
  {
    what: 'creates a repository that was given up without taking it up again',
    change: none,
    repositories: ({ repositories: { githubRepos } }) => ({
      githubRepos: {
        ...githubRepos,
        async create(repo) {
          const before = await githubRepos.getByUrl(repo.url)
          const id = await githubRepos.create(repo)
          const after = await githubRepos.getById(id)
          if (before?.isActive === false && after !== null) {
            await githubRepos.update({ ...after, isActive: false })
          }
          return id
        },
      },
    }),
    fails: [
      'resource repositories create once a key; the same key again is the same resource, brought up to date',
    ],
  },
  {
    what: 'takes an object for a repository',
    change: none,
    repositories: ({ repositories: { githubRepos, s3Objects } }) => ({
      githubRepos: {
        ...githubRepos,
        async getByUrl(url) {
          const objects = await s3Objects.list(99, 0)
          const object = objects.find(({ uri }) => uri === url)
          const found = await githubRepos.getByUrl(url)
          return found ?? (object === undefined ? null : { ...object, name: url, url })
        },
      },
    }),
    fails: ['no resource exists twice: the same key of another source is another resource'],
  },
  {
    what: 'forgets how far a scan came that failed',
    change: (store) => ({
      recordProgress: (progress) =>
        store.recordProgress(
          progress.status === 'FAILED' ? { ...progress, itemsProcessed: 0 } : progress,
        ),
    }),
    fails: ['progress of a task is kept as it was last reported'],
  },
  {
    what: 'takes a scan that is completed for an acknowledgement',
    change: (store) => ({
      async recordProgress(progress) {
        const [session] = await store.repositories.sessions.list(1)
        const tasks = await store.takeTasks({
          sessionId: session?.sessionId ?? '',
          after: 0,
          limit: 9,
        })
        await store.acknowledgeTasks({ seqs: tasks.map(({ seq }) => seq), at: 1 })
        return store.recordProgress(progress)
      },
    }),
    fails: ['progress of a task is no acknowledgement: the task stays where it was'],
  },
  {
    what: 'adds to the metadata of a repository where it should replace them',
    change: none,
    repositories: ({ repositories: { githubRepos } }) => ({
      githubRepos: {
        ...githubRepos,
        async update(repo) {
          const before = await githubRepos.getById(repo.id)
          await githubRepos.update({
            ...repo,
            metadata: { ...before?.metadata, ...repo.metadata },
          })
        },
      },
    }),
    fails: ['resource repositories update all but the key, by which a resource is known'],
  },
  {
    what: 'adds to the metadata of a URL and a scan target where it should replace them',
    change: none,
    repositories: ({ repositories: { urls, scanTargets } }) => ({
      urls: {
        ...urls,
        async update(target) {
          const before = await urls.getByUrl(target.url)
          await urls.update({ ...target, metadata: { ...before?.metadata, ...target.metadata } })
        },
      },
      scanTargets: {
        ...scanTargets,
        async update(target) {
          const before = await scanTargets.getById(target.id)
          const metadata = { ...before?.metadata, ...target.metadata }
          await scanTargets.update({ ...target, metadata })
        },
      },
    }),
    fails: [
      'resource repositories keep URLs',
      'the scan target repository updates what the host may change',
    ],
  },
  {
    what: 'takes every task for outstanding',
    change: () => ({ findOutstanding: async (seqs) => new Set(seqs) }),
    fails: [
      'tasks are outstanding until they are acknowledged',
      'tasks are found outstanding in any number',
    ],
  },
  {
    what: 'takes no task for outstanding',
    change: () => ({ findOutstanding: async () => new Set() }),
    fails: [
      'tasks are outstanding until they are acknowledged',
      'tasks are found outstanding in any number',
      'progress of a task is no acknowledgement: the task stays where it was',
    ],
  },
  {
    what: 'finds every task outstanding that is, asked for or not',
    change: (store) => ({
      findOutstanding: (seqs) =>
        store.findOutstanding(Array.from({ length: Math.max(0, ...seqs) }, (_, i) => i + 1)),
    }),
    fails: ['tasks are outstanding until they are acknowledged'],
  },
  {
    what: 'looks at the first thousand tasks that it is asked about',
    change: (store) => ({ findOutstanding: (seqs) => store.findOutstanding(seqs.slice(0, 1_000)) }),
    fails: ['tasks are found outstanding in any number'],
  },
  {
    what: 'resolves the first hundred failed items of a page',
    change: (store) => ({
      commitPage: (params) =>
        store.commitPage({ ...params, retriedItems: params.retriedItems.slice(0, 100) }),
    }),
    fails: [FAILED_AGAIN],
  },
  {
    what: 'keeps the first thousand tasks’ acknowledgements',
    change: (store) => ({
      acknowledgeTasks: ({ seqs, at }) =>
        store.acknowledgeTasks({ seqs: seqs.slice(0, 1_000), at }),
    }),
    fails: ['tasks are acknowledged in any number, and those of another session are not'],
  },
  {
    what: 'acknowledges all up to a task',
    change: (store) => ({
      acknowledgeTasks: ({ seqs, at }) => {
        const last = Math.max(0, ...seqs)
        return store.acknowledgeTasks({ seqs: Array.from({ length: last }, (_, i) => i + 1), at })
      },
    }),
    fails: [
      'tasks are not taken again once they are acknowledged, alone or many at once',
      'tasks are outstanding until they are acknowledged',
    ],
  },
  {
    what: 'acknowledges what lies between the first and the last of a list',
    change: (store) => ({
      acknowledgeTasks: ({ seqs: [first = 0, ...others], at }) => {
        const length = Math.max(0, (others.at(-1) ?? first) - first + 1)
        return store.acknowledgeTasks({ seqs: Array.from({ length }, (_, i) => first + i), at })
      },
    }),
    fails: [
      'tasks are not taken again once they are acknowledged, alone or many at once',
      'tasks are acknowledged in any order, and can be acknowledged again',
    ],
  },
  {
    what: 'takes tasks without looking at the limit',
    change: (store) => ({ takeTasks: (params) => store.takeTasks({ ...params, limit: 9_999 }) }),
    fails: ['tasks come in the order of their pages, a window at a time'],
  },
  {
    what: 'is not closed',
    change: () => ({ close: async () => undefined }),
    fails: ['a store that was closed rejects whatever is asked of it'],
  },
  {
    what: 'can be closed once',
    change: (store) => {
      let isClosed = false
      return {
        async close() {
          if (isClosed) throw new Error('closed already')
          isClosed = true
          await store.close()
        },
      }
    },
    fails: ['a store that was closed can be closed again'],
  },
  {
    what: 'answers an empty list once it is closed',
    change: (store) => ({ findUnfinished: (key) => store.findUnfinished(key).catch(() => []) }),
    fails: ['a store that was closed rejects whatever is asked of it'],
  },
  {
    what: 'keeps a checkpoint as it was when its session changes',
    change: (store) => ({
      commitSession: async (params) => {
        const { sessionId } = params.fence
        const before = await store.repositories.checkpoints.load(sessionId)
        return store.commitSession({ ...params, checkpoint: before?.data ?? params.checkpoint })
      },
    }),
    fails: [SESSION_FIELDS],
  },
  {
    what: 'changes what was read before',
    change: none,
    repositories: live,
    fails: ['a commit does not change what was read before it'],
  },
  {
    what: 'extends a lease by pages only',
    change: (store) => ({
      commitSession: (params) =>
        store.commitSession({ ...params, fence: { ...params.fence, leaseMs: 0 } }),
    }),
    fails: ['a lease is extended by a commit of the session alone, from the moment of it'],
  },
  {
    what: 'keeps a lease that is given up',
    change: () => ({ releaseLease: async () => undefined }),
    fails: [
      'a commit is too late once the lease was released, though nobody took it',
      'a claim succeeds when the lease was released, and only its owner can release it',
    ],
  },
  {
    what: 'lets a lease end where it should be given up',
    change: (store) => ({
      async releaseLease(lease) {
        await store.renewLease({ ...lease, leaseMs: 0 })
      },
    }),
    fails: ['a lease is nobody’s once it was released'],
  },
  {
    what: 'renews all leases of an owner',
    change: (store) => ({
      async renewLease(params) {
        for (const { sessionId } of await store.findUnfinished()) {
          await store.renewLease({ ...params, sessionId })
        }
        return store.renewLease(params)
      },
    }),
    fails: ['a lease of one session is not another’s'],
  },
  {
    what: 'releases all leases of an owner',
    change: (store) => ({
      async releaseLease({ owner }) {
        for (const { sessionId } of await store.findUnfinished()) {
          await store.releaseLease({ owner, sessionId })
        }
      },
    }),
    fails: ['a lease of one session is not another’s'],
  },
  {
    what: 'takes it that hosts take the tasks of all sessions',
    change: (store) => ({
      async beginDelivery({ at }) {
        for (const { sessionId } of await store.repositories.sessions.list(99)) {
          await store.beginDelivery({ sessionId, at })
        }
      },
    }),
    fails: ['what is unfinished is not a session of which no host takes the tasks'],
  },
  {
    what: 'knows a hundred of what is unfinished',
    change: (store) => ({
      findUnfinished: async (key) => (await store.findUnfinished(key)).slice(0, 100),
    }),
    fails: ['what is unfinished is all of it, however much there is'],
  },
  {
    what: 'closes whichever round is open',
    change: (store) => ({
      async closeRound({ at }) {
        const { roundId } = await store.openRound({ at })
        await store.closeRound({ roundId, at })
      },
    }),
    fails: [
      'a round of enumeration is closed by its own number, and closing it again does not end the next',
    ],
  },
  {
    what: 'forgets what came to its end in a round',
    change: (store) => ({
      async openRound(params) {
        const round = await store.openRound(params)
        const unfinished = round.sessions.filter(({ status }) =>
          ['INITIALIZED', 'IN_PROGRESS', 'STALLED'].includes(status),
        )
        return { ...round, sessions: unfinished }
      },
    }),
    fails: [
      'a round of enumeration keeps what comes to its end in it, so that nothing is walked twice',
    ],
  },
  {
    what: 'leaves the job of a session that is refused',
    change: (store) => ({
      createSession: (params) =>
        store.createSession(params).catch(async (thrown: unknown) => {
          await store.repositories.jobs.create(params.job)
          throw thrown
        }),
    }),
    fails: ['sessions of one target cannot be unfinished twice'],
  },
  {
    what: 'lists a hundred batches',
    change: none,
    repositories: ({ repositories: { batches } }) => ({
      batches: {
        ...batches,
        findBySessionId: async (id) => (await batches.findBySessionId(id)).slice(0, 100),
      },
    }),
    fails: ['a page follows any number of others'],
  },
  {
    what: 'makes an object anew each time',
    change: none,
    repositories: ({ repositories: { s3Objects } }) => ({
      s3Objects: {
        ...s3Objects,
        create: (object) => s3Objects.create({ ...object, key: `${object.key} ${newId()}` }),
      },
    }),
    fails: ['resource repositories keep objects'],
  },
  {
    what: 'saves nothing by hand',
    change: none,
    repositories: ({ repositories: { sessions, batches, checkpoints, tasks } }) => ({
      sessions: { ...sessions, save: async () => undefined },
      batches: { ...batches, save: async () => undefined },
      checkpoints: { ...checkpoints, save: async (checkpoint) => checkpoint },
      tasks: { ...tasks, save: async () => undefined },
    }),
    fails: [
      'saving by hand creates a session, or replaces it, field by field',
      'saving by hand needs a checkpoint for a session that is new',
      'saving by hand adds a batch to its session, or replaces it',
      'saving by hand gives a checkpoint its id, and takes it away again',
      'saving by hand adds a task once; it needs its session and scan target',
    ],
  },
  {
    what: 'saves by hand while a session is walked',
    change: none,
    repositories: (store) => {
      const { batches, checkpoints } = store.repositories
      const free = async (sessionId: string) => {
        for (const owner of ['host/1/aaaaaaaa', 'host/2/bbbbbbbb']) {
          await store.releaseLease({ sessionId, owner })
        }
      }
      return {
        batches: {
          ...batches,
          save: async (batch) => {
            await free(batch.sessionId)
            await batches.save(batch)
          },
        },
        checkpoints: {
          ...checkpoints,
          delete: async (id) => {
            await free(id)
            await checkpoints.delete(id)
          },
        },
      }
    },
    fails: ['saving by hand touches no session that is being walked'],
  },
  {
    what: 'takes away no checkpoint',
    change: none,
    repositories: ({ repositories: { checkpoints } }) => ({
      checkpoints: { ...checkpoints, delete: async () => undefined },
    }),
    fails: ['saving by hand gives a checkpoint its id, and takes it away again'],
  },
]
