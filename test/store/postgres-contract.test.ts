import pg from 'pg'
import { afterAll, beforeAll, test } from 'vitest'
import { openPostgresStore } from '../../src/store/postgres/open.ts'
import { storeContract } from '../../src/testing/index.ts'
import { describePostgres, freshDatabase } from '../support/postgres.ts'

describePostgres('the store on PostgreSQL', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>
  let emptying: pg.Client
  let deletions: string

  beforeAll(async () => {
    database = await freshDatabase()
    await (await openPostgresStore(database)).close()
    emptying = new pg.Client(database.url)
    await emptying.connect()
    const { rows } = await emptying.query<{ table: string }>(
      `select quote_ident(tablename) as table from pg_tables
        where schemaname = 'public' and tablename <> 'muster_versions'`,
    )
    deletions = rows.map(({ table }) => `delete from ${table}`).join(';')
  })

  afterAll(async () => {
    await emptying.end()
    await database.drop()
  })

  /** To delete a few rows takes a tenth of the time that new tables would, or a new database. */
  const empty = async (): Promise<void> => void (await emptying.query(deletions))

  const contract = storeContract(async ({ clock }) => {
    await empty()
    return openPostgresStore({ url: database.url, clock, poolSize: 4 })
  })
  for (const { title, run } of contract) test(title, run)
})
