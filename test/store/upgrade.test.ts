import { describe, expect, test } from 'vitest'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { openStore } from '../../src/store/open.ts'
import { inconsistencies } from '../support/consistency.ts'
import { ask, dump } from '../support/database.ts'
import { collect, musterOver } from '../support/muster.ts'
import { scriptedTarget } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'
import { LISTINGS_1, makeVersion1 } from '../support/version-1.ts'

async function version1(): Promise<string> {
  const path = quickDatabase()
  await makeVersion1(path)
  return path
}

type Rows = readonly Record<string, unknown>[]
const rowsOf = (path: string): Record<string, Rows> => {
  const { schema: _, user_version: __, application_id: ___, ...tables } = dump(path)
  return tables as Record<string, Rows>
}

/** The row with the columns of another, no more. */
const like = (row: object, other: object) =>
  Object.fromEntries(Object.keys(other).map((column) => [column, (row as never)[column]]))

const sessionOf = (path: string, target: string) =>
  ask<{ session_id: string }>(
    path,
    `select session_id from sessions where target_name = '${target}'`,
  )[0]?.session_id ?? ''

describe('a database of version 1', () => {
  test('has rows in every table that a walk writes', async () => {
    const path = await version1()
    expect(ask(path, 'pragma user_version')).toEqual([{ user_version: 1 }])
    const filled = Object.entries(rowsOf(path)).filter(([, rows]) => rows.length > 0)
    expect(filled.map(([table]) => table)).toEqual(
      expect.arrayContaining([
        'batches',
        'checkpoints',
        'failed_items',
        'job_targets',
        'jobs',
        'resources',
        'scan_targets',
        'sessions',
        'tasks',
      ]),
    )
  })

  test('keeps every row of every table, and every column of it, when it is opened', async () => {
    const path = await version1()
    const before = rowsOf(path)
    await (await openStore({ path })).close()
    expect(ask(path, 'pragma user_version')).toEqual([{ user_version: MIGRATIONS.length }])
    const after = rowsOf(path)
    for (const [table, rows] of Object.entries(before)) {
      expect(
        after[table]?.map((row, i) => like(row, rows[i] ?? {})),
        table,
      ).toEqual(rows)
    }
  })

  test('comes to know its targets: one for each, whatever number of sessions it has', async () => {
    const path = await version1()
    await (await openStore({ path })).close()
    expect(
      ask(
        path,
        `select target_name from sessions s join targets t on t.id = s.target
          and t.target_key = s.target_key order by s.id`,
      ),
    ).toEqual(['done', 'part', 'lost', 'crash'].map((target_name) => ({ target_name })))
    expect(ask(path, 'select distinct id from targets')).toHaveLength(4)
  })

  test('has skipped nothing, waits for nothing and compares nothing', async () => {
    const path = await version1()
    const store = await openStore({ path })
    for (const session of await store.repositories.sessions.list(9)) {
      expect(session).toMatchObject({
        comparison: null,
        waiting: null,
        metrics: { itemsSkipped: 0 },
      })
    }
    await store.close()
  })

  test('goes on with the session that it was in the middle of', async () => {
    const path = await version1()
    const muster = await musterOver(LISTINGS_1, { database: path })
    const run = muster.coordinator.enumerateTarget(scriptedTarget('crash'))
    expect(run.sessionId).toBe(sessionOf(path, 'crash'))
    expect(await run.done).toMatchObject({
      status: 'PARTIALLY_COMPLETED',
      metrics: { totalBatches: 2, itemsFound: 5, itemsProcessed: 4, itemsFailed: 1 },
    })
    expect(await muster.repositories.tasks.count({ sessionId: run.sessionId })).toBe(4)
    await muster.close()
    expect(inconsistencies((sql) => ask(path, sql))).toEqual([])
  })

  test('goes on with what failed, and tries the failed items again', async () => {
    const path = await version1()
    const mended = { ...LISTINGS_1.lost, mended: true }
    const muster = await musterOver(
      { ...LISTINGS_1, lost: mended, part: { ...LISTINGS_1.part, mended: true } },
      { database: path },
    )
    for (const [target, itemsProcessed] of Object.entries({ lost: 3, part: 3 })) {
      const state = await muster.repositories.sessions.load(sessionOf(path, target))
      if (state === null) throw new Error(`session of "${target}" is not stored`)
      expect(await muster.coordinator.resumeTarget(state).done).toMatchObject({
        sessionId: state.sessionId,
        status: 'COMPLETED',
        metrics: { itemsProcessed, itemsFailed: 0 },
      })
    }
  })

  test('delivers what was not acknowledged, and nothing that was', async () => {
    const path = await version1()
    const owed = ask<{ uri: string }>(
      path,
      `select uri from tasks where acknowledged_at is null and session = 1 order by seq`,
    )
    expect(owed.length).toBeGreaterThan(0)
    expect(owed.length).toBeLessThan(3)
    const muster = await musterOver(LISTINGS_1, { database: path })
    const run = muster.coordinator.enumerateTarget(scriptedTarget('done'))
    expect(run.sessionId).toBe(sessionOf(path, 'done'))
    expect((await collect(run.tasks)).map(({ resourceUri }) => resourceUri)).toEqual(
      owed.map(({ uri }) => uri),
    )
  })

  test('is compared from its next session on', async () => {
    const path = await version1()
    const muster = await musterOver(LISTINGS_1, { database: path })
    await muster.coordinator.enumerateTarget(scriptedTarget('crash')).done
    const walk = () => muster.coordinator.enumerateTarget(scriptedTarget('crash')).done
    expect((await walk()).comparison).toMatchObject({ seen: 4, missing: 0 })
  })
})
