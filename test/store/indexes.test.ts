import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import type { TimeProvider } from '../../src/domain/clock.ts'
import { openStore } from '../../src/store/open.ts'
import { storeContract } from '../../src/testing/index.ts'
import { planOf } from '../support/plan.ts'
import { quickDatabase } from '../support/temp.ts'

/** What the contract of all stores makes this one ask of SQLite. */
async function statementsOfTheContract(): Promise<readonly string[]> {
  const statements = new Set<string>()
  let isOpen = false
  const open = async (options: { readonly clock: TimeProvider }) => {
    // How the tables are made is nothing that they are made for.
    isOpen = false
    const onStatement = (sql: string) => void (isOpen && statements.add(sql))
    const store = await openStore({ path: ':memory:', onStatement, ...options })
    isOpen = true
    return store
  }
  for (const { run } of storeContract(open)) await run()
  return [...statements].filter((sql) => /^(select|insert|update|delete|with)/i.test(sql))
}

const indexesOf = (database: Database.Database) =>
  database
    .prepare(`select name, tbl_name as "table" from sqlite_master where type = 'index'`)
    .all() as { name: string; table: string }[]

/** The conflict that an insert looks for is no part of its plan. */
function looksForConflict(sql: string, database: Database.Database, index: string): boolean {
  const columns = (database.pragma(`index_info(${index})`) as { name: string }[]).map(
    ({ name }) => `"${name}"`,
  )
  return sql.includes(`on conflict (${columns.join(', ')})`)
}

/** It is there for what it refuses: two unfinished sessions of one target. */
const REFUSES = new Set(['sessions_active'])

test('every index serves a statement: each one costs every row that is written', async () => {
  const path = quickDatabase()
  await (await openStore({ path })).close()
  const statements = await statementsOfTheContract()
  const database = new Database(path, { readonly: true })
  const plans = statements.map((sql) => ({ sql, plan: planOf(database, sql).join('\n') }))
  const unused = indexesOf(database).filter(
    ({ name, table }) =>
      !REFUSES.has(name) &&
      !plans.some(
        ({ sql, plan }) =>
          new RegExp(`USING (COVERING )?INDEX ${name}\\b`).test(plan) ||
          (sql.includes(`insert into "${table}"`) && looksForConflict(sql, database, name)),
      ),
  )
  database.close()
  expect(plans.length).toBeGreaterThan(80)
  expect(unused.map(({ name }) => name)).toEqual([])
})
