import { writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { LeaseError, StoreError, type TimeProvider } from '../../src/index.ts'
import { openStoreInThread } from '../../src/store/thread/index.ts'
import { receiveError, sendError } from '../../src/store/thread/errors.ts'
import { storeContract } from '../../src/testing/index.ts'
import { ask } from '../support/database.ts'
import { isLong } from '../support/effort.ts'
import { collect, musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedTarget } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'

/**
 * What the way between threads could change: arguments, results, errors,
 * streams, the clock, who is gone. Each case starts a thread of its own, so the
 * usual run has one or two for each kind of call, by how their titles begin.
 */
const ASKED = [
  'a claim of an unknown session says where to look',
  'a claim is refused while another live process walks the session',
  'a claim succeeds at once when the process that holds the lease is gone',
  'a claim makes everything stale that was read before it',
  'a lease is extended by a page',
  'sessions are claimed each by one claimant alone',
  'sessions are claimed when their lease has run out, or its owner is gone',
  'the lead is one process’s at a time',
  'the lead is another’s at once when its process is gone',
  'tasks are not taken again once they are acknowledged',
  'tasks are streamed through more than one window',
  'tasks can be streamed while more are committed',
  'jobs come back as they were stored',
  'saving by hand creates a session',
  'steps at the same time: of two commits under one revision',
  'what is asked of a session is seen by who walks it',
  'a pause that somebody asked for is obeyed by every claim',
  'the record of a session says who created, claimed',
  'a report of a session says all but its checkpoint',
  'a report of limits says what was told of them last',
  'a store that was closed rejects whatever is asked of it',
  'a store that was closed can be closed again',
]
const isAsked = (title: string) => isLong || ASKED.some((begins) => title.startsWith(begins))

describe('the store in a thread', () => {
  const open = (options: { readonly clock: TimeProvider }) =>
    openStoreInThread({ path: quickDatabase(), ...options })
  const cases = storeContract(open)
  for (const { title, run } of cases) {
    if (isAsked(title)) test(title, run)
  }

  test('is asked every case that is named here', () => {
    const unknown = ASKED.filter((begins) => !cases.some(({ title }) => title.startsWith(begins)))
    expect(unknown).toEqual([])
  })
})

describe('a database in a thread', () => {
  const LISTING = { items: itemsNamed('a', 25), pageSize: 4 }

  test('is walked and delivered like any other, and the next process goes on with it', async () => {
    const path = quickDatabase()
    const muster = await musterOver({ a: LISTING }, { database: path, databaseThread: true })
    const run = muster.coordinator.enumerateTarget(scriptedTarget('a'))
    expect((await run.done).status).toBe('COMPLETED')
    for await (const _ of run.tasks) break
    await muster.close()
    const next = await musterOver({ a: LISTING }, { database: path, databaseThread: true })
    const again = next.coordinator.enumerateTarget(scriptedTarget('a'))
    expect(again.sessionId).toBe(run.sessionId)
    expect(await collect(again.tasks)).toHaveLength(25)
    await next.close()
    expect(ask(path, 'select count(*) as n from tasks where acknowledged_at is null')).toEqual([
      { n: 0 },
    ])
  })

  test('that cannot be used is refused as ever, and the thread does not stay', async () => {
    const path = quickDatabase()
    writeFileSync(path, 'no database, but long enough to be looked at as one'.repeat(40))
    const before = process.getActiveResourcesInfo().length
    const opening = openStoreInThread({ path })
    await expect(opening).rejects.toBeInstanceOf(StoreError)
    await expect(opening).rejects.toMatchObject({ code: 'STORE_FOREIGN', retryable: false })
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before)
  })

  test('is not for a store of one’s own', async () => {
    const database = await openStoreInThread({ path: ':memory:' })
    await expect(musterOver({ a: LISTING }, { database, databaseThread: true })).rejects.toThrow(
      'databaseThread is true: it is for a SQLite file, and database is none',
    )
    await database.close()
  })
})

describe('an error between threads', () => {
  const sent = (error: unknown) => receiveError(structuredClone(sendError(error)))

  test('keeps its class, code, message and cause', () => {
    const cause = Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR' })
    const error = sent(new StoreError('STORE_FAILED', 'cannot', { cause, retryable: true }))
    expect(error).toBeInstanceOf(StoreError)
    expect(error).toMatchObject({ code: 'STORE_FAILED', message: 'cannot', retryable: true })
    expect(error.cause).toMatchObject({ code: 'SQLITE_IOERR', message: 'disk I/O error' })
    expect(String(error)).toBe('StoreError: cannot')
    expect(sent(new LeaseError('LEASE_LOST', 'gone'))).toBeInstanceOf(LeaseError)
  })

  test('is an ordinary one where it was one, or was none at all', () => {
    expect(sent(new TypeError('no'))).toMatchObject({ name: 'TypeError', message: 'no' })
    expect(sent('a text')).toMatchObject({ name: 'Error', message: 'a text' })
    const odd = Object.assign(new Error('odd'), { close: () => undefined })
    expect(sent(odd)).toMatchObject({ message: 'odd' })
  })
})
