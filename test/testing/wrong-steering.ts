/** Stores that forget what is asked of sessions, keep no true record of them, or report wrongly. */
import type { AuditRepository, ReportRepository, Store } from '../../src/store/store.ts'
import type { Broken } from './wrong-stores.ts'

const none = () => ({})

const PAUSE = 'a pause that somebody asked for'
const OBEYED = `${PAUSE} is obeyed by every claim but one that lifts it`
const RECORD = 'the record of a session'
const REPORT = 'a report'
const LIMITS = 'a report of limits'

const audit =
  (
    alter: (audit: AuditRepository) => Partial<AuditRepository>,
  ): NonNullable<Broken['repositories']> =>
  ({ repositories }) => ({ audit: { ...repositories.audit, ...alter(repositories.audit) } })

const reports =
  (
    alter: (reports: ReportRepository) => Partial<ReportRepository>,
  ): NonNullable<Broken['repositories']> =>
  ({ repositories }) => ({ reports: { ...repositories.reports, ...alter(repositories.reports) } })

/** Ends every pause, as one that holds nothing back would. */
const lifted = async (store: Store): Promise<void> => {
  for (const { sessionId, asked } of await store.repositories.sessions.list(99)) {
    if (asked === 'pause') await store.steerSession({ sessionId, ask: null, by: 'nobody' })
  }
}

export const WRONG_STEERING: readonly Broken[] = [
  {
    what: 'lifts a pause by any claim',
    change: (store) => ({
      claimSession: (params) => store.claimSession({ ...params, lift: true }),
    }),
    fails: [OBEYED, `${PAUSE} holds though its walker died before it saw it`],
  },
  {
    what: 'lifts no pause',
    change: (store) => ({
      claimSession: ({ lift: _, ...params }) => store.claimSession(params),
    }),
    fails: [OBEYED, `${RECORD} says what was asked of it, by whom, and what came of it`],
  },
  {
    what: 'gives paused sessions to whoever takes what there is',
    change: (store) => ({
      async claimSessions(params) {
        await lifted(store)
        return store.claimSessions(params)
      },
    }),
    fails: [OBEYED, `${PAUSE} holds though its walker died before it saw it`],
  },
  {
    what: 'ends a pause by an offer',
    change: (store) => ({
      async offerSession(params) {
        await lifted(store)
        await store.offerSession(params)
      },
    }),
    fails: [`${PAUSE} is not ended by an offer, and leaves the session unfinished`],
  },
  {
    what: 'tells a round nothing of a pause whose walker died',
    change: (store) => ({
      unendedOfRound: async (id) =>
        (await store.unendedOfRound(id)).map((of) => ({ ...of, pausedFor: null })),
    }),
    fails: [`${PAUSE} is what its round is told, as soon as nobody walks it`],
  },
  {
    what: 'gives a session that is to be cancelled to nobody',
    change: (store) => ({
      claimSessions: async (params) =>
        (await store.claimSessions(params)).filter(({ state }) => state.asked !== 'cancel'),
    }),
    fails: [
      'a session that is to be cancelled is given to whoever claims, whatever it waits for, and stays to be cancelled',
    ],
  },
  {
    what: 'tells everybody what is asked of all sessions',
    change: (store) => ({
      async asksOf() {
        const sessions = await store.repositories.sessions.list(99)
        return sessions.flatMap(({ sessionId, asked }) =>
          asked === null ? [] : [{ sessionId, ask: asked }],
        )
      },
    }),
    fails: [
      'what is asked of a session is seen by who walks it, who goes on under its revision until then',
    ],
  },
  {
    what: 'forgets what somebody asks',
    change: (store) => ({
      steerSession: async ({ sessionId, by }) => store.steerSession({ sessionId, ask: null, by }),
    }),
    fails: [
      'what is asked of a session pauses it at once where nobody walks it, and is told as it is then',
    ],
  },
  {
    what: 'records nothing of what a commit says of itself',
    change: (store) => ({
      commitSession: ({ note: _, ...params }) => store.commitSession(params),
      commitPage: ({ note: _, ...params }) => store.commitPage(params),
    }),
    fails: [`${RECORD} says what a commit says of itself, and of another nothing`],
  },
  {
    what: 'records nothing of why a walk was left',
    change: (store) => ({ releaseLease: ({ left: _, ...lease }) => store.releaseLease(lease) }),
    fails: [`${RECORD} says who created, claimed, took over and left it`],
  },
  {
    what: 'records every wait anew',
    change: (store) => {
      let n = 0
      return {
        recordWaiting: ({ waiting, ...params }) =>
          store.recordWaiting({
            ...params,
            waiting: { ...waiting, reason: `${waiting.reason} ${(n += 1)}` },
          }),
      }
    },
    fails: [`${RECORD} says what it waits for, and the same wait once`],
  },
  {
    what: 'reads the record from its beginning each time',
    change: none,
    repositories: audit((repository) => ({
      find: ({ after: _, ...params }) => repository.find(params),
    })),
    fails: [`${RECORD} is read on from an entry, or from its end, each session’s for itself`],
  },
  {
    what: 'tells the oldest of the record for the newest',
    change: none,
    repositories: audit((repository) => ({ latest: (params) => repository.find(params) })),
    fails: [`${RECORD} is read on from an entry, or from its end, each session’s for itself`],
  },
  {
    what: 'takes a search for a pattern',
    change: none,
    repositories: reports((repository) => ({
      sessions: ({ search, ...query }) =>
        repository.sessions({ ...query, ...(search !== '%' && { search: search ?? '' }) }),
    })),
    fails: [
      `${REPORT} finds a text as it is, in a name or an identity, whatever the case of its letters`,
    ],
  },
  {
    what: 'lists what it lists in one order',
    change: none,
    repositories: reports((repository) => ({
      sessions: ({ sort: _, ...query }) => repository.sessions(query),
    })),
    fails: [`${REPORT} lists a window at a time, in the order that is asked for`],
  },
  {
    what: 'counts what it shows for all there is',
    change: none,
    repositories: reports((repository) => ({
      async sessions(query) {
        const { rows } = await repository.sessions(query)
        return { rows, total: rows.length }
      },
    })),
    fails: [`${REPORT} lists a window at a time, in the order that is asked for`],
  },
  {
    what: 'shows the owner of a lease that has run out',
    change: none,
    repositories: reports((repository) => ({
      async session(sessionId) {
        const found = await repository.session(sessionId)
        return found && { ...found, walkedBy: found.walkedBy ?? 'host/1/aaaaaaaa' }
      },
    })),
    fails: [`${REPORT} of a session says all but its checkpoint, and who walks it now`],
  },
  {
    what: 'counts items for tasks',
    change: none,
    repositories: ({ repositories }) => ({
      reports: {
        ...repositories.reports,
        async tasks(sessionId) {
          const { outstanding } = await repositories.reports.tasks(sessionId)
          const sessions = await repositories.sessions.list(99)
          const counted = sessions.map((s) => s.metrics.itemsProcessed)
          return { total: counted.reduce((a, b) => a + b, 0), outstanding }
        },
      },
    }),
    fails: [`${REPORT} counts the tasks that pages made, and those that nobody acknowledged`],
  },
  {
    what: 'notes no limit',
    change: () => ({ noteBudget: async () => undefined }),
    fails: [
      `${LIMITS} says what was told of them last, by note or among hosts`,
      `${LIMITS} keeps one of each credential and resource, for a day`,
    ],
  },
  {
    what: 'counts a note as requests',
    change: (store) => ({
      async noteBudget(note) {
        await store.shareBudget({ ...note, spent: { kind: 'rest', points: 1 }, blockedMs: 0 })
      },
    }),
    fails: [`${LIMITS} counts nothing: what is noted spends no point, and is nobody’s request`],
  },
]
