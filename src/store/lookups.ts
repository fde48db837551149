/**
 * Finds rows by the identities that the outside knows them by.
 *
 * The identities of tasks and scan targets are hashes. A unique index on them
 * would be written at another place for every row: for a page of 100 items that
 * is 100 pages of the file for each such index, where the rows themselves take
 * 25; walks measured three times slower for it. So none is kept while rows are
 * written. Whoever looks one up has the rows entered that came since the last
 * look, sorted and many at a time, so that each page is touched once.
 */
import { sql, type Kysely } from 'kysely'
import { scanTargetId } from '../domain/identity.ts'
import type { LookupKind, Lookups } from './engine.ts'
import type { Schema } from './schema.ts'
import { giveWay } from './turns.ts'

interface Entry {
  readonly row: number
  readonly id: string
}

/** Rows entered in one transaction; it takes about ten milliseconds. */
const STEP = 2_000

/** The rows of a kind after one of them, in the order in which they came. */
const ROWS_AFTER: Record<LookupKind, (db: Kysely<Schema>, after: number) => Promise<Entry[]>> = {
  task: (db, after) =>
    db
      .selectFrom('tasks')
      .select(['seq as row', 'task_id as id'])
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(STEP)
      .execute(),
  // By resources: a scan target can come long after its resource, which keeps its place.
  target: async (db, after) => {
    const rows = await db
      .selectFrom('resources')
      .select(['id', 'source_type', 'key'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(STEP)
      .execute()
    return rows.map((row) => ({ row: row.id, id: scanTargetId(row.source_type, row.key) }))
  },
}

/** Enters the next rows. @returns whether there may be more */
async function enterSome(trx: Kysely<Schema>, kind: LookupKind): Promise<boolean> {
  const mark = await trx
    .selectFrom('lookup_marks')
    .select('entered')
    .where('kind', '=', kind)
    .executeTakeFirst()
  const rows = await ROWS_AFTER[kind](trx, mark?.entered ?? 0)
  const last = rows.at(-1)
  if (last === undefined) return false
  // In the order of the index; the first of two rows with one identity stands.
  await sql`insert into lookups (kind, id, row)
    select ${kind}, value ->> 'id', value ->> 'row' from json_each(${JSON.stringify(rows)})
    where true order by 2, 3 on conflict do nothing`.execute(trx)
  await trx
    .insertInto('lookup_marks')
    .values({ kind, entered: last.row })
    .onConflict((c) => c.column('kind').doUpdateSet({ entered: last.row }))
    .execute()
  return rows.length === STEP
}

/** Enters all rows that are not entered yet, a step in one transaction. */
async function enterAll(db: Kysely<Schema>, kind: LookupKind): Promise<void> {
  for (let more = true; more;) {
    more = await db.transaction().execute((trx) => enterSome(trx, kind))
    // Whoever shares the thread has a turn between the steps.
    if (more) await giveWay()
  }
}

async function entered(db: Kysely<Schema>, kind: LookupKind, id: string) {
  const found = await db
    .selectFrom('lookups')
    .select('row')
    .where('kind', '=', kind)
    .where('id', '=', id)
    .executeTakeFirst()
  return found?.row
}

export function sqliteLookups(db: Kysely<Schema>): Lookups {
  return {
    async findRow(kind, id) {
      const known = await entered(db, kind, id)
      if (known !== undefined) return known
      await enterAll(db, kind)
      return entered(db, kind, id)
    },
    prepare: (kind) => enterAll(db, kind),
    // What came since it was prepared is little.
    async findWithin(trx, kind, id) {
      while (await enterSome(trx, kind));
      return entered(trx, kind, id)
    },
    async forget(trx, kind, ids) {
      await sql`delete from lookups where kind = ${kind}
        and id in (select value from json_each(${JSON.stringify(ids)}))`.execute(trx)
    },
    targetsOf: (ids) => sql<{ target_id: number }>`(select scan_targets.target_id from lookups
      inner join scan_targets on scan_targets.target_id = lookups.row
      where lookups.kind = 'target'
      and lookups.id in (select value from json_each(${JSON.stringify(ids)})))`,
  }
}
