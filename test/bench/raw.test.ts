import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { tempFolder } from '../support/temp.ts'
import { commitByStore, commitRaw, commitsIn } from './figures/commit.ts'
import { identityOf, madeRepository } from './made/identities.ts'
import { claimedDatabase, commitsOf } from './made/pages.ts'
import { sameRows } from './raw/compare.ts'
import { pragmasOf } from './raw/pragmas.ts'
import { RawTable } from './raw/rows.ts'

/** Two databases of one beginning, written by the store and by the raw baseline. */
async function written(items: number, pageSize: number) {
  const { pages, pragmas, copy } = await commitsIn(tempFolder(), items, pageSize)
  const files = { ours: copy(), raw: copy() }
  await commitByStore(files.ours, pages)
  commitRaw(files.raw, pages, pragmas)
  return files
}

function change(path: string, sql: string): void {
  const database = new Database(path)
  database.exec(sql)
  database.close()
}

describe('the raw baseline', () => {
  test.each([
    [300, 100],
    [450, 200],
    [7, 3],
  ])('writes what the store writes: %d items in pages of %d', async (items, pageSize) => {
    const { ours, raw } = await written(items, pageSize)
    expect(() => sameRows(ours, raw)).not.toThrow()
    const database = new Database(raw, { readonly: true })
    const count = database.prepare('select count(*) from tasks').pluck().get()
    database.close()
    expect(count).toBe(items)
  })

  test('writes over what is there as the store does', async () => {
    const folder = tempFolder()
    const path = join(folder, 'claimed.db')
    const claimed = await claimedDatabase(path)
    const first = Array.from({ length: 5 }, (_, i) => identityOf(madeRepository(i)))
    const renamed = first.map((item) => ({
      ...item,
      name: `${item.name}-anew`,
      metadata: { ...item.metadata, sizeKb: 1 },
    }))
    const pages = commitsOf(claimed, [first, renamed])
    const pragmas = await pragmasOf(path)
    const files = { ours: join(folder, 'ours.db'), raw: join(folder, 'raw.db') }
    for (const file of Object.values(files)) copyFileSync(path, file)
    await commitByStore(files.ours, pages.slice(0, 1))
    commitRaw(files.raw, pages.slice(0, 1), pragmas)
    await commitByStore(files.ours, pages.slice(1))
    commitRaw(files.raw, pages.slice(1), pragmas)
    const resources = (file: string) => {
      const database = new Database(file, { readonly: true })
      const rows = database.prepare('select * from resources order by id').all()
      database.close()
      return rows
    }
    expect(resources(files.raw)).toEqual(resources(files.ours))
  })

  test.each([
    ['a row too few', 'delete from sightings where resource = 3'],
    ['another value', `update tasks set uri = 'https://elsewhere.example' where seq = 2`],
    [
      'a time that is not the same',
      'update resources set updated_at = updated_at + 1 where id = 1',
    ],
  ])('%s does not go unnoticed', async (_, sql) => {
    const { ours, raw } = await written(10, 5)
    change(raw, sql)
    expect(() => sameRows(ours, raw)).toThrow(/table (sightings|tasks|resources): /)
  })

  test('a row that the store does not write does not go unnoticed', async () => {
    const { ours, raw } = await written(10, 5)
    change(ours, 'delete from job_targets where target = 3')
    expect(() => sameRows(ours, raw)).toThrow('table job_targets: the store wrote 9 rows')
  })

  test('a column that it does not know is asked about; one that the table fills is not', () => {
    const database = new Database(':memory:')
    database.exec(
      `create table things (id integer primary key, name text not null,
        state text not null default 'PENDING', size integer not null)`,
    )
    const table = new RawTable(database, 'things', '')
    expect(() => table.prepare([{ name: 'a' }])).toThrow('things.size')
    const [chunk] = table.prepare([{ name: 'a', size: 1, state: 'DONE', colour: 'red' }])
    expect(chunk?.parameters).toEqual(['a', 1])
    expect(table.exists).toBe(true)
    expect(new RawTable(database, 'others', '').prepare([{ name: 'a' }])).toEqual([])
    database.close()
  })
})
