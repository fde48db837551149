import fc from 'fast-check'
import { v5 } from 'uuid'
import { describe, expect, test } from 'vitest'
import { batchId, newId, scanTargetId, taskId } from '../../src/domain/identity.ts'

/** It must never change. */
const NAMESPACE = '7d0d4f6e-5c1b-4c0e-9b8a-3f0f5f0c9d21'
const SESSION = '01890a5d-ac96-774b-bcce-b302099a8057'

/**
 * Databases hold these identities. If one of these tests fails, the code is
 * wrong, not the test: a page that is read again would make everything twice.
 */
describe('derived identities never change', () => {
  test('of a scan target', () => {
    expect(scanTargetId('github', 'R_kgDOAbCdEf')).toBe('6f6ac037-678b-5673-bae6-ce381b07e5d8')
    expect(scanTargetId('url', 'https://example.com/ä?q=🧑')).toBe(
      'c382f1e4-ae56-5b5b-b688-884ff86805b6',
    )
  })

  test('of a task', () => {
    expect(taskId(SESSION, '6f6ac037-678b-5673-bae6-ce381b07e5d8')).toBe(
      'cc823f83-ec76-5cc0-94f9-1d8fc9b9971c',
    )
  })

  test('of a batch', () => {
    expect(batchId(SESSION, 1)).toBe('3c996d4b-cf43-52ec-add5-1dbbcd88b21b')
    expect(batchId(SESSION, 12)).toBe('368ac35f-53af-5680-a0fb-32600564e022')
  })
})

describe('derived identities are UUIDs of version 5', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.string({ unit: 'grapheme', minLength: 300, maxLength: 3_000 }),
  )

  test('of any session and scan target, in whatever order they are asked for', () => {
    const asked = fc.record({ session: fc.uuid(), target: text })
    fc.assert(
      fc.property(fc.array(asked, { maxLength: 20 }), (ids) => {
        for (const { session, target } of [...ids, ...ids]) {
          expect(taskId(session, target)).toBe(v5(target, session))
          expect(scanTargetId('s3', target)).toBe(v5(`s3\0${target}`, NAMESPACE))
        }
      }),
    )
  })

  test('and nothing is derived from a session that is no UUID', () => {
    expect(() => taskId('nobody', 'target')).toThrow(TypeError)
    expect(taskId(SESSION, 'target')).toBe(v5('target', SESSION))
  })
})

describe('derived identities differ', () => {
  test('where source type and key could be taken for each other', () => {
    const ids = [
      scanTargetId('a', 'bc'),
      scanTargetId('ab', 'c'),
      scanTargetId('', 'abc'),
      scanTargetId('abc', ''),
    ]
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('between sessions, and between a session’s tasks and batches', () => {
    const other = newId()
    const target = scanTargetId('github', '1')
    const ids = [
      taskId(SESSION, target),
      taskId(other, target),
      batchId(SESSION, 1),
      batchId(other, 1),
      batchId(SESSION, 2),
      taskId(SESSION, '1'),
    ]
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('a new identity', () => {
  test('is not one that was there before, and sorts after it', () => {
    const ids = Array.from({ length: 1_000 }, newId)
    expect(new Set(ids).size).toBe(1_000)
    expect(ids.toSorted()).toEqual(ids)
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})
