import assert from 'node:assert/strict'
import { newId } from '../../domain/identity.ts'
import type { Store } from '../../store/store.ts'
import { collect } from '../checks.ts'
import { casesOf } from './cases.ts'
import { OWNER, put, sessionNamed, T0 } from './fixtures.ts'

/** One call of each kind: what reads, what writes, what does both. */
const CALLS: Readonly<Record<string, (store: Store, sessionId: string) => Promise<unknown>>> = {
  'sessions.load': (store, sessionId) => store.repositories.sessions.load(sessionId),
  'tasks.stream': (store) => collect(store.repositories.tasks.stream()),
  takeTasks: (store, sessionId) => store.takeTasks({ sessionId, after: 0, limit: 1 }),
  findUnfinished: (store) => store.findUnfinished(),
  createSession: (store) => put(store, sessionNamed('another')),
  claimSession: (store, sessionId) =>
    store.claimSession({ sessionId, owner: OWNER, leaseMs: 1, isGone: () => true }),
  beginDelivery: (store, sessionId) => store.beginDelivery({ sessionId, at: T0 }),
  'rules.save': (store) =>
    store.repositories.rules.save({
      ruleId: newId(),
      definition: {},
      hash: 'h',
      updatedAt: new Date(T0),
    }),
}

async function isRejected(call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call()
    return false
  } catch {
    return true
  }
}

export const closing = casesOf('a store that was closed', (test) => {
  test('rejects whatever is asked of it', async (store) => {
    const { sessionId } = await put(store, sessionNamed('acme'))
    await store.close()
    for (const [name, call] of Object.entries(CALLS)) {
      const rejected = await isRejected(async () => call(store, sessionId))
      assert.ok(rejected, `${name} went on after the store was closed`)
    }
  })

  test('can be closed again', async (store) => {
    await store.close()
    await store.close()
  })
})
