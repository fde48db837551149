import { expect, onTestFinished, test } from 'vitest'
import type { BudgetReport } from '../../src/sources/source.ts'
import { openStore } from '../../src/store/open.ts'
import { ask, askNumber } from '../support/database.ts'
import { quickDatabase } from '../support/temp.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const report = (credential: string, more: Partial<BudgetReport> = {}): BudgetReport => ({
  credential,
  spent: { kind: 'rest', points: 1 },
  limits: [{ resource: 'core', told: null, underWay: 0, blockedMs: 0 }],
  blockedMs: 0,
  ...more,
})

async function opened(onStatement?: (sql: string) => void) {
  const path = quickDatabase()
  let now = Date.UTC(2031, 1, 2)
  const store = await openStore({
    path,
    clock: { now: () => now },
    ...(onStatement && { onStatement: (sql, phase) => phase === 'before' && onStatement(sql) }),
  })
  onTestFinished(() => store.close())
  const pass = (ms: number) => {
    now += ms
  }
  const credentials = () =>
    ask<{ credential: string }>(path, 'select distinct credential from budgets order by 1').map(
      ({ credential }) => credential,
    )
  return { store, path, pass, credentials }
}

test('a report is one statement', async () => {
  const statements: string[] = []
  const { store } = await opened((sql) => statements.push(sql))
  await store.shareBudget(report('a'))
  statements.length = 0
  await store.shareBudget(report('a'))
  await store.shareBudget(report('b'))
  expect(statements).toHaveLength(2)
})

test('the table does not grow with time', async () => {
  const { store, path, pass } = await opened()
  await store.shareBudget(report('a'))
  const rows = askNumber(path, 'select count(*) from budgets')
  for (let minute = 0; minute < 200; minute += 1) {
    pass(61_234)
    const told = { limit: 60, remaining: 1, resetAt: minute * 60_000 }
    const limits = [{ resource: 'core', told, underWay: 1, blockedMs: 10 }]
    await store.shareBudget(report('a', { limits, blockedMs: 10 }))
  }
  expect(askNumber(path, 'select count(*) from budgets')).toBe(rows)
})

test('what nobody has used for a day is gone, and what is in use stays', async () => {
  const { store, pass, credentials } = await opened()
  await store.shareBudget(report('used'))
  await store.shareBudget(report('over'))
  pass(DAY_MS - 1)
  await store.shareBudget(report('used'))
  expect(credentials()).toEqual(['over', 'used'])
  pass(HOUR_MS)
  await store.shareBudget(report('new'))
  expect(credentials()).toEqual(['new', 'used'])
})

test('a time that is still to come is not forgotten', async () => {
  const { store, pass, credentials } = await opened()
  await store.shareBudget(report('blocked', { blockedMs: 3 * DAY_MS }))
  pass(2 * DAY_MS)
  await store.shareBudget(report('new'))
  expect(credentials()).toEqual(['blocked', 'new'])
  expect((await store.shareBudget(report('blocked'))).blockedMs).toBe(DAY_MS)
})
