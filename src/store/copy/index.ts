import { sql, type Kysely, type SqlBool } from 'kysely'
import { LeaseError, StoreError } from '../../domain/errors.ts'
import type { Schema } from '../schema.ts'
import { schemaVersion } from '../schema-version.ts'
import type { End } from './end.ts'
import { openEnd, refuseAbsent } from './ends.ts'
import { COPIED_TABLES, type CopiedTable } from './tables.ts'

export interface CopyOptions {
  /** A SQLite path, or `postgres://…`; it is brought up to date, and else left as it is. */
  readonly from: string
  /** The same; a SQLite file is made where there is none. */
  readonly to: string
  /**
   * Whether to copy although sessions are being walked: what they have committed
   * by then. For looking at it, not for walking on. Default: false.
   */
  readonly whileWalked?: boolean
}

/** How many rows of which table were copied. */
export type CopiedRows = Readonly<Record<string, number>>

/** Rows that are held at a time. */
const WINDOW = 250

/**
 * Copies everything from one database to another, in either direction:
 * identities, numbers and order stay, so that sessions can be resumed and tasks
 * stay owed as they were. It is one transaction: a copy that is cut off leaves
 * the other database empty. Nobody writes sessions of either meanwhile.
 *
 * @throws LeaseError (LEASE_HELD) while a session is being walked; StoreError
 * when one of the two cannot be used, or the other is not empty
 */
export async function copyDatabase({
  from,
  to,
  whileWalked = false,
}: CopyOptions): Promise<CopiedRows> {
  refuseAbsent(from)
  const { version, shown } = await schemaVersion(from)
  if (version === 0) {
    throw new StoreError('STORE_FAILED', `database ${shown} is empty: there is nothing to copy`)
  }
  const source = await openEnd(from)
  try {
    const target = await openEnd(to)
    try {
      return await copyBetween(source, target, whileWalked)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function copyBetween(source: End, target: End, whileWalked: boolean): Promise<CopiedRows> {
  if (source.identity === target.identity) {
    throw new StoreError(
      'STORE_FAILED',
      `database ${target.shown} is the one that is to be copied: name another to copy it to`,
    )
  }
  return source.db.transaction().execute(async (reading) => {
    await source.reserve(reading)
    if (!whileWalked) await refuseWalked(source, reading)
    return target.db.transaction().execute(async (writing) => {
      await target.reserve(writing)
      await refuseFilled(target, writing)
      return copyTables(reading, { target, writing })
    })
  })
}

async function copyTables(
  reading: Kysely<Schema>,
  { target, writing }: { readonly target: End; readonly writing: Kysely<Schema> },
): Promise<CopiedRows> {
  const copied: Record<string, number> = {}
  for (const table of COPIED_TABLES) {
    await copyRows(reading, writing, table)
    if (table.counter !== undefined) {
      await target.continueCounter(writing, table.name, table.counter)
    }
    const [had, has] = [await countOf(reading, table), await countOf(writing, table)]
    if (had !== has) {
      throw new StoreError(
        'STORE_FAILED',
        `database ${target.shown} has ${has} rows in ${table.name} instead of ${had}: nothing was copied; see whether a trigger or a rule is at work there`,
      )
    }
    copied[table.name] = has
  }
  return copied
}

type Row = Readonly<Record<string, string | number | null>>

async function copyRows(
  reading: Kysely<Schema>,
  writing: Kysely<Schema>,
  table: CopiedTable,
): Promise<void> {
  for (let last: Row | undefined; ;) {
    const rows = await windowAfter(reading, table, last)
    last = rows.at(-1)
    if (last === undefined) return
    const values = rows.map((row) => ({ ...row, ...table.change }))
    await writing
      .insertInto(table.name)
      .values(values as never)
      .execute()
  }
}

async function windowAfter(
  db: Kysely<Schema>,
  { name, key }: CopiedTable,
  last: Row | undefined,
): Promise<Row[]> {
  const columns = sql.join(key.map((column) => sql.ref(column)))
  const after =
    last === undefined
      ? sql<SqlBool>`1 = 1`
      : sql<SqlBool>`(${columns}) > (${sql.join(key.map((column) => last[column]))})`
  const { rows } = await sql<Row>`select * from ${sql.table(name)} where ${after}
    order by ${columns} limit ${WINDOW}`.execute(db)
  return rows
}

async function countOf(db: Kysely<Schema>, { name }: CopiedTable): Promise<number> {
  const { rows } = await sql<{ n: number }>`select count(*) as n
    from ${sql.table(name)}`.execute(db)
  return rows[0]?.n ?? 0
}

async function refuseWalked(source: End, reading: Kysely<Schema>): Promise<void> {
  const walked = await reading
    .selectFrom('sessions')
    .select(['session_id', 'target_name', 'lease_owner', 'lease_until'])
    .where('lease_owner', 'is not', null)
    .where('lease_until', '>', source.now())
    .orderBy('lease_until', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (walked === undefined) return
  const until = new Date(walked.lease_until ?? 0).toISOString()
  throw new LeaseError(
    'LEASE_HELD',
    `session ${walked.session_id} (target "${walked.target_name}") is being walked by ${walked.lease_owner}: stop all processes that use ${source.shown} and copy then; if that one was killed, its lease ends at ${until}`,
  )
}

async function refuseFilled(target: End, writing: Kysely<Schema>): Promise<void> {
  for (const { name } of COPIED_TABLES) {
    const { rows } = await sql`select 1 from ${sql.table(name)} limit 1`.execute(writing)
    if (rows.length === 0) continue
    throw new StoreError(
      'STORE_FAILED',
      `database ${target.shown} is not empty (it has rows in ${name}): name an empty one; nothing was changed`,
    )
  }
}
