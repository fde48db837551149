import assert from 'node:assert/strict'
import { RetryLaterError } from '../../../src/domain/errors.ts'
import { scriptedTarget, type Scripted } from '../../support/scripted-source.ts'
import type { Life } from '../life.ts'
import type { Scenario } from '../scenario.ts'
import { column } from './kit.ts'

/** What the place holds from session to session: with versions, under other addresses, and no more. */
const LISTINGS: readonly (readonly string[])[] = [
  ['same@1', 'pushed@1', 'moved@1', 'hidden@1', 'gone@1'],
  ['same@1', 'pushed@2', 'moved@1=elsewhere', 'hidden@1+skip', 'added@1'],
  ['same@1', 'pushed@2', 'moved@1=elsewhere', 'added@1'],
]

const target = { ...scriptedTarget('crash'), onlyChanged: true, deactivateAfter: 1 }

/** The next session's listing: it asks for a wait before its second page, and remembers an answer. */
function listing(items: readonly string[]): Scripted {
  let hasWaited = false
  return {
    items,
    pageSize: 3,
    async before(page, { answers, clock }) {
      await answers.set(`page ${page}`, { of: items.length })
      if (page === 1 || hasWaited) return
      hasWaited = true
      throw new RetryLaterError('once more, please', clock.now() + 1)
    },
  }
}

/** Walks whatever sessions are left, one after the other. */
async function live(life: Life): Promise<void> {
  for (const items of LISTINGS) {
    const { muster, store } = await life.muster({ crash: listing(items) })
    try {
      const ended = (await store.repositories.sessions.list(10)).filter(
        (session) => session.status === 'COMPLETED',
      )
      if (items !== LISTINGS[ended.length]) continue
      await muster.coordinator.enumerateTarget(target).done
      await store.repositories.answers.prune(new Date(0))
    } finally {
      await muster.close()
    }
  }
}

export const inventoryScenario: Scenario = {
  title: 'sessions of one target, held against each other',
  live,
  truth(database) {
    const uri = (at: string) => `scripted://${at}`
    assert.deepEqual(column(database, 'select uri from tasks order by seq'), [
      ...['same', 'pushed', 'moved', 'hidden', 'gone'].map(uri),
      ...['pushed', 'added'].map(uri),
    ])
    assert.deepEqual(
      column(database, 'select comparison from sessions order by id').map((text) =>
        JSON.parse(text as string),
      ),
      [
        { seen: 5, new: 5, changed: 0, unchanged: 0, missing: 0 },
        { seen: 5, new: 1, changed: 1, unchanged: 2, missing: 1 },
        { seen: 4, new: 0, changed: 0, unchanged: 4, missing: 2 },
      ],
    )
    assert.deepEqual(
      column(database, 'select key from resources where is_active = 0 order by key'),
      ['gone', 'hidden'],
    )
    assert.deepEqual(column(database, 'select uri from aliases'), [uri('moved')])
    assert.deepEqual(column(database, 'select waiting_reason from sessions'), [null, null, null])
    assert.deepEqual(column(database, 'select key from answers order by key'), [
      'scripted page 1',
      'scripted page 2',
    ])
  },
}
