import { mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { MIGRATIONS } from '../../src/store/migrations.ts'
import { openStore } from '../../src/store/open.ts'

const ROWS = fileURLToPath(new URL('version-1.sql', import.meta.url))

/** What the targets of that database hold; the session of "crash" has its first page. */
export const LISTINGS_1 = {
  done: { items: ['a', 'b', 'c'], pageSize: 2 },
  part: { items: ['d', 'bad', 'e'], pageSize: 2 },
  lost: { items: ['f', 'bad-1', 'g'], pageSize: 2 },
  crash: { items: ['old-00000', 'bad-2', 'old-00001', 'old-00002', 'old-00003'], pageSize: 3 },
} as const

/** Makes the database that a Muster of schema version 1 left, with the rows that it wrote. */
export async function makeVersion1(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  const store = await openStore({ path, migrations: MIGRATIONS.slice(0, 1) })
  await store.close()
  const database = new Database(path)
  database.transaction(() => database.exec(readFileSync(ROWS, 'utf8')))()
  database.close()
}
