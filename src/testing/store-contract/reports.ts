import { newId } from '../../domain/identity.ts'
import type { SessionState } from '../../domain/session-state.ts'
import type { BudgetNote, LimitReport } from '../../sources/source.ts'
import type { SessionQuery, Store } from '../../store/store.ts'
import { equal, matches, same } from '../checks.ts'
import { casesOf } from './cases.ts'
import {
  identities,
  identity,
  LEASE_MS,
  OWNER,
  put,
  sessionNamed,
  T0,
  TestWalk,
} from './fixtures.ts'
import { at, HARD_TEXTS } from './samples.ts'

const { lastCheckpoint: _, position: __, ...SHOWN } = sessionNamed('acme')

const shown = ({ lastCheckpoint: _c, position: _p, ...state }: SessionState): typeof SHOWN => state

/** The names of those that are listed. */
const names = async (store: Store, query: Partial<SessionQuery> = {}): Promise<string[]> => {
  const { rows } = await store.repositories.reports.sessions({ limit: 50, ...query })
  return rows.map(({ targetName }) => targetName)
}

/** A session in each of the conditions that the groups tell apart. */
async function several(store: Store): Promise<void> {
  for (const status of ['COMPLETED', 'PARTIALLY_COMPLETED', 'FAILED', 'STALLED'] as const) {
    await put(store, sessionNamed(status.toLowerCase(), { status }))
  }
  const waits = { limited: at(500), late: at(0), refused: null } as const
  for (const [name, until] of Object.entries(waits)) {
    const { sessionId } = await TestWalk.begin(store, name)
    await store.recordWaiting({ sessionId, owner: OWNER, waiting: { reason: name, until } })
  }
  for (const name of ['paused', 'both']) {
    const { sessionId } = await TestWalk.begin(store, name)
    const waiting = { reason: name, until: at(500) }
    if (name === 'both') await store.recordWaiting({ sessionId, owner: OWNER, waiting })
    await store.steerSession({ sessionId, ask: 'pause', by: 'me' })
  }
}

const GROUPS = {
  all: [
    'both',
    'paused',
    'refused',
    'late',
    'limited',
    'stalled',
    'failed',
    'partially_completed',
    'completed',
  ],
  active: ['both', 'paused', 'refused', 'late', 'limited', 'stalled'],
  waiting: ['limited'],
  paused: ['both', 'paused', 'refused'],
  attention: ['both', 'paused', 'refused', 'stalled', 'failed', 'partially_completed'],
  ended: ['failed', 'partially_completed', 'completed'],
} as const

export const reports = casesOf('a report', (test) => {
  test('of a session says all but its checkpoint, and who walks it now', async (store, clock) => {
    const walk = await TestWalk.begin(store, 'acme')
    const { sessionId } = walk
    await walk.page({
      kept: identities('a', 2),
      session: { total: 9, failureReason: HARD_TEXTS[3] },
    })
    const { reports: repository, sessions } = store.repositories
    const expected = {
      ...shown((await sessions.load(sessionId)) as SessionState),
      targetKey: 'acme',
    }
    equal(await repository.session(sessionId), { ...expected, walkedBy: OWNER })
    equal(await repository.sessions({ limit: 1 }), {
      total: 1,
      rows: [{ ...expected, walkedBy: OWNER }],
    })
    clock.at(LEASE_MS)
    equal(await repository.session(sessionId), { ...expected, walkedBy: null })
    same(await repository.session(newId()), null)
  })

  test('of a group lists and counts those that belong to it', async (store) => {
    const { reports: repository } = store.repositories
    equal(await repository.counts(), {
      all: 0,
      active: 0,
      waiting: 0,
      paused: 0,
      attention: 0,
      ended: 0,
    })
    await several(store)
    const counts = await repository.counts()
    for (const [group, expected] of Object.entries(GROUPS)) {
      const query = { group: group as keyof typeof GROUPS, limit: 50 }
      equal(await names(store, query), expected, group)
      same((await repository.sessions({ ...query, limit: 1 })).total, expected.length)
      same(counts[query.group], expected.length)
    }
  })

  test('lists a window at a time, in the order that is asked for', async (store) => {
    const metrics = sessionNamed('x').metrics
    for (const [i, name] of ['b', 'c', 'a', 'B'].entries()) {
      const counted = { ...metrics, itemsFound: (i * 3) % 4, itemsFailed: (i * 2) % 3 }
      await put(store, sessionNamed(name, { metrics: counted }))
    }
    const orders = {
      newest: ['B', 'a', 'c', 'b'],
      oldest: ['b', 'c', 'a', 'B'],
      target: ['B', 'a', 'b', 'c'],
      items: ['c', 'a', 'B', 'b'],
      failed: ['c', 'a', 'B', 'b'],
    } as const
    for (const sort of Object.keys(orders) as (keyof typeof orders)[]) {
      const expected: readonly string[] = orders[sort]
      equal(await names(store, { sort }), expected, sort)
      for (const offset of [0, 1, 3, 4]) {
        const rows = await names(store, { sort, offset, limit: 2 })
        equal(rows, expected.slice(offset, offset + 2), sort)
      }
    }
    const { total } = await store.repositories.reports.sessions({ limit: 2, offset: 3 })
    same(total, 4)
  })

  test('finds a text as it is, in a name or an identity, whatever the case of its letters', async (store) => {
    const texts = ['100% of_it', '1000 of it', String.raw`back\slash`, "It\"s 'quoted'"]
    for (const name of texts) await put(store, sessionNamed(name))
    const found = {
      '%': [texts[0]],
      _: [texts[0]],
      '\\': [texts[2]],
      'BACK\\S': [texts[2]],
      OF: [texts[1], texts[0]],
      [`"S '`]: [texts[3]],
      'not there': [],
      '': texts.toReversed(),
    }
    for (const [search, expected] of Object.entries(found)) {
      equal(await names(store, { search }), expected, search)
    }
    const [first] = await store.repositories.sessions.list(1)
    equal(await names(store, { search: first?.sessionId.slice(9).toUpperCase() ?? '' }), [texts[3]])
  })

  test('of one target leaves out all others', async (store) => {
    for (const targetName of ['acme', 'other']) await put(store, sessionNamed(targetName))
    equal(await names(store, { targetKey: 'acme' }), ['acme'])
    equal(await names(store, { targetKey: 'acme', group: 'ended' }), [])
    equal(await names(store, { targetKey: 'acme', search: 'other' }), [])
  })

  test('counts the tasks that pages made, and those that nobody acknowledged', async (store) => {
    const { reports: repository } = store.repositories
    equal(await repository.tasks(), { total: 0, outstanding: 0 })
    const walk = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    await walk.page({ kept: identities('a', 3) })
    await other.page({ kept: identities('b', 2) })
    // One is known already, and one comes twice.
    await walk.page({ kept: [identity('a-1'), identity('a-3'), identity('a-3')] })
    await walk.page()
    const { sessionId } = walk
    const tasks = await store.takeTasks({ sessionId, after: 0, limit: 3 })
    await store.acknowledgeTasks({ seqs: tasks.map(({ seq }) => seq), at: T0 })
    equal(await repository.tasks(), { total: 6, outstanding: 3 })
    equal(await repository.tasks(sessionId), { total: 4, outstanding: 1 })
    equal(await repository.tasks(other.sessionId), { total: 2, outstanding: 2 })
    equal(await repository.tasks(newId()), { total: 0, outstanding: 0 })
  })

  test('of batches begins with the newest', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await (await TestWalk.begin(store, 'other')).page()
    for (let i = 0; i < 3; i += 1) await walk.page({ kept: identities(String(i), i) })
    const { sessionId } = walk
    const all = await store.repositories.batches.findBySessionId(sessionId)
    const { reports: repository } = store.repositories
    equal(await repository.batches({ sessionId, limit: 2 }), all.toReversed().slice(0, 2))
    equal(await repository.batches({ sessionId, limit: 9 }), all.toReversed())
    equal(await repository.batches({ sessionId: newId(), limit: 9 }), [])
  })
})

const DAY_MS = 24 * 3_600_000
const RESET = at(3_600_000)

const limitOf = (given: Partial<LimitReport> = {}): LimitReport => ({
  resource: 'core',
  told: { limit: 100, remaining: 60, resetAt: RESET.getTime() },
  underWay: 0,
  blockedMs: 0,
  ...given,
})

const note = (store: Store, given: Partial<BudgetNote> = {}) =>
  store.noteBudget({ credential: 'c', label: 'gh', limits: [limitOf()], ...given })

const CORE = {
  label: 'gh',
  resource: 'core',
  limit: 100,
  remaining: 60,
  resetsAt: RESET,
  blockedUntil: null,
  updatedAt: at(0),
}

export const budgetReports = casesOf('a report of limits', (test) => {
  const budgets = (store: Store) => store.repositories.reports.budgets()

  test('says what was told of them last, by note or among hosts', async (store, clock) => {
    equal(await budgets(store), [])
    await note(store)
    equal(await budgets(store), [CORE])
    clock.at(1_000)
    const told = { limit: 100, remaining: 40, resetAt: RESET.getTime() }
    const spent = { kind: 'rest', points: 1 }
    const report = { credential: 'c', spent, limits: [limitOf({ told })], blockedMs: 0 }
    await store.shareBudget(report)
    const less = { ...CORE, remaining: 40, updatedAt: at(1_000) }
    equal(await budgets(store), [less])
    await store.shareBudget({ ...report, label: HARD_TEXTS[2], blockedMs: 2_000 })
    equal(await budgets(store), [{ ...less, label: HARD_TEXTS[2], blockedUntil: at(3_000) }])
    clock.at(3_000)
    equal(await budgets(store), [{ ...less, label: HARD_TEXTS[2] }])
  })

  test('begins with what is used up most, and knows of what nobody told', async (store) => {
    const limits = [
      limitOf({ resource: 'unknown', told: null, blockedMs: 9_000 }),
      limitOf({ resource: 'used', told: { limit: 5_000, remaining: 2_000, resetAt: 1 } }),
      limitOf(),
    ]
    await note(store, { limits, label: null })
    matches(await budgets(store), [
      { resource: 'used', label: null, resetsAt: new Date(1) },
      { resource: 'core' },
      {
        resource: 'unknown',
        limit: null,
        remaining: null,
        resetsAt: null,
        blockedUntil: at(9_000),
      },
    ])
  })

  test('keeps one of each credential and resource, for a day', async (store, clock) => {
    await note(store)
    await note(store, { credential: 'd', label: 'other' })
    await note(store, { limits: [] })
    await note(store, { limits: [limitOf({ resource: 'search' })] })
    same((await budgets(store)).length, 3)
    clock.at(DAY_MS)
    same((await budgets(store)).length, 3)
    await note(store, { limits: [limitOf({ resource: 'search' })] })
    clock.at(DAY_MS + 1)
    matches(await budgets(store), [{ resource: 'search', label: 'gh' }])
  })

  test('counts nothing: what is noted spends no point, and is nobody’s request', async (store) => {
    await note(store, { limits: [limitOf({ underWay: 7 })] })
    const spent = { kind: 'rest', points: 0 }
    const asked = { credential: 'c', spent, limits: [limitOf({ told: null })], blockedMs: 0 }
    equal(await store.shareBudget(asked), { minute: [], limits: [limitOf()], blockedMs: 0 })
  })
})
