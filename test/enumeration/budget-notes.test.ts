import { expect, onTestFinished, test } from 'vitest'
import { SimulatedClock } from 'xstate'
import { BudgetNotes } from '../../src/enumeration/budget-notes.ts'
import type { BudgetNote, LimitReport } from '../../src/sources/source.ts'

const limit = (resource: string, remaining: number): LimitReport => ({
  resource,
  told: { limit: 100, remaining, resetAt: 0 },
  underWay: 0,
  blockedMs: 0,
})

function notes(write: (note: BudgetNote) => Promise<void> = async () => {}) {
  const timers = new SimulatedClock()
  const written: BudgetNote[] = []
  const made = new BudgetNotes({
    clock: {
      now: () => 0,
      setTimeout: (callback, ms) => timers.setTimeout(callback, ms),
      clearTimeout: (timer) => timers.clearTimeout(timer as number),
    },
    store: {
      noteBudget(note) {
        written.push(note)
        return write(note)
      },
    },
  })
  onTestFinished(() => made.stop())
  const remaining = () =>
    written.map(({ label, limits }) => [
      label,
      ...limits.map(({ resource, told }) => `${resource} ${told?.remaining}`),
    ])
  return { made, timers, remaining }
}

test('what is known of a credential is written at once, and then once a second, the latest of each limit', () => {
  const { made, timers, remaining } = notes()
  const note = (credential: string, ...limits: LimitReport[]) =>
    made.note({ credential, label: `name of ${credential}`, limits })
  note('a', limit('core', 9))
  note('a', limit('core', 8))
  note('a', limit('core', 7), limit('search', 3))
  note('b', limit('core', 5))
  expect(remaining()).toEqual([
    ['name of a', 'core 9'],
    ['name of b', 'core 5'],
  ])
  timers.increment(1_000)
  expect(remaining().slice(2)).toEqual([['name of a', 'core 7', 'search 3']])
  timers.increment(5_000)
  expect(remaining(), 'nothing new is told').toHaveLength(3)
  note('a', limit('core', 6))
  expect(remaining().slice(3)).toEqual([['name of a', 'core 6']])
})

test('a store that fails is nobody’s trouble, and after the end nothing is written', async () => {
  const { made, timers, remaining } = notes(() => Promise.reject(new Error('disk I/O error')))
  made.note({ credential: 'a', label: null, limits: [limit('core', 9)] })
  made.note({ credential: 'a', label: null, limits: [limit('core', 8)] })
  made.stop()
  timers.increment(9_000)
  made.note({ credential: 'a', label: null, limits: [limit('core', 7)] })
  await new Promise((resolve) => setImmediate(resolve))
  expect(remaining()).toEqual([[null, 'core 9']])
})
