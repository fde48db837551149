import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { openStore, type Store } from '../../src/index.ts'
import { storeLeadership } from '../../src/orchestration/store-leadership.ts'
import { quickDatabase } from '../support/temp.ts'
import { waitUntil } from '../support/wait-until.ts'

const LEASE_MS = 400
const clock = { now: () => Date.now() }

async function opened(): Promise<Store> {
  const store = await openStore({ path: quickDatabase() })
  onTestFinished(() => store.close())
  return store
}

/** One that campaigns, and when it came to lead or ceased to. */
function campaigner(
  store: Pick<Store, 'lead' | 'resign'>,
  owner: string,
  { leaseMs = LEASE_MS, isGone = () => false }: { leaseMs?: number; isGone?: () => boolean } = {},
) {
  const leadership = storeLeadership({ store, owner, leaseMs, clock, isGone })
  const changes: { readonly leads: boolean; readonly at: number }[] = []
  const end = leadership.campaign((leads) => changes.push({ leads, at: performance.now() }))
  onTestFinished(async () => {
    end()
    await leadership.close()
  })
  return {
    changes,
    leads: () => changes.at(-1)?.leads === true,
    async leave() {
      end()
      await leadership.close()
    },
  }
}

/** The store as a process has it whose way to the database can be cut. */
function cuttable(store: Store) {
  let cut = false
  const never = new Promise<never>(() => undefined)
  return {
    cut: () => (cut = true),
    store: {
      lead: (params: Parameters<Store['lead']>[0]) => (cut ? never : store.lead(params)),
      resign: (params: Parameters<Store['resign']>[0]) => (cut ? never : store.resign(params)),
    },
  }
}

test('one leads, goes on leading while it lives, and the others stand by', async () => {
  const store = await opened()
  const one = campaigner(store, 'one')
  await waitUntil('one leads', one.leads)
  const two = campaigner(store, 'two')
  await sleep(4 * LEASE_MS)
  expect(one.changes.map(({ leads }) => leads)).toEqual([true])
  expect(two.changes).toEqual([])
})

test('who leaves is followed at once, by one of the others', async () => {
  const store = await opened()
  // A lease that would hold longer than any test.
  const one = campaigner(store, 'one', { leaseMs: 3_600_000 })
  await waitUntil('one leads', one.leads)
  const others = [campaigner(store, 'two'), campaigner(store, 'three')]
  await one.leave()
  await waitUntil('another leads', () => others.some((other) => other.leads()))
  await sleep(LEASE_MS)
  expect(others.filter((other) => other.leads())).toHaveLength(1)
})

test('who is cut off ceases to lead before another begins', async () => {
  const store = await opened()
  const way = cuttable(store)
  const leadership = storeLeadership({
    store: way.store,
    owner: 'one',
    leaseMs: LEASE_MS,
    clock,
    isGone: () => false,
  })
  const changes: { readonly leads: boolean; readonly at: number }[] = []
  const end = leadership.campaign((leads) => changes.push({ leads, at: performance.now() }))
  onTestFinished(end)
  await waitUntil('one leads', () => changes.length === 1)
  const two = campaigner(store, 'two')
  way.cut()
  await waitUntil('two leads', two.leads)
  const last = changes.at(-1)
  expect(last?.leads).toBe(false)
  expect(last?.at).toBeLessThanOrEqual(two.changes.at(-1)?.at ?? 0)
})

test('who is known to be gone is not waited for', async () => {
  const store = await opened()
  // A lease that would hold longer than any test.
  await store.lead({ owner: 'dead', leaseMs: 3_600_000, isGone: () => false })
  const patient = campaigner(store, 'patient')
  await sleep(2 * LEASE_MS)
  expect(patient.changes).toEqual([])
  const knowing = campaigner(store, 'knowing', { isGone: () => true })
  await waitUntil('it leads', knowing.leads)
})

test('a store that fails for a while is asked again', async () => {
  const store = await opened()
  let failures = 3
  const failing = {
    resign: store.resign,
    async lead(params: Parameters<Store['lead']>[0]) {
      failures -= 1
      if (failures >= 0) throw new Error('connection refused')
      return store.lead(params)
    },
  }
  const one = campaigner(failing, 'one')
  await waitUntil('it leads all the same', one.leads)
})
