import assert from 'node:assert/strict'
import { PauseError, RetryLaterError, type TimeProvider } from '../../../src/index.ts'
import { itemsNamed, scriptedTarget } from '../../support/scripted-source.ts'
import type { Life } from '../life.ts'
import type { Scenario } from '../scenario.ts'
import { column, isLeftToDo } from './kit.ts'

const ITEMS = itemsNamed('patient', 6)
const HOUR_MS = 3_600_000

/** What the source says before its second page, the first time that a process asks. */
type Says = (clock: TimeProvider) => Error

const limited: Says = (clock) => new RetryLaterError('limited', clock.now() + HOUR_MS)
const refused: Says = () => new PauseError('AUTHENTICATION_FAILED', 'the token was refused')

/** One process after the other: it stops when it has to wait. */
async function walk(life: Life, { says, clock }: { says?: Says; clock: TimeProvider }) {
  let hasSaid = says === undefined
  const before = (page: number) => {
    if (page !== 2 || hasSaid) return
    hasSaid = true
    throw (says as Says)(clock)
  }
  const listing = { items: ITEMS, pageSize: 3, before }
  const { muster, store } = await life.muster({ crash: listing }, { clock })
  const stop = new AbortController()
  muster.bus.subscribe('enumerator.changed', () => stop.abort())
  try {
    if (!(await isLeftToDo(store))) return
    const { signal } = stop
    const { done } = muster.coordinator.enumerateTarget(scriptedTarget('crash'), { signal })
    await done.catch((thrown: { readonly code?: string }) => {
      if (thrown.code !== 'AUTHENTICATION_FAILED') throw thrown
    })
  } finally {
    await muster.close()
  }
}

export const waitScenario: Scenario = {
  title: 'a limit, and then a pause, that outlast the process that was told of it',
  async live(life) {
    const clock = { now: () => Date.now() }
    await walk(life, { says: limited, clock })
    // The limit holds for the next process too.
    await walk(life, { clock })
    const later = { now: () => Date.now() + 2 * HOUR_MS }
    await walk(life, { says: refused, clock: later })
    await walk(life, { clock: later })
  },
  truth(database) {
    assert.deepEqual(
      column(database, 'select uri from tasks order by seq'),
      ITEMS.map((item) => `scripted://${item}`),
    )
    assert.deepEqual(
      database.prepare('select status, waiting_reason, waiting_until from sessions').all(),
      [{ status: 'COMPLETED', waiting_reason: null, waiting_until: null }],
    )
  },
}
