import Database from 'better-sqlite3'

/** Tables whose rows the store may keep for itself, to find what others ask for. */
const OWN = new Set(['lookups', 'lookup_marks'])

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/**
 * Makes sure that two databases of one beginning hold the same rows, column by
 * column: a baseline that leaves something out is no limit.
 *
 * @throws Error that names the table and one row that differs
 */
export function sameRows(ours: string, raw: string): void {
  const database = new Database(ours, { readonly: true, fileMustExist: true })
  try {
    database.prepare('attach ? as other').run(raw)
    const tables = database
      .prepare(
        `select name from main.sqlite_master where type = 'table' and name not like 'sqlite_%'`,
      )
      .pluck()
      .all() as string[]
    for (const table of tables) if (!OWN.has(table)) sameTable(database, table)
  } finally {
    database.close()
  }
}

function sameTable(database: Database.Database, table: string): void {
  const count = (schema: string) =>
    Number(
      database
        .prepare(`select count(*) from ${schema}.${quoted(table)}`)
        .pluck()
        .get(),
    )
  const rows = { ours: count('main'), raw: count('other') }
  if (rows.ours !== rows.raw) {
    throw new Error(
      `table ${table}: the store wrote ${rows.ours} rows, the raw baseline ${rows.raw}: mend test/bench/raw/writer.ts`,
    )
  }
  const stranger = database
    .prepare(
      `select * from main.${quoted(table)} except select * from other.${quoted(table)} limit 1`,
    )
    .get()
  if (stranger === undefined) return
  throw new Error(
    `table ${table}: the raw baseline did not write the row ${JSON.stringify(stranger)}: mend test/bench/raw/writer.ts`,
  )
}
