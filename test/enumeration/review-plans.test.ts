import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { openStore } from '../../src/store/open.ts'
import { musterOver } from '../support/muster.ts'
import { planOf } from '../support/plan.ts'
import { scriptedTarget } from '../support/scripted-source.ts'
import { quickDatabase } from '../support/temp.ts'

/** The statements of two sessions, of which the second renames, finds again and deactivates. */
async function statementsOf(path: string): Promise<ReadonlySet<string>> {
  const statements = new Set<string>()
  let isOpen = false
  const onStatement = (sql: string) => void (isOpen && statements.add(sql))
  for (const items of [
    ['a@1', 'b@1', 'c@1', 'd@1'],
    ['a@1=moved', 'a@1', 'b@2', 'bad'],
    ['a@1', 'b@2'],
  ]) {
    isOpen = false
    const store = await openStore({ path, onStatement })
    isOpen = true
    const page = () => ({ again: true })
    const muster = await musterOver({ a: { items, pageSize: 2, page } }, { database: store })
    const target = { ...scriptedTarget('a'), onlyChanged: true, deactivateAfter: 1 }
    await muster.coordinator.enumerateTarget(target).done
    const { githubRepos } = store.repositories
    await githubRepos.getByUrl('https://github.com/a/b')
    await githubRepos.aliases(1)
    await muster.close()
  }
  return statements
}

test('no statement of a walk looks through the whole of what all targets hold', async () => {
  const path = quickDatabase()
  const statements = await statementsOf(path)
  const database = new Database(path, { readonly: true })
  const scans = [...statements]
    .filter((sql) => /^(select|insert|update|delete|with)/i.test(sql))
    .flatMap((sql) => planOf(database, sql).map((detail) => ({ sql, detail })))
    .filter(({ detail }) => /^SCAN (sightings|aliases|answers|resources|targets)\b/.test(detail))
  database.close()
  expect([...statements].some((sql) => sql.startsWith('update resources set is_active'))).toBe(true)
  expect(scans).toEqual([])
})
