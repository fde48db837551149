import pino from 'pino'
import { expect, test } from 'vitest'
import { batchId } from '../../src/domain/identity.ts'
import type { Metrics } from '../../src/index.ts'
import { musterOver } from '../support/muster.ts'
import { itemsNamed, scriptedTarget } from '../support/scripted-source.ts'

function countingMetrics() {
  const counts = { processed: 0, enqueued: 0, failed: 0, tracked: 0, durations: [] as number[] }
  const metrics: Metrics = {
    observeTargetProcessingTime: (ms) => void counts.durations.push(ms),
    incTargetsProcessed: () => void (counts.processed += 1),
    async trackEnumeration(walk) {
      counts.tracked += 1
      return walk()
    },
    incTasksEnqueued: (count) => void (counts.enqueued += count),
    incTasksFailedToEnqueue: (count) => void (counts.failed += count),
  }
  return { counts, metrics }
}

test('metrics count the walks and the tasks that were committed, each once', async () => {
  const { counts, metrics } = countingMetrics()
  const { coordinator } = await musterOver(
    { a: { items: [...itemsNamed('a', 12), 'bad'], pageSize: 5 } },
    { metrics },
  )
  await coordinator.enumerateTarget(scriptedTarget('a')).done
  await new Promise((resolve) => setTimeout(resolve, 0))
  expect(counts).toMatchObject({ processed: 1, tracked: 1, enqueued: 12, failed: 0 })
  expect(counts.durations).toHaveLength(1)
})

test('a logger is told of starts, pages, waits and ends, with the ids to search for', async () => {
  const lines: Record<string, unknown>[] = []
  const logger = pino(
    { level: 'debug' },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  )
  let failed = false
  const { coordinator } = await musterOver(
    {
      a: {
        items: itemsNamed('a', 4),
        pageSize: 2,
        before(page) {
          if (page === 2 && !failed) {
            failed = true
            throw new Error('once')
          }
        },
      },
    },
    { logger },
  )
  const { sessionId } = await coordinator.enumerateTarget(scriptedTarget('a')).done
  expect(lines.map((line) => line['msg'])).toEqual([
    'session started',
    'page committed',
    'enumerator is backingOff',
    'page committed',
    'session ended',
  ])
  const batches = [null, batchId(sessionId, 1), batchId(sessionId, 1), batchId(sessionId, 2)]
  expect(lines.map((line) => line['batchId'])).toEqual([...batches, batchId(sessionId, 2)])
  expect(lines[2]).toMatchObject({ reason: 'once' })
  expect(lines.every((line) => line['sessionId'] === sessionId && line['target'] === 'a')).toBe(
    true,
  )
})

test('without a logger or metrics nothing listens', async () => {
  const { bus } = await musterOver({})
  expect(bus.hasSubscribers('session.progressed')).toBe(false)
  expect(bus.hasSubscribers('task.created')).toBe(false)
})
