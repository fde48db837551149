import { describe, expect, test } from 'vitest'
import { SourceError, type MusterOptions, type SessionState } from '../../src/index.ts'
import { inconsistencies } from '../support/consistency.ts'
import { ask } from '../support/database.ts'
import { musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedTarget, type Scripted } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'

interface TargetOptions {
  readonly onlyChanged?: boolean
  readonly deactivateAfter?: number
}

/** What is walked again and again, while what it holds changes. */
class Place {
  readonly database = quickDatabase()
  readonly listings: Record<string, Scripted> = {}
  readonly target: TargetOptions
  readonly #options: MusterOptions

  constructor(target: TargetOptions = {}, options: MusterOptions = {}) {
    this.target = target
    this.#options = options
  }

  async muster() {
    return musterOver(this.listings, { ...this.#options, database: this.database })
  }

  /** Walks the target once: each session in a process of its own. */
  async session(
    items: readonly string[],
    over: Partial<Scripted> & { readonly list?: string } = {},
  ): Promise<SessionState> {
    const { list = 'a', ...listing } = over
    this.listings[list] = { items, pageSize: 2, ...listing }
    const muster = await this.muster()
    try {
      return await muster.coordinator.enumerateTarget({ ...scriptedTarget(list), ...this.target })
        .done
    } finally {
      await muster.close()
      expect(inconsistencies((sql) => ask(this.database, sql), { twice: true })).toEqual([])
    }
  }

  /** The keys of what a session made tasks for. */
  tasksOf({ sessionId }: SessionState): string[] {
    return ask<{ key: string }>(
      this.database,
      `select r.key from tasks t join resources r on r.id = t.target
        join sessions s on s.id = t.session where s.session_id = '${sessionId}' order by t.seq`,
    ).map(({ key }) => key)
  }

  get inactive(): string[] {
    return ask<{ key: string }>(
      this.database,
      'select key from resources where is_active = 0 order by key',
    ).map(({ key }) => key)
  }

  /** How often in a row each resource was missed, where it was. */
  get missed(): Record<string, number> {
    return Object.fromEntries(
      ask<{ key: string; missed: number }>(
        this.database,
        `select r.key, max(g.missed) as missed from sightings g join resources r on r.id = g.resource
          where g.missed > 0 group by r.key`,
      ).map(({ key, missed }) => [key, missed]),
    )
  }
}

const counts = (
  seen: number,
  of: Partial<Record<'new' | 'changed' | 'unchanged' | 'missing', number>>,
) => ({
  seen,
  new: 0,
  changed: 0,
  unchanged: 0,
  missing: 0,
  ...of,
})

describe('what a session finds, held against what its target held', () => {
  test('is all new the first time, and then unchanged, changed by its version, new, or missing', async () => {
    const place = new Place()
    const first = await place.session(['a@1', 'b@1', 'c@1', 'd@1'])
    expect(first.comparison).toEqual(counts(4, { new: 4 }))
    const second = await place.session(['a@1', 'b@2', 'd@1', 'e@1'])
    expect(second).toMatchObject({
      status: 'COMPLETED',
      completeness: 'COMPLETE',
      comparison: counts(4, { new: 1, changed: 1, unchanged: 2, missing: 1 }),
    })
    const third = await place.session(['a@1', 'b@2', 'd@1', 'e@1'])
    expect(third.comparison).toEqual(counts(4, { unchanged: 4, missing: 1 }))
  })

  test('is told of the session in the store too', async () => {
    const place = new Place()
    const { sessionId, comparison } = await place.session(['a@1'])
    const { repositories } = await place.muster()
    expect((await repositories.sessions.load(sessionId))?.comparison).toEqual(comparison)
  })

  test('counts as changed where its source tells no version, or once told one', async () => {
    const place = new Place()
    await place.session(['a', 'b@1', 'c'])
    const second = await place.session(['a', 'b', 'c@1'])
    expect(second.comparison).toEqual(counts(3, { changed: 3 }))
  })

  test('takes an empty version for a version', async () => {
    const place = new Place()
    await place.session(['a@'])
    expect((await place.session(['a@'])).comparison).toEqual(counts(1, { unchanged: 1 }))
  })

  test('counts each once, however often it is listed in one session, and on whichever page', async () => {
    const place = new Place()
    const first = await place.session(['a@1', 'a@1', 'b@1', 'a@1', 'b@1'])
    expect(first.comparison).toEqual(counts(2, { new: 2 }))
    expect(first.metrics).toMatchObject({ itemsFound: 5, itemsProcessed: 5 })
    expect(place.tasksOf(first)).toEqual(['a', 'b'])
    const second = await place.session(['a@1', 'a@1', 'b@1', 'a@1', 'b@1'])
    expect(second.comparison).toEqual(counts(2, { unchanged: 2 }))
    // One that moves on while it is walked is changed.
    const third = await place.session(['a@1', 'b@1', 'a@2', 'b@1'])
    expect(third.comparison).toEqual(counts(2, { changed: 1, unchanged: 1 }))
    const fourth = await place.session(['c@1', 'b@1', 'c@2', 'a@2'])
    expect(fourth.comparison).toEqual(counts(3, { new: 1, unchanged: 2 }))
  })

  test('does not count again what its source says that it reads again', async () => {
    const place = new Place()
    const items = ['a@1', 'skip-b@1', 'a@1', 'c@1', 'skip-b@1', 'c@1', 'bad', 'd@1', 'd@1']
    const { metrics, comparison, ...session } = await place.session(items, {
      page: (number) => ({ again: number > 1 }),
    })
    expect(comparison).toEqual(counts(4, { new: 3 }))
    expect(metrics).toEqual({
      totalBatches: 5,
      failedBatches: 0,
      itemsFound: 5,
      itemsProcessed: 3,
      itemsSkipped: 1,
      itemsFailed: 1,
    })
    expect(place.tasksOf({ ...session, metrics, comparison })).toEqual(['a', 'c', 'd'])
    expect(ask(place.database, 'select items_processed from batches order by number')).toEqual(
      [1, 1, 0, 1, 0].map((items_processed) => ({ items_processed })),
    )
  })

  test('is counted right over the processes that a session takes', async () => {
    const place = new Place()
    await place.session(['a@1', 'b@1', 'c@1', 'd@1', 'e@1'])
    const items = ['a@1', 'b@2', 'c@1', 'x@1', 'y@1', 'd@1']
    const stop = new AbortController()
    place.listings['a'] = {
      items,
      pageSize: 2,
      before: (page) => void (page === 3 && stop.abort()),
    }
    const muster = await place.muster()
    const run = muster.coordinator.enumerateTarget(scriptedTarget('a'), { signal: stop.signal })
    expect(await run.done).toMatchObject({ status: 'IN_PROGRESS', comparison: null })
    await muster.close()
    const resumed = await place.session(items)
    expect(resumed.sessionId).toBe(run.sessionId)
    expect(resumed).toMatchObject({
      status: 'COMPLETED',
      comparison: counts(6, { new: 2, changed: 1, unchanged: 3, missing: 1 }),
    })
  })

  test('is not known of a session that failed', async () => {
    const place = new Place()
    const failed = await place.session(['a@1', 'b@1', 'c@1'], {
      before: (page) => {
        if (page === 2) throw new SourceError('FORBIDDEN', 'not for you', { retryable: false })
      },
    })
    expect(failed).toMatchObject({
      status: 'FAILED',
      comparison: null,
      shortfalls: [{ code: 'forbidden', detail: 'not for you' }],
    })
  })

  test('is not known before the end, though the retry of failed items has come to its own', async () => {
    const place = new Place()
    const items = ['a@1', 'bad-b@1', 'c@1']
    const failed = await place.session(items, {
      before: (page) => {
        if (page === 2) throw new SourceError('SOURCE_FAILED', 'gone')
      },
    })
    const known: unknown[] = []
    const stored = () => ask(place.database, 'select status, comparison from sessions')
    const before = () => void known.push(...stored())
    place.listings['a'] = { items, pageSize: 2, mended: true, before }
    const muster = await place.muster()
    expect(await muster.coordinator.resumeTarget(failed).done).toMatchObject({
      status: 'COMPLETED',
      comparison: counts(3, { new: 3 }),
    })
    expect(known).toEqual([{ status: 'IN_PROGRESS', comparison: null }])
  })

  test('of a session that failed is why it did, and not what went wrong with an earlier page', async () => {
    const place = new Place({}, { stallMs: 30, maxAttempts: 2 })
    let hasFailed = false
    const failed = await place.session(['a@1', 'b@1', 'c@1'], {
      before: (page, { signal }) => {
        if (page === 2) {
          return new Promise((_, reject) => {
            signal.addEventListener('abort', () => reject(new Error('given up')))
          })
        }
        if (hasFailed) return
        hasFailed = true
        throw new SourceError('SOURCE_UNAVAILABLE', 'busy', { retryable: true })
      },
    })
    expect(failed).toMatchObject({
      status: 'FAILED',
      shortfalls: [{ code: 'failed', detail: 'the request hung' }],
    })
  })

  test('is each target’s own, though they see the same resources', async () => {
    const place = new Place()
    await place.session(['a@1', 'b@1'])
    const other = await place.session(['b@1', 'c@1'], { list: 'z' })
    expect(other.comparison).toEqual(counts(2, { new: 2 }))
    expect((await place.session(['a@1', 'b@1'])).comparison).toEqual(counts(2, { unchanged: 2 }))
  })
})

describe('what a filter leaves out', () => {
  test('counts as seen and makes no task, and is no scan target', async () => {
    const place = new Place()
    const first = await place.session(['a@1', 'skip-b@1'])
    expect(first).toMatchObject({
      status: 'COMPLETED',
      comparison: counts(2, { new: 1 }),
      metrics: { itemsFound: 2, itemsProcessed: 1, itemsSkipped: 1, itemsFailed: 0 },
    })
    expect(place.tasksOf(first)).toEqual(['a'])
    expect(ask(place.database, 'select target_id from scan_targets')).toHaveLength(1)
  })

  test('counts once, however often it is listed', async () => {
    const place = new Place()
    const first = await place.session(['skip-b@1', 'skip-b@1', 'a@1', 'skip-b@1'])
    expect(first).toMatchObject({
      comparison: counts(2, { new: 1 }),
      metrics: { itemsFound: 4, itemsProcessed: 1, itemsSkipped: 3 },
    })
  })

  test('of what was known is not missing, and keeps its new address', async () => {
    const place = new Place({ deactivateAfter: 1 })
    await place.session(['b@1', 'a@1'])
    const second = await place.session(['b@1=moved+skip', 'a@1'])
    expect(second).toMatchObject({
      comparison: counts(2, { unchanged: 1 }),
      metrics: { itemsSkipped: 1 },
    })
    expect([place.inactive, place.missed]).toEqual([[], {}])
    expect(ask(place.database, "select uri from resources where key = 'b'")).toEqual([
      { uri: 'scripted://moved' },
    ])
    expect(ask(place.database, 'select uri from aliases')).toEqual([{ uri: 'scripted://b' }])
  })

  test('that is wanted after all counts as changed: it has had no task', async () => {
    const place = new Place({ onlyChanged: true })
    await place.session(['a@1', 'b@1+skip', 'c@1'])
    const second = await place.session(['a@1', 'b@1', 'c@1+skip'])
    expect(second.comparison).toEqual(counts(3, { changed: 1, unchanged: 1 }))
    expect(place.tasksOf(second)).toEqual(['b'])
    // What it missed while it was left out is not known.
    expect(place.tasksOf(await place.session(['a@1', 'b@1', 'c@1']))).toEqual(['c'])
  })

  test('is missing, and given up, like anything else once it is not seen', async () => {
    const place = new Place({ deactivateAfter: 1 })
    await place.session(['a@1', 'b@1+skip'])
    expect((await place.session(['a@1'])).comparison).toEqual(
      counts(1, { unchanged: 1, missing: 1 }),
    )
    expect(place.inactive).toEqual(['b'])
  })
})

describe('a target of which only the changed is wanted', () => {
  test('gets tasks for what is new and changed', async () => {
    const place = new Place({ onlyChanged: true })
    expect(place.tasksOf(await place.session(['a@1', 'b@1', 'c@1']))).toEqual(['a', 'b', 'c'])
    const second = await place.session(['a@1', 'b@2', 'c@1', 'd@1'])
    expect(place.tasksOf(second)).toEqual(['b', 'd'])
    expect(second.metrics).toMatchObject({ itemsFound: 4, itemsProcessed: 4 })
    const third = await place.session(['a@1', 'b@2', 'c@1', 'd@1'])
    expect(place.tasksOf(third)).toEqual([])
    expect(third.status).toBe('COMPLETED')
  })

  test('gets them all where no version is told', async () => {
    const place = new Place({ onlyChanged: true })
    await place.session(['a', 'b'])
    expect(place.tasksOf(await place.session(['a', 'b']))).toEqual(['a', 'b'])
  })

  test('gets one for what came new in a session that failed: nobody may have taken its task', async () => {
    const place = new Place({ onlyChanged: true })
    const items = ['a@1', 'b@1', 'c@1', 'd@1']
    const before = (page: number) => {
      if (page === 2) throw new SourceError('SOURCE_FAILED', 'gone')
    }
    expect((await place.session(items, { before })).status).toBe('FAILED')
    // It fails once more, and they are still owed.
    const again = await place.session(items, { before })
    expect(place.tasksOf(again)).toEqual(['a', 'b'])
    const whole = await place.session(items)
    expect(place.tasksOf(whole)).toEqual(['a', 'b', 'c', 'd'])
    expect(whole.comparison).toEqual(counts(4, { new: 2, changed: 2 }))
    expect(place.tasksOf(await place.session(items))).toEqual([])
  })

  test('gets one in the next session for what moved on after its task was made', async () => {
    const place = new Place({ onlyChanged: true })
    // Met again on a later page, and pushed to in between: there is one task a session.
    expect(place.tasksOf(await place.session(['a@1', 'b@1', 'a@2', 'c@1']))).toEqual([
      'a',
      'b',
      'c',
    ])
    expect(place.tasksOf(await place.session(['a@2', 'b@1', 'c@1']))).toEqual(['a'])
    expect(place.tasksOf(await place.session(['a@2', 'b@1', 'c@1']))).toEqual([])
  })

  test('gets none for what was unchanged when its session failed', async () => {
    const place = new Place({ onlyChanged: true })
    const items = ['a@1', 'b@1', 'c@1', 'd@1']
    await place.session(items)
    await place.session(items, {
      before: (page) => {
        if (page === 2) throw new SourceError('SOURCE_FAILED', 'gone')
      },
    })
    expect(place.tasksOf(await place.session(items))).toEqual([])
  })

  test('that wants all gets all, changed or not', async () => {
    const place = new Place()
    await place.session(['a@1', 'b@1'])
    expect(place.tasksOf(await place.session(['a@1', 'b@1']))).toEqual(['a', 'b'])
  })
})

describe('what is missing', () => {
  test.each([1, 2, 3])(
    'is deactivated after exactly %i complete sessions that did not see it',
    async (n) => {
      const place = new Place({ deactivateAfter: n })
      await place.session(['a@1', 'b@1'])
      for (let session = 1; session <= n; session += 1) {
        expect(place.inactive).toEqual([])
        const { comparison } = await place.session(['a@1'])
        expect(comparison).toEqual(counts(1, { unchanged: 1, missing: 1 }))
        expect(place.missed).toEqual({ b: session })
      }
      expect(place.inactive).toEqual(['b'])
    },
  )

  test('is deactivated after three where nothing else is said, or as often as Muster is told', async () => {
    const place = new Place()
    await place.session(['a@1', 'b@1'])
    for (const inactive of [[], [], ['b']]) {
      await place.session(['a@1'])
      expect(place.inactive).toEqual(inactive)
    }
    const other = new Place({}, { deactivateAfter: 1 })
    await other.session(['a@1', 'b@1'])
    await other.session(['a@1'])
    expect(other.inactive).toEqual(['b'])
  })

  test('is missed by no session that did not see everything', async () => {
    const place = new Place({ deactivateAfter: 1 })
    await place.session(['a@1', 'b@1', 'c@1', 'd@1'])
    const failedItem = await place.session(['a@1', 'bad'])
    expect(failedItem).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      completeness: 'INCOMPLETE',
      comparison: { missing: 3 },
    })
    const short = { shortfalls: [{ code: 'sso', detail: 'one is hidden' }] }
    expect((await place.session(['a@1'], { page: () => short })).status).toBe('PARTIALLY_COMPLETED')
    const broken = await place.session(['a@1'], {
      before: () => {
        throw new SourceError('GONE', 'no such place', { retryable: false })
      },
    })
    expect(broken.shortfalls).toEqual([{ code: 'gone', detail: 'no such place' }])
    expect(place.missed).toEqual({})
    expect(place.inactive).toEqual([])
  })

  test('is missed once more by the next complete one: one that was not between does not begin anew', async () => {
    const place = new Place({ deactivateAfter: 2 })
    await place.session(['a@1', 'b@1'])
    await place.session(['a@1'])
    await place.session(['a@1', 'bad'])
    expect(place.missed).toEqual({ b: 1 })
    await place.session(['a@1'])
    expect(place.inactive).toEqual(['b'])
  })

  test('is active again when it is seen again, and is missed from the beginning', async () => {
    const place = new Place({ deactivateAfter: 2 })
    await place.session(['a@1', 'b@1'])
    await place.session(['a@1'])
    await place.session(['a@1'])
    expect(place.inactive).toEqual(['b'])
    const back = await place.session(['a@1', 'b@1'])
    // Whoever forgot it when it was deactivated has to hear of it again.
    expect(back.comparison).toEqual(counts(2, { changed: 1, unchanged: 1 }))
    expect([place.inactive, place.missed]).toEqual([[], {}])
    await place.session(['a@1'])
    expect(place.inactive).toEqual([])
  })

  test('stays active as long as another target sees it', async () => {
    const place = new Place({ deactivateAfter: 1 })
    await place.session(['a@1', 'b@1'])
    await place.session(['b@1'], { list: 'z' })
    await place.session(['a@1'])
    expect(place.inactive).toEqual([])
    await place.session([], { list: 'z' })
    expect(place.inactive).toEqual(['b'])
  })

  test('is counted anew when the session is resumed and its failed items are tried again', async () => {
    const place = new Place({ deactivateAfter: 1 })
    await place.session(['a@1', 'bad-b@1', 'c@1'])
    const partial = await place.session(['a@1', 'bad-b@1'])
    expect(partial).toMatchObject({ comparison: counts(1, { unchanged: 1, missing: 1 }) })
    place.listings['a'] = { items: [], pageSize: 2, mended: true }
    const muster = await place.muster()
    const resumed = await muster.coordinator.resumeTarget(partial).done
    expect(resumed).toMatchObject({
      status: 'COMPLETED',
      comparison: counts(2, { new: 1, unchanged: 1, missing: 1 }),
      metrics: { itemsFound: 2, itemsProcessed: 2, itemsFailed: 0 },
    })
    // Complete at last: what it did not see is missing.
    expect(place.inactive).toEqual(['c'])
  })

  test('is nothing that a later session saw, when an earlier one is resumed behind it', async () => {
    const place = new Place({ deactivateAfter: 1 })
    const items = ['a@1', 'b@1', 'c@1', 'd@1']
    const failed = await place.session(items, {
      before: (page) => {
        if (page === 2) throw new SourceError('SOURCE_FAILED', 'gone')
      },
    })
    expect((await place.session([...items, 'e@1'])).status).toBe('COMPLETED')
    place.listings['a'] = { items, pageSize: 2 }
    const muster = await place.muster()
    const resumed = await muster.coordinator.resumeTarget(failed).done
    expect(resumed).toMatchObject({ status: 'COMPLETED', comparison: { seen: 5, missing: 0 } })
    expect([place.inactive, place.missed]).toEqual([[], {}])
  })
})

describe('a place that is much smaller than last time', () => {
  const many = itemsNamed('r', 40).map((item) => `${item}@1`)
  const few = many.slice(0, 10)

  test('is doubted once: nothing is missed on its word, and the next session is believed', async () => {
    const place = new Place({ deactivateAfter: 1 })
    await place.session(many)
    const alarmed = await place.session(few)
    expect(alarmed).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      completeness: 'INCOMPLETE',
      shortfalls: [{ code: 'shrunk', detail: expect.stringMatching(/only 10 .* found 40/) }],
      comparison: counts(10, { unchanged: 10, missing: 30 }),
    })
    expect([place.missed, place.inactive]).toEqual([{}, []])
    const believed = await place.session(few)
    expect(believed).toMatchObject({ status: 'COMPLETED', shortfalls: [] })
    expect(place.inactive).toHaveLength(30)
  })

  test('is held against the last session whose word can be relied on', async () => {
    const place = new Place()
    await place.session(many)
    // A failed item, so that its count says nothing; half of what it saw would be no alarm.
    await place.session([...many.slice(0, 12), 'bad'])
    expect((await place.session(few)).shortfalls).toMatchObject([
      { code: 'shrunk', detail: expect.stringContaining('found 40') },
    ])
  })

  test('that shrinks further is doubted again', async () => {
    const place = new Place()
    await place.session(itemsNamed('r', 90))
    expect((await place.session(many)).shortfalls).toMatchObject([{ code: 'shrunk' }])
    expect((await place.session(few)).shortfalls).toMatchObject([
      { code: 'shrunk', detail: expect.stringContaining('found 40') },
    ])
  })

  test.each<[string, [before: number, after: number], number | undefined, string]>([
    ['as large as half of it', [40, 20], undefined, 'COMPLETED'],
    ['one less than half of it', [40, 19], undefined, 'PARTIALLY_COMPLETED'],
    ['of twenty', [20, 9], undefined, 'PARTIALLY_COMPLETED'],
    ['of fewer than twenty', [19, 0], undefined, 'COMPLETED'],
    ['empty', [40, 0], undefined, 'PARTIALLY_COMPLETED'],
    ['smaller than the alarm is set to', [40, 35], 0.9, 'PARTIALLY_COMPLETED'],
    ['as large as the alarm is set to', [40, 36], 0.9, 'COMPLETED'],
    ['empty, where the alarm is off', [40, 0], 0, 'COMPLETED'],
  ])('%s: %j, with the alarm at %s', async (_, [before, after], shrinkAlarm, status) => {
    const place = new Place({}, shrinkAlarm === undefined ? {} : { shrinkAlarm })
    await place.session(many.slice(0, before))
    expect((await place.session(many.slice(0, after))).status).toBe(status)
  })

  test('does not raise the alarm in its first session', async () => {
    const place = new Place()
    expect((await place.session([])).status).toBe('COMPLETED')
  })
})

describe('a resource that is somewhere else than last time', () => {
  const aliases = (place: Place) =>
    ask(
      place.database,
      'select key, a.uri from aliases a join resources r on r.id = resource order by 1, 2',
    )

  test('is the same one, and its earlier addresses are kept', async () => {
    const place = new Place()
    await place.session(['a@1', 'b@1'])
    expect(aliases(place)).toEqual([])
    const second = await place.session(['a@1=moved', 'b@1'])
    expect(second.comparison).toEqual(counts(2, { unchanged: 2 }))
    await place.session(['a@1=again', 'b@1'])
    await place.session(['a@1=again', 'b@1'])
    expect(aliases(place)).toEqual([
      { key: 'a', uri: 'scripted://a' },
      { key: 'a', uri: 'scripted://moved' },
    ])
    expect(ask(place.database, 'select key, uri from resources order by key')).toEqual([
      { key: 'a', uri: 'scripted://again' },
      { key: 'b', uri: 'scripted://b' },
    ])
  })

  test('leaves its address to whoever comes there', async () => {
    const place = new Place()
    await place.session(['a@1'])
    const second = await place.session(['a@1=moved', 'b@1=a'])
    expect(second.comparison).toEqual(counts(2, { new: 1, unchanged: 1 }))
    expect(ask(place.database, 'select key, uri from resources order by key')).toEqual([
      { key: 'a', uri: 'scripted://moved' },
      { key: 'b', uri: 'scripted://a' },
    ])
  })
})
