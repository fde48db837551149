import assert from 'node:assert/strict'
import { isActive } from '../../../src/domain/session-state.ts'
import { ItemRejectedError, MusterError } from '../../../src/domain/errors.ts'
import type { AnySource } from '../../../src/index.ts'
import {
  itemsNamed,
  scriptedSource,
  scriptedTarget,
  type Scripted,
} from '../../support/scripted-source.ts'
import type { Life } from '../life.ts'
import type { Scenario } from '../scenario.ts'
import { column } from './kit.ts'

/**
 * Walks, and once that has ended badly says that the source is mended and
 * resumes the session on purpose, until it is complete.
 */
async function walkAndMend(life: Life, listing: (isMended: boolean) => Scripted): Promise<void> {
  for (;;) {
    const isMended = life.facts.has('mended')
    const listings = { crash: listing(isMended) }
    const { muster } = await life.muster(listings, { sources: [ailing(listings, isMended)] })
    try {
      const [last] = await muster.repositories.sessions.list(1)
      if (last?.status === 'COMPLETED') return
      const isOver = last !== undefined && !isActive(last.status)
      if (isOver && !isMended) life.note('mended')
      else if (isOver) await muster.coordinator.resumeTarget(last).done
      else await muster.coordinator.enumerateTarget(scriptedTarget('crash')).done
    } finally {
      await muster.close()
    }
  }
}

/** A source that cannot say what a sick item is until it is mended. */
function ailing(listings: Record<string, Scripted>, isMended: boolean): AnySource {
  const source = scriptedSource(listings)
  return {
    ...source,
    identify(item, spec) {
      if (String(item).startsWith('sick') && !isMended) throw new ItemRejectedError(`sick: ${item}`)
      return source.identify(item, spec)
    },
  }
}

const ITEMS = itemsNamed('good', 12)
const failing = () => {
  throw new MusterError('SOURCE_FAILED', 'the source has burnt down')
}

/** The first life's source fails at page 3. */
export const failureScenario: Scenario = {
  title: 'a source that fails for good, and is resumed on purpose',
  live: (life) =>
    walkAndMend(life, (isMended) => ({
      items: ITEMS,
      pageSize: 4,
      before: (page) => (page === 3 && !isMended ? failing() : undefined),
    })),
  truth(database) {
    assert.deepEqual(
      column(database, 'select uri from tasks order by seq'),
      ITEMS.map((item) => `scripted://${item}`),
    )
    assert.deepEqual(column(database, 'select status from batches order by number'), [
      'SUCCEEDED',
      'SUCCEEDED',
      'FAILED',
      'SUCCEEDED',
    ])
    assert.deepEqual(column(database, 'select status from sessions'), ['COMPLETED'])
  },
}

/** Items that are bad until the source is mended; it is asked about the very same ones again. */
const SICK = [...itemsNamed('good', 5), 'sick-1', ...itemsNamed('late', 2), 'sick-2', 'last-1']

export const retryScenario: Scenario = {
  title: 'failed items are tried again on purpose, then the listing goes on',
  live: (life) =>
    walkAndMend(life, (isMended) => ({
      items: SICK,
      pageSize: 3,
      before: (page) => (page === 4 && !isMended ? failing() : undefined),
    })),
  truth(database) {
    const uris = SICK.map((item) => `scripted://${item}`)
    // What was tried again comes behind what was kept at first.
    const inOrder = [
      ...uris.filter((u) => !/sick|last/.test(u)),
      ...uris.filter((u) => /sick/.test(u)),
      uris.at(-1),
    ]
    assert.deepEqual(column(database, 'select uri from tasks order by seq'), inOrder)
    assert.deepEqual(column(database, 'select item from failed_items'), [])
    assert.deepEqual(column(database, 'select status from batches order by number'), [
      'SUCCEEDED',
      'PARTIALLY_COMPLETED',
      'PARTIALLY_COMPLETED',
      'FAILED',
      'SUCCEEDED',
      'SUCCEEDED',
    ])
    assert.deepEqual(column(database, 'select status from sessions'), ['COMPLETED'])
  },
}
