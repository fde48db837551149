import type { Comparison, SessionState } from '../../domain/session-state.ts'
import type { Identity } from '../../sources/source.ts'
import type { Missing, Store } from '../../store/store.ts'
import { equal, hasLength, matches, same, thrownBy } from '../checks.ts'
import { casesOf } from './cases.ts'
import {
  everythingIn,
  identities,
  identity,
  OTHER_OWNER,
  sessionNamed,
  TestWalk,
} from './fixtures.ts'
import { HARD_TEXTS } from './samples.ts'

const all = { onlyChanged: false }
const onlyChanged = { onlyChanged: true }

/** A resource at a version of its content. */
const at = (key: string, version?: string, overrides: Partial<Identity> = {}): Identity =>
  identity(key, { ...(version !== undefined && { version }), ...overrides })

const leftOut = (key: string, version = '1') => at(key, version, { skipped: 'forks' })

const compared = (of: Partial<Comparison>): Comparison => ({
  seen: 0,
  new: 0,
  changed: 0,
  unchanged: 0,
  missing: 0,
  ...of,
})

interface Seen {
  readonly kept?: readonly Identity[]
  readonly skipped?: readonly Identity[]
  readonly target?: string
  readonly sighted?: typeof all
  readonly end?: Partial<SessionState>
  readonly missing?: Missing
}

/** A session of one page, from its beginning to its end. @returns how many tasks it made, and its account */
async function session(store: Store, seen: Seen) {
  const { kept = [], skipped = [], target = 'acme', sighted = all, missing } = seen
  const walk = await TestWalk.begin(store, target)
  const tasks = await walk.page({ kept, skipped, sighted })
  const { comparison, seenBefore } = await store.surveySession(walk.sessionId)
  await walk.advance(
    { status: 'COMPLETED', comparison, ...seen.end },
    missing === undefined ? {} : { missing },
  )
  return { tasks, comparison, seenBefore, walk }
}

const inactiveOf = async (store: Store): Promise<string[]> =>
  (await store.repositories.githubRepos.list(1_000, 0))
    .filter(({ isActive }) => !isActive)
    .map(({ key }) => key)
    .toSorted()

const manyOf = (count: number) => identities('repo', count).map(({ key }) => at(key, '1'))

export const inventory = casesOf('what a session saw', (test) => {
  test('is held against what its target held: new, changed, unchanged, missing', async (store) => {
    const first = await session(store, { kept: [at('a', '1'), at('b', '1'), at('c', '1')] })
    equal(first.comparison, compared({ seen: 3, new: 3 }))
    const second = await session(store, { kept: [at('a', '1'), at('b', '2'), at('d', '1')] })
    equal(second.comparison, compared({ seen: 3, new: 1, changed: 1, unchanged: 1, missing: 1 }))
    const third = await session(store, { kept: [at('a', '1'), at('b', '2'), at('d', '1')] })
    equal(third.comparison, compared({ seen: 3, unchanged: 3, missing: 1 }))
  })

  test('counts as changed where no version is told, or a first one; an empty one is one', async (store) => {
    await session(store, { kept: [at('a'), at('b', '1'), at('c'), at('d', '')] })
    const { comparison } = await session(store, {
      kept: [at('a'), at('b'), at('c', '1'), at('d', '')],
    })
    equal(comparison, compared({ seen: 4, changed: 3, unchanged: 1 }))
  })

  test('tells versions apart to the last character', async (store) => {
    const versions = ['1', '1 ', '01', 'É', 'e\u0301', HARD_TEXTS[6], `${HARD_TEXTS[6]}x`]
    for (const version of versions) {
      const { comparison } = await session(store, { kept: [at('a', version)] })
      same(comparison.unchanged, 0)
    }
    const { comparison } = await session(store, { kept: [at('a', versions.at(-1))] })
    same(comparison.unchanged, 1)
  })

  test('counts each resource once, on whichever page it is met again', async (store) => {
    await session(store, { kept: [at('a', '1'), at('b', '1')] })
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: [at('a', '1'), at('c', '1'), at('a', '1')], sighted: all })
    await walk.page({ kept: [at('c', '1'), at('b', '2'), at('a', '1')], sighted: all })
    // One that moves on meanwhile has changed; a new one stays new.
    await walk.page({ kept: [at('a', '2'), at('c', '2')], sighted: all })
    const { comparison } = await store.surveySession(walk.sessionId)
    equal(comparison, compared({ seen: 3, new: 1, changed: 2 }))
  })

  test('is its target’s own, though others see the same resources', async (store) => {
    await session(store, { kept: [at('a', '1')] })
    const other = await session(store, { kept: [at('a', '1'), at('b', '1')], target: 'other' })
    equal(other.comparison, compared({ seen: 2, new: 2 }))
    const again = await session(store, { kept: [at('a', '1')] })
    equal(again.comparison, compared({ seen: 1, unchanged: 1 }))
  })

  test('is nothing where the resources are not compared', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    same(await walk.page({ kept: [at('a', '1')], skipped: [leftOut('b')] }), 1)
    const { comparison, seenBefore } = await store.surveySession(walk.sessionId)
    equal({ comparison, seenBefore }, { comparison: compared({}), seenBefore: null })
    const { sessionId } = walk
    equal(await store.findSeen({ sessionId, keys: ['a', 'b'] }), new Set())
    // And what was left out is not known.
    same(await store.repositories.githubRepos.getByUrl(identity('b').uri), null)
  })

  test('has a task for each where all are wanted, and for the new and the changed where only those are', async (store) => {
    const first = await session(store, { kept: manyOf(40), sighted: onlyChanged })
    same(first.tasks, 40)
    const kept = [
      ...manyOf(40).slice(0, 37),
      at('repo-37', '2'),
      at('repo-38', '2'),
      at('new', '1'),
    ]
    const some = await session(store, { kept, sighted: onlyChanged })
    same(some.tasks, 3)
    const { repositories } = store
    same(await repositories.tasks.count({ sessionId: some.walk.sessionId }), 3)
    same(await repositories.jobs.countTargets(some.walk.state.jobId), 3)
    same((await session(store, { kept, sighted: onlyChanged })).tasks, 0)
    same((await session(store, { kept })).tasks, 40)
  })

  test('is brought up to date, though it is unchanged and has no task', async (store) => {
    await session(store, { kept: [at('a', '1')], sighted: onlyChanged })
    await session(store, { kept: [at('a', '1', { name: 'new name' })], sighted: onlyChanged })
    matches(await store.repositories.githubRepos.list(10, 0), [{ key: 'a', name: 'new name' }])
  })

  test('counts as changed after a session that failed: nobody may have taken its task', async (store) => {
    await session(store, { kept: [at('kept', '1'), at('changed', '1')] })
    const kept = [at('kept', '1'), at('changed', '2'), at('new', '1')]
    const failed = { kept, end: { status: 'FAILED', comparison: null } } as const
    await session(store, failed)
    // However often it fails.
    await session(store, failed)
    const { comparison, tasks } = await session(store, { kept, sighted: onlyChanged })
    equal(comparison, compared({ seen: 3, changed: 2, unchanged: 1 }))
    same(tasks, 2)
    same((await session(store, { kept, sighted: onlyChanged })).tasks, 0)
  })

  test('holds what a filter left out: it has no task and is no scan target, and is not missing', async (store) => {
    await session(store, { kept: [at('a', '1'), at('b', '1')] })
    const { comparison, tasks } = await session(store, {
      kept: [at('a', '1')],
      skipped: [leftOut('b'), leftOut('c')],
    })
    equal(comparison, compared({ seen: 3, unchanged: 1 }))
    same(tasks, 1)
    hasLength(await store.repositories.scanTargets.list(10, 0), 2)
  })

  test('counts as changed once it is no longer left out: it has had no task', async (store) => {
    await session(store, { kept: [at('b', '1')], skipped: [leftOut('a')] })
    const { comparison, tasks } = await session(store, {
      kept: [at('a', '1'), at('b', '1')],
      sighted: onlyChanged,
    })
    equal(comparison, compared({ seen: 2, changed: 1, unchanged: 1 }))
    same(tasks, 1)
  })

  test('stays what it was when a later page of the session leaves it out, and is wanted when one does not', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: [at('a', '1')], skipped: [leftOut('b')], sighted: onlyChanged })
    const again = { kept: [at('b', '1')], skipped: [leftOut('a')], sighted: onlyChanged }
    same(await walk.page(again), 1)
    const { comparison } = await store.surveySession(walk.sessionId)
    equal(comparison, compared({ seen: 2, new: 1, changed: 1 }))
  })

  test('is found again by its keys, and by no other session', async (store) => {
    const before = await session(store, { kept: [at('a', '1'), at('b', '1')] })
    const walk = await TestWalk.begin(store, 'acme')
    const other = await TestWalk.begin(store, 'other')
    const hard = HARD_TEXTS.map((text) => at(`${text}`))
    await walk.page({ kept: [at('a', '1'), ...hard], skipped: [leftOut('c')], sighted: all })
    await other.page({ kept: [at('d', '1')], sighted: all })
    const keys = ['a', 'b', 'c', 'd', 'e', '', ...hard.map(({ key }) => key)]
    const seen = async ({ sessionId }: TestWalk) =>
      [...(await store.findSeen({ sessionId, keys }))].toSorted()
    equal(await seen(walk), ['a', 'c', ...hard.map(({ key }) => key)].toSorted())
    equal(await seen(other), ['d'])
    // What its target’s next session has seen is that one’s.
    equal(await seen(before.walk), ['b'])
    equal(await store.findSeen({ sessionId: walk.sessionId, keys: [] }), new Set())
  })

  test('is found again among any number of keys', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: manyOf(1_500), sighted: all })
    const keys = identities('repo', 3_000).map(({ key }) => key)
    same((await store.findSeen({ sessionId: walk.sessionId, keys })).size, 1_500)
  })

  test('is as much as the last session before it saw that can be relied on', async (store) => {
    const seen = (count: number, end?: Partial<SessionState>) =>
      session(store, { kept: manyOf(count), ...(end && { end }) })
    const { metrics } = sessionNamed('acme')
    const shrunk = { code: 'shrunk', detail: 'only 8' }
    const first = await seen(9)
    same(first.seenBefore, null)
    same((await seen(7)).seenBefore, 9)
    await seen(5, { status: 'FAILED' })
    await seen(4, { status: 'PARTIALLY_COMPLETED', metrics: { ...metrics, itemsFailed: 1 } })
    const hidden = { code: 'sso', detail: 'one' }
    await seen(3, { status: 'PARTIALLY_COMPLETED', shortfalls: [hidden] })
    await seen(3, { status: 'PARTIALLY_COMPLETED', shortfalls: [shrunk, hidden] })
    await seen(3, {
      status: 'PARTIALLY_COMPLETED',
      shortfalls: [shrunk],
      metrics: { ...metrics, itemsFailed: 1 },
    })
    await seen(2, { comparison: null })
    same((await seen(8, { status: 'PARTIALLY_COMPLETED', shortfalls: [shrunk] })).seenBefore, 7)
    // One that doubted itself only for seeing so few.
    same((await seen(1)).seenBefore, 8)
    // What came after a session, and the session itself, are nothing before it.
    same((await store.surveySession(first.walk.sessionId)).seenBefore, null)
    same((await session(store, { kept: [at('a')], target: 'other' })).seenBefore, null)
  })

  test('is missing once more with each session that saw all, and is given up after so many', async (store) => {
    const kept = [at('a', '1'), at('b', '1')]
    const missing = { deactivateAfter: 3 }
    await session(store, { kept, missing })
    for (const inactive of [[], [], ['b'], ['b']]) {
      await session(store, { kept: [at('a', '1')], missing })
      equal(await inactiveOf(store), inactive)
    }
  })

  test('takes nothing away where it is not said that it was all', async (store) => {
    await session(store, { kept: [at('a', '1'), at('b', '1')], missing: { deactivateAfter: 1 } })
    await session(store, { kept: [at('a', '1')] })
    await session(store, { kept: [at('a', '1')], end: { status: 'PARTIALLY_COMPLETED' } })
    equal(await inactiveOf(store), [])
    // Nor was it missed then.
    await session(store, { kept: [at('a', '1')], missing: { deactivateAfter: 2 } })
    equal(await inactiveOf(store), [])
  })

  test('is active again, and missed from the beginning, when it is seen again', async (store) => {
    const both = [at('a', '1'), at('b', '1')]
    const one = { kept: [at('a', '1')], missing: { deactivateAfter: 2 } }
    await session(store, { kept: both })
    await session(store, one)
    await session(store, one)
    equal(await inactiveOf(store), ['b'])
    const { comparison } = await session(store, { kept: both, missing: one.missing })
    // It counts as changed: what it was in the meantime, nobody knows.
    equal(comparison, compared({ seen: 2, changed: 1, unchanged: 1 }))
    equal(await inactiveOf(store), [])
    await session(store, one)
    equal(await inactiveOf(store), [])
  })

  test('does not give up what another target sees, nor what it left out itself', async (store) => {
    const missing = { deactivateAfter: 1 }
    await session(store, { kept: [at('a', '1'), at('b', '1'), at('c', '1')] })
    await session(store, { kept: [at('b', '1')], target: 'other' })
    await session(store, { skipped: [leftOut('c')], missing })
    equal(await inactiveOf(store), ['a'])
    await session(store, { target: 'other', missing })
    equal(await inactiveOf(store), ['a', 'b'])
  })

  test('is held against the version of its task, where it moved on in the same session', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    same(await walk.page({ kept: [at('a', '1')], sighted: onlyChanged }), 1)
    same(await walk.page({ kept: [at('a', '2')], sighted: onlyChanged }), 0)
    await walk.advance({ status: 'COMPLETED' })
    const { tasks } = await session(store, { kept: [at('a', '2')], sighted: onlyChanged })
    same(tasks, 1)
  })

  test('stands as a later session found it, when an earlier one goes on behind it', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: [at('a', '1')], sighted: all })
    await walk.advance({ status: 'FAILED' })
    await session(store, { kept: [at('a', '1'), at('b', '2')] })
    await walk.advance({ status: 'IN_PROGRESS' })
    await walk.page({ kept: [at('b', '1')], sighted: all })
    await walk.advance({ status: 'COMPLETED' })
    const { comparison } = await session(store, { kept: [at('a', '1'), at('b', '2')] })
    equal(comparison, compared({ seen: 2, unchanged: 2 }))
  })

  test('is not missed by an earlier session that comes to its end behind it', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await walk.page({ kept: [at('a', '1')], sighted: all })
    await walk.advance({ status: 'FAILED' })
    await session(store, { kept: [at('a', '1'), at('b', '1')] })
    await walk.advance({ status: 'IN_PROGRESS' })
    matches((await store.surveySession(walk.sessionId)).comparison, { seen: 2, missing: 0 })
    await walk.advance({ status: 'COMPLETED' }, { missing: { deactivateAfter: 1 } })
    equal(await inactiveOf(store), [])
  })

  test('is not missed by a commit that is too late', async (store) => {
    await session(store, { kept: [at('a', '1'), at('b', '1')] })
    const walk = await TestWalk.begin(store, 'acme')
    await TestWalk.claim(store, walk.sessionId, OTHER_OWNER)
    const before = await everythingIn(store)
    const late = walk.advance({ status: 'COMPLETED' }, { missing: { deactivateAfter: 1 } })
    matches(await thrownBy(late), { code: 'LEASE_LOST' })
    equal(await everythingIn(store), before)
    equal(await inactiveOf(store), [])
  })

  test('stays out of what is known where its page is too late', async (store) => {
    const walk = await TestWalk.begin(store, 'acme')
    await TestWalk.claim(store, walk.sessionId, OTHER_OWNER)
    const page = { kept: [at('a', '1')], skipped: [leftOut('b')], sighted: all }
    matches(await thrownBy(walk.page(page)), { code: 'LEASE_LOST' })
    const { sessionId } = walk
    equal((await store.surveySession(sessionId)).comparison, compared({}))
    equal(await store.findSeen({ sessionId, keys: ['a', 'b'] }), new Set())
  })
})
