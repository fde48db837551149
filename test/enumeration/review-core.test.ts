import { describe, expect, test } from 'vitest'
import { SourceError } from '../../src/index.ts'
import { ask } from '../support/database.ts'
import { musterOver } from '../support/muster.ts'
import { scriptedTarget, type Scripted } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'

const keysOf = (path: string, sessionId: string) =>
  ask<{ key: string }>(
    path,
    `select r.key from tasks t join resources r on r.id = t.target
      join sessions s on s.id = t.session where s.session_id = '${sessionId}' order by t.seq`,
  ).map(({ key }) => key)

async function session(
  database: string,
  items: readonly string[],
  target: object = {},
  over: Partial<Scripted> = {},
) {
  const muster = await musterOver({ a: { items, pageSize: 2, ...over } }, { database })
  try {
    return await muster.coordinator.enumerateTarget({ ...scriptedTarget('a'), ...target }).done
  } finally {
    await muster.close()
  }
}

describe('what one session leaves to another', () => {
  test('a resource that moves on after its task was made is owed another by the next session', async () => {
    const database = quickDatabase()
    const onlyChanged = { onlyChanged: true }
    // New at version 1, and the host may scan that; then the listing shows version 2.
    await session(database, ['a@1', 'b@1', 'a@2', 'c@1'], onlyChanged)
    const second = await session(database, ['a@2', 'b@1', 'c@1'], onlyChanged)
    expect(keysOf(database, second.sessionId)).toEqual(['a'])
    const third = await session(database, ['a@2', 'b@1', 'c@1'], onlyChanged)
    expect(keysOf(database, third.sessionId)).toEqual([])
  })

  test('an earlier session that is resumed takes nothing from a later one', async () => {
    const database = quickDatabase()
    const target = { deactivateAfter: 1 }
    const items = ['a@1', 'b@1', 'c@1', 'd@1']
    const failed = await session(database, items, target, {
      before: (page) => {
        if (page === 2) throw new SourceError('SOURCE_FAILED', 'gone')
      },
    })
    const partial = await session(database, ['a@1', 'b@1', 'c@1', 'd@1', 'bad-e@1'], target)
    expect(partial.status).toBe('PARTIALLY_COMPLETED')
    const one = await musterOver({ a: { items, pageSize: 2 } }, { database })
    expect((await one.coordinator.resumeTarget(failed).done).status).toBe('COMPLETED')
    await one.close()
    const two = await musterOver({ a: { items, pageSize: 2, mended: true } }, { database })
    const resumed = await two.coordinator.resumeTarget(partial).done
    await two.close()
    expect(resumed.status).toBe('COMPLETED')
    expect(ask(database, 'select key from resources where is_active = 0')).toEqual([])
    expect(resumed.comparison).toMatchObject({ missing: 0, seen: 5 })
  })
})
