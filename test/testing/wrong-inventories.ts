/** Stores that know wrongly what a target holds, what is waited for, and what was answered. */
import type { CommitPage, Store, Survey } from '../../src/store/store.ts'
import type { Broken } from './wrong-stores.ts'

const none = () => ({})

const page =
  (alter: (params: CommitPage) => CommitPage) =>
  (store: Store): Partial<Store> => ({ commitPage: (params) => store.commitPage(alter(params)) })

const survey =
  (alter: (survey: Survey) => Survey) =>
  (store: Store): Partial<Store> => ({
    surveySession: async (sessionId) => alter(await store.surveySession(sessionId)),
  })

const title = (what: string) => `what a session saw ${what}`
const COUNTED = title('is held against what its target held: new, changed, unchanged, missing')
const SOME_TASKS = title(
  'has a task for each where all are wanted, and for the new and the changed where only those are',
)
const FAILED = title(
  'counts as changed after a session that failed: nobody may have taken its task',
)
const LEFT_OUT = title(
  'holds what a filter left out: it has no task and is no scan target, and is not missing',
)
const GIVEN_UP = title(
  'is missing once more with each session that saw all, and is given up after so many',
)
const NOT_ALL = title('takes nothing away where it is not said that it was all')
const OF_OTHERS = title('does not give up what another target sees, nor what it left out itself')
const BEFORE = title('is as much as the last session before it saw that can be relied on')
const KEYS = title('is found again by its keys, and by no other session')
const MANY_KEYS = title('is found again among any number of keys')

const MOVED = 'an earlier address is kept when a resource is met at another, and finds it'

export const WRONG_INVENTORIES: readonly Broken[] = [
  {
    what: 'compares nothing',
    change: page(({ sighted: _, ...params }) => params),
    fails: [COUNTED, SOME_TASKS, FAILED, LEFT_OUT, KEYS],
  },
  {
    what: 'compares what is not to be compared',
    change: page((params) => ({ ...params, sighted: params.sighted ?? { onlyChanged: false } })),
    fails: [title('is nothing where the resources are not compared')],
  },
  {
    what: 'makes a task for everything',
    change: page((params) => ({
      ...params,
      ...(params.sighted && { sighted: { onlyChanged: false } }),
    })),
    fails: [SOME_TASKS],
  },
  {
    what: 'makes tasks for the changed alone, wanted or not',
    change: page((params) => ({
      ...params,
      ...(params.sighted && { sighted: { onlyChanged: true } }),
    })),
    fails: [SOME_TASKS],
  },
  {
    what: 'looks at no version',
    change: page((params) => ({
      ...params,
      kept: params.kept.map((identity) => ({ ...identity, version: '1' })),
    })),
    fails: [
      COUNTED,
      title('counts as changed where no version is told, or a first one; an empty one is one'),
      title('tells versions apart to the last character'),
    ],
  },
  {
    what: 'forgets the versions',
    change: page((params) => ({
      ...params,
      kept: params.kept.map(({ version: _, ...identity }) => identity),
    })),
    fails: [COUNTED, SOME_TASKS],
  },
  {
    what: 'cuts the versions',
    change: page((params) => ({
      ...params,
      kept: params.kept.map(({ version, ...identity }) => ({
        ...identity,
        ...(version !== undefined && { version: version.slice(0, 255) }),
      })),
    })),
    fails: [title('tells versions apart to the last character')],
  },
  {
    what: 'takes an empty version for none',
    change: page((params) => ({
      ...params,
      kept: params.kept.map(({ version, ...identity }) => ({
        ...identity,
        ...(version !== undefined && version !== '' && { version }),
      })),
    })),
    fails: [
      title('counts as changed where no version is told, or a first one; an empty one is one'),
    ],
  },
  {
    what: 'passes over what a filter left out',
    change: page((params) => ({ ...params, skipped: [] })),
    fails: [
      LEFT_OUT,
      OF_OTHERS,
      KEYS,
      'an earlier address is kept of what a filter leaves out, too',
    ],
  },
  {
    what: 'keeps what a filter left out',
    change: page(({ kept, skipped, ...params }) => ({
      ...params,
      kept: [...kept, ...skipped.map(({ skipped: _, ...identity }) => identity)],
      skipped: [],
    })),
    fails: [
      LEFT_OUT,
      title('counts as changed once it is no longer left out: it has had no task'),
      title('is nothing where the resources are not compared'),
    ],
  },
  {
    what: 'counts what is missing as seen',
    change: survey(({ comparison, ...rest }) => ({
      ...rest,
      comparison: { ...comparison, seen: comparison.seen + comparison.missing },
    })),
    fails: [COUNTED],
  },
  {
    what: 'counts as seen what was kept alone',
    change: survey(({ comparison, ...rest }) => ({
      ...rest,
      comparison: {
        ...comparison,
        seen: comparison.new + comparison.changed + comparison.unchanged,
      },
    })),
    fails: [LEFT_OUT],
  },
  {
    what: 'knows of no session before',
    change: survey(({ comparison }) => ({ comparison, seenBefore: null })),
    fails: [BEFORE],
  },
  {
    what: 'holds a session against the one before it, whatever became of that',
    change: (store) => ({
      async surveySession(sessionId) {
        const [, before] = await store.repositories.sessions.list(2)
        const { comparison } = await store.surveySession(sessionId)
        return { comparison, seenBefore: before?.comparison?.seen ?? null }
      },
    }),
    fails: [BEFORE],
  },
  {
    what: 'takes what was not seen for gone at every end',
    change: (store) => ({
      commitSession: (params) =>
        store.commitSession({
          ...params,
          ...(params.session.status === 'COMPLETED' && { missing: { deactivateAfter: 1 } }),
        }),
    }),
    fails: [NOT_ALL, GIVEN_UP],
  },
  {
    what: 'takes nothing for gone',
    change: (store) => ({
      commitSession: ({ missing: _, ...params }) => store.commitSession(params),
    }),
    fails: [GIVEN_UP, OF_OTHERS],
  },
  {
    what: 'gives up one session late',
    change: (store) => ({
      commitSession: ({ missing, ...params }) =>
        store.commitSession({
          ...params,
          ...(missing && { missing: { deactivateAfter: missing.deactivateAfter + 1 } }),
        }),
    }),
    fails: [GIVEN_UP],
  },
  {
    what: 'has seen every key',
    change: () => ({ findSeen: async ({ keys }) => new Set(keys) }),
    fails: [KEYS, MANY_KEYS],
  },
  {
    what: 'has seen no key',
    change: () => ({ findSeen: async () => new Set<string>() }),
    fails: [KEYS, MANY_KEYS],
  },
  {
    what: 'looks for the first thousand keys',
    change: (store) => ({
      findSeen: ({ sessionId, keys }) => store.findSeen({ sessionId, keys: keys.slice(0, 1_000) }),
    }),
    fails: [MANY_KEYS],
  },
  {
    what: 'keeps no address that a source tells',
    change: page((params) => ({
      ...params,
      kept: params.kept.map(({ aliases: _, ...identity }) => identity),
    })),
    fails: ['an earlier address is kept where the source tells it; the present one is none'],
  },
  {
    what: 'finds a repository where it is now, and nowhere else',
    change: none,
    repositories: ({ repositories: { githubRepos } }) => ({
      githubRepos: {
        ...githubRepos,
        async getByUrl(url) {
          const found = await githubRepos.getByUrl(url)
          return found?.url === url ? found : null
        },
      },
    }),
    fails: [MOVED, 'an earlier address is kept of what a filter leaves out, too'],
  },
  {
    what: 'looks for earlier addresses first',
    change: none,
    repositories: ({ repositories: { githubRepos } }) => ({
      githubRepos: {
        ...githubRepos,
        async getByUrl(url) {
          for (const repo of await githubRepos.list(99, 0)) {
            const aliases = await githubRepos.aliases(repo.id)
            if (aliases.some((alias) => alias.url === url)) return repo
          }
          return githubRepos.getByUrl(url)
        },
      },
    }),
    fails: ['an earlier address is whose the resource is that is there now'],
  },
  {
    what: 'finds whoever came last, given up or not',
    change: none,
    repositories: ({ repositories: { githubRepos } }) => ({
      githubRepos: {
        ...githubRepos,
        async getByUrl(url) {
          const there = (await githubRepos.list(99, 0)).filter((repo) => repo.url === url)
          return there.at(-1) ?? githubRepos.getByUrl(url)
        },
      },
    }),
    fails: [
      'an earlier address is found behind whatever is there and active: who was given up comes after',
    ],
  },
  {
    what: 'lists the latest earlier address alone',
    change: none,
    repositories: ({ repositories: { githubRepos } }) => ({
      githubRepos: {
        ...githubRepos,
        aliases: async (id) => (await githubRepos.aliases(id)).slice(-1),
      },
    }),
    fails: [MOVED],
  },
  {
    what: 'remembers for no one what he waits for',
    change: () => ({ recordWaiting: async () => true }),
    fails: [
      'what is waited for is read as it was written, with a time or without one, the last one alone',
    ],
  },
  {
    what: 'says of every wait that it was written',
    change: (store) => ({
      recordWaiting: (params) => store.recordWaiting(params).then(() => true),
    }),
    fails: ['what is waited for is written by who has the lease alone'],
  },
  {
    what: 'writes what is waited for, whoever says so',
    change: (store) => ({
      async recordWaiting({ sessionId, waiting }) {
        const state = await store.repositories.sessions.load(sessionId)
        if (state === null) return false
        await store.repositories.sessions.save({ ...state, waiting })
        return true
      },
    }),
    fails: [
      'what is waited for is written by who has the lease alone',
      'what is waited for changes nothing else: the walk goes on under its revision',
    ],
  },
  {
    what: 'remembers what is waited for beyond the next commit',
    change: (store) => ({
      async commitSession(params) {
        const { sessionId } = params.fence
        const before = await store.repositories.sessions.load(sessionId)
        const waiting = before?.waiting ?? params.session.waiting
        return store.commitSession({ ...params, session: { ...params.session, waiting } })
      },
    }),
    fails: ['what is waited for is over with the next commit, of a page or of the session alone'],
  },
  {
    what: 'forgets a limit when a session is taken up',
    change: (store) => ({
      async claimSession(params) {
        const { state, revision } = await store.claimSession(params)
        return { state: { ...state, waiting: null }, revision }
      },
    }),
    fails: [
      'what is waited for until a time holds for whoever takes the session up before it, to the last millisecond',
    ],
  },
  {
    what: 'has whoever takes a session up wait for what was put right',
    change: (store) => ({
      async claimSession(params) {
        const before = await store.repositories.sessions.load(params.sessionId)
        const { state, revision } = await store.claimSession(params)
        return { state: { ...state, waiting: before?.waiting ?? null }, revision }
      },
    }),
    fails: ['what is waited for without a time is over when the session is taken up'],
  },
  {
    what: 'remembers no answer',
    change: none,
    repositories: ({ repositories: { answers } }) => ({
      answers: { ...answers, set: async () => undefined },
    }),
    fails: ['remembered answers are what was remembered last, by key'],
  },
  {
    what: 'keeps the first answer',
    change: none,
    repositories: ({ repositories: { answers } }) => ({
      answers: {
        ...answers,
        async set(key, value) {
          if ((await answers.get(key)) === undefined) await answers.set(key, value)
        },
      },
    }),
    fails: ['remembered answers are what was remembered last, by key'],
  },
  {
    what: 'takes an answer of null for none',
    change: none,
    repositories: ({ repositories: { answers } }) => ({
      answers: { ...answers, get: async (key) => (await answers.get(key)) ?? undefined },
    }),
    fails: ['remembered answers come back as they were, whatever they and their keys are'],
  },
  {
    what: 'forgets all answers, however young',
    change: none,
    repositories: ({ repositories: { answers } }) => ({
      answers: { ...answers, prune: () => answers.prune(new Date(8.64e15)) },
    }),
    fails: ['remembered answers are forgotten when they are older than a time, and no others are'],
  },
  {
    what: 'forgets no answer, however old',
    change: none,
    repositories: ({ repositories: { answers } }) => ({
      answers: { ...answers, prune: async () => undefined },
    }),
    fails: ['remembered answers are forgotten when they are older than a time, and no others are'],
  },
]
