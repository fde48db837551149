import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Migration } from '../../src/store/migrations.ts'
import { MIGRATIONS } from '../../src/store/postgres/migrations.ts'
import { openPostgresStore } from '../../src/store/postgres/open.ts'
import type { StatementHook } from '../../src/store/sqlite.ts'
import { drawing } from '../support/crash-draw.ts'
import { isLong } from '../support/effort.ts'
import { describePostgres, freshDatabase } from '../support/postgres.ts'

/** Deaths of the usual run; the long one dies before and after every statement. */
const DEATHS = 6

class Death extends Error {}

/** Two steps as they may come: rows are made, and move to a table that takes the place of the old one. */
const STEPS: readonly Migration[] = [
  {
    name: 'labels',
    async up(db) {
      await sql`create table labels (id bigint primary key, name text not null)`.execute(db)
      await sql`insert into labels select n, 'label ' || n from generate_series(1, 40) n`.execute(
        db,
      )
    },
  },
  {
    name: 'labels become tags',
    async up(db) {
      await sql`create table tags (tag text primary key)`.execute(db)
      await sql`insert into tags select name from labels where id % 2 = 0`.execute(db)
      await sql`insert into tags select name from labels where id % 2 = 1`.execute(db)
      await sql`drop table labels`.execute(db)
      await sql`alter table tags add column weight bigint not null default 1`.execute(db)
    },
  },
]

const MIGRATED = [...MIGRATIONS, ...STEPS]

describePostgres('a process that dies while it makes the tables on PostgreSQL', () => {
  let url: string
  let client: pg.Client
  let drop: () => Promise<void>

  beforeAll(async () => {
    ;({ url, drop } = await freshDatabase())
    client = new pg.Client({ connectionString: url })
    await client.connect()
  })
  afterAll(async () => {
    await client.end()
    await drop()
  })
  beforeEach(() => begin())

  const begin = () => client.query('drop schema public cascade; create schema public')

  const column = async (text: string): Promise<unknown[]> =>
    (await client.query({ text, rowMode: 'array' })).rows.map(([value]) => value)

  /** Tables, columns and indexes, and the steps that made them. */
  const schemaNow = async (): Promise<unknown[]> => [
    ...(await column(`select table_name || '.' || column_name || ' ' || data_type
      from information_schema.columns where table_schema = 'public' order by 1`)),
    ...(await column(`select indexdef from pg_indexes where schemaname = 'public' order by 1`)),
    ...((await hasVersions()) ? await column('select name from muster_versions order by 1') : []),
  ]

  const hasVersions = async () =>
    (await column(`select to_regclass('muster_versions')`))[0] !== null

  async function open(migrations: readonly Migration[], onStatement?: StatementHook) {
    const hook = onStatement === undefined ? {} : { onStatement }
    await (await openPostgresStore({ url, migrations, poolSize: 2, ...hook })).close()
  }

  /** Opens the database, and is gone at the n-th boundary of its statements. @returns how many there were */
  async function dieAt(nth: number): Promise<number> {
    let reached = 0
    const hook = () => {
      reached += 1
      if (reached >= nth) throw new Death(`at ${nth}`)
    }
    await open(MIGRATED, hook).catch((thrown: unknown) => {
      if (!(thrown instanceof Death)) throw thrown
    })
    return reached
  }

  /** What the schema is after each of the steps, from none to all. */
  async function wholeSchemas(): Promise<unknown[][]> {
    const whole = [await schemaNow()]
    for (const count of MIGRATED.keys()) {
      await open(MIGRATED.slice(0, count + 1))
      whole.push(await schemaNow())
    }
    return whole
  }

  const tagsAreWhole = async () =>
    expect(await column('select count(*)::int from tags where weight = 1')).toEqual([40])

  test('leaves the tables of one version or of another, and the next one goes on', async () => {
    const whole = await wholeSchemas()
    await begin()
    const boundaries = await dieAt(Infinity)
    expect(boundaries).toBeGreaterThan(100)
    const below = drawing('postgres schema')
    const found = new Set<number>()
    for (let death = 0; death < (isLong ? boundaries : DEATHS); death += 1) {
      await begin()
      const nth = isLong ? death + 1 : 1 + below(boundaries)
      await dieAt(nth)
      const left = await schemaNow()
      found.add(whole.findIndex((schema) => String(schema) === String(left)))
      await open(MIGRATED)
      expect(await schemaNow(), `a crash at boundary ${nth}`).toEqual(whole.at(-1))
      await tagsAreWhole()
    }
    expect(found).not.toContain(-1)
    if (isLong) expect(found.size).toBe(whole.length)
  })

  test('keeps no other from making them that waits for it', async () => {
    const boundaries = await dieAt(Infinity)
    const below = drawing('postgres schema together')
    for (let death = 0; death < (isLong ? 60 : 3); death += 1) {
      await begin()
      await Promise.all([dieAt(1 + below(boundaries)), open(MIGRATED), open(MIGRATED)])
      expect(await column('select count(*)::int from muster_versions')).toEqual([MIGRATED.length])
      await tagsAreWhole()
    }
  })
})
