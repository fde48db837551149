import assert from 'node:assert/strict'
import type { BudgetReport } from '../../../src/sources/source.ts'
import type { Scenario } from '../scenario.ts'
import { column } from './kit.ts'

const CREDENTIAL = 'fingerprint'
const RESET_AT = 9e14
const POINTS = 4

const report = (points: number, remaining: number): BudgetReport => ({
  credential: CREDENTIAL,
  spent: { kind: 'rest', points },
  limits: [
    {
      resource: 'core',
      told: { limit: 60, remaining, resetAt: RESET_AT },
      underWay: 0,
      blockedMs: 0,
    },
  ],
  blockedMs: 0,
})

/** Points are counted before they are spent: a process that dies may leave one too many, and never one too few. */
export const budgetsScenario: Scenario = {
  title: 'the points of a credential, counted before they are spent',
  async live(life) {
    const store = await life.store()
    try {
      for (let spent = life.facts.of('sent').length; spent < POINTS; spent += 1) {
        await store.shareBudget(report(1, 60 - spent))
        life.note(`sent ${spent}`)
      }
    } finally {
      await store.close()
    }
  },
  whole(database, facts) {
    const [counted] = column(database, `select sum(spent) from budgets where name like 'minute %'`)
    const sent = facts.of('sent').length
    const rows = column(database, 'select count(*) from budgets')[0]
    return [
      ...(Number(counted) >= sent ? [] : [`${String(counted)} of ${sent} points are counted`]),
      ...(rows === 0 || rows === 9 ? [] : [`${String(rows)} of 9 rows of a report are there`]),
    ]
  },
  truth(database) {
    const limit = `select remaining from budgets where name = 'limit core' and ends_at = ${RESET_AT}`
    assert.deepEqual(column(database, limit), [60 - POINTS + 1])
    assert.deepEqual(column(database, 'select distinct credential from budgets'), [CREDENTIAL])
  },
}
